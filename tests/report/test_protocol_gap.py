"""Strict and published runs in one table: differences, marks, audits, and nothing ranked."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hashbench.cli.main import app
from hashbench.report import comparison, export, gap_tables, protocol_gap, rows
from hashbench.runs.layout import RunFolder
from tests.report.test_comparison import finished


def text_of(gaps: list[protocol_gap.ProtocolGap]) -> str:
    """Markdown without the blanks that align columns."""
    return re.sub(" +", " ", gap_tables.markdown(gaps))


ASK = {"method": ["prompthash"], "bits": [16]}


def both(folder: Path) -> list[RunFolder]:
    runs = [finished(folder, 0.70, seed=[seed], **ASK) for seed in (0, 1)]
    runs += [
        finished(folder, 0.80 + seed / 10, leak=0.1 + seed / 5, protocol="published", seed=[seed],
                 **ASK)
        for seed in (0, 1)
    ]  # fmt: skip
    return [*runs, finished(folder, 0.9, method=["soda"], bits=[16])]


def test_published_minus_strict_beside_both_and_nobody_is_the_best(tmp_path: Path) -> None:
    (gap,) = protocol_gap.protocol_gaps(rows.collect(both(tmp_path)).finished)
    lines = {(line.variant.method, line.task[1]): line for line in gap.rows}
    assert lines["prompthash", "i2t"].difference == pytest.approx(0.15)
    assert lines["soda", "i2t"].difference is None
    text = text_of([gap])
    assert "| prompthash | 16 i2t | 0.7000 ±0.0000 | 0.8500 ±0.0707 ! | +15.00 |" in text
    assert "| soda | 16 t2i | 0.9100 | - | - |" in text
    assert "strict and published protocol" in text
    assert "**0." not in text  # bold is for the best


def test_audits_are_counted_and_averaged_by_protocol(tmp_path: Path) -> None:
    (gap,) = protocol_gap.protocol_gaps(rows.collect(both(tmp_path)).finished)
    text = text_of([gap])
    assert "| prompthash | strict | 2 of 2 | 0.00% | 0.00% | 0.00% |" in text
    assert "| prompthash | published | 0 of 2 | 20.00% | 0.00% | 0.00% |" in text
    strict_first = [leak.protocol for leak in gap.audits if leak.variant.method == "prompthash"]
    assert strict_first == ["strict", "published"]


def test_a_strict_run_that_leaks_is_marked_too(tmp_path: Path) -> None:
    runs = [finished(tmp_path, 0.7, leak=0.1)]
    text = text_of(protocol_gap.protocol_gaps(rows.collect(runs).finished))
    assert "| soda | 32 i2t | 0.7000 ! | - | - |" in text


def test_what_differs_in_more_than_the_protocol_stays_apart(tmp_path: Path) -> None:
    runs = [
        finished(tmp_path, 0.7, **ASK),
        finished(tmp_path, 0.8, split="bbbb", protocol="published", **ASK),
        finished(tmp_path, 0.9, protocol="published", ablate=["leak-label"], **ASK),
    ]
    gaps = protocol_gap.protocol_gaps(rows.collect(runs).finished)
    assert len(gaps) == 2
    assert [line.difference for one in gaps for line in one.rows] == [None] * 6


def test_the_command_prints_it_and_refuses_other_forms(tmp_path: Path) -> None:
    both(tmp_path)
    asked = ["compare", "--across-protocols", "--runs-dir", str(tmp_path)]
    done = CliRunner().invoke(app, [*asked, "--format", "md"])
    assert "+15.00" in done.output
    console = Console(width=80, file=io.StringIO(), no_color=True)
    console.print(
        gap_tables.rich_gaps(protocol_gap.protocol_gaps(rows.collect(both(tmp_path)).finished))
    )
    assert "+15.00" in console.file.getvalue()  # type: ignore[attr-defined]
    refused = CliRunner().invoke(app, [*asked, "--format", "csv"])
    assert refused.exit_code != 0


def test_sentences_subtract_strict_from_published(tmp_path: Path) -> None:
    ask = {"method": ["prompthash"], "bits": [16, 32]}
    runs = [finished(tmp_path, 0.7, seed=[seed], **ask) for seed in (0, 1)]
    runs.append(finished(tmp_path, 0.8, leak=0.1, protocol="published", **ask))
    runs.append(finished(tmp_path, 0.9, method=["soda"]))
    tables = comparison.compare(rows.collect(runs).finished)
    (line,) = protocol_gap.gap_sentences(tables)
    assert line == (
        "what the published protocol adds to prompthash, in points: "
        "16 i2t +10.00, 16 t2i +10.00, 32 i2t +10.00, 32 t2i +10.00"
    )
    assert line in export.markdown(tables)


def test_no_sentence_subtracts_across_splits(tmp_path: Path) -> None:
    ask = {"method": ["prompthash"]}
    runs = [
        finished(tmp_path, 0.7, **ask),
        finished(tmp_path, 0.8, split="bbbb", protocol="published", **ask),
    ]
    assert protocol_gap.gap_sentences(comparison.compare(rows.collect(runs).finished)) == []
