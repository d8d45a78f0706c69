"""The audit of fused codes, which are rightly made of both modalities."""

from __future__ import annotations

from hashbench.report.leaks import _encoder_lines
from hashbench.runs.result import AuditResult


def test_the_paired_modality_is_no_leak_of_a_fused_code() -> None:
    clean = AuditResult(sample=9, labels=0.0, paired=None, batch=0.0)
    assert clean.clean
    assert clean.verdict == "clean"
    text = " ".join(_encoder_lines(clean))
    assert "paired" not in text
    leaky = AuditResult(sample=9, labels=0.25, paired=None, batch=0.0)
    assert leaky.verdict == "LEAK: bits change with labels 25.0%"


def test_it_is_one_of_codes_of_one_modality() -> None:
    leaky = AuditResult(sample=9, labels=0.0, paired=0.5, batch=0.125)
    assert not leaky.clean
    assert not AuditResult(sample=9, labels=0.0, paired=0.5, batch=0.0).clean
    text = " ".join(_encoder_lines(leaky))
    assert "another paired modality 50.00%, with another batch 12.50%" in text
