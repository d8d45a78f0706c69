"""Tables: what is ranked together, what is not and why, and what the numbers carry with them."""

from __future__ import annotations

import csv
import datetime
import io
import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hashbench.plan.request import Request, expand
from hashbench.report import comparison, export, rows
from hashbench.runs import layout, result
from hashbench.runs.result import AuditResult, Result

NOW = datetime.datetime(2026, 5, 4, tzinfo=datetime.UTC)


def finished(
    folder: Path, score: float, *, split: str = "aaaa", leak: float = 0.0, **request: Any
) -> layout.RunFolder:
    settled = {"dataset": ["picturebook-tiny"]} | request
    (spec,) = expand(Request(**settled))
    run = layout.create(folder, spec, NOW)
    directions = ("i2t", "t2i")
    scores = {
        str(bits): {d: {"mAP@all": score + 0.01 * (d == "t2i")} for d in directions}
        for bits in spec.bits
    }
    outcome = Result(
        run=run.id,
        spec_hash=spec.hash,
        protocol=spec.protocol,
        directions=directions,
        split={
            "name": "own",
            "hash": split,
            "query": 9,
            "database": 90,
            "fit": 40,
            "validation": 5,
        },
        dataset={"name": "picturebook", "fingerprint": "f", "items": 99},
        backbone="features",
        selected={"by": spec.select, "stage": "student", "epoch": 3, "score": 0.5},
        scores=scores,
        codes={},
        floors={str(bits): {"mAP@all": 0.5} for bits in spec.bits},
        without_relevant=0,
        audit=AuditResult(sample=9, labels=leak, paired=0.0, batch=0.0),
        seconds=1.0,
        facts={},
    )
    result.write(run.result, outcome)
    return run


def text_of(tables: list[comparison.Table]) -> str:
    console = Console(width=80, file=io.StringIO(), no_color=True)
    console.print(export.rich_tables(tables))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_seeds_become_mean_and_deviation_and_the_best_is_marked(tmp_path: Path) -> None:
    values = [0.70, 0.72, 0.77]
    runs = [finished(tmp_path, value, seed=[seed]) for seed, value in enumerate(values)]
    runs.append(finished(tmp_path, 0.6, method=["lsh"]))
    (table,) = comparison.compare(rows.collect(runs).finished)
    assert [row.variant.method for row in table.rows] == ["lsh", "soda"]
    soda = table.rows[1]
    assert soda.seeds == 3
    cell = soda.cells[32, "i2t"]
    assert cell.mean == pytest.approx(statistics.fmean(values))
    assert cell.deviation == pytest.approx(statistics.stdev(values))
    assert cell.best
    assert not table.rows[0].cells[32, "i2t"].best
    shown = text_of([table])
    assert "0.7300* ±0.0361" in shown
    assert "random floor 0.5000" in shown


def test_a_seed_run_twice_counts_once_with_its_latest(tmp_path: Path) -> None:
    runs = [finished(tmp_path, value) for value in (0.5, 0.9)]
    (table,) = comparison.compare(rows.collect(runs).finished)
    assert table.rows[0].cells[32, "i2t"].values == (0.9,)


def test_other_splits_are_other_tables_and_the_reason_is_reported(tmp_path: Path) -> None:
    runs = [finished(tmp_path, 0.7), finished(tmp_path, 0.8, split="bbbb")]
    tables = comparison.compare(rows.collect(runs).finished)
    assert len(tables) == 2
    (reason,) = comparison.separation_reasons(tables)
    assert "split (own aaaa / own bbbb)" in reason
    assert "is not ranked with" in text_of(tables).replace("\n", " ")


def test_changed_parameters_and_ablations_are_rows_of_their_own(tmp_path: Path) -> None:
    runs = [
        finished(tmp_path, 0.7),
        finished(tmp_path, 0.6, ablate=["no-prompt"], set={"alpha": 2.0}),
    ]
    (table,) = comparison.compare(rows.collect(runs).finished)
    assert {row.variant.changes for row in table.rows} == {"", "no-prompt alpha=2.0"}


def test_label_conditions_do_not_compete(tmp_path: Path) -> None:
    runs = [
        finished(tmp_path, score, known_ratio=[ratio], method=[method])
        for ratio, method, score in ((1.0, "soda", 0.8), (0.3, "soda", 0.6), (0.3, "lsh", 0.5))
    ]
    (table,) = comparison.compare(rows.collect(runs).finished)
    best = {(row.variant.method, row.variant.labels) for row in table.rows
            if row.cells[32, "i2t"].best}  # fmt: skip
    assert best == {("soda", "known 0.3 AN")}


def test_marks_follow_the_numbers_into_every_format(tmp_path: Path) -> None:
    leaking = finished(tmp_path, 0.99, leak=0.25)
    on_test = finished(tmp_path, 0.8, select="test")
    collected = rows.collect([leaking, on_test]).finished
    tables = comparison.compare(collected)
    assert len(tables) == 2  # an epoch chosen on test is not ranked with one chosen on validation
    for text in (text_of(tables), export.markdown(tables), export.comma_separated(tables)):
        assert "LEAK" in text
        assert "EPOCH CHOSEN ON TEST" in text
    plain = json.loads(export.as_json(tables, []))
    assert any("LEAK" in mark for mark in plain["tables"][0]["rows"][0]["marks"])


def test_csv_holds_every_number_in_full(tmp_path: Path) -> None:
    runs = [finished(tmp_path, 1 / 3, bits=[bits]) for bits in (16, 32)]
    tables = comparison.compare(rows.collect(runs).finished)
    read = list(csv.DictReader(io.StringIO(export.comma_separated(tables))))
    assert len(read) == 4
    assert {float(line["mean"]) for line in read} == {1 / 3, 1 / 3 + 0.01}
    assert {line["bits"] for line in read} == {"16", "32"}


def test_unfinished_and_damaged_runs_are_distinguished(tmp_path: Path) -> None:
    (spec,) = expand(Request())
    waiting = layout.create(tmp_path, spec, NOW)
    broken = finished(tmp_path, 0.7)
    broken.result.write_text("{")
    collected = rows.collect([waiting, broken])
    assert not collected.finished
    assert [str(one.status) for one in collected.unfinished] == ["queued"]
    assert "result.json" in collected.damaged[0]


def test_control_characters_do_not_reach_the_screen(tmp_path: Path) -> None:
    run = finished(tmp_path, 0.7)
    spoiled = run.result.read_text().replace('"picturebook"', '"picture\\u001b[2Jbook"')
    run.result.write_text(spoiled)
    tables = comparison.compare(rows.collect([run]).finished)
    assert "\x1b[2J" not in text_of(tables)
    assert "\x1b" not in export.markdown(tables)
