"""COCO as COCO ships it: whole, in parts, and damaged."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from hashbench.datasets.base import Dataset
from hashbench.datasets.coco import CARD
from hashbench.datasets.coco.dataset import load
from hashbench.datasets.doctor.findings import Level
from hashbench.datasets.doctor.labels import check_labels
from hashbench.datasets.named_splits import choose
from hashbench.datasets.pictures import FilePictures
from hashbench.errors import DamagedFileError, HashbenchError, InputError
from hashbench.plan import released_splits

CATEGORIES = [{"id": 44, "name": "bottle"}, {"id": 1, "name": "person"}, {"id": 3, "name": "car"}]


def read(folder: Path, year: str = "") -> Dataset:
    return load(folder, {"year": year})


def part(root: Path, name: str = "train2017", first: int = 10) -> tuple[Any, Any]:
    """Two images with files; the json of the part, for a test to damage and to `write`."""
    (root / name).mkdir(parents=True, exist_ok=True)
    images = []
    for image_id in (first + 1, first):
        file_name = f"{image_id:012d}.jpg"
        Image.new("RGB", (8, 6), (image_id, 0, 0)).save(root / name / file_name)
        images.append({"id": image_id, "file_name": file_name, "license": 1})
    captions = {
        "images": images,
        "annotations": [
            {"image_id": first, "id": 7, "caption": " one\ttwo \n"},
            {"image_id": first + 1, "id": 8, "caption": "three"},
            {"image_id": first, "id": 3, "caption": "four"},
        ],
    }
    instances = {
        "images": images,
        "categories": CATEGORIES,
        "annotations": [
            {"image_id": first, "category_id": 44, "segmentation": [[1.5]], "bbox": [1, 2, 3, 4]},
            {"image_id": first, "category_id": 44},
            {"image_id": first, "category_id": 1},
            {"image_id": first + 1, "category_id": 3},
        ],
    }
    return captions, instances


def write(root: Path, captions: Any, instances: Any, name: str = "train2017") -> None:
    folder = root / "annotations"
    folder.mkdir(exist_ok=True)
    for kind, content in (("captions", captions), ("instances", instances)):
        (folder / f"{kind}_{name}.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    write(tmp_path, *part(tmp_path))
    return tmp_path


def test_items_labels_captions_and_pictures(coco: Path) -> None:
    dataset = read(coco)
    assert list(dataset.ids) == ["train2017/000000000010", "train2017/000000000011"]
    assert dataset.class_names == ("person", "car", "bottle")  # by category id
    np.testing.assert_array_equal(dataset.labels, [[1, 0, 1], [0, 1, 0]])
    assert list(dataset.captions) == [("one two", "four"), ("three",)]  # order of the file
    assert dataset.pictures.read(1).size == (8, 6)
    assert pickle.loads(pickle.dumps(dataset.pictures)).read(0).mode == "RGB"  # noqa: S301
    assert dataset.notes == ()


def test_a_folder_named_coco_comes_first_and_images_may_lie_in_images(tmp_path: Path) -> None:
    root = tmp_path / "coco"
    root.mkdir()
    write(root, *part(root))
    (root / "images").mkdir()
    (root / "train2017").rename(root / "images" / "train2017")
    assert read(tmp_path).fingerprint == read(root).fingerprint
    assert read(tmp_path).pictures.read(0).size == (8, 6)


def test_several_annotation_files_combine(coco: Path) -> None:
    write(coco, *part(coco, "val2017", 30), name="val2017")
    (coco / "annotations" / "person_keypoints_val2017.json").write_text("not read")
    dataset = read(coco)
    assert [item.split("/")[0] for item in dataset.ids] == ["train2017"] * 2 + ["val2017"] * 2
    assert len(read(coco, "2017")) == 4


def test_two_years_must_be_distinguished(coco: Path) -> None:
    write(coco, *part(coco, "val2014", 30), name="val2014")
    with pytest.raises(InputError, match="--dataset coco-2014, --dataset coco-2017"):
        read(coco)
    assert len(read(coco, "2014")) == 2
    assert CARD.presets["coco-2014"] == {"year": "2014"}


def test_items_left_out_are_counted_by_reason(coco: Path) -> None:
    captions, instances = part(coco)
    for image_id in (12, 13, 14, 15):
        entry = {"id": image_id, "file_name": f"{image_id}.jpg"}
        captions["images"].append(entry)
    for image_id in (13, 14, 15):
        Image.new("RGB", (4, 4)).save(coco / "train2017" / f"{image_id}.jpg")
    captions["annotations"] += [{"image_id": 13, "caption": "x"}, {"image_id": 15, "caption": " "}]
    instances["images"] = captions["images"]
    instances["annotations"] += [{"image_id": 14, "category_id": 1}]
    write(coco, captions, instances)
    dataset = read(coco)
    assert len(dataset) == 2
    assert dataset.notes == (
        "train2017: left out 2 without caption, 1 without image file, 1 without label, of 6 images",
    )


def test_the_fingerprint_follows_the_content_not_the_folder(coco: Path, tmp_path: Path) -> None:
    before = read(coco).fingerprint
    captions, instances = part(coco)
    captions["info"] = {"description": "another"}
    write(coco, captions, instances)
    assert read(coco).fingerprint == before
    captions["annotations"][0]["caption"] = "other words"
    write(coco, captions, instances)
    changed = read(coco).fingerprint
    assert changed != before
    with (coco / "train2017" / "000000000010.jpg").open("ab") as file:
        file.write(b"x")
    assert read(coco).fingerprint not in {before, changed}


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MS-COCO is missing") as caught:
        read(tmp_path)
    assert "--data-dir" in str(caught.value)
    (tmp_path / "annotations").mkdir()
    with pytest.raises(InputError, match="MS-COCO is missing"):
        read(tmp_path)


@pytest.mark.parametrize("kind", ["captions", "instances"])
def test_one_of_the_two_files_is_missing(coco: Path, kind: str) -> None:
    (coco / "annotations" / f"{kind}_train2017.json").unlink()
    with pytest.raises(InputError, match=rf"{kind}_train2017.json: is missing"):
        read(coco)


def test_without_any_picture_labels_and_captions_are_read(coco: Path) -> None:
    for path in (coco / "train2017").iterdir():
        path.unlink()
    dataset = read(coco)
    assert isinstance(dataset.pictures, FilePictures)
    assert dataset.pictures.missing() == list(range(len(dataset)))
    assert dataset.labels.any(axis=1).all()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (b"", "not valid json"),
        (b'{"images": [', "not valid json"),
        (b"\xff\xfe{", "not valid json"),
        (b"[]", "not COCO's format"),
        (b'{"images": [], "annotations": []}', r"not COCO's format: .*`categories`"),
        (
            b'{"images": [{"id": "1", "file_name": "a"}], "annotations": [], "categories": []}',
            r"images\[0\]\.id",
        ),
        (b'{"info": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (b'{"images": [], "annotations": [], "categories": []}', "no categories"),
    ],
)
def test_damaged_json_names_file_and_key(coco: Path, damage: bytes, problem: str) -> None:
    (coco / "annotations" / "instances_train2017.json").write_bytes(damage)
    with pytest.raises(DamagedFileError, match=problem) as caught:
        read(coco)
    assert "instances_train2017.json" in str(caught.value.where)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.jpg",
        "/etc/passwd",
        "a/../../b.jpg",
        "..\\b.jpg",
        "C:\\b.jpg",
        "",
        " ",
        "a\x00.jpg",
    ],
)
def test_a_picture_outside_of_the_folder_is_refused(coco: Path, name: str) -> None:
    captions, instances = part(coco)
    captions["images"][1]["file_name"] = name
    write(coco, captions, instances)
    with pytest.raises(InputError, match="leads out of the image folder") as caught:
        read(coco)
    assert "images[1].file_name" in str(caught.value.where)


def test_contradictions_between_and_within_files(coco: Path) -> None:
    def check(problem: str) -> None:
        write(coco, captions, instances)
        with pytest.raises(DamagedFileError, match=problem):
            read(coco)

    captions, instances = part(coco)
    captions["annotations"][2]["image_id"] = 99
    check(r"captions_train2017.json: annotations\[2\].image_id: image 99 is not in images")
    captions, instances = part(coco)
    instances["annotations"][1]["image_id"] = 98
    check(r"instances_train2017.json: annotations\[1\].image_id: image 98 is not in images")
    captions, instances = part(coco)
    instances["annotations"][3]["category_id"] = 2
    check(r"annotations\[3\].category_id: category 2 is not in categories")
    captions, instances = part(coco)
    captions["images"].append(captions["images"][0])
    check(r"images\[2\]: image 11 is listed twice")
    captions, instances = part(coco)
    instances["images"] = [{"id": 10, "file_name": "other.jpg"}]
    check("image 10 is 'other.jpg' here and '000000000010.jpg'")
    captions, instances = part(coco)
    instances["categories"] = [*CATEGORIES, {"id": 44, "name": "jar"}]
    check("a category id is listed twice")
    captions, instances = part(coco)
    instances["categories"] = [*CATEGORIES, {"id": 45, "name": "car"}]
    check("a category name is listed twice")


def test_parts_with_different_categories_do_not_combine(coco: Path) -> None:
    captions, instances = part(coco, "val2017", 30)
    instances["categories"] = [{**entry, "name": f"big {entry['name']}"} for entry in CATEGORIES]
    write(coco, captions, instances, name="val2017")
    with pytest.raises(DamagedFileError, match="differ from those of the other"):
        read(coco)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_torn_and_scribbled_json_gives_one_clear_error_or_a_dataset(
    coco: Path, data: st.DataObject
) -> None:
    _captions, instances = part(coco)
    whole = json.dumps(instances).encode()
    start = data.draw(st.integers(0, len(whole)))
    scribble = data.draw(st.binary(max_size=6))
    torn = whole[:start] + scribble + whole[start + data.draw(st.integers(0, 9)) :]
    (coco / "annotations" / "instances_train2017.json").write_bytes(torn)
    try:
        assert len(read(coco)) <= 2
    except HashbenchError as error:
        assert str(error.where).startswith(str(coco))  # noqa: PT017
        assert error.remedy  # noqa: PT017


@pytest.mark.shared
def test_real_coco(shared_data: Path) -> None:
    dataset = read(shared_data / "coco-mini")
    validation = np.char.startswith(np.array(dataset.ids), "val2017/")
    assert (int((~validation).sum()), int(validation.sum())) == (80, 79)
    counts = np.array([len(texts) for texts in dataset.captions])
    assert (counts[~validation].sum(), counts[validation].sum()) == (400, 395)
    assert dataset.notes == ()
    assert len(dataset.class_names) == 80
    official = {"motorcycle", "airplane", "couch", "potted plant", "dining table", "tv"}
    assert official <= set(dataset.class_names)
    assert dataset.class_names[0] == "person"
    assert dataset.class_names[-1] == "toothbrush"
    # instances_train2017.json, boxes of image 790: three people, a table, cups, cakes, ...
    first = dataset.ids.index("train2017/000000000790")
    shown = {
        name for name, on in zip(dataset.class_names, dataset.labels[first], strict=True) if on
    }
    assert {"person", "dining table", "cake"} <= shown
    assert dataset.captions[first][0] == "a family is sitting down at a table to have cake"
    assert dataset.pictures.read(first).size == (640, 422)


@pytest.mark.slow  # 123,287 pictures, though empty ones
def test_the_protocol_of_122218_items(tmp_path: Path) -> None:
    """Both parts of 2017 at their published sizes: images, and those of them with an object."""
    parts = {"train2017": (118_287, 117_266), "val2017": (5_000, 4_952)}
    rng = np.random.default_rng(0)
    categories = [{"id": number + 1, "name": f"class {number}"} for number in range(80)]
    for name, (count, labelled) in parts.items():
        (tmp_path / name).mkdir()
        images = [{"id": item, "file_name": f"{item:012d}.jpg"} for item in range(count)]
        for image in images:
            (tmp_path / name / str(image["file_name"])).touch()
        captions = [{"image_id": item % count, "caption": f"c {item}"} for item in range(5 * count)]
        chosen = rng.permutation(count)[:labelled].tolist()
        kinds = rng.integers(1, 81, labelled).tolist()
        objects = [
            {"image_id": item, "category_id": kind, "bbox": [0, 0, 1, 1]}
            for item, kind in zip(chosen, kinds, strict=True)
        ]
        instances = {"images": images, "annotations": objects, "categories": categories}
        write(tmp_path, {"images": images, "annotations": captions}, instances, name)
    dataset = read(tmp_path)
    assert len(dataset) == 122_218
    assert {len(texts) for texts in dataset.captions} == {5}
    assert dataset.labels.sum() == 122_218
    (items,) = (
        finding for finding in check_labels(dataset, CARD, None) if finding.check == "items"
    )
    assert items.level is Level.OK
    for split in ("pcril", "dcmht"):
        sizes = released_splits.sizes(split, CARD, "coco")
        drawn = choose(dataset, split, sizes.query, sizes.train, 0)
        assert len(drawn.query) + len(drawn.database) == 122_218
        assert len(drawn.query) == (5120 if split == "dcmht" else 5000)
