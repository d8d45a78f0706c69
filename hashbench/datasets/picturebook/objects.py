"""The objects in a scene: plants, vehicles, dishes. Each stands at `x, y` and is `size` high."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.datasets.picturebook.brush import PAINT, Colour, mix

if TYPE_CHECKING:
    from hashbench.datasets.picturebook.brush import Brush

_PETAL: dict[str, Colour] = {
    "red": (205, 40, 45),
    "pink": (235, 130, 170),
    "yellow": (240, 200, 50),
    "white": (240, 240, 235),
    "purple": (140, 80, 180),
}


def tree(b: Brush, kind: str, x: float, y: float, size: float) -> None:
    """A tree: leafy, conifer, palm or bare."""
    rng = b.rng
    bark = b.tone((90, 65, 45))
    leaf = b.tone(rng.pick(((50, 110, 45), (80, 125, 50), (30, 85, 50), (170, 110, 40))))
    b.box(x - size * 0.05, y - size * 0.55, x + size * 0.05, y, bark)
    if kind == "conifer":
        for step in range(3):
            top, half = y - size * (1 - step * 0.22), size * (0.16 + step * 0.09)
            b.shape([(x - half, top + size * 0.36), (x, top), (x + half, top + size * 0.36)], leaf)
    elif kind == "palm":
        b.box(x - size * 0.03, y - size * 0.9, x + size * 0.03, y, bark)
        for dx, dy in ((-0.4, 0.1), (-0.3, -0.12), (0.3, -0.12), (0.4, 0.1), (0.0, -0.2)):
            crown = (x, y - size * 0.9)
            tip = (x + dx * size, y + (dy - 0.86) * size)
            b.stroke([crown, ((x + tip[0]) / 2, tip[1] - 0.08 * size), tip], leaf, 0.07 * size)
    elif kind == "bare":
        b.box(x - size * 0.03, y - size * 0.8, x + size * 0.03, y, bark)
        for low in (0.35, 0.5, 0.65):
            for side in (-1, 1):
                tip = (x + side * size * 0.3, y - size * (low + 0.3))
                b.stroke([(x, y - size * low), tip], bark, 0.04 * size)
    else:
        for _ in range(5):
            dx, dy = rng.uniform(-0.2, 0.2) * size, rng.uniform(-0.15, 0.15) * size
            b.oval(x + dx, y - size * 0.7 + dy, size * 0.24, size * 0.22, b.tone(leaf, 14))


def flower(b: Brush, kind: str, x: float, y: float, size: float) -> None:
    """A blossom of five petals on a stem; (x, y) is the blossom's centre."""
    petal = b.tone(_PETAL[kind])
    b.stroke([(x, y), (x + size * 0.15, y + size * 1.6)], (50, 110, 45), 0.15 * size)
    for dx, dy in ((0, -0.5), (0.48, -0.15), (0.3, 0.4), (-0.3, 0.4), (-0.48, -0.15)):
        b.oval(x + dx * size, y + dy * size, 0.32 * size, 0.32 * size, petal)
    b.oval(x, y, 0.24 * size, 0.24 * size, (120, 80, 30) if kind == "yellow" else (245, 205, 70))


def vehicle(b: Brush, kind: str, x: float, y: float, size: float) -> None:
    """A car, bus, train, bicycle, boat or plane."""
    s, side = size, b.rng.pick((-1, 1))
    paint = b.tone(
        b.rng.pick(((190, 40, 40), (50, 80, 170), (225, 225, 225), (50, 50, 55), (225, 180, 50)))
    )
    glass: Colour = (165, 195, 215)
    tyre: Colour = (25, 25, 28)
    if kind == "car":
        b.shape([(x - s * 0.3, y - s * 0.28), (x - s * 0.18, y - s * 0.52),
                 (x + s * 0.16, y - s * 0.52), (x + s * 0.32, y - s * 0.28)], paint)  # fmt: skip
        b.box(x - s * 0.16, y - s * 0.47, x - s * 0.02, y - s * 0.3, glass)
        b.box(x + s * 0.02, y - s * 0.47, x + s * 0.16, y - s * 0.3, glass)
        b.box(x - s * 0.52, y - s * 0.3, x + s * 0.52, y - s * 0.09, paint)
        b.oval(x + side * s * 0.49, y - s * 0.22, s * 0.05, s * 0.05, (250, 240, 180))
        for wheel in (-0.3, 0.3):
            b.oval(x + wheel * s, y - s * 0.09, s * 0.12, s * 0.12, tyre)
            b.oval(x + wheel * s, y - s * 0.09, s * 0.05, s * 0.05, (170, 170, 175))
    elif kind in ("bus", "train"):
        length = s * (0.62 if kind == "bus" else 1.3)
        b.box(x - length, y - s * 0.62, x + length, y - s * 0.1, paint)
        count = 4 if kind == "bus" else 7
        for pane in range(count):
            left = x - length * 0.92 + pane * length * 1.86 / count
            b.box(left, y - s * 0.54, left + length * 1.3 / count, y - s * 0.34, glass)
        if kind == "train":
            b.box(x - length, y - s * 0.26, x + length, y - s * 0.2, (235, 235, 235))
            b.stroke([(0, y), (1, y)], (60, 55, 55), 0.025)
        for wheel in (-0.65, 0.65):
            b.oval(x + wheel * length, y - s * 0.09, s * 0.1, s * 0.1, tyre)
    elif kind == "bicycle":
        for wheel in (-0.3, 0.3):
            b.ring(x + wheel * s, y - s * 0.22, s * 0.22, s * 0.22, fill=tyre, width=0.018)
        seat, bars = (x - s * 0.14, y - s * 0.56), (x + s * 0.2, y - s * 0.62)
        b.stroke([(x - s * 0.3, y - s * 0.22), seat, (x, y - s * 0.22), bars], paint, 0.02)
        b.stroke([seat, bars, (x + s * 0.3, y - s * 0.22)], paint, 0.02)
    elif kind == "boat":
        b.shape([(x - s * 0.5, y - s * 0.2), (x + s * 0.5, y - s * 0.2), (x + s * 0.34, y),
                 (x - s * 0.34, y)], paint)  # fmt: skip
        b.stroke([(x, y - s), (x, y - s * 0.2)], (80, 60, 45), 0.02)
        b.shape([(x + side * 0.02, y - s), (x + side * s * 0.4, y - s * 0.28),
                 (x + side * 0.02, y - s * 0.28)], b.tone((240, 238, 230), 12))  # fmt: skip
    else:
        y = min(y, 0.25)
        b.oval(x, y, s * 0.42, s * 0.07, (225, 228, 232))
        b.shape([(x - s * 0.08, y), (x - side * s * 0.25, y + s * 0.24), (x + s * 0.1, y)],
                (180, 185, 192))  # fmt: skip
        b.shape([(x - side * s * 0.3, y), (x - side * s * 0.46, y - s * 0.2),
                 (x - side * s * 0.38, y)], paint)  # fmt: skip


def food(b: Brush, kind: str, x: float, y: float, size: float) -> None:
    """A dish on a plate; (x, y) is the plate's centre."""
    s, rng = size, b.rng
    b.oval(x, y, s, s * 0.52, b.tone((236, 234, 228), 8))
    b.oval(x, y, s * 0.8, s * 0.4, (214, 210, 204))
    if kind == "cake":
        icing = b.tone(rng.pick(((240, 150, 175), (110, 65, 40), (250, 240, 215))))
        b.box(x - s * 0.45, y - s * 0.5, x + s * 0.45, y + s * 0.1, b.tone((215, 165, 95)))
        b.box(x - s * 0.45, y - s * 0.62, x + s * 0.45, y - s * 0.4, icing)
        b.oval(x, y - s * 0.7, s * 0.12, s * 0.12, (205, 30, 45))
    elif kind == "fruit":
        for dx, dy in ((-0.35, 0), (0.3, 0.05), (0, -0.28), (0.05, 0.12)):
            ripe = b.tone(rng.pick(((210, 40, 40), (240, 150, 30), (130, 180, 50), (240, 215, 70))))
            b.oval(x + dx * s, y + dy * s, s * 0.26, s * 0.26, ripe)
    elif kind == "coffee":
        b.ring(x + s * 0.5, y - s * 0.2, s * 0.2, s * 0.18, fill=(250, 250, 250), width=0.1 * s)
        b.box(x - s * 0.42, y - s * 0.45, x + s * 0.42, y + s * 0.1, (250, 250, 250))
        b.oval(x, y + s * 0.1, s * 0.42, s * 0.14, (250, 250, 250))
        b.oval(x, y - s * 0.45, s * 0.42, s * 0.16, (90, 55, 35))
    else:
        b.oval(x, y - s * 0.04, s * 0.7, s * 0.36, (215, 150, 70))
        b.oval(x, y - s * 0.05, s * 0.6, s * 0.3, (240, 205, 95))
        for _ in range(6):
            dx, dy = rng.uniform(-0.42, 0.42) * s, rng.uniform(-0.2, 0.16) * s
            b.oval(x + dx, y + dy, s * 0.09, s * 0.06, (195, 45, 35))


def stray(b: Brush) -> None:
    """An object that belongs to no class: a ball, a box, a post or a sign."""
    rng = b.rng
    x, y, s, fill = (
        rng.uniform(),
        rng.uniform(0.5, 1.0),
        rng.uniform(0.06, 0.16),
        b.tone(rng.pick(PAINT)),
    )
    kind = rng.pick(("ball", "box", "post", "sign"))
    if kind == "ball":
        b.oval(x, y, s, s, fill)
        b.oval(x - s * 0.3, y - s * 0.3, s * 0.25, s * 0.25, mix(fill, (255, 255, 255), 0.6))
    elif kind == "box":
        b.box(x - s, y - s, x + s, y + s, fill)
    elif kind == "post":
        top = 0.0 if rng.chance(0.3) else y - 0.4
        b.box(x - 0.02, top, x + 0.02, 1.0, mix(fill, (60, 60, 60), 0.6))
    else:
        b.box(x - 0.012, y - 0.3, x + 0.012, y, (90, 90, 95))
        b.oval(x, y - 0.34, s * 0.8, s * 0.8, fill)
