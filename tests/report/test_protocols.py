"""The worth of a published protocol, subtracted only where all else is equal."""

from __future__ import annotations

from pathlib import Path

from hashbench.report import comparison, export, rows
from hashbench.report.protocols import worth
from tests.report.test_comparison import finished


def test_published_minus_strict_for_each_setting_and_column(tmp_path: Path) -> None:
    ask = {"method": ["prompthash"], "bits": [16, 32]}
    runs = [finished(tmp_path, 0.7, seed=[seed], **ask) for seed in (0, 1)]
    runs.append(finished(tmp_path, 0.8, leak=0.1, protocol="published", **ask))
    runs.append(finished(tmp_path, 0.9, method=["soda"]))
    tables = comparison.compare(rows.collect(runs).finished)
    (line,) = worth(tables)
    assert line == (
        "what the published protocol adds to prompthash, in points: "
        "16 i2t +10.00, 16 t2i +10.00, 32 i2t +10.00, 32 t2i +10.00"
    )
    assert line in export.markdown(tables)


def test_another_split_is_not_subtracted(tmp_path: Path) -> None:
    ask = {"method": ["prompthash"]}
    runs = [
        finished(tmp_path, 0.7, **ask),
        finished(tmp_path, 0.8, split="bbbb", protocol="published", **ask),
    ]
    assert worth(comparison.compare(rows.collect(runs).finished)) == []
