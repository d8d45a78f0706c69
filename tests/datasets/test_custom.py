"""A person's own data: tables, registrations, and hostile ones of both."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from hashbench.datasets import custom
from hashbench.datasets.custom_table import read_table
from hashbench.errors import DamagedFileError, HashbenchError, InputError, UnknownNameError
from hashbench.plan import catalog, custom_registry
from hashbench.plan.custom_registry import Registration
from hashbench.plan.request import Request, expand

TABLE = """file,caption,caption2,labels
a.jpg,"one, two",three,sky;sea
in/b.png, four ,,sea|dog
in/b.png,five,,cat
none.jpg,six,,sky
c.jpg,,,sky
d.jpg,seven,,
"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "in").mkdir(parents=True)
    for name in ("a.jpg", "in/b.png", "c.jpg", "d.jpg"):
        Image.new("RGB", (4, 5)).save(folder / name)
    return folder


def table(images: Path, content: str = TABLE, name: str = "table.csv") -> Registration:
    path = images.parent / name
    path.write_text(content, encoding="utf-8")
    return Registration(
        kind="table", title="Mine", query=0, train=0, images=str(images), table=str(path)
    )


def many(images: Path, count: int = 40) -> Registration:
    for number in range(count):
        Image.new("RGB", (4, 5), (number, 0, 0)).save(images / f"{number}.png")
    lines = "".join(f"{n}.png,caption {n},{'odd' if n % 2 else 'even'}\n" for n in range(count))
    return table(images, "file,caption,labels\n" + lines)


def test_a_table_of_pictures(images: Path) -> None:
    dataset = custom.read("mine", table(images), images.parent)
    assert list(dataset.ids) == ["a", "in/b"]
    assert list(dataset.captions) == [("one, two", "three"), ("four", "five")]
    assert dataset.class_names == ("cat", "dog", "sea", "sky")
    np.testing.assert_array_equal(dataset.labels, [[0, 0, 1, 1], [1, 1, 1, 0]])
    assert dataset.pictures.read(1).size == (4, 5)
    assert dataset.notes == (
        "left out 1 without picture, 1 without caption, 1 without label, of 5 rows",
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", "image\ttags\tlabel\na.jpg\tone, two\tsky,sea\n"),
        ("t.csv", "\ufeffFile;Text;Classes\na.jpg;one, two;sky,sea\n"),
        ("t.csv", 'labels,file_name,captions\n"sea, sky",a.jpg,"one, two"\n\n'),
        ("t.jsonl", '{"file": "a.jpg", "caption": "one, two", "labels": ["sky", "sea"]}\n\n'),
        ("t.csv", 'file,caption,labels\r\na.jpg,"one,\r\ntwo","sea,sky"\r\n'),
        ("t.jsonl", '{"path": "a.jpg", "captions": ["one, two"], "label": "sky | sea", "x": 1}'),
    ],
)
def test_every_form_of_a_table(images: Path, name: str, content: str) -> None:
    dataset = custom.read("mine", table(images, content, name), images.parent)
    assert list(dataset.captions) == [("one, two",)]
    assert dataset.class_names == ("sea", "sky")
    assert dataset.labels.all()


def test_only_line_feeds_end_a_line(images: Path) -> None:
    line = '{"file": "a.jpg", "caption": "one\u2028two\x85", "labels": ["sky"]}'
    for name, content in (
        ("t.jsonl", line),
        ("t.csv", "file,caption,labels\na.jpg,one\u2028two\x85,sky\n"),
    ):
        dataset = custom.read("mine", table(images, content, name), images.parent)
        assert list(dataset.captions) == [("one two",)]


def test_registering_makes_a_dataset_like_any_other(images: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    dataset, path = custom.register(data_dir, "mine", many(images))
    assert path == data_dir / "mine" / "hashbench.toml"
    card = catalog.dataset("mine", data_dir)
    assert (card.title, card.sizes["mine"].query, card.sizes["mine"].train) == ("Mine", 4, 18)
    (spec,) = expand(Request(dataset=["mine"]), data_dir)
    loaded = catalog.load(card.entry)(data_dir, spec.dataset.params)
    assert loaded.fingerprint == dataset.fingerprint
    assert loaded.name == "mine"
    with pytest.raises(UnknownNameError, match="did you mean mine"):
        catalog.dataset("mined", data_dir)
    with pytest.raises(UnknownNameError):
        catalog.dataset("mine")


def test_paths_in_a_registration_start_at_its_folder(images: Path) -> None:
    registration = many(images)
    custom.register(images.parent, "mine", registration)
    (images.parent / "mine" / "hashbench.toml").write_text(
        'kind = "table"\ntitle = "t"\nquery = 4\ntrain = 8\n'
        'images = "../pictures"\ntable = "../table.csv"\n'
    )
    assert len(custom.load(images.parent, {"name": "mine"})) == 40


def test_a_set_of_features_is_registered_too(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    labels = np.arange(30) % 3
    np.savez(path, images=np.ones((30, 4)), texts=np.ones((30, 2)), labels=labels)
    registration = Registration(kind="features", title="F", query=5, train=10, file=str(path))
    custom.register(tmp_path / "data", "feats", registration)
    dataset = custom.load(tmp_path / "data", {"name": "feats"})
    assert dataset.name == "feats"
    assert dataset.features is not None


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", ".x", "a b", "x" * 65, "coco", "soda!"])
def test_names_that_cannot_be_given(images: Path, name: str) -> None:
    with pytest.raises(InputError):
        custom.register(images.parent, name, many(images))
    assert not custom_registry.names(images.parent)


def test_a_name_is_given_once_unless_overwritten(images: Path) -> None:
    custom.register(images.parent, "mine", many(images))
    with pytest.raises(InputError, match="mine is a dataset already"):
        custom.register(images.parent, "mine", many(images))
    custom.register(images.parent, "mine", many(images, 60), overwrite=True)
    assert len(custom.load(images.parent, {"name": "mine"})) == 60


def test_nothing_is_written_when_something_is_wrong(images: Path) -> None:
    small = table(images)
    with pytest.raises(InputError, match="do not fit into 2"):
        custom.register(images.parent, "mine", small)
    assert not (images.parent / "mine").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no column file, only nothing"),
        ("file,caption\na.jpg,x\n", "no column labels, only file, caption"),
        ("file,labels\na.jpg,x\n", "no column caption"),
        ("file,path,caption,labels\n", "several columns for file"),
        ("file,caption,labels\n", "has no rows"),
        ("file,caption,labels\na.jpg,x\n", r"line 2: has 2 cells where the header has 3"),
        ("file,caption,labels\na.jpg,x,sky,sea\n", r"line 2: has 4 cells"),
        ('file,caption,labels\na.jpg,"x,sky\n', r"line 2: is not a table"),
        ("file,caption,labels\n" + "x" * 200_000 + ",a,b\n", "field larger than"),
        ("file,caption,labels\n../../etc/passwd,x,sky\n", r"line 2: the file name '../../etc"),
        ("file,caption,labels\n/etc/passwd,x,sky\n", r"line 2: the file name"),
        ("file,caption,labels\n,x,sky\n", r"line 2: the file name"),
        ("file,caption,labels\na\0.jpg,x,sky\n", "is not a text file"),
    ],
)
def test_damaged_tables(images: Path, content: str, problem: str) -> None:
    with pytest.raises(HashbenchError, match=problem) as caught:
        custom.read("mine", table(images, content), images.parent)
    assert "table.csv" in str(caught.value.where)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is not a json object"),
        ("[]", "is not a json object"),
        ('{"caption": "x", "labels": []}', "has no file name"),
        ('{"file": 3, "caption": "x", "labels": []}', "has no file name"),
        ('{"file": "a.jpg", "caption": 3, "labels": []}', "caption: is no text"),
        ('{"file": "a.jpg", "caption": "x"}', "has no labels"),
        ('{"file": "a.jpg", "caption": "x", "labels": [1]}', "labels: is no text"),
        ('{"file": "../a.jpg", "caption": "x", "labels": []}', "leads out"),
        ("[" * 100_000, "is not a json object"),
    ],
)
def test_damaged_json_lines(images: Path, line: str, problem: str) -> None:
    good = json.dumps({"file": "a.jpg", "caption": "x", "labels": ["sky"]})
    with pytest.raises(HashbenchError, match=problem) as caught:
        custom.read("mine", table(images, f"{good}\n{line}\n", "table.jsonl"), images.parent)
    assert "table.jsonl: line 2" in str(caught.value.where)


def test_tables_and_folders_that_are_not_there(images: Path) -> None:
    with pytest.raises(InputError, match="is missing"):
        read_table(images / "none.csv")
    with pytest.raises(InputError, match="not a table by its name"):
        read_table(images / "a.jpg")
    lost = msgspec.structs.replace(table(images), images=str(images / "none"))
    with pytest.raises(InputError, match="is not a folder"):
        custom.register(images.parent, "mine", lost)
    strange = table(images, "file,caption,labels\nq.jpg,x,sky\n")
    with pytest.raises(InputError, match="no row of the table has a picture"):
        custom.register(images.parent, "mine", strange)
    assert not (images.parent / "mine").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("kind = ", "is not a registration"),
        ('kind = "other"\ntitle = ""\nquery = 1\ntrain = 2\n', "Invalid enum value"),
        ('kind = "table"\n', "missing required field"),
        ('kind = "table"\ntitle = ""\nquery = 0\ntrain = 2\n', "no sizes of a split"),
        ('kind = "table"\ntitle = ""\nquery = 1\ntrain = 2\nrun = "rm"\n', "unknown field"),
        ("#" * 70_000, "too large"),
        ("\x00", "is not a registration"),
    ],
)
def test_damaged_registrations(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "hashbench.toml").write_text(content)
    with pytest.raises(DamagedFileError, match=problem):
        catalog.dataset("mine", tmp_path)
    assert catalog.dataset("picturebook", tmp_path).builtin  # the others are not harmed


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.text(st.sampled_from('ab.jpg/\\,;|\t\n\r"\0 filecaptonsx{}[]:é')),
    json_=st.booleans(),
)
def test_any_text_is_a_table_or_one_clear_error(images: Path, content: str, json_: bool) -> None:
    start = "" if json_ else "file,caption,labels\n"
    registration = table(images, start + content, "t.jsonl" if json_ else "t.csv")
    try:
        rows = read_table(Path(registration.table))
    except HashbenchError as error:
        assert error.remedy  # noqa: PT017
        return
    assert all(not name.startswith(("/", "..")) for name in rows)
