"""Which trained rows beat probe codes, and the two ends of a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.report import comparison, export, probe_test, rows, significance
from hashbench.report.comparison import Table
from hashbench.report.probe_verdicts import SURE, Against
from hashbench.runs.layout import RunFolder
from tests.report.scored_runs import scored_run


def table_of(*runs: RunFolder) -> tuple[Table, dict[str, RunFolder]]:
    collected = rows.collect(runs)
    table = comparison.compare(collected.finished)[0]
    return table, {run.id: run for run in runs}


def made(folder: Path, method: str, noise: float, **request: Any) -> RunFolder:
    return scored_run(folder, noise=noise, method=[method], **request)


def test_a_trained_row_that_is_not_above_the_probe_is_said_not_to_beat_it(tmp_path: Path) -> None:
    probe, weak, strong = (
        made(tmp_path, method, noise)
        for method, noise in (("probe", 0.2), ("dcmh", 0.45), ("dsph", 0.02))
    )
    floor = made(tmp_path, "lsh", 0.45)  # trains nothing
    blind = made(tmp_path, "djsrh", 0.45)  # sees no label
    table, folders = table_of(probe, weak, strong, floor, blind)
    by_mean = {v.variant.method: v for v in table.verdicts}
    assert by_mean.keys() == {"dcmh", "dsph"}
    assert {a.p for v in by_mean.values() for a in v.columns.values()} == {None}
    notes = "\n".join(export.footnotes(table))
    assert "dcmh does not beat probe: " in notes
    assert "above probe codes in every column: dsph" in notes
    assert "--versus probe tests them" in notes

    tested = probe_test.tested(table, folders.__getitem__)
    of_row = {v.variant.method: v for v in tested.verdicts}
    assert set(of_row["dcmh"].lost) == {(16, "i2t"), (16, "t2i")}
    assert not of_row["dsph"].lost
    # the p-values are those of the significance room, corrected for these comparisons alone
    expected = significance.significance([probe], [[weak], [strong]], table.columns, table.metric)
    for method, values in zip(("dcmh", "dsph"), expected, strict=True):
        assert [of_row[method].columns[task].p for task in table.columns] == values
    assert ", p = " in "\n".join(export.footnotes(tested))
    plain = json.loads(export.as_json([tested], []))["tables"][0]["probe_verdicts"]
    assert {one["row"]["method"]: one["beats"] for one in plain} == {"dcmh": False, "dsph": True}
    assert plain[0]["columns"][0].keys() == {"bits", "direction", "mean", "probe", "p", "beats"}

    versus = significance.tested_against(table, table.rows[1], folders.__getitem__)
    assert (versus.rows[1].variant.method == "probe") == any(
        against.p is not None for v in versus.verdicts for against in v.columns.values()
    )


def test_a_difference_that_may_be_luck_is_no_victory(tmp_path: Path) -> None:
    runs = made(tmp_path, "probe", 0.3), made(tmp_path, "dcmh", 0.299)
    table, folders = table_of(*runs)
    (verdict,) = probe_test.tested(table, folders.__getitem__).verdicts
    for against in verdict.columns.values():
        assert against.p is not None
        assert against.p >= SURE
        assert not against.beats


def test_rows_meet_the_probe_that_knew_as_many_labels(tmp_path: Path) -> None:
    full, half, weaker = (
        made(tmp_path, "probe", noise, **more)
        for noise, more in (
            (0.01, {}),
            (0.3, {"known_ratio": [0.5]}),
            (0.4, {"known_ratio": [0.5], "ablate": ["logistic"]}),
        )
    )
    deep = made(tmp_path, "dsph", 0.1, known_ratio=[0.5])
    table, folders = table_of(full, half, weaker, deep)
    (verdict,) = probe_test.tested(table, folders.__getitem__).verdicts
    assert verdict.probe == next(row.variant for row in table.rows if row.runs == (half.id,))
    assert not verdict.lost
    without, _ = table_of(full, deep)
    assert without.verdicts == ()
    assert "probe" not in "\n".join(export.footnotes(without)).replace("probe,", "")


def test_much_ranking_is_not_done_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, folders = table_of(made(tmp_path, "probe", 0.2), made(tmp_path, "dcmh", 0.1))
    monkeypatch.setattr(probe_test, "MOST_PAIRS", 4 * 60 * 200 - 1)
    assert probe_test.tested(table, folders.__getitem__) is table
    monkeypatch.setattr(probe_test, "MOST_PAIRS", 4 * 60 * 200)
    assert probe_test.tested(table, folders.__getitem__) != table


def test_codes_of_the_true_labels_are_the_upper_end_of_every_table(tmp_path: Path) -> None:
    oracle = scored_run(tmp_path, noise=0.0, method=["oracle"], protocol=["published"])
    elsewhere = made(tmp_path, "lsh", 0.2, split=8)
    strict = made(tmp_path, "dcmh", 0.2)
    tables = comparison.compare(rows.collect([strict, elsewhere, oracle]).finished)
    by_method = {table.rows[0].variant.method: table for table in tables}
    top = {task: cell.mean for task, cell in by_method["oracle"].rows[0].cells.items()}
    assert by_method["dcmh"].ceiling == top
    assert by_method["lsh"].ceiling == {}  # other queries have another end
    notes = "\n".join(export.footnotes(by_method["dcmh"]))
    assert f"upper end 16 i2t {top[16, 'i2t']:.4f}" in notes
    assert "random floor" in notes


def test_tables_say_which_backbones_were_frozen(tmp_path: Path) -> None:
    runs = [
        made(tmp_path, "dcmh", 0.2),
        made(tmp_path, "dchmt", 0.2, ablate=["tuned-2"]),
        made(tmp_path, "lsh", 0.2),
    ]
    table, _ = table_of(*runs)
    towers = {row.variant.method: row.towers for row in table.rows}
    assert towers == {"dcmh": "frozen", "dchmt": "last 2 blocks tuned", "lsh": ""}
    notes = export.footnotes(table)
    assert "frozen: dcmh" in notes
    assert any(note.startswith("last 2 blocks tuned: dchmt") for note in notes)


@given(st.floats(0, 1), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1)))
def test_nothing_beats_a_probe_that_is_as_good(mean: float, probe: float, p: float | None) -> None:
    one = Against(mean, probe, p)
    assert not (one.beats and Against(probe, mean, p).beats)
    assert one.beats <= (mean > probe)
    if p is not None and p >= SURE:
        assert not one.beats
