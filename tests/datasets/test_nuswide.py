"""NUS-WIDE in its official layout: whole, in its variants, and damaged."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashbench.datasets.base import Dataset
from hashbench.datasets.nuswide import CARD
from hashbench.datasets.nuswide.dataset import CLASSES, CLASSES_10, load
from hashbench.errors import HashbenchError, InputError

NAMES = ["actor/0001_11.jpg", "actor/0002_12.jpg", "zoo/0001_13.jpg", "zoo/0002_14.jpg"]
MEMBERS = {"sky": [1, 1, 0, 0], "person": [1, 0, 0, 0], "rocks": [0, 0, 1, 0]}
TAGS = ["11      blue sky", "12", "13   stone  old", "14 nothing"]


def read(folder: Path, preset: str = "nuswide") -> Dataset:
    defaults = {param.name: param.default for param in CARD.params}
    return load(folder, defaults | dict(CARD.presets.get(preset, {})))


@pytest.fixture
def nuswide(tmp_path: Path) -> Path:
    for folder in ("ImageList", "Groundtruth/AllLabels", "NUS_WID_Tags"):
        (tmp_path / folder).mkdir(parents=True)
    listed = "".join(name.replace("/", "\\") + "\r\n" for name in NAMES)
    (tmp_path / "ImageList" / "Imagelist.txt").write_text(listed)
    (tmp_path / "NUS_WID_Tags" / "All_Tags.txt").write_text("\n".join(TAGS) + "\n")
    (tmp_path / "NUS_WID_Tags" / "TagList1k.txt").write_text("sky\nstone\nblue\n")
    matrix = "1\t0\t1\t\n0\t0\t0\t\n0\t1\t0\t\n0\t0\t0\t\n"
    (tmp_path / "NUS_WID_Tags" / "AllTags1k.txt").write_text(matrix)
    for name in CLASSES:
        column = MEMBERS.get(name, [0, 0, 0, 0])
        path = tmp_path / "Groundtruth" / "AllLabels" / f"Labels_{name}.txt"
        path.write_text("".join(f"{value}\n" for value in column))
    for number, name in enumerate(NAMES):
        path = tmp_path / "Flickr" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4 + number, 4)).save(path)
    return tmp_path


def test_items_labels_tags_and_pictures(nuswide: Path) -> None:
    dataset = read(nuswide)
    assert list(dataset.ids) == ["actor/0001_11", "actor/0002_12", "zoo/0001_13"]
    assert [texts[0] for texts in dataset.captions] == ["blue sky", "", "stone old"]
    assert dataset.class_names == CLASSES
    assert list(CLASSES) == sorted(CLASSES)
    sky, rocks = CLASSES.index("sky"), CLASSES.index("rocks")
    assert dataset.labels[:, sky].tolist() == [True, True, False]
    assert dataset.labels[:, rocks].tolist() == [False, False, True]
    assert dataset.pictures.read(2).size == (6, 4)
    assert dataset.notes == ("left out 1 of 4 images without any of the 21 concepts",)


def test_ten_concepts(nuswide: Path) -> None:
    dataset = read(nuswide, "nuswide-10")
    assert dataset.class_names == CLASSES_10
    assert set(CLASSES_10) < set(CLASSES)
    assert list(dataset.ids) == ["actor/0001_11", "actor/0002_12"]


def test_only_items_with_one_of_the_frequent_tags(nuswide: Path) -> None:
    dataset = read(nuswide, "nuswide-tags1k")
    assert list(dataset.ids) == ["actor/0001_11", "zoo/0001_13"]
    assert [texts[0] for texts in dataset.captions] == ["sky blue", "stone"]
    assert dataset.name == "nuswide-tags1k"
    assert read(nuswide, "nuswide-10-tags1k").name == "nuswide-10-tags1k"


def test_pictures_in_one_folder(nuswide: Path) -> None:
    (nuswide / "images").mkdir()
    for name in NAMES[:2]:
        (nuswide / "Flickr" / name).rename(nuswide / "images" / Path(name).name)
    for name in NAMES[2:]:
        (nuswide / "Flickr" / name).unlink()
    for folder in ("actor", "zoo", ""):
        (nuswide / "Flickr" / folder).rmdir()
    dataset = read(nuswide)
    assert list(dataset.ids) == ["actor/0001_11", "actor/0002_12"]
    assert dataset.pictures.read(1).size == (5, 4)
    assert dataset.notes[1] == "left out 1 labelled image without a picture"


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        ("Groundtruth/AllLabels/Labels_sky.txt", "1\n1\n0\n", "3 rows where Imagelist.txt has 4"),
        ("Groundtruth/AllLabels/Labels_sky.txt", "1\n1\n0\n-5\n", "line 4 is '-5'"),
        ("Groundtruth/AllLabels/Labels_sky.txt", "1\n1\n0\n2\n", "holds 2, more than 1"),
        ("NUS_WID_Tags/All_Tags.txt", "11 a\n12\n13\n", "3 rows where Imagelist.txt has 4"),
        ("NUS_WID_Tags/All_Tags.txt", "11 a\n13\n12\n14\n", "line 2 is for photograph '13'"),
        ("ImageList/Imagelist.txt", "a\\1_1.jpg\na\\1_1.jpg\n", "lists an image twice"),
        ("ImageList/Imagelist.txt", "a\\..\\..\\1.jpg\n", "leads out of the image folder"),
        ("ImageList/Imagelist.txt", "a\0b", "not a text file"),
        ("NUS_WID_Tags/AllTags1k.txt", "1 0 1\n0 0 0\n", "2 rows where"),
        ("NUS_WID_Tags/AllTags1k.txt", "1 0 1\n" * 5, "more rows where"),
        ("NUS_WID_Tags/AllTags1k.txt", "1 0 1\n" * 3 + "1 0\n", "ends within a row"),
        ("NUS_WID_Tags/AllTags1k.txt", "1 0 2\n" * 4, "something else than 0 and 1"),
        ("NUS_WID_Tags/TagList1k.txt", "", "is empty"),
    ],
)
def test_damaged_files(nuswide: Path, path: str, content: str, problem: str) -> None:
    (nuswide / path).write_text(content)
    with pytest.raises(HashbenchError, match=problem) as caught:
        read(nuswide, "nuswide-tags1k" if "1k" in path else "nuswide")
    assert str(caught.value.where).startswith(str(nuswide / path))
    assert caught.value.remedy


@pytest.mark.parametrize(
    "path",
    [
        "ImageList/Imagelist.txt",
        "Groundtruth/AllLabels/Labels_window.txt",
        "NUS_WID_Tags/All_Tags.txt",
    ],
)
def test_missing_files(nuswide: Path, path: str) -> None:
    (nuswide / path).rename(nuswide / "elsewhere")
    with pytest.raises(InputError, match="is missing") as caught:
        read(nuswide)
    assert str(caught.value.where) == str(nuswide / path)


def test_without_any_picture_labels_and_tags_are_read(nuswide: Path) -> None:
    before = read(nuswide)
    (nuswide / "Flickr").rename(nuswide / "elsewhere")
    after = read(nuswide)
    assert set(before.ids) <= set(after.ids)
    assert not any("without a picture" in note for note in after.notes)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NUS-WIDE is missing"):
        read(tmp_path)


@pytest.mark.slow  # writes 30 MB of text to read them
def test_an_index_of_the_full_size_is_built_in_seconds(nuswide: Path) -> None:
    count = 269_648
    names = [f"c{i % 704}/{i:06d}_{i}.jpg" for i in range(count)]
    (nuswide / "ImageList" / "Imagelist.txt").write_text("\n".join(names))
    (nuswide / "NUS_WID_Tags" / "All_Tags.txt").write_text(
        "\n".join(f"{i}      sky blue water tag{i % 5018}" for i in range(count))
    )
    rng = np.random.default_rng(0)
    for name in CLASSES:
        column = rng.integers(0, 2, count)
        path = nuswide / "Groundtruth" / "AllLabels" / f"Labels_{name}.txt"
        path.write_text("\n".join(map(str, column.tolist())))
    (nuswide / "Flickr" / "c0").mkdir()
    Image.new("RGB", (4, 4)).save(nuswide / "Flickr" / names[0])
    start = time.process_time()
    assert len(read(nuswide)) == 1
    assert time.process_time() - start < 30  # about 5 s; the limit only stops a blunder
