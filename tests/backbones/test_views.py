"""Views of pictures: the same as a picture prepared as usual, but for what is meant to differ."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hashbench.backbones import augmentation, picturebook_clip
from hashbench.backbones.augmentation import View
from hashbench.backbones.clip import ClipBackbone

CENTRE = View(flipped=False, top=0.5, left=0.5)
SHARE = st.floats(0, 1, exclude_max=True)


@pytest.fixture(scope="module")
def backbone() -> ClipBackbone:
    return ClipBackbone(picturebook_clip.build(), torch.device("cpu"))


def picture(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width * height).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("size", [(64, 64), (90, 90), (31, 63), (200, 120), (77, 40)])
def test_the_centre_of_a_picture_that_is_not_enlarged_is_the_picture_as_usual(
    backbone: ClipBackbone, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augmentation, "ENLARGED", 1.0)
    one = picture(*size)
    np.testing.assert_array_equal(backbone.pixels(one, CENTRE), backbone.pixels(one))
    flipped = backbone.pixels(one, View(flipped=True, top=0.5, left=0.5))
    np.testing.assert_array_equal(flipped[:, :, ::-1], backbone.pixels(one))


@given(st.integers(1, 90), st.integers(1, 90), SHARE, SHARE, st.booleans())
def test_a_view_is_a_window_of_the_enlarged_picture(
    width: int, height: int, top: float, left: float, flipped: bool
) -> None:
    one = picture(width, height)
    cut = np.asarray(View(flipped, top, left).of(one, (28, 28), Image.Resampling.BICUBIC))
    short = min(width, height)
    grown = (32 * width // short, 32 * height // short)  # 256 for a window of 224
    whole = np.asarray(one.resize(grown, Image.Resampling.BICUBIC))
    y, x = int(top * (grown[1] - 27)), int(left * (grown[0] - 27))
    window = whole[y : y + 28, x : x + 28]
    np.testing.assert_array_equal(cut, window[:, ::-1] if flipped else window)


def test_a_tower_whose_input_is_not_square_is_covered() -> None:
    for size in ((50, 90), (90, 50), (300, 20)):
        cut = View(flipped=False, top=0.99, left=0.99).of(
            picture(*size), (28, 56), Image.Resampling.BILINEAR
        )
        assert cut.size == (56, 28)
        assert np.asarray(cut)[-1, -1].any()  # nothing black was added
