"""Archives in their official layouts, drawn for the tests."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def mirflickr(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real annotation and tags of MIRFlickr-25K as its archives lay them out.

    All 25,000 pictures are links to one that is drawn here. The tags of the images outside of the
    20,015 are not known; they have none here.
    """
    root = tmp_path_factory.mktemp("mirflickr")
    with np.load(shared_data / "mirflickr25k" / "labels.npz") as known:
        numbers, labels, names = known["image_id"], known["labels24"], known["class24"]
    tags = json.loads((shared_data / "mirflickr25k" / "tags20015.json").read_text("utf-8"))
    (root / "meta" / "tags").mkdir(parents=True)
    (root / "annotations").mkdir()
    Image.new("RGB", (32, 24), (90, 120, 200)).save(root / "im1.jpg")
    for number in range(1, 25_001):
        if number > 1:
            os.link(root / "im1.jpg", root / f"im{number}.jpg")
        words = tags.get(f"im{number}.jpg", "").replace(",", "\r\n")
        (root / "meta" / "tags" / f"tags{number}.txt").write_bytes(words.encode())
    for column, name in enumerate(names):
        listed = "".join(f"{number}\r\n" for number in numbers[labels[:, column] > 0])
        (root / "annotations" / f"{name}.txt").write_text(listed)
        (root / "annotations" / f"{name}_r1.txt").write_text("1\r\n")
    return root
