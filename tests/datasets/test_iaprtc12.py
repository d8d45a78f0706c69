"""IAPR TC-12 in its official layout: whole and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashbench.datasets.base import Dataset
from hashbench.datasets.iaprtc12.dataset import load
from hashbench.errors import HashbenchError, InputError

TEXT = """<DOC>
<DOCNO>annotations/{name}.eng</DOCNO>
<TITLE>T\xedtulo</TITLE>
<DESCRIPTION>{text}</DESCRIPTION>
<IMAGE>images/{name}.jpg</IMAGE>
</DOC>
"""


def read(folder: Path) -> Dataset:
    return load(folder, {})


@pytest.fixture
def iapr(tmp_path: Path) -> Path:
    texts = {"00/25": "a caf\xe9 ;\n a man", "00/9": "the sea", "01/1001": "nothing", "01/1002": ""}
    for name, text in texts.items():
        path = tmp_path / "annotations_complete_eng" / f"{name}.eng"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEXT.format(name=name, text=text), encoding="latin-1")
        picture = tmp_path / "images" / f"{name}.jpg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 5)).save(picture)
    base = tmp_path / "saiaprtc12ok" / "benchmark" / "saiapr_tc-12"
    for folder, lines in {"00": "25 1 3\n25 2 200\n25 3 3\n9 1 7\n", "01": "\n1002 1 3\n"}.items():
        (base / folder).mkdir(parents=True)
        (base / folder / "labels.txt").write_text(lines)
    words = "3\tman\n5\tunused-word\n7\tocean-animal\n200\tbuilding\n"
    (base.parent / "wlist.txt").write_text(words)
    return tmp_path


def test_items_classes_and_captions(iapr: Path) -> None:
    dataset = read(iapr)
    assert list(dataset.ids) == ["00/9", "00/25"]
    assert dataset.class_names == ("man", "ocean animal", "building")
    np.testing.assert_array_equal(dataset.labels, [[0, 1, 0], [1, 0, 1]])
    assert list(dataset.captions) == [("the sea",), ("a caf\xe9 ; a man",)]
    assert dataset.pictures.read(0).size == (5, 5)
    assert dataset.notes == (
        "left out 1 without label, 1 without description, of 4 texts",
        "3 of the 4 words of the list label an item",
    )


def test_a_word_list_of_names_alone_counts_its_lines(iapr: Path) -> None:
    names = [f"word{number}" for number in range(1, 201)]
    (iapr / "classes.txt").write_text("\n".join(names))
    assert read(iapr).class_names == ("word3", "word7", "word200")


def test_without_a_word_list_nothing_is_guessed(iapr: Path) -> None:
    (iapr / "saiaprtc12ok" / "benchmark" / "wlist.txt").unlink()
    with pytest.raises(InputError, match="is missing") as caught:
        read(iapr)
    assert str(caught.value.where) == str(iapr / "wlist.txt")


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        ("saiaprtc12ok/benchmark/wlist.txt", "3 man\n3 woman\n", "line 2 lists 'woman'"),
        ("saiaprtc12ok/benchmark/wlist.txt", "3 man\n4 man\n", "line 2 lists 'man'"),
        ("saiaprtc12ok/benchmark/wlist.txt", "3 man\n", "word 200 is not in the word list"),
        ("saiaprtc12ok/benchmark/saiapr_tc-12/00/labels.txt", "25 1\n", "line 1: is '25 1'"),
        ("saiaprtc12ok/benchmark/saiapr_tc-12/00/labels.txt", "25 1 x\n", "line 1: is '25 1 x'"),
        ("annotations_complete_eng/00/25.eng", "<DOC></DOC>", "has no DESCRIPTION"),
        ("annotations_complete_eng/00/25.eng", "\0", "not a text file"),
        (
            "annotations_complete_eng/00/25.eng",
            TEXT.format(name="../../25", text="x"),
            "leads out of the image folder",
        ),
        ("annotations_complete_eng/00/25.eng", TEXT.format(name="x", text="x"), "has no number"),
        ("annotations_complete_eng/00/25.eng", TEXT.format(name="9", text="x"), "another file"),
    ],
)
def test_damaged_files(iapr: Path, path: str, content: str, problem: str) -> None:
    (iapr / path).write_text(content)
    with pytest.raises(HashbenchError, match=problem) as caught:
        read(iapr)
    assert str(caught.value.where).startswith(str(iapr))


@pytest.mark.parametrize("folder", ["annotations_complete_eng", "saiaprtc12ok"])
def test_missing_folders(iapr: Path, folder: str) -> None:
    (iapr / folder).rename(iapr / "elsewhere")
    with pytest.raises(InputError):
        read(iapr)


def test_without_any_picture_labels_and_texts_are_read(iapr: Path) -> None:
    before = read(iapr)
    (iapr / "images").rename(iapr / "elsewhere")
    after = read(iapr)
    assert set(before.ids) <= set(after.ids)
    assert after.fingerprint != before.fingerprint
