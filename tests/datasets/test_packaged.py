"""Packaged files as the field's scripts write them, and damaged ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from hashbench.datasets import availability
from hashbench.datasets.base import Dataset
from hashbench.datasets.mirflickr25k.reference_counts import COUNTS
from hashbench.datasets.packaged import CARD, FILES
from hashbench.datasets.packaged.dataset import load
from hashbench.errors import DamagedFileError, HashbenchError, InputError

LABELS = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]])
NAMES = ["im1.jpg", "im10.jpg", "im100.jpg"]
TEXTS = ["sky blue", "a dog", "x"]


def read(folder: Path, preset: str = "packaged") -> Dataset:
    defaults = {param.name: param.default for param in CARD.params}
    return load(folder, defaults | dict(CARD.presets.get(preset, {})))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number, name in enumerate(NAMES):
        Image.new("RGB", (3 + number, 3)).save(tmp_path / "images" / name)
    (tmp_path / "classes.txt").write_text("sky\ndog\nplant life\n")
    return tmp_path


def cells(entries: list[Any], *, column: bool = True) -> np.ndarray:
    """A cell array of one column or row."""
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array.reshape(-1, 1) if column else array.reshape(1, -1)


def save_v73(path: Path, name: str, value: np.ndarray | list[str]) -> None:
    """As MATLAB writes it: matrices transposed, a cell array of strings as references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        if isinstance(value, list):
            refs = file.create_dataset(name, (1, len(value)), dtype=h5py.ref_dtype)
            refs.attrs["MATLAB_class"] = np.bytes_("cell")
            for number, text in enumerate(value):
                units = np.array([[ord(letter)] for letter in text], dtype=np.uint16)
                entry = file.create_dataset(f"#refs#/{number}", data=units)
                entry.attrs["MATLAB_class"] = np.bytes_("char")
                refs[0, number] = entry.ref
        else:
            stored = file.create_dataset(name, data=value.T.astype(np.float64))
            stored.attrs["MATLAB_class"] = np.bytes_("double")


def dcmht(folder: Path) -> None:
    """Lists of captions, paths of another machine, `category`."""
    savemat(folder / "caption.mat", {"caption": [[text] for text in TEXTS]})
    savemat(folder / "index.mat", {"index": [f"/home/x/mirflickr/{name}" for name in NAMES]})
    savemat(folder / "label.mat", {"category": list(LABELS.astype(float))})


def dcmht_ragged(folder: Path) -> None:
    """Several captions an item, not equally many."""
    captions = [np.array(["sky blue", "more"]), np.array(["a dog"]), np.array(["x", "y", "z"])]
    savemat(folder / "caption.mat", {"caption": cells(captions)})
    savemat(folder / "index.mat", {"index": cells(NAMES)})
    savemat(folder / "label.mat", {"category": LABELS.astype(np.int8)})


def row_of_cells(folder: Path) -> None:
    """(1, N), as scipy returns some."""
    savemat(folder / "caption.mat", {"caption": cells([cells([t]) for t in TEXTS], column=False)})
    savemat(folder / "index.mat", {"index": cells(NAMES, column=False)})
    savemat(folder / "label.mat", {"category": LABELS.astype(np.uint8)})


def captions_as_lines(folder: Path) -> None:
    """PromptHash's NUS-WIDE: caption.txt, and image paths as .npy."""
    (folder / "caption.txt").write_text("\n".join(TEXTS) + "\n")
    np.save(folder / "index.npy", np.array([f"Flickr\\{name}" for name in NAMES]))
    savemat(folder / "label.mat", {"category": LABELS})


def mith(folder: Path) -> None:
    """Arrays of strings, padded with blanks; `label` as floats; a bag of words beside."""
    savemat(folder / "caption.mat", {"caption": np.array(TEXTS), "caption_one_hot": np.eye(3)})
    savemat(folder / "index.mat", {"index": np.array([f"/path/{name}" for name in NAMES])})
    savemat(folder / "label.mat", {"label": LABELS.astype(np.float32)}, do_compression=True)


def dcmh(folder: Path) -> None:
    """FAll, LAll, and tags under the name of torchcmh."""
    savemat(folder / "tagList.mat", {"tags": np.array(TEXTS)})
    savemat(folder / "imgList.mat", {"FAll": cells(NAMES)})
    savemat(folder / "labelList.mat", {"LAll": LABELS})


def v73(folder: Path) -> None:
    save_v73(folder / "caption.mat", "caption", TEXTS)
    save_v73(folder / "index.mat", "index", NAMES)
    save_v73(folder / "label.mat", "label", LABELS)


def text_lists(folder: Path) -> None:
    (folder / "all_tags.txt").write_text("sky,blue\na,dog\nx\n")
    (folder / "all_imgs.txt").write_text("".join(f"mirflickr/{name}\n" for name in NAMES))
    np.savetxt(folder / "all_labels.txt", LABELS)


FLAVOURS = [dcmht, dcmht_ragged, row_of_cells, captions_as_lines, mith, dcmh, v73, text_lists]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_flavour_gives_the_same_items(folder: Path, flavour: Any) -> None:
    flavour(folder)
    dataset = read(folder)
    assert list(dataset.ids) == ["im1", "im10", "im100"]
    assert [texts[0] for texts in dataset.captions] == TEXTS
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.class_names == ("sky", "dog", "plant life")
    assert [dataset.pictures.read(i).width for i in range(3)] == [3, 4, 5]
    assert dataset.notes == ()
    several = flavour is dcmht_ragged
    assert [len(texts) for texts in dataset.captions] == ([2, 1, 3] if several else [1, 1, 1])


def test_sentences_of_a_text_list_and_the_literal_for_no_tags(folder: Path) -> None:
    text_lists(folder)
    (folder / "all_tags.txt").rename(folder / "all_txts.txt")
    (folder / "all_txts.txt").write_text("One. ; Two.;\n123456\n  spaced   out \n")
    assert list(read(folder).captions) == [("One.", "Two."), ("",), ("spaced out",)]


def test_items_without_a_label_are_left_out(folder: Path) -> None:
    text_lists(folder)
    np.savetxt(folder / "all_labels.txt", [[1, 0, 1], [0, 0, 0], [0, 0, 1]])
    dataset = read(folder)
    assert list(dataset.ids) == ["im1", "im100"]
    assert dataset.notes == ("left out 1 item without a label",)


def test_columns_without_names(folder: Path) -> None:
    mith(folder)
    (folder / "classes.txt").unlink()
    dataset = read(folder)
    assert dataset.class_names == ("class 1", "class 2", "class 3")
    assert "classes.txt" in dataset.notes[0]


@pytest.mark.shared
@pytest.mark.parametrize("frequent", [False, True])
def test_columns_of_a_known_set_are_named_by_their_counts(
    tmp_path: Path, shared_data: Path, frequent: bool
) -> None:
    with np.load(shared_data / "mirflickr25k" / "labels.npz") as known:
        keep = known["in20015"] if frequent else known["labels24"].any(axis=1)
        numbers, labels = known["image_id"][keep], known["labels24"][keep]
        names = known["class24"]
    order = np.random.default_rng(3).permutation(24)
    savemat(tmp_path / "caption.mat", {"caption": np.full(len(labels), "a")})
    savemat(tmp_path / "index.mat", {"index": np.array([f"im{n}.jpg" for n in numbers])})
    savemat(tmp_path / "label.mat", {"label": labels[:, order]})
    Image.new("RGB", (2, 2)).save(tmp_path / f"im{numbers[0]}.jpg")
    dataset = read(tmp_path, "packaged-partial")
    assert dataset.class_names == tuple(names[order])
    assert f"{len(labels):,} items" in dataset.notes[0]
    assert len({both[frequent] for both in COUNTS.values()}) == 24  # or no count could tell


def test_pictures_of_the_same_name_are_distinguished_by_their_folders(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / "images" / name).mkdir()
        Image.new("RGB", (7 if name == "a" else 9, 2)).save(folder / "images" / name / "1.jpg")
    mith(folder)
    savemat(folder / "index.mat", {"index": np.array(["/y/b/1.jpg", "/y/a/1.jpg", "im1.jpg"])})
    dataset = read(folder)
    assert [dataset.pictures.read(i).width for i in range(3)] == [9, 7, 3]
    assert list(dataset.ids) == ["images/b/1", "images/a/1", "images/im1"]
    savemat(folder / "index.mat", {"index": np.array(["/y/b/1.jpg", "/1.jpg", "im1.jpg"])})
    with pytest.raises(InputError, match=r"'1.jpg' may be images/./1.jpg or images/./1.jpg"):
        read(folder)


def test_an_image_listed_twice_gets_an_id_of_its_own(folder: Path) -> None:
    mith(folder)
    savemat(folder / "index.mat", {"index": np.array(["im1.jpg", "im1.jpg", "im10.jpg"])})
    assert list(read(folder).ids) == ["images/im1", "images/im1#2", "images/im10"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "images/../../im1.jpg", "..\\im1.jpg"])
def test_a_path_that_leaves_the_image_folder_is_refused(folder: Path, name: str) -> None:
    mith(folder)
    Image.new("RGB", (3, 3)).save(folder.parent / "im1.jpg")
    savemat(folder / "index.mat", {"index": np.array(["im1.jpg", name, "im10.jpg"])})
    for preset in ("packaged", "packaged-partial"):
        with pytest.raises(InputError, match="leads out of the image folder") as caught:
            read(folder, preset)
        assert str(caught.value.where) == f"{folder / 'index.mat'}: item 1"


@pytest.mark.parametrize("name", ["/etc/passwd", "C:\\secret.jpg", "nowhere.jpg"])
def test_a_picture_that_is_not_in_the_folder_stops(folder: Path, name: str) -> None:
    mith(folder)
    savemat(folder / "index.mat", {"index": np.array(["im1.jpg", name, "im10.jpg"])})
    with pytest.raises(InputError, match="1 of 3 pictures are not in the image folder"):
        read(folder)
    partial = read(folder, "packaged-partial")
    assert list(partial.ids) == ["im1", "im10"]
    assert partial.notes == ("left out 1 item without a picture",)


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("caption.mat", {"caption": np.array(TEXTS[:2])}, "caption.mat has 2, index.mat has 3"),
        ("index.mat", {"index": np.array(NAMES * 2)}, "index.mat has 6"),
        ("label.mat", {"label": LABELS[:2]}, "label.mat has 2"),
        ("label.mat", {"label": LABELS.T[:, :2]}, "2 label columns"),
        ("label.mat", {"label": LABELS * 1e-4}, "neither 0 nor 1"),
        ("label.mat", {"label": LABELS * np.nan}, "not finite"),
        ("label.mat", {"label": np.array(TEXTS)}, "no matrix of numbers"),
        ("label.mat", {"other": LABELS}, "has other where one of category, label"),
        ("caption.mat", {"caption": np.eye(3)}, "holds no text"),
        ("caption.mat", {"caption": cells(["a", 1.5, "b"])}, "no text"),
        ("index.mat", {"index": cells([np.array(["a", "b"])] * 3)}, "item 0 has 2 image names"),
    ],
)
def test_parts_that_do_not_fit(
    folder: Path, file: str, content: dict[str, Any], problem: str
) -> None:
    mith(folder)
    savemat(folder / file, content)
    with pytest.raises(HashbenchError, match=problem) as caught:
        read(folder)
    assert str(caught.value.where).startswith(str(folder))


@pytest.mark.parametrize("file", ["caption.mat", "index.mat", "label.mat"])
def test_torn_and_misnamed_files(folder: Path, file: str) -> None:
    mith(folder)
    whole = (folder / file).read_bytes()
    for content in (
        whole[:-20],
        whole[:100],
        b"",
        b"caption\n",
        b"PK\x03\x04",
        b"\x89HDF\r\n\x1a\n",
    ):
        (folder / file).write_bytes(content)
        with pytest.raises(DamagedFileError) as caught:
            read(folder)
        assert file in str(caught.value.where)


@pytest.mark.parametrize("part", ["captions", "index", "labels"])
def test_a_missing_part(folder: Path, part: str) -> None:
    mith(folder)
    availability.require_part(CARD, folder, part).unlink()
    with pytest.raises(InputError, match=rf"{FILES[part][0]}: is missing"):
        read(folder)


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("all_labels.txt", "1 0 1\n0 1\n0 0 1\n", "rows of 2, 3 columns"),
        ("all_labels.txt", "1 0 1\n0 x 0\n0 0 1\n", "holds no numbers"),
        ("all_labels.txt", "", "rows of"),
        ("all_imgs.txt", "a.jpg\n", "all_imgs.txt has 1"),
        ("classes.txt", "a\nb\n", "2 different names for 3 label columns"),
        ("classes.txt", "a\nb\nb\n", "2 different names for 3 label columns"),
    ],
)
def test_damaged_lists(folder: Path, file: str, content: str, problem: str) -> None:
    text_lists(folder)
    (folder / file).write_text(content)
    with pytest.raises(DamagedFileError, match=problem):
        read(folder)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_scribbled_files_give_a_dataset_or_one_clear_error(
    folder: Path, data: st.DataObject
) -> None:
    flavour = data.draw(st.sampled_from([dcmht, mith, v73, text_lists]))
    for path in list(folder.iterdir()):
        if path.suffix in {".mat", ".npy", ".txt"} and path.name != "classes.txt":
            path.unlink()
    flavour(folder)
    name = data.draw(st.sampled_from(sorted(p.name for p in folder.iterdir() if p.is_file())))
    content = bytearray((folder / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 2**20)) % len(content)] = data.draw(st.integers(0, 255))
    (folder / name).write_bytes(content[: data.draw(st.integers(1, 2**20))])
    try:
        assert len(read(folder)) <= 3
    except HashbenchError as error:
        assert error.where is not None  # noqa: PT017
