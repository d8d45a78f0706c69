"""Imported codes are a row among runs, if they are of the split's items, and are marked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from hashbench.claims.verdicts import verify
from hashbench.codefiles.native import CodeSet, write_codes
from hashbench.datasets import named_splits
from hashbench.datasets.base import Dataset, Pictures
from hashbench.datasets.splits import Split
from hashbench.engine.code_import import Statement, code_sets, import_codes
from hashbench.engine.code_items import match
from hashbench.engine.data import load_dataset, split_of
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.plan.request import Request, expand
from hashbench.plan.spec import DatasetSpec
from hashbench.report import comparison, rows
from hashbench.report.details import details, render
from hashbench.report.notebook import rich_text
from hashbench.runs import result as results
from hashbench.runs.index import summaries
from hashbench.runs.layout import find
from tests.claims.commands import call

BITS = 24


@pytest.fixture(scope="module")
def spec() -> DatasetSpec:
    return expand(Request(method="lsh", dataset="picturebook-tiny"))[0].dataset


@pytest.fixture(scope="module")
def items(spec: DatasetSpec, data_dir: Path) -> tuple[Dataset, Split]:
    (run,) = expand(Request(method="lsh", dataset="picturebook-tiny"))
    dataset = load_dataset(spec, data_dir)
    return dataset, split_of(run, dataset)


def arrays(items: tuple[Dataset, Split], seed: int = 0) -> dict[str, np.ndarray]:
    """Codes of the split in the layout of DCMHT, its label columns in an order of their own."""
    dataset, split = items
    draw = np.random.default_rng(seed)
    columns = np.random.default_rng(9).permutation(len(dataset.class_names))
    content: dict[str, np.ndarray] = {}
    for side, part in (("q", split.query), ("r", split.database)):
        labels = dataset.labels[part]
        content[f"{side}_l"] = labels[:, columns] * 1.0
        bits = np.tile(labels, (1, 4))[:, :BITS]
        for name in ("img", "txt"):
            flipped = bits ^ (draw.random(bits.shape) < 0.2)
            content[f"{side}_{name}"] = np.where(flipped, 1.0, -1.0)
    return content


def saved(path: Path, content: dict[str, np.ndarray]) -> Path:
    scipy.io.savemat(path, content)
    return path


def test_several_seeds_make_one_row_that_everything_shows(
    items: tuple[Dataset, Split], spec: DatasetSpec, tmp_path: Path, data_dir: Path
) -> None:
    runs = tmp_path / "runs"
    for seed in (1, 2):
        made = import_codes(
            [saved(tmp_path / f"ours{seed}.mat", arrays(items, seed))],
            Statement("Ours", seed, method_of="A. Person"),
            spec, runs_dir=runs, data_dir=data_dir,
        )  # fmt: skip
        assert made.how == "labels, row by row"
    (table,) = comparison.compare(rows.collect(find(runs)).finished)
    (row,) = table.rows
    assert (row.variant.method, row.variant.changes, row.seeds) == ("Ours", "imported", 2)
    assert all(len(cell.values) == 2 and cell.deviation for cell in row.cells.values())
    assert set(table.columns) == {(BITS, "i2t"), (BITS, "t2i")}
    assert any(mark.startswith("IMPORTED") for mark in row.marks)
    for run, summary in summaries(runs):
        assert (str(summary.status.state), summary.problem) == ("finished", "")
        assert summary.status.score == pytest.approx(table.rows[0].cells[BITS, "i2t"].mean, abs=0.1)
        page = rich_text(render(details(run)))
        assert "imported codes have no encoder" in page
        assert "A. Person" in page
        assert verify(run, data_dir).holds


def test_it_stands_in_the_tables_of_its_split_and_in_no_other(
    items: tuple[Dataset, Split], spec: DatasetSpec, tmp_path: Path, data_dir: Path
) -> None:
    runs = tmp_path / "runs"
    file = saved(tmp_path / "ours.mat", arrays(items))
    import_codes([file], Statement("lsh"), spec, runs_dir=runs, data_dir=data_dir)
    (imported,) = rows.collect(find(runs)).finished
    # a trained run of the split, and one of another
    plain = replace(imported, spec=expand(Request(method="lsh", dataset="picturebook-tiny"))[0])
    result = imported.result
    other = replace(
        plain,
        result=results.Result(**{
            **{name: getattr(result, name) for name in result.__struct_fields__},
            "split": dict(result.split) | {"hash": "another", "hash_all_fitted": "another"},
        }),
    )  # fmt: skip
    tables = comparison.compare([imported, plain, other])
    assert [len(table.rows) for table in tables] == [2, 1]
    names = {comparison.system_name(row.variant) for row in tables[0].rows}
    assert names == {"lsh", "lsh imported"}  # no row mixes trained and imported codes


def own(items: tuple[Dataset, Split]) -> CodeSet:
    dataset, split = items
    content = arrays(items)
    return CodeSet(
        BITS,
        {"image": Codes.from_signs(content["q_img"]), "text": Codes.from_signs(content["q_txt"])},
        {"image": Codes.from_signs(content["r_img"]), "text": Codes.from_signs(content["r_txt"])},
        LabelMasks.from_multi_hot(content["q_l"]),
        LabelMasks.from_multi_hot(content["r_l"]),
        [dataset.ids[row] for row in split.query],
        [dataset.ids[row] for row in split.database],
    )


def shuffled(codes: CodeSet, *, ids: bool) -> CodeSet:
    order = np.random.default_rng(4).permutation(len(codes.database_labels))
    return CodeSet(
        codes.bits,
        codes.query,
        {name: part[order] for name, part in codes.database.items()},
        codes.query_labels,
        codes.database_labels[order],
        codes.query_ids if ids else (),
        [codes.database_ids[place] for place in order] if ids else (),
    )


def test_ids_settle_the_order(items: tuple[Dataset, Split]) -> None:
    codes = own(items)
    matched = match(shuffled(codes, ids=True), *items)
    assert matched.how == "item ids"
    assert tuple(matched.codes.database_ids) == tuple(codes.database_ids)
    assert np.array_equal(matched.codes.database["text"].words, codes.database["text"].words)


def test_without_ids_another_order_is_recognised_by_label_sets(
    items: tuple[Dataset, Split],
) -> None:
    dataset, split = items
    codes = shuffled(own(items), ids=False)
    matched = match(codes, dataset, split)
    assert matched.how == "labels, in another order"
    assert not matched.codes.database_ids  # which item is which is not known
    labels = codes.database_labels.to_bools().copy()
    labels[7] = ~labels[7]
    other = LabelMasks.from_multi_hot(labels)
    with pytest.raises(InputError, match=r"(query|database) \d+ has the labels"):
        match(replace(codes, database_labels=other), dataset, split)


@pytest.mark.shared
def test_released_codes_are_recognised_as_those_of_their_split(shared_data: Path) -> None:
    """PGHMH's own codes, in the order of its draw and with label columns of its own order."""
    table = np.load(shared_data / "mirflickr25k" / "labels.npz")
    labels = table["labels24"].astype(bool)
    labelled = labels.any(axis=1)
    ids = [f"im{number}" for number in table["image_id"][labelled]]
    names = tuple(map(str, table["class24"]))
    captions = [("",)] * len(ids)
    pictures: Pictures = NoPictures()
    dataset = Dataset("mirflickr25k", ids, labels[labelled], captions, names, pictures, "f")
    (codes,) = code_sets([shared_data / "codes" / "pghmh_flickr25k_16.mat"])
    split = named_splits.choose(dataset, "pghmh", 2000, 5000, 0)
    assert match(codes, dataset, split).how == "labels, in another order"
    with pytest.raises(InputError, match="has the labels"):
        match(codes, dataset, named_splits.choose(dataset, "mith", 2000, 5000, 0))


class NoPictures:
    def read(self, index: int) -> Image.Image:
        raise NotImplementedError


def wrong_label(content: dict[str, np.ndarray]) -> None:
    content["q_l"][5] = 1 - content["q_l"][5]


def one_less(content: dict[str, np.ndarray]) -> None:
    for name in ("r_l", "r_img", "r_txt"):
        content[name] = content[name][:-1]


def no_direction(content: dict[str, np.ndarray]) -> None:
    content["qB"], content["rB"] = content.pop("q_img"), content.pop("r_img")
    content["qL"], content["rL"] = content.pop("q_l"), content.pop("r_l")
    del content["q_txt"], content["r_txt"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (wrong_label, "query 5 has the labels"),
        (one_less, "399 database codes, but the split has 400"),
        (no_direction, "--direction"),
    ],
)
def test_codes_of_other_items_are_refused_and_nothing_is_left(
    change: Callable[[dict[str, np.ndarray]], None],
    words: str,
    items: tuple[Dataset, Split],
    tmp_path: Path,
    data_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = arrays(items)
    change(content)
    file, runs = saved(tmp_path / "ours.mat", content), tmp_path / "runs"
    code, _, error = call(
        capsys, "import", str(file), "--name", "Ours", "--dataset", "picturebook-tiny",
        "--runs-dir", str(runs), "--data-dir", str(data_dir),
    )  # fmt: skip
    assert code == 2
    assert words in error
    assert find(runs) == []


def test_the_command_takes_a_runs_split_and_own_files(
    items: tuple[Dataset, Split],
    tmp_path: Path,
    data_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = tmp_path / "runs"
    words = ["--runs-dir", str(runs), "--data-dir", str(data_dir)]
    file = write_codes(tmp_path, shuffled(own(items), ids=True))
    code, out, _ = call(
        capsys, "import", str(file), "--name", "A", "-d", "picturebook-tiny", *words
    )
    assert code == 0
    assert "item ids" in out
    other = saved(tmp_path / "b.mat", arrays(items))
    code, out, _ = call(
        capsys, "import", str(other), "--name", "B", "--like", "last", "--json", *words
    )
    assert code == 0
    assert json.loads(out)["scores"][str(BITS)]["i2t"]["mAP@all"] > 0.5
    code, out, _ = call(
        capsys, "compare", "--versus", "A", "--with", f"{other}:Theirs", "--json", *words[:2]
    )
    assert code == 0
    (table,) = json.loads(out)["tables"]
    named = {row["method"]: row for row in table["rows"]}
    assert set(named) == {"A", "B", "Theirs (file)"}
    assert named["B"]["scores"][0]["p"] is not None
    code, _, error = call(capsys, "import", str(other), "--name", "B", *words)
    assert (code, "--like RUN" in error) == (2, True)
    code, _, error = call(capsys, "import", str(other), "--name", "a b", "--like", "last", *words)
    assert (code, "--name" in error) == (2, True)
