"""One test whether a dataset's files are there, for every dataset and preset."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hashbench.datasets.availability import missing
from hashbench.plan import catalog

FILES: dict[str, tuple[str, ...]] = {
    "coco": (
        "annotations/captions_val2017.json",
        "annotations/instances_val2017.json",
        "val2017/1.jpg",
    ),
    "featureset": ("features.mat",),
    "iaprtc12": (
        "annotations_complete_eng/00/25.eng",
        "saiaprtc12ok/labels.txt",
        "wlist.txt",
        "images/00/25.jpg",
    ),
    "mirflickr25k": ("meta/tags/tags1.txt", "annotations/animals.txt", "im1.jpg"),
    "nuswide": (
        "Groundtruth/AllLabels/Labels_sky.txt",
        "ImageList/Imagelist.txt",
        "NUS_WID_Tags/All_Tags.txt",
        "Flickr/actor/1.jpg",
    ),
    "packaged": ("caption.mat", "index.mat", "label.mat", "images/1.jpg"),
}


def write(root: Path, files: tuple[str, ...]) -> None:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def absent(name: str, data_dir: Path) -> str | None:
    return missing(catalog.dataset(name, data_dir), data_dir, name)


def test_every_dataset_declares_its_files() -> None:
    without = {card.name for card in catalog.datasets().values() if not card.builtin} - FILES.keys()
    assert not without
    for card in catalog.datasets().values():
        assert card.builtin or (card.folders and card.parts and card.remedy)


@pytest.mark.parametrize("name", FILES)
def test_present_in_each_of_its_folders_and_in_the_data_folder_itself(
    name: str, tmp_path: Path
) -> None:
    for folder in catalog.dataset(name).folders:
        data_dir = tmp_path / (folder or "itself")
        assert "is missing (looked in" in (absent(name, data_dir) or "")
        write(data_dir / folder, FILES[name])
        assert absent(name, data_dir) is None


@pytest.mark.parametrize("name", FILES)
def test_every_absent_file_is_named_with_the_remedy(name: str, tmp_path: Path) -> None:
    card = catalog.dataset(name)
    for left_out in FILES[name]:
        data_dir = tmp_path / left_out.replace("/", " ")
        write(data_dir / name, tuple(file for file in FILES[name] if file != left_out))
        sentence = absent(name, data_dir)
        assert sentence is not None
        assert sentence.endswith(card.remedy)
        assert "\n" not in sentence


def test_presets_need_files_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "coco", FILES["coco"])
    assert absent("coco-2017", tmp_path) is None
    assert "lacks captions (annotations/captions_*2014.json)" in (
        absent("coco-2014", tmp_path) or ""
    )
    write(tmp_path / "NUS-WIDE", FILES["nuswide"])
    assert absent("nuswide-10", tmp_path) is None
    assert "list of frequent tags" in (absent("nuswide-tags1k", tmp_path) or "")
    write(tmp_path / "featureset", ("other.mat",))
    assert "wikiData.mat" in (absent("wikipedia", tmp_path) or "")


def test_a_registered_dataset_needs_its_table_and_pictures(tmp_path: Path) -> None:
    home = tmp_path / "data" / "birds"
    write(home, ("hashbench.toml",))
    images = tmp_path / "odd *[name]"
    (home / "hashbench.toml").write_text(
        f"kind = 'table'\ntitle = 'Birds'\nquery = 1\ntrain = 2\n"
        f"images = '{images}'\ntable = '../../birds.csv'\n"
    )
    sentence = absent("birds", tmp_path / "data") or ""
    assert "its table" in sentence
    assert "its folder of pictures" in sentence
    assert "hashbench datasets add birds --replace" in sentence
    write(tmp_path, ("birds.csv",))
    images.mkdir()
    assert absent("birds", tmp_path / "data") is None


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys; from pathlib import Path; from hashbench.plan import catalog;"
        " from hashbench.datasets.availability import missing;"
        " [missing(card, Path('none'), name) for name, card in catalog.datasets().items()];"
        " sys.exit(any(name in sys.modules for name in ('numpy', 'PIL', 'scipy', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
