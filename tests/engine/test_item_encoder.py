"""New pictures and texts: items of the dataset, encoded as new ones, get the codes the run gave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from hashbench.cli.main import app
from hashbench.codefiles.encoded_items import read_encoded
from hashbench.codefiles.native import read_codes
from hashbench.datasets.base import Dataset
from hashbench.engine import encode_items
from hashbench.engine import messages as protocol
from hashbench.engine.data import load_dataset
from hashbench.engine.item_encoder import ItemEncoder
from hashbench.engine.retrieval_server import Library
from hashbench.errors import DamagedFileError, InputError
from hashbench.plan import spec as specs
from hashbench.runs.layout import RunFolder
from tests.engine.conftest import Make

ITEMS = 70  # more than go through the towers at once


def picture_folder(dataset: Dataset, ids: list[str], folder: Path) -> Path:
    """The pictures of items as lossless files, in a folder and one below it."""
    places = {name: place for place, name in enumerate(dataset.ids)}
    for number, name in enumerate(ids):
        path = folder / ("below" if number % 2 else ".") / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.pictures.read(places[name]).save(path)
    return folder


@pytest.fixture
def trained(make: Make, here: Callable[[RunFolder], int]) -> Callable[..., RunFolder]:
    def one(method: str, **request: Any) -> RunFolder:
        run = make(method=[method], **request)
        assert here(run) == 0, run.log.read_text() if run.log.is_file() else ""
        return run

    return one


def encoded(
    run: RunFolder, data_dir: Path, output: Path, *words: object
) -> tuple[int, list[dict[str, Any]]]:
    """What the process does, in this one: its exit code and messages."""
    messages: list[dict[str, Any]] = []
    parser_words = [str(run.path), str(output), *map(str, words), "--data-dir", str(data_dir)]
    arguments = encode_items.parser().parse_args(parser_words)
    code = protocol.answer(lambda send: encode_items.encode(arguments, send), messages.append)
    return code, messages


@pytest.mark.parametrize("method", ["lsh", "prompthash"])
def test_items_of_the_dataset_get_the_codes_of_the_run(
    method: str, trained: Callable[..., RunFolder], data_dir: Path, tmp_path: Path
) -> None:
    """For a method on frozen features, and for one that tunes the towers where there is one."""
    run = trained(method, **({} if method == "lsh" else {"epochs": 1}))
    dataset = load_dataset(specs.read(run.spec).dataset, data_dir)
    (codes,) = read_codes(run.codes)
    ids = list(codes.database_ids[:ITEMS])
    folder = picture_folder(dataset, ids, tmp_path / "pictures")
    code, messages = encoded(run, data_dir, tmp_path / "new.npz", "--images", folder)
    assert code == 0, messages
    new = read_encoded(tmp_path / "new.npz")
    order = [ids.index(Path(name).stem) for name in new.ids]
    assert (new.modality, new.run, sorted(order)) == ("image", run.id, list(range(ITEMS)))
    expected = codes.database["image"].words[order]
    assert np.array_equal(new.codes[codes.bits].words, expected)
    progress = [one for one in messages if one.get("progress") == "codes"]
    assert [one["done"] for one in progress] == [64, ITEMS]
    # texts
    places = {name: place for place, name in enumerate(dataset.ids)}
    captions = [dataset.captions[places[name]][0] for name in ids]
    (tmp_path / "texts.txt").write_text("\n".join(captions) + "\n\n", encoding="utf-8")
    code, messages = encoded(
        run, data_dir, tmp_path / "texts.npz", "--texts", tmp_path / "texts.txt"
    )
    assert code == 0, messages
    new = read_encoded(tmp_path / "texts.npz")
    assert (new.modality, list(new.ids)) == ("text", captions)
    assert np.array_equal(new.codes[codes.bits].words, codes.database["text"].words[:ITEMS])


def test_broken_pictures_stop_or_are_left_out_by_name(
    trained: Callable[..., RunFolder], data_dir: Path, tmp_path: Path
) -> None:
    run = trained("lsh")
    dataset = load_dataset(specs.read(run.spec).dataset, data_dir)
    folder = picture_folder(dataset, list(dataset.ids[:3]), tmp_path / "pictures")
    (folder / "broken.jpg").write_text("no picture")
    code, messages = encoded(run, data_dir, tmp_path / "new.npz", "--images", folder)
    assert code == 2
    assert "broken.jpg" in messages[-1]["where"]
    assert "--on-bad-image skip" in messages[-1]["remedy"]
    assert not (tmp_path / "new.npz").exists()
    words = ("--images", folder, "--on-bad-image", "skip")
    code, messages = encoded(run, data_dir, tmp_path / "new.npz", *words)
    assert code == 0
    assert [one["skipped"] for one in messages if "skipped" in one] == ["broken.jpg"]
    assert len(read_encoded(tmp_path / "new.npz").ids) == 3


def test_a_search_finds_the_item_itself(
    trained: Callable[..., RunFolder], data_dir: Path, tmp_path: Path
) -> None:
    """A database item's own picture and caption are at distance 0; so are new items."""
    run = trained("lsh")
    library = Library(run, data_dir)
    row = 5
    item = library._describe("database", row)
    dataset = load_dataset(specs.read(run.spec).dataset, data_dir)
    folder = picture_folder(dataset, [item["id"]], tmp_path / "pictures")
    picture = str(folder / f"{item['id']}.png")
    for question in (
        {"ask": "picture query", "direction": "i2i", "file": picture},
        {"ask": "typed", "direction": "t2t", "caption": item["caption"]},
    ):
        answer = library.answer({**question, "bits": 16, "top": 400})
        assert [one["distance"] for one in answer["results"] if one["id"] == item["id"]] == [0]
    encoded(run, data_dir, tmp_path / "new.npz", "--images", folder)
    question = {"ask": "new items", "query": picture, "picture": True, "bits": 16, "top": 5}
    answer = library.answer({**question, "file": str(tmp_path / "new.npz")})
    assert answer["results"] == [{"rank": 1, "distance": 0, "row": 0, "id": f"{item['id']}.png"}]
    other = Library(run, data_dir)
    other._run = RunFolder(run.path.with_name("another"))
    with pytest.raises(InputError, match="holds codes of"):
        other.answer({**question, "file": str(tmp_path / "new.npz")})
    with pytest.raises(DamagedFileError, match="cannot be read|not a picture|is missing"):
        library.answer(
            {"ask": "picture query", "direction": "i2t", "file": "no.png", "bits": 16, "top": 1}
        )


def test_a_fused_code_is_made_of_the_modality_that_is_there(
    trained: Callable[..., RunFolder], data_dir: Path, tmp_path: Path
) -> None:
    """Codes of texts alone do not depend on what they are encoded with."""
    run = trained("clipmh", epochs=1)
    lines = ["a red circle beside the sea", "two dogs", "a big house under the moon"]
    (tmp_path / "all.txt").write_text("\n".join(lines))
    (tmp_path / "one.txt").write_text(lines[1])
    for name in ("all", "one"):
        code, messages = encoded(
            run, data_dir, tmp_path / f"{name}.npz", "--texts", tmp_path / f"{name}.txt"
        )
        assert code == 0, messages
    whole, one = (read_encoded(tmp_path / f"{name}.npz").codes[16] for name in ("all", "one"))
    assert np.array_equal(whole.words[1], one.words[0])
    assert Library(run, data_dir).rank_typed(16, "mm", lines[0], 3)["results"][0]["rank"] == 1


def test_the_commands_encode_and_search(
    trained: Callable[..., RunFolder], data_dir: Path, tmp_path: Path
) -> None:
    """Through the processes that the command line starts."""
    run = trained("lsh")
    (tmp_path / "texts.txt").write_text("a dog on the beach\na red house\n")
    places = ["--runs-dir", str(run.path.parent), "--data-dir", str(data_dir)]
    output = str(tmp_path / "new.npz")
    runner = CliRunner()
    texts = ["--texts", str(tmp_path / "texts.txt"), "-o", output]
    done = runner.invoke(app, ["encode", run.id, *texts, *places, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["items"] == 2
    words = ["search", run.id, "a red house", *places, "--top", "3"]
    found = json.loads(runner.invoke(app, [*words, "--json"]).stdout)
    assert found["direction"] == "t2i"
    assert [one["rank"] for one in found["results"]] == [1, 2, 3]
    assert found["results"][0]["caption"]
    new = json.loads(runner.invoke(app, [*words, "--codes", output, "--json"]).stdout)
    best = new["results"][0]
    assert (best["id"], best["distance"]) == ("a red house", 0)
    table = runner.invoke(app, words)
    assert table.exit_code == 0
    assert found["results"][0]["id"] in table.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--images and --texts"),
        (["--images", "a", "--texts", "b"], "--images and --texts"),
        (["--images", "a", "-o", "codes.txt"], "codes.npz"),
        (["--images", "a", "--on-bad-image", "never"], "stop, skip"),
    ],
)
def test_wrong_words_are_refused(words: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["encode", "last", *words])
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)


def test_a_search_names_a_picture_that_is_not_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["search", str(tmp_path) + "/x", "no/such.jpg"])
    assert isinstance(done.exception, InputError)


def test_the_reader_takes_nothing_else(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", ids=np.array(["x"]))
    np.savez(
        tmp_path / "b.npz", encoded=np.array([1]), ids=np.array(["x"]), run=np.array(["r"]),
        modality=np.array(["text"]), codes_8=np.zeros((2, 1), np.uint64),
    )  # fmt: skip
    for name, problem in (("a", "no codes of new items"), ("b", "codes of its 1 items")):
        with pytest.raises(DamagedFileError, match=problem):
            read_encoded(tmp_path / f"{name}.npz")


def test_imported_codes_have_no_encoder(make: Make, data_dir: Path) -> None:
    run = make(method=["lsh"])
    spec = msgspec.structs.replace(specs.read(run.spec), method="Ours", imported="ours.mat")
    with pytest.raises(InputError, match="imported codes"):
        ItemEncoder(run, spec, data_dir)
