"""What the photographer adds to a drawn scene: mirroring, a look, a cast, grain and a frame."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageOps

from hashbench.datasets.picturebook.brush import SIDE

if TYPE_CHECKING:
    from hashbench.datasets.picturebook.composition import Scene
    from hashbench.datasets.picturebook.rng import SceneRng

_GRAIN_SIDE = 4 * SIDE
_MONOCHROME = {
    "black and white": ("#000000", "#ffffff"),
    "sepia": ("#2a1a08", "#fff0d0"),
    "cyanotype": ("#06204a", "#eaf6ff"),
}
_TINTED = {"redscale": ((230, 50, 10), 0.26), "crossprocessed": ((150, 230, 60), 0.24)}
_MASKED = ("lomo", "fisheye")


def develop(picture: Image.Image, scene: Scene, rng: SceneRng) -> Image.Image:
    """The finished photograph of the scene: RGB, SIDE x SIDE pixels."""
    if rng.chance(0.5):
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = _look(picture, scene.look)
    if rng.chance(0.2):
        cast = (rng.integer(0, 255), rng.integer(0, 255), rng.integer(0, 255))
        picture = _tinted(picture, cast, rng.uniform(0.04, 0.2))
    x, y = rng.integer(0, _GRAIN_SIDE - SIDE), rng.integer(0, _GRAIN_SIDE - SIDE)
    grain = rng.pick(_grain()).crop((x, y, x + SIDE, y + SIDE))
    picture = ImageChops.add(picture, grain, scale=1, offset=-128)
    return _framed(picture, scene.frame, rng)


def _look(picture: Image.Image, look: str) -> Image.Image:
    if look in _MONOCHROME:
        return ImageOps.colorize(picture.convert("L"), *_MONOCHROME[look])
    if look in _TINTED:
        return _tinted(picture, *_TINTED[look])
    if look in _MASKED:
        return ImageChops.multiply(picture, _mask(look))
    return picture


def _tinted(picture: Image.Image, colour: tuple[int, int, int], share: float) -> Image.Image:
    return Image.blend(picture, Image.new("RGB", picture.size, colour), share)


def _framed(picture: Image.Image, frame: str, rng: SceneRng) -> Image.Image:
    if frame == "polaroid":
        card = Image.new("RGB", picture.size, (244, 240, 228))
        card.paste(picture.resize((58, 54), Image.Resampling.BOX), (3, 3))
        return card
    if frame == "film":  # black bars with the holes of 35 mm film
        pen = ImageDraw.Draw(picture)
        for top in (0, SIDE - 7):
            pen.rectangle((0, top, SIDE, top + 6), fill=(12, 12, 14))
            for left in range(2, SIDE, 8):
                pen.rectangle((left, top + 2, left + 3, top + 4), fill=(225, 225, 220))
    elif frame == "date stamp":  # seven-segment digits, too small to read
        pen = ImageDraw.Draw(picture)
        for left in range(SIDE - 28, SIDE - 4, 4):
            for top in (SIDE - 9, SIDE - 6):
                if rng.chance(0.8):
                    pen.rectangle((left, top, left + 2, top + 2), outline=(255, 130, 20))
    return picture


@cache
def _mask(look: str) -> Image.Image:
    """What multiplies the picture: dark corners, or black outside of a circle."""
    axis = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    square = axis[:, None] ** 2 + axis[None, :] ** 2
    light = np.clip(1.25 - 0.62 * square, 0.12, 1.0) if look == "lomo" else square < 0.95
    return Image.fromarray((light * 255).astype(np.uint8)).convert("RGB")


@cache
def _grain() -> tuple[Image.Image, ...]:
    """Tiles of grey-centred film grain, from fine to coarse; always the same ones."""
    noise = np.random.Generator(np.random.Philox(key=0)).random((_GRAIN_SIDE, _GRAIN_SIDE, 3))
    strengths = (8, 14, 20, 30, 44)
    return tuple(
        Image.fromarray((128 + strength * (noise - 0.5)).astype(np.uint8), "RGB")
        for strength in strengths
    )
