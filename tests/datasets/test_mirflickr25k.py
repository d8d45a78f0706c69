"""MIRFlickr-25K in its official layout: the real annotation, and damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashbench.datasets.base import Dataset
from hashbench.datasets.mirflickr25k import CARD
from hashbench.datasets.mirflickr25k.dataset import CLASSES, choose_tags, load
from hashbench.datasets.mirflickr25k.reference_counts import COUNTS, FREQUENT_ITEMS, ITEMS, WITHIN
from hashbench.datasets.pictures import FilePictures
from hashbench.errors import DamagedFileError, HashbenchError, InputError

# Section 7.1 of the method cards: column order and positives of the matrix that PGHMH released.
RELEASED = {
    "male": 6081, "dog": 684, "female": 6184, "tree": 4683, "river": 894, "portrait": 3931,
    "flower": 1823, "animals": 3216, "night": 2711, "lake": 791, "sunset": 2135, "car": 1177,
    "sky": 7912, "bird": 742, "plant_life": 8763, "transport": 2895, "people": 10373, "water": 3331,
    "sea": 1322, "structures": 9992, "clouds": 3700, "food": 990, "baby": 259, "indoor": 8313,
}  # fmt: skip


def read(folder: Path, preset: str = "mirflickr25k") -> Dataset:
    defaults = {param.name: param.default for param in CARD.params}
    return load(folder, defaults | dict(CARD.presets.get(preset, {})))


def archive(root: Path, *, nested: bool = False) -> Path:
    """Three labelled pictures, one without a label and one label without a picture."""
    pictures = root / "mirflickr" if nested else root
    (pictures / "meta" / "tags").mkdir(parents=True)
    annotations = root / ("mirflickr25k_annotations_v080" if nested else "annotations")
    annotations.mkdir()
    for number in (1, 2, 3, 10):
        Image.new("RGB", (6, 4)).save(pictures / f"im{number}.jpg")
    tags = {1: "sky\nblue\nblue\n", 2: "sky", 3: "rare", 10: "sky", 11: "sky"}
    for number, words in tags.items():
        (pictures / "meta" / "tags" / f"tags{number}.txt").write_text(words)
    members = {"sky": "1\n2\n11\n", "clouds": "1\n", "sea": "3\n"}
    for name in CLASSES:
        (annotations / f"{name}.txt").write_text(members.get(name, ""))
    return root


def test_items_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    dataset = read(archive(tmp_path))
    assert list(dataset.ids) == ["im1", "im2", "im3"]
    assert [texts[0] for texts in dataset.captions] == ["sky blue", "sky", "rare"]
    named = [{CLASSES[column] for column in np.flatnonzero(row)} for row in dataset.labels]
    assert named == [{"sky", "clouds"}, {"sky"}, {"sea"}]
    assert dataset.pictures.read(2).size == (6, 4)
    assert dataset.notes == (
        "left out 1 picture without any of the 24 labels",
        "left out 1 labelled item without a picture",
        "24,995 of 25,000 images have no file of tags",
    )


@pytest.mark.parametrize("parent", ["", "mirflickr", "mirflickr25k"])
@pytest.mark.parametrize("nested", [False, True])
def test_the_archives_may_lie_in_several_ways(tmp_path: Path, parent: str, nested: bool) -> None:
    (tmp_path / parent).mkdir(exist_ok=True)
    archive(tmp_path / parent, nested=nested)
    assert len(read(tmp_path)) == 3


def test_only_items_with_frequent_tags(tmp_path: Path) -> None:
    dataset = load(archive(tmp_path), {"frequent_tags": 2})
    assert list(dataset.ids) == ["im1", "im2"]  # blue and rare tie; blue comes first
    assert "tags are missing" in dataset.notes[-1]
    (tmp_path / "doc").mkdir()
    (tmp_path / "doc" / "common_tags.txt").write_text("sky 3\nrare 1\nblue 1\n")
    listed = load(tmp_path, {"frequent_tags": 2})
    assert list(listed.ids) == ["im1", "im2", "im3"]
    assert [texts[0] for texts in listed.captions] == ["sky", "sky", "rare"]


def test_the_archives_own_list_of_tags_is_cut_to_the_asked_number(tmp_path: Path) -> None:
    common = tmp_path / "common_tags.txt"
    common.write_text("a 9\nb 8\nc 7\n")
    assert choose_tags([["z"]], 2, common)[0] == {"a", "b"}


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("annotations", "annotations/animals.txt"),
        ("meta/tags", "meta/tags"),
        ("annotations/baby.txt", "annotations/baby.txt"),
    ],
)
def test_a_missing_part_is_named(tmp_path: Path, missing: str, named: str) -> None:
    archive(tmp_path)
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert str(caught.value.where) == str(tmp_path / named)
    assert "mirflickr25k_annotations_v080.zip" in str(caught.value.remedy)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MIRFlickr-25K is missing"):
        read(tmp_path)
    (tmp_path / "mirflickr25k" / "meta" / "tags").mkdir(parents=True)
    with pytest.raises(InputError, match=r"animals\.txt: is missing"):
        read(tmp_path)


def test_without_any_picture_labels_and_tags_are_read(tmp_path: Path) -> None:
    archive(tmp_path)
    for path in tmp_path.glob("im*.jpg"):
        path.unlink()
    dataset = read(tmp_path)
    assert list(dataset.ids) == ["im1", "im2", "im3", "im11"]
    assert isinstance(dataset.pictures, FilePictures)
    assert dataset.pictures.missing() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"1\n2\nx3\n", "line 3 is 'x3', not a whole number"),
        (b"1\n-2\n", "line 2 is '-2'"),
        (b"1\n25001\n", "holds 25001, more than 25000"),
        (b"0\n", "holds image number 0"),
        (b"99999999999999999999\n", "more than 18 digits"),
        (b"\x00\x01\x02", "not a text file"),
        (b"\xff\xd8\xff\xe0", "line 1 is"),
    ],
)
def test_damaged_annotations(tmp_path: Path, content: bytes, problem: str) -> None:
    archive(tmp_path)
    (tmp_path / "annotations" / "dog.txt").write_bytes(content)
    with pytest.raises(HashbenchError, match=problem) as caught:
        read(tmp_path)
    assert "dog.txt" in str(caught.value.where)


def test_damaged_tags(tmp_path: Path) -> None:
    archive(tmp_path)
    (tmp_path / "meta" / "tags" / "tags2.txt").write_bytes(b"sky\0")
    with pytest.raises(DamagedFileError, match="is not a text file"):
        read(tmp_path)


@pytest.mark.shared
def test_the_real_annotation_gives_the_24581_items(mirflickr: Path) -> None:
    dataset = read(mirflickr)
    assert len(dataset) == ITEMS == 24_581
    assert dict(zip(CLASSES, dataset.labels.sum(axis=0).tolist(), strict=True)) == RELEASED
    assert {name: both[0] for name, both in COUNTS.items()} == RELEASED
    assert dataset.labels.sum() / len(dataset) == pytest.approx(3.78, abs=0.005)
    first = {name for name, on in zip(CLASSES, dataset.labels[0], strict=True) if on}
    assert first == {"female", "people", "portrait", "sky", "structures"}
    for inner, outer in WITHIN:
        a, b = (dataset.labels[:, CLASSES.index(name)] for name in (inner, outer))
        assert (a & b).sum() >= 0.998 * a.sum()


@pytest.mark.shared
def test_the_real_tags_give_the_20015_items(mirflickr: Path, shared_data: Path) -> None:
    dataset = read(mirflickr, "mirflickr25k-20015")
    assert len(dataset) == FREQUENT_ITEMS == 20_015
    with np.load(shared_data / "mirflickr25k" / "labels.npz") as known:
        ids = [f"im{number}" for number in known["image_id"][known["in20015"]]]
    assert list(dataset.ids) == ids
    words = [texts[0].split(" ") for texts in dataset.captions]
    assert len({word for text in words for word in text}) == 1386
    assert sum(map(len, words)) / len(words) == pytest.approx(4.637, abs=0.001)
    assert dataset.captions[0] == ("cigarette tattoos smoke red dress sunglasses",)
    expected = [both[1] for both in COUNTS.values()]
    assert dataset.labels.sum(axis=0).tolist() == expected
