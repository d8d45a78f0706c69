"""The doctor: what it finds in sound, permuted, incomplete and broken datasets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from hashbench.datasets.doctor import pictures as picture_room
from hashbench.datasets.doctor.examine import examine
from hashbench.datasets.doctor.findings import Finding, Level, Report
from hashbench.datasets.doctor.target import find_target
from hashbench.datasets.mirflickr25k.dataset import CLASSES
from hashbench.datasets.named_splits import choose
from hashbench.datasets.pictures import read_picture
from hashbench.datasets.statistics import dataset_facts
from hashbench.errors import InputError, UnknownNameError


def of(report: Report, check: str) -> Finding:
    """The only finding of a check."""
    (finding,) = [finding for finding in report.findings if finding.check == check]
    return finding


def levels(report: Report) -> dict[str, Level]:
    return {finding.check: finding.level for finding in report.findings}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Forty pictures of two classes with a table beside them."""
    folder = tmp_path / "mine"
    folder.mkdir()
    lines = ["file,caption,labels"]
    for number in range(40):
        Image.new("RGB", (4, 5), (number, 0, 0)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,caption {number},{'odd' if number % 2 else 'even'}")
    (folder / "table.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def packaged(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 24,581 labels in a strange order of columns, as packaged files without pictures."""
    folder = tmp_path_factory.mktemp("packaged")
    with np.load(shared_data / "mirflickr25k" / "labels.npz") as known:
        keep = known["labels24"].any(axis=1)
        numbers, labels = known["image_id"][keep], known["labels24"][keep]
    order = np.random.default_rng(5).permutation(24)
    savemat(folder / "caption.mat", {"caption": np.full(len(labels), "a")})
    savemat(folder / "index.mat", {"index": np.array([f"im{n}.jpg" for n in numbers])})
    savemat(folder / "label.mat", {"label": labels[:, order]}, do_compression=True)
    (folder / "order.json").write_text(json.dumps([CLASSES[column] for column in order]))
    return folder


def test_a_sound_dataset(table: Path, tmp_path: Path) -> None:
    report = examine(str(table), tmp_path)
    small = {f"number of {what}" for what in ("queries", "training items", "database items")}
    assert {check for check, level in levels(report).items() if level is not Level.OK} == small
    assert report.verdict.startswith("usable")
    assert (report.items, report.classes) == (40, ["even", "odd"])
    assert "50.0% of all labels are positive" in of(report, "chance").message
    # the same number as the facts of the split that a run draws
    dataset = find_target(str(table), tmp_path).load()
    own = choose(dataset, "own", 4, 18, seed=0, usual_sizes=True)
    facts = dataset_facts(dataset, own.query, own.database)
    assert of(report, "chance").facts["random_floor"] == facts.random_floor is not None
    assert "own 4 / 18 / 36" in of(report, "splits").message


def test_a_large_enough_dataset_is_sound(tmp_path: Path) -> None:
    report = examine("picturebook-tiny", tmp_path)
    assert report.verdict == "sound"
    assert "own 60 / 200 / 400" in of(report, "splits").message


def test_a_split_of_few_items_is_not_called_sound(tmp_path: Path) -> None:
    """Two queries say nothing; each part that is too small is named with its size."""
    split = tmp_path / "split.json"
    ids = [f"scene-{number:06d}" for number in range(460)]
    parts = {"query": ids[:2], "train": ids[100:140], "database": ids[100:190]}
    split.write_text(json.dumps(parts))
    report = examine("picturebook-tiny", tmp_path, split_file=split)
    for what, size in (("queries", 2), ("training items", 40), ("database items", 90)):
        finding = of(report, f"number of {what}")
        assert finding.level is Level.WARNING
        assert f"({size} in split)" in finding.message
        assert finding.remedy
    assert report.verdict != "sound"


def test_missing_pictures_are_one_finding_and_all_else_is_examined(
    table: Path, tmp_path: Path
) -> None:
    (table / "3.png").unlink()
    (table / "4.png").write_bytes(b"torn")
    some = examine(str(table), tmp_path)
    assert "39 items" in f"{some.items} items"  # as a run: the row without its picture is left out
    for path in table.glob("*.png"):
        path.unlink()
    report = examine(str(table), tmp_path, count_tokens=lambda texts: np.ones(len(texts)))
    finding = of(report, "pictures")
    assert finding.level is Level.PROBLEM
    assert "all 40 pictures are missing" in finding.message
    assert finding.facts == {"missing": 40}
    assert {"chance", "captions", "tokens", "splits"} <= levels(report).keys()
    assert "duplicates" not in levels(report)
    assert of(examine(str(table), tmp_path, pictures=False), "pictures") == finding


def test_unreadable_and_repeated_pictures(table: Path, tmp_path: Path) -> None:
    (table / "3.png").write_bytes(b"not a picture")
    (table / "4.png").write_bytes((table / "5.png").read_bytes()[:40])
    shutil.copy(table / "7.png", table / "8.png")
    shutil.copy(table / "7.png", table / "9.png")
    report = examine(str(table), tmp_path)
    broken = of(report, "pictures")
    assert (broken.level, broken.facts["unreadable"]) == (Level.PROBLEM, ["3", "4"])
    assert "fetch them again" in broken.remedy
    repeated = of(report, "duplicates")
    assert "7 = 8 = 9" in repeated.message
    assert repeated.facts["copies"] == 2
    assert repeated.facts["contradicting"] == 1  # 8 is even
    assert report.verdict.startswith("not to be used")


def test_results_are_kept_and_only_changes_looked_at(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examine(str(table), tmp_path)
    read: list[str] = []
    original = read_picture

    def count(path: Path) -> Image.Image:
        read.append(path.name)
        return original(path)

    monkeypatch.setattr(picture_room, "read_picture", count)
    examine(str(table), tmp_path)
    assert read == []
    Image.new("RGB", (9, 9)).save(table / "6.png")
    (results,) = (tmp_path / "cache" / "pictures").iterdir()
    results.write_bytes(results.read_bytes() + b'{"file": "1.p')  # a killed check leaves this
    seen: list[tuple[int, int]] = []
    report = examine(str(table), tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert read == ["6.png"]
    assert seen == [(40, 40)]
    assert of(report, "pictures").level is Level.OK


def test_copies_on_both_sides_of_a_split_are_counted(table: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.json"
    for copy in ("1", "2", "3"):
        shutil.copy(table / "0.png", table / f"{copy}.png")
    shutil.copy(table / "10.png", table / "11.png")  # both queries: no copy in the database
    ids = [str(number) for number in range(40)]
    split.write_text(json.dumps({"query": ["0", "1", "10", "11"], "train": ids[12:]}))
    report = examine(str(table), tmp_path, split_file=split)
    assert "split 4 / 28 / 36" in of(report, "splits").message
    across = of(report, "duplicates").facts["queries_with_copies"]
    assert isinstance(across, dict)
    assert set(across) == {"own", "split"}
    assert across["split"] == 2


def test_a_bad_split_file_is_a_problem(table: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"query": ["0"], "train": ["0", "1"]}))
    report = examine(str(table), tmp_path, split_file=split)
    assert of(report, "split file").level is Level.PROBLEM


def test_labels_that_tell_nothing_apart(table: Path, tmp_path: Path) -> None:
    text = (table / "table.csv").read_text().replace("odd", "all").replace("even", "all")
    (table / "table.csv").write_text(text)
    report = examine(str(table), tmp_path)
    assert of(report, "classes").level is Level.WARNING
    assert of(report, "chance").level is Level.WARNING
    assert report.verdict.startswith("usable")


def test_long_and_empty_captions(table: Path, tmp_path: Path) -> None:
    text = (table / "table.csv").read_text().replace("caption 7,", f"{'long ' * 90},")
    (table / "table.csv").write_text(text)
    report = examine(str(table), tmp_path, count_tokens=lambda texts: np.array([*map(len, texts)]))
    assert of(report, "tokens").level is Level.NOTE
    assert of(report, "tokens").facts == {"cut": 1, "longest": 449}
    assert of(report, "captions").message == "40 captions, 1.0 an item"


@pytest.mark.shared
def test_the_real_annotation_is_sound(mirflickr: Path, tmp_path: Path) -> None:
    report = examine("mirflickr25k-20015", mirflickr, pictures=False)
    assert "the items with a label and a frequent tag" in of(report, "items").message
    assert of(report, "columns").level is Level.OK
    assert "baby within people" in of(report, "columns").message
    assert report.worst is Level.NOTE
    assert "pcril 2,000 / 18,015 / 18,015" in of(report, "splits").message


@pytest.mark.shared
def test_exchanged_annotation_files_are_found(mirflickr: Path, tmp_path: Path) -> None:
    """The columns of PGHMH: every class file holds the items of another class."""
    root = tmp_path / "mirflickr"
    shutil.copytree(mirflickr / "annotations", root / "annotations")
    (root / "meta").symlink_to(mirflickr / "meta")
    released = [
        "male", "dog", "female", "tree", "river", "portrait", "flower", "animals", "night", "lake",
        "sunset", "car", "sky", "bird", "plant_life", "transport", "people", "water", "sea",
        "structures", "clouds", "food", "baby", "indoor",
    ]  # fmt: skip
    for name, content in zip(CLASSES, released, strict=True):
        shutil.copy(
            mirflickr / "annotations" / f"{content}.txt", root / "annotations" / f"{name}.txt"
        )
    (root / "images").symlink_to(mirflickr)
    report = examine(str(root), tmp_path, pictures=False)
    finding = of(report, "columns")
    assert finding.level is Level.PROBLEM
    assert "22 of 24 label columns are misnamed" in finding.message
    assert "people holds bird" in finding.message
    assert "superset relations fail" in finding.message
    assert finding.facts["order"] == released
    assert finding.remedy.startswith("the right order is male, dog, female")
    assert of(report, "captions").facts["empty"] == 24_581 - 20_015
    assert report.verdict.startswith("not to be used")


@pytest.mark.shared
def test_permuted_columns_of_packaged_files_are_found(packaged: Path, tmp_path: Path) -> None:
    order = json.loads((packaged / "order.json").read_text())
    report = examine(str(packaged), tmp_path)
    finding = of(report, "columns")
    assert finding.level is Level.WARNING
    assert "label columns are permuted" in finding.message
    assert finding.facts["order"] == order
    assert of(report, "pictures").level is Level.PROBLEM  # none are there
    assert "MIRFlickr-25K of DCMHT" in of(report, "items").message


@pytest.mark.shared
def test_wrong_names_beside_packaged_files_are_found(packaged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    shutil.copytree(packaged, folder)
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    finding = of(examine(str(folder / "label.mat"), tmp_path, pictures=False), "columns")
    assert finding.level is Level.PROBLEM
    assert finding.facts["order"] == json.loads((folder / "order.json").read_text())


@pytest.mark.shared
def test_a_part_of_a_set_without_names(packaged: Path, tmp_path: Path, shared_data: Path) -> None:
    with np.load(shared_data / "mirflickr25k" / "labels.npz") as known:
        labels = known["labels24"][known["labels24"].any(axis=1)]
    rows = np.random.default_rng(0).permutation(len(labels))[:8000]
    np.savez(
        tmp_path / "f.npz", images=np.ones((8000, 2)), texts=np.ones((8000, 2)), labels=labels[rows]
    )
    finding = of(examine(str(tmp_path / "f.npz"), tmp_path), "columns")
    assert finding.level is Level.WARNING
    assert "have no names, but the counts of MIRFlickr-25K" in finding.message
    assert "sky" in finding.remedy


def test_what_cannot_be_loaded_is_one_finding(table: Path, tmp_path: Path) -> None:
    (table / "table.csv").write_text("file,caption\n")
    report = examine(str(table / "table.csv"), tmp_path)
    (finding,) = report.findings
    assert (finding.check, finding.level) == ("files", Level.PROBLEM)
    assert "table.csv: line 1: has no column labels" in finding.message
    assert finding.remedy


def test_what_is_no_dataset_at_all(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean coco"):
        examine("cocoo", tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        examine(str(tmp_path / "none"), tmp_path)
    with pytest.raises(InputError, match="holds no dataset that is known"):
        examine(str(tmp_path), tmp_path)
    (tmp_path / "x.mat").write_bytes(b"text")
    with pytest.raises(InputError, match="neither a .mat"):
        examine(str(tmp_path / "x.mat"), tmp_path)
    savemat(tmp_path / "y.mat", {"codes": np.ones((3, 3))})
    with pytest.raises(InputError, match="is no dataset that is known"):
        examine(str(tmp_path / "y.mat"), tmp_path)


def test_drawn_pictures_are_not_files(tmp_path: Path) -> None:
    report = examine("picturebook-tiny", tmp_path)
    assert "no files" in of(report, "pictures").message
    assert report.worst in {Level.OK, Level.NOTE}


@pytest.mark.shared
def test_real_pictures(shared_data: Path, tmp_path: Path) -> None:
    report = examine(str(shared_data / "coco-mini"), tmp_path)
    assert of(report, "pictures").message == "all 159 pictures can be read"
    assert of(report, "items").level is Level.WARNING
    features = examine(str(shared_data / "wikipedia" / "wikiData.mat"), tmp_path)
    assert "precomputed features (128 and 10 numbers" in of(features, "captions").message
