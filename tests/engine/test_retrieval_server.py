"""Questions about a run's codes: distances against a naive count, hits, captions, typed ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hashbench.codefiles.native import CodeSet, write_codes
from hashbench.engine.retrieval_server import Library, distances, nearest
from hashbench.errors import DamagedFileError, InputError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.ranking import evaluate
from hashbench.plan.spec import DatasetSpec, RunSpec, to_toml
from hashbench.runs.layout import RunFolder
from tests.tui.fixtures import finish

QUERIES, DATABASE, CLASSES = 4, 30, 3


@given(st.integers(0, 2**32 - 1), st.integers(1, 130), st.integers(1, 40))
def test_distances_are_counts_of_differing_bits(seed: int, bits: int, items: int) -> None:
    draw = np.random.default_rng(seed)
    query, database = draw.random((1, bits)) < 0.5, draw.random((items, bits)) < 0.5
    counts = distances(Codes.from_signs(query).words[0], Codes.from_signs(database).words)
    naive = [
        sum(bool(a) != bool(b) for a, b in zip(query[0], row, strict=True)) for row in database
    ]
    assert counts.tolist() == naive
    order = nearest(counts, items)
    assert order.tolist() == sorted(range(items), key=lambda item: (naive[item], item))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Codes of some scenes of the built-in dataset, and an item that is not in it."""
    run = RunFolder(tmp_path_factory.mktemp("runs") / "20260101-000000-made")
    run.codes.mkdir(parents=True)
    dataset = DatasetSpec("picturebook-tiny", 60, 200, params={"items": 460, "world": 1})
    run.spec.write_text(to_toml(RunSpec(method="lsh", bits=(16,), dataset=dataset)))
    draw = np.random.default_rng(0)
    labels = {
        "query_labels": draw.random((QUERIES, CLASSES)) < 0.4,
        "database_labels": draw.random((DATABASE, CLASSES)) < 0.4,
    }
    codes = {
        side: {m: Codes.from_signs(draw.random((count, 16)) < 0.5) for m in ("image", "text")}
        for side, count in (("query", QUERIES), ("database", DATABASE))
    }
    write_codes(
        run.codes,
        CodeSet(
            bits=16,
            query=codes["query"],
            database=codes["database"],
            **{side: LabelMasks.from_multi_hot(mask) for side, mask in labels.items()},
            query_ids=[f"scene-{i:06d}" for i in range(QUERIES - 1)] + ["gone"],
            database_ids=[f"scene-{i:06d}" for i in range(100, 100 + DATABASE)],
            class_names=("dog", "sea", "sky"),
        ),
    )
    return Library(run, run.path.parent)


def test_about_tells_what_there_is(library: Library) -> None:
    about = library.about()
    assert about["bits"] == [16]
    assert (about["query"], about["database"], about["typed"]) == (QUERIES, DATABASE, True)
    assert about["note"] == ""


def test_a_hit_shares_a_label_and_the_nearest_come_first(library: Library) -> None:
    codes = library._of(16)
    asked, held = codes.query_labels.to_bools()[1], codes.database_labels.to_bools()
    ranking = library.rank(16, "i2t", 1, top=DATABASE)
    seen = [entry["distance"] for entry in ranking["results"]]
    assert seen == sorted(seen)
    assert [entry["rank"] for entry in ranking["results"]] == list(range(1, DATABASE + 1))
    for entry in ranking["results"]:
        assert entry["hit"] == bool((asked & held[entry["row"]]).any())
        assert entry["labels"] == [
            name for name, has in zip(codes.class_names, held[entry["row"]], strict=True) if has
        ]
        assert entry["caption"]
    assert ranking["relevant"] == int((asked & held).any(axis=1).sum())
    assert len(library.rank(16, "t2i", 1, top=5)["results"]) == 5


def test_items_are_found_by_words_and_shown_without_a_dataset(library: Library) -> None:
    every = library.items("", 0, 100)
    assert every["found"] == QUERIES
    assert every["items"][-1]["caption"] == ""  # an item that is in the dataset no more
    word = every["items"][0]["caption"].split()[0]
    assert 0 in [entry["row"] for entry in library.items(word.upper(), 0, 100)["items"]]
    assert library.items("no such word", 0, 100) == {"found": 0, "items": []}
    assert len(library.items("", 1, 2)["items"]) == 2


def test_queries_are_ordered_by_their_average_precision(library: Library) -> None:
    (score,) = evaluate(
        *library._of(16).sides("i2t"),
        library._of(16).query_labels,
        library._of(16).database_labels,
        [parse_metric("mAP@all")],
    )
    plain = library.items("", 0, 100, "dataset", 16, "i2t")["items"]
    assert [item["row"] for item in plain] == list(range(QUERIES))
    for item in plain:
        value = score.per_query[item["row"]]
        assert item["ap"] == (None if np.isnan(value) else value)
    worst = [item["ap"] for item in library.items("", 0, 100, "worst", 16, "i2t")["items"]]
    known = [value for value in worst if value is not None]
    assert known == sorted(known)
    assert worst[len(known) :] == [None] * (QUERIES - len(known))
    best = library.items("", 0, 2, "best", 16, "i2t")["items"]
    assert [item["ap"] for item in best] == known[::-1][:2]


def test_codes_go_with_a_ranking_bit_by_bit(library: Library) -> None:
    ranking = library.rank(16, "i2t", 1, top=DATABASE)
    assert len(ranking["code"]) == 16
    query = library._of(16).query["image"].to_bools()[1]
    assert ranking["code"] == "".join("1" if bit else "0" for bit in query)
    for entry in ranking["results"]:
        differing = sum(a != b for a, b in zip(ranking["code"], entry["code"], strict=True))
        assert differing == entry["distance"]


def test_a_picture_of_ones_own_is_shown_and_a_bad_one_refused(
    library: Library, tmp_path: Path
) -> None:
    path = tmp_path / "mine.jpg"
    Image.new("RGB", (40, 20), "red").save(path)
    ask = {"ask": "file picture", "width": 10, "height": 10}
    shown = library.answer({**ask, "file": str(path)})
    assert (shown["width"], shown["height"]) == (10, 5)
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    with pytest.raises(DamagedFileError, match="not a picture of a format that is read"):
        library.answer({**ask, "file": str(path)})


def test_the_confusion_of_classes_has_a_row_for_each_class(library: Library) -> None:
    found = library.answer({"ask": "confusion", "bits": 16, "direction": "i2t", "top": DATABASE})
    assert found["names"] == ["dog", "sea", "sky"]
    for row, queries in zip(found["shares"], found["queries"], strict=True):
        # all of the database are hits, so that every class finds what there is
        assert row == (pytest.approx(found["database"]) if queries else [0.0] * CLASSES)


def test_a_run_of_another_data_folder_names_it_and_the_command(
    library: Library, tmp_path: Path
) -> None:
    """Nothing of the dataset is in the folder given here; a run of before names no folder."""
    run = RunFolder(tmp_path / "runs" / "20260101-000000-made")
    run.codes.mkdir(parents=True)
    for path in library._run.codes.iterdir():
        (run.codes / path.name).write_bytes(path.read_bytes())
    wanted = RunSpec(method="lsh", bits=(16,), dataset=DatasetSpec("coco", 60, 200))
    run.spec.write_text(to_toml(wanted))
    here, elsewhere = tmp_path / "here", tmp_path / "over there"
    assert Library(run, here).note.startswith(f"no captions or pictures in {here}: ")
    assert "hashbench tui" not in Library(run, here).note
    finish(run, wanted, 0.5, facts={"data folder": str(elsewhere)})
    assert Library(run, here).note.endswith(
        f"; the run used {elsewhere}: hashbench tui --data-dir '{elsewhere}'"
    )
    assert "the run used" not in Library(run, elsewhere).note


def test_pictures_keep_their_shape(library: Library) -> None:
    import base64

    picture = library.picture("query", 0, 20, 10)
    assert (picture["width"], picture["height"]) == (10, 10)
    assert len(base64.b64decode(picture["data"])) == 300
    with pytest.raises(InputError, match="not in the dataset"):
        library.picture("query", QUERIES - 1, 10, 10)


@pytest.mark.parametrize(
    "question",
    [
        {"ask": "rank", "bits": 99, "direction": "i2t", "row": 0, "top": 1},
        {"ask": "rank", "bits": 16, "direction": "x2y", "row": 0, "top": 1},
        {"ask": "rank", "bits": 16, "direction": "i2t", "row": 99, "top": 1},
        {"ask": "nothing"},
    ],
)
def test_wrong_questions_are_refused(library: Library, question: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        library.answer(question)


def test_the_process_answers_line_by_line_without_torch(library: Library) -> None:
    code = (
        "import sys\n"
        "from hashbench.engine import retrieval_server\n"
        "code = retrieval_server.main()\n"
        "sys.stderr.write('torch' if 'torch' in sys.modules else 'light')\n"
    )
    questions = [{"ask": "items", "find": "", "offset": 0, "limit": 1}, {"ask": "nothing"}]
    done = subprocess.run(
        [sys.executable, "-c", code, str(library._run.path)],
        input="".join(json.dumps(question) + "\n" for question in questions),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, items, wrong = map(json.loads, done.stdout.splitlines())
    assert first["query"] == QUERIES
    assert items["found"] == QUERIES
    assert "no question" in wrong["error"]
    assert done.stderr == "light"
