"""Published numbers beside our own, significance, LaTeX."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hashbench.codefiles.native import CodeSet, write_codes
from hashbench.errors import InputError, UnknownNameError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.plan.spec import DatasetSpec, RunSpec, to_toml
from hashbench.report import export
from hashbench.report.comparison import Cell, Row, Table
from hashbench.report.floors import Floor
from hashbench.report.published import published, with_published
from hashbench.report.rows import Condition, Variant
from hashbench.report.run_curves import curves
from hashbench.report.significance import holm, significance, versus, with_p_values
from hashbench.runs.layout import RunFolder

CONDITION = Condition(
    dataset="mirflickr25k-20015", fingerprint="f", split="own s", backbone="ViT-B-32",
    features="k", protocol="strict", select="validation", task="cross-modal",
)  # fmt: skip
SIZES = {"query": 2000, "database": 18_015, "fit": 9000, "validation": 1000}


def table(**changes: object) -> Table:
    columns = ((16, "i2t"), (16, "t2i"), (128, "i2t"))
    rows = tuple(
        Row(Variant(name, "", "a_b=1" if name == "soda" else ""),
            {column: Cell((value,), best=name == "soda") for column in columns}, 1, (), (name,))
        for name, value in (("soda", 0.8), ("lsh", 0.6))
    )  # fmt: skip
    plain = Table(CONDITION, "mAP@all", columns, rows, Floor({16: 0.55, 128: 0.55}), SIZES, 0)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def squeezed(text: str) -> str:
    """Without the blanks that align columns."""
    return re.sub(" +", " ", text)


def test_published_rows_stand_where_the_setting_matches() -> None:
    (extended,) = with_published([table()])
    mith = next(row for row in extended.rows if row.variant.method == "MITH")
    assert mith.cells == {(16, "i2t"): Cell((0.8464,)), (16, "t2i"): Cell((0.8228,))}
    assert "PUBLISHED NUMBER" in mith.marks[0]
    assert "github.com/DarrenZZhang/MM23-MITH" in mith.marks[0]
    assert [row.variant.method for row in extended.rows[:2]] == ["soda", "lsh"]  # ours first
    assert not any(cell.best for row in extended.rows[2:] for cell in row.cells.values())
    text = export.markdown([extended])
    assert "| MITH (published) ! | - | 0.8464 | 0.8228 | - |" in squeezed(text)
    assert text.count("MITH, ACM MM 2023, table 1") == 1  # said once, for all its rows


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "mAP@50"},
        {"sizes": SIZES | {"query": 1000}},
        {"sizes": SIZES | {"fit": 4000}},
        {"sizes": SIZES | {"database": 22_581}},
        {"condition": dataclasses.replace(CONDITION, dataset="picturebook")},
    ],
    ids=str,
)
def test_published_rows_do_not_stand_where_it_does_not(changes: dict[str, object]) -> None:
    plain = table(**changes)
    assert with_published([plain]) == [plain]


def test_published_blocks_are_whole() -> None:
    for block in published().blocks:
        assert block.source
        for method, by_dataset in block.rows.items():
            for dataset, by_direction in by_dataset.items():
                assert dataset in block.settings, method
                for values in by_direction.values():
                    assert len(values) == len(block.bits)
                    assert all(0.3 < value < 1 for value in values)


def test_latex_marks_the_best_and_escapes() -> None:
    plain = table()
    tested = with_p_values(plain, plain.rows[1], [[0.001, None, None]])
    text = export.latex([tested])
    assert r"soda a\_b=1 & 1 & \textbf{0.8000 $^{\ddagger}$} & \textbf{0.8000}" in squeezed(text)
    assert text.count(r"\begin{tabular}{llrrr}") == text.count(r"\end{tabular}") == 1
    assert "$<$ 0.01 against lsh" in text


@given(st.lists(st.lists(st.none() | st.floats(0, 1), max_size=5), max_size=4))
def test_holm_never_makes_a_p_value_smaller_and_keeps_their_order(
    raw: list[list[float | None]],
) -> None:
    adjusted = holm(raw)
    pairs = [
        (p, q)
        for before, after in zip(raw, adjusted, strict=True)
        for p, q in zip(before, after, strict=True)
        if p is not None and q is not None
    ]
    assert [[p is None for p in row] for row in raw] == [
        [q is None for q in row] for row in adjusted
    ]
    assert all(p <= q <= 1 for p, q in pairs)
    assert all(q1 <= q2 for p1, q1 in pairs for p2, q2 in pairs if p1 < p2)
    if pairs:  # the smallest is multiplied with their number
        assert min(q for _, q in pairs) == pytest.approx(
            min(1, min(p for p, _ in pairs) * len(pairs))
        )


def made(folder: Path, seed: int, noise: float, queries: int = 60) -> RunFolder:
    """A run whose codes are its labels with some bits turned."""
    run = RunFolder(folder / f"run-{noise}-{seed}")
    run.codes.mkdir(parents=True)
    spec = RunSpec(method="lsh", bits=(16,), seed=seed, dataset=DatasetSpec("picturebook", 10, 20))
    run.spec.write_text(to_toml(spec))
    draw = np.random.default_rng(7)
    labels = [draw.random((count, 8)) < 0.3 for count in (queries, 200)]
    turn = np.random.default_rng(seed)
    codes = [np.hstack([part, part]) ^ (turn.random((len(part), 16)) < noise) for part in labels]
    sides = [{m: Codes.from_signs(part) for m in ("image", "text")} for part in codes]
    write_codes(
        run.codes,
        CodeSet(
            16, *sides, *(LabelMasks.from_multi_hot(part) for part in labels),
            query_ids=[f"q{i}" for i in range(queries)],
        ),
    )  # fmt: skip
    return run


def test_significance_tells_better_codes_from_noise(tmp_path: Path) -> None:
    good = [made(tmp_path, seed, 0.05) for seed in (0, 1)]
    alike = [made(tmp_path, seed, 0.05) for seed in (2, 3)]
    bad = [made(tmp_path, 4, 0.4)]
    columns = [(16, "i2t"), (64, "i2t")]
    same, worse, itself = significance(good, [alike, bad, good], columns, "mAP@all")
    assert worse[0] is not None
    assert worse[0] < 0.01
    assert same[0] is not None
    assert same[0] > 0.05
    assert itself[0] == 1.0
    assert same[1] is worse[1] is None  # no codes of 64 bits


def test_tables_are_tested_against_a_row_of_them(tmp_path: Path) -> None:
    systems = {"lsh": (0.05, (0, 1)), "soda": (0.05, (2, 3)), "pcril": (0.4, (4,))}
    folders: dict[str, RunFolder] = {}
    rows = []
    for method, (noise, seeds) in systems.items():
        mine = {f"{method}-{seed}": made(tmp_path, seed, noise) for seed in seeds}
        folders |= mine
        variant = Variant(method, "known 0.3", "")
        rows.append(Row(variant, {(16, "i2t"): Cell((0.5,))}, len(mine), (), tuple(mine)))
    table = Table(CONDITION, "mAP@all", ((16, "i2t"),), tuple(rows), Floor({16: 0.5}), SIZES, 0)
    for name in ("lsh", "lsh known 0.3"):
        (tested,) = versus([table], name, folders.__getitem__)
        assert tested.baseline == rows[0].variant
        own, alike, worse = (row.cells[16, "i2t"].p for row in tested.rows)
        assert own is None
        assert alike is not None
        assert alike > 0.05
        assert worse is not None
        assert worse < 0.01
    with pytest.raises(UnknownNameError, match="no row named"):
        versus([table], "lhs", folders.__getitem__)
    other = dataclasses.replace(rows[0], variant=Variant("lsh", "known 0.5", ""))
    twice = dataclasses.replace(table, rows=(*rows, other))
    with pytest.raises(InputError, match="several rows.*\n.*lsh known 0.3; lsh known 0.5"):
        versus([twice], "lsh", folders.__getitem__)
    text = io.StringIO()
    Console(file=text, width=60).print(export.rich_tables([tested]))
    assert "0.5000 ‡" in text.getvalue()


def test_other_queries_cannot_be_paired(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="different queries"):
        significance(
            [made(tmp_path / "a", 0, 0.1)], [[made(tmp_path / "b", 0, 0.1, 50)]],
            [(16, "i2t")], "mAP@all",
        )  # fmt: skip


def test_curves_and_classes(tmp_path: Path) -> None:
    drawn = curves(made(tmp_path, 0, 0.1))
    assert [(one["bits"], one["direction"]) for one in drawn["curves"]] == [
        (16, "i2t"), (16, "t2i"),
    ]  # fmt: skip
    for one in drawn["curves"]:
        assert one["recall"] == sorted(one["recall"])
        assert one["recall"][-1] == pytest.approx(1.0)
        assert len(one["recall"]) == len(one["precision"])
    draw = np.random.default_rng(7)
    labels = draw.random((60, 8)) < 0.3
    assert [entry["queries"] for entry in drawn["classes"]] == labels.sum(axis=0).tolist()


def test_the_process_answers_and_refuses_in_json(tmp_path: Path) -> None:
    run = made(tmp_path, 0, 0.1)
    for question, key in (
        ({"ask": "curves", "run": str(run.path)}, "curves"),
        ({"ask": "curves", "run": str(tmp_path / "nowhere")}, "error"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "hashbench.report.analysis_process"],
            input=json.dumps(question), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert key in json.loads(done.stdout)
