"""A small canvas in unit coordinates: (0, 0) is the top left corner, (1, 1) the bottom right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from hashbench.datasets.picturebook.rng import SceneRng

Colour = tuple[int, int, int]
Point = tuple[float, float]

PAINT: tuple[Colour, ...] = (
    (190, 50, 50),
    (50, 80, 160),
    (230, 230, 225),
    (60, 60, 65),
    (110, 60, 130),
    (60, 130, 90),
    (235, 180, 60),
)
"""Colours of cloth and lacquer."""

SIDE = 64  # pixels of a finished picture
_DRAWN = 2 * SIDE  # drawn at twice the size and halved, which smooths the edges


class Brush:
    """Draws filled shapes on one picture and mixes their colours with its scene's rng."""

    def __init__(self, rng: SceneRng) -> None:
        self.rng = rng
        self.picture = Image.new("RGB", (_DRAWN, _DRAWN))
        self._draw = ImageDraw.Draw(self.picture)

    def tone(self, colour: Colour, spread: int = 22) -> Colour:
        """The colour, a little lighter or darker and a little warmer or colder."""
        light = self.rng.uniform(-spread, spread)
        warm = self.rng.uniform(-spread, spread) / 2
        r, g, b = colour
        return _clip(r + light + warm), _clip(g + light), _clip(b + light - warm)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        """A rectangle between two corners."""
        self._draw.rectangle(_corners(x0, y0, x1, y1), fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        """An ellipse around (x, y)."""
        self._draw.ellipse(_corners(x - rx, y - ry, x + rx, y + ry), fill=fill)

    def ring(self, x: float, y: float, rx: float, ry: float, *, fill: Colour, width: float) -> None:
        """The outline of an ellipse around (x, y)."""
        self._draw.ellipse(
            _corners(x - rx, y - ry, x + rx, y + ry), outline=fill, width=_pixels(width)
        )

    def shape(self, points: list[Point], fill: Colour) -> None:
        """A polygon."""
        self._draw.polygon([(x * _DRAWN, y * _DRAWN) for x, y in points], fill=fill)

    def stroke(self, points: list[Point], fill: Colour, width: float = 0.015) -> None:
        """An open line through the points."""
        self._draw.line([(x * _DRAWN, y * _DRAWN) for x, y in points], fill, _pixels(width))

    def gradient(self, y0: float, y1: float, top: Colour, bottom: Colour, bands: int = 10) -> None:
        """Horizontal bands from the one colour to the other."""
        for band in range(bands):
            part = band / (bands - 1)
            mixed = mix(top, bottom, part)
            upper = y0 + (y1 - y0) * band / bands
            self.box(0.0, upper, 1.0, y1, mixed)

    def darken(self, share: float, towards: Colour) -> None:
        """Pull the whole picture towards a colour, as dusk or fog does."""
        veil = Image.new("RGB", self.picture.size, towards)
        self.picture.paste(Image.blend(self.picture, veil, share))

    def finished(self) -> Image.Image:
        """The picture at its final size."""
        return self.picture.reduce(_DRAWN // SIDE)


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """`one` at part 0, `other` at part 1."""
    (r, g, b), (x, y, z) = one, other
    return int(r + (x - r) * part), int(g + (y - g) * part), int(b + (z - b) * part)


def _clip(value: float) -> int:
    return max(0, min(255, int(value)))


def _pixels(width: float) -> int:
    return max(1, int(width * _DRAWN + 0.5))


def _corners(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
    return x0 * _DRAWN, y0 * _DRAWN, max(x0, x1) * _DRAWN, max(y0, y1) * _DRAWN
