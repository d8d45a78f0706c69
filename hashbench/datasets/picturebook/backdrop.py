"""The large surfaces of a scene: sky, ground, water, buildings, rooms and woods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.datasets.picturebook.brush import Colour, mix

if TYPE_CHECKING:
    from hashbench.datasets.picturebook.brush import Brush
    from hashbench.datasets.picturebook.composition import Scene

_LIT: Colour = (250, 225, 130)


def sky(b: Brush, scene: Scene, horizon: float) -> None:
    """Gradient, sun or moon, stars and clouds down to the horizon."""
    rng = b.rng
    dusk, night = "sunset" in scene.classes, "night" in scene.classes
    if dusk:
        top = b.tone(rng.pick(((88, 70, 130), (200, 90, 60), (60, 80, 140))))
        low = b.tone(rng.pick(((250, 150, 60), (250, 120, 90), (255, 190, 90))))
    elif night:
        top, low = b.tone((8, 10, 30), 6), b.tone((30, 36, 70), 14)
    else:
        top = b.tone(rng.pick(((70, 130, 220), (100, 160, 230), (150, 175, 200), (190, 200, 210))))
        low = mix(top, (240, 244, 248), 0.6)
    b.gradient(0.0, horizon, top, low)
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.05, horizon * 0.7)
    if dusk:
        size = rng.uniform(0.04, 0.1)
        b.oval(x, horizon - size * rng.uniform(0.1, 0.9), size, size, (255, 226, 150))
    elif night:
        for _ in range(rng.integer(3, 9)):
            sx, sy = rng.uniform(), rng.uniform(0, horizon)
            b.oval(sx, sy, 0.008, 0.008, (220, 220, 235))
        if rng.chance(0.4):
            b.oval(x, y, 0.06, 0.06, (238, 236, 214))
    if "clouds" in scene.classes:
        pale = b.tone((230, 150, 130) if dusk else (244, 245, 248), 10)
        if not dusk and rng.chance(0.3):
            pale = b.tone((150, 155, 165))
        for _ in range(rng.integer(1, 4)):
            cloud(b, rng.uniform(0.0, 1.0), rng.uniform(0.04, horizon * 0.75), pale)


def cloud(b: Brush, x: float, y: float, fill: Colour) -> None:
    """A heap of flat ovals with a darker underside."""
    size = b.rng.uniform(0.07, 0.16)
    b.oval(x, y + size * 0.22, size * 1.5, size * 0.36, mix(fill, (120, 125, 140), 0.3))
    for _ in range(4):
        dx = b.rng.uniform(-1.1, 1.1) * size
        b.oval(x + dx, y - b.rng.uniform(0, 0.2) * size, size * 0.6, size * 0.4, fill)


def ground(b: Brush, scene: Scene, horizon: float) -> None:
    """Grass where plants are, otherwise pavement, sand or bare earth."""
    rng = b.rng
    if "plant life" in scene.classes:
        near = b.tone(rng.pick(((70, 140, 50), (95, 130, 45), (50, 110, 50), (140, 150, 70))))
        b.gradient(horizon, 1.0, mix(near, (200, 220, 170), 0.3), near, 4)
        blade = mix(near, (20, 50, 10), 0.5)
        for _ in range(12):
            x, y = rng.uniform(), rng.uniform(horizon, 1.0)
            b.stroke([(x, y), (x + rng.uniform(-0.02, 0.02), y - 0.05)], blade)
    else:
        plain = b.tone(
            rng.pick(((150, 145, 140), (120, 120, 125), (205, 185, 140), (140, 110, 80)))
        )
        b.gradient(horizon, 1.0, mix(plain, (220, 220, 220), 0.3), plain, 4)


def water(b: Brush, scene: Scene, horizon: float) -> float:
    """The scene's water; returns the height below which the ground is dry again."""
    rng = b.rng
    kind = scene.kinds["water"]
    deep = b.tone(rng.pick(((40, 90, 150), (50, 120, 150), (60, 110, 120), (90, 120, 140))))
    if "sunset" in scene.classes:
        deep = mix(deep, (240, 140, 80), 0.45)
    pale = mix(deep, (235, 245, 250), 0.45)
    if kind == "sea":
        shore = max(horizon + 0.15, rng.uniform(0.72, 1.05))
        b.gradient(horizon, shore, mix(deep, pale, 0.35), deep, 5)
        for _ in range(rng.integer(4, 9)):
            y = rng.uniform(horizon + 0.03, shore)
            x, wide = rng.uniform(-0.1, 0.9), rng.uniform(0.1, 0.4)
            b.stroke([(x, y), (x + wide / 2, y - 0.015), (x + wide, y)], pale)
        # the beach comes after the waves: it covers their ends
        slope = rng.uniform(-0.08, 0.08)
        sand = b.tone((220, 200, 150))
        b.shape([(0, shore - slope), (1, shore + slope), (1, 1.1), (0, 1.1)], sand)
        b.stroke([(0, shore - slope), (1, shore + slope)], (245, 248, 250), 0.03)
        return min(shore, 0.9)
    if kind == "lake":
        y, rx, ry = (
            horizon + rng.uniform(0.16, 0.26),
            rng.uniform(0.38, 0.6),
            rng.uniform(0.1, 0.16),
        )
        x = rng.uniform(0.35, 0.65)
        # the darker rim first, then the surface, then what it reflects
        b.oval(x, y, rx, ry, mix(deep, (30, 50, 40), 0.35))
        b.oval(x, y + 0.01, rx * 0.97, ry * 0.93, mix(deep, pale, 0.4))
        b.oval(x + 0.08, y - ry * 0.3, rx * 0.5, ry * 0.25, mix(deep, (60, 90, 60), 0.4))
        return min(y + ry, 0.9)
    if kind == "river":
        x, bend = rng.uniform(0.3, 0.7), rng.uniform(-0.35, 0.35)
        mid, low = horizon + (1 - horizon) * 0.45, rng.uniform(0.3, 0.7)
        left = [(x - 0.03, horizon), (x + bend - 0.09, mid), (low - 0.25, 1.0)]
        right = [(low + 0.25, 1.0), (x + bend + 0.1, mid), (x + 0.03, horizon)]
        b.shape(left + right, mix(deep, pale, 0.25))
        b.stroke([(x, horizon), (x + bend, mid), (low, 1.0)], pale, 0.02)
        return horizon + 0.25
    if kind == "fountain":
        x, y = rng.uniform(0.25, 0.75), rng.uniform(0.7, 0.85)
        b.oval(x, y, 0.24, 0.08, b.tone((170, 165, 160)))
        b.oval(x, y - 0.01, 0.2, 0.055, deep)
        for _ in range(7):
            dx = rng.uniform(-0.15, 0.15)
            b.stroke([(x, y - 0.28), (x + dx * 0.7, y - 0.25), (x + dx, y)], (225, 240, 250))
        return 0.75
    # a pool: nothing but water, with ripples
    horizon = max(horizon, 0.35)
    b.gradient(horizon, 1.0, pale, deep, 4)
    for _ in range(6):
        x, y, wide = rng.uniform(), rng.uniform(horizon + 0.05, 1.0), rng.uniform(0.08, 0.25)
        b.ring(x, y, wide, wide * 0.3, fill=mix(pale, (255, 255, 255), 0.3), width=0.012)
    return 0.8


def structures(b: Brush, scene: Scene, horizon: float, *, filling: bool) -> float:
    """Buildings on the horizon, or a wall that fills the picture without a sky.

    Returns the height at which they stand on the ground.
    """
    rng = b.rng
    kind, night = scene.kinds["structures"], "night" in scene.classes
    foot = horizon + rng.uniform(0.02, 0.1)
    if filling:
        foot = rng.uniform(0.6, 0.78)
        wall = b.tone(rng.pick(((170, 120, 95), (180, 175, 165), (120, 125, 135), (205, 190, 150))))
        b.box(0, 0, 1, foot, wall)
        _windows(b, 0.04, 0.05, 0.96, foot - 0.1, night=night, cells=rng.integer(3, 5))
    elif kind == "skyline":
        x = rng.uniform(-0.1, 0.1)
        while x < 1.0:
            wide, tall = rng.uniform(0.1, 0.22), rng.uniform(0.15, 0.5)
            b.box(x, foot - tall, x + wide, foot, b.tone((110, 115, 128)))
            _windows(b, x, foot - tall, x + wide, foot, night=night, cells=2)
            x += wide + rng.uniform(0.0, 0.06)
    elif kind in ("tower", "church"):
        x, wide = rng.uniform(0.2, 0.8), rng.uniform(0.07, 0.12)
        stone = b.tone((165, 150, 135))
        top = foot - rng.uniform(0.35, 0.6)
        b.box(x - wide, top, x + wide, foot, stone)
        b.shape([(x - wide, top), (x, top - 0.2), (x + wide, top)], b.tone((90, 70, 75)))
        b.box(x - 0.025, top + 0.06, x + 0.025, top + 0.13, _LIT if night else (60, 60, 75))
        if kind == "church":
            b.box(x, foot - 0.24, x + 0.34, foot, stone)
            b.shape(
                [(x, foot - 0.24), (x + 0.17, foot - 0.36), (x + 0.36, foot - 0.24)],
                b.tone((110, 75, 70)),
            )
    elif kind == "bridge":
        y, iron = foot - rng.uniform(0.06, 0.16), b.tone(rng.pick(((150, 60, 50), (100, 105, 115))))
        b.box(0, y, 1, y + 0.045, iron)
        for x in (0.24, 0.76):
            b.box(x - 0.02, y - 0.26, x + 0.02, foot + 0.1, iron)
            b.stroke([(x - 0.26, y), (x, y - 0.26), (x + 0.26, y)], iron, 0.012)
    else:
        for _ in range(rng.integer(1, 3)):
            _house(b, rng.uniform(0.02, 0.75), foot, rng.uniform(0.16, 0.34), night)
    return foot


def _house(b: Brush, x: float, foot: float, wide: float, night: bool) -> None:
    wall = b.tone(b.rng.pick(((215, 195, 160), (190, 110, 90), (225, 225, 220), (150, 160, 175))))
    top = foot - wide * 0.75
    b.box(x, top, x + wide, foot, wall)
    roof = b.tone(b.rng.pick(((150, 60, 45), (85, 80, 85))))
    b.shape([(x - 0.03, top), (x + wide / 2, top - wide * 0.5), (x + wide + 0.03, top)], roof)
    pane = _LIT if night else (70, 85, 110)
    b.box(x + wide * 0.15, top + wide * 0.18, x + wide * 0.38, top + wide * 0.42, pane)
    b.box(x + wide * 0.6, top + wide * 0.3, x + wide * 0.84, foot, mix(wall, (60, 30, 20), 0.6))


def _windows(
    b: Brush, x0: float, y0: float, x1: float, y1: float, *, night: bool, cells: int
) -> None:
    rows = max(2, int((y1 - y0) / (x1 - x0) * cells))
    step_x, step_y = (x1 - x0) / cells, (y1 - y0) / rows
    for row in range(min(rows, 5)):
        for column in range(cells):
            lit = night and b.rng.chance(0.6)
            x, y = x0 + (column + 0.25) * step_x, y0 + (row + 0.25) * step_y
            b.box(x, y, x + step_x * 0.5, y + step_y * 0.5, _LIT if lit else (62, 72, 92))


def room(b: Brush, scene: Scene) -> None:
    """Wall, floor and some furniture; columns, stairs or an arch where structures are meant."""
    rng = b.rng
    wall = b.tone(
        rng.pick(
            ((214, 200, 175), (180, 190, 180), (196, 168, 150), (170, 160, 185), (150, 110, 90))
        )
    )
    floor_at = rng.uniform(0.66, 0.82)
    b.box(0, 0, 1, 1, wall)
    if rng.chance(0.35):
        stripe = mix(wall, (255, 255, 255), 0.25)
        for step in range(6):
            b.box(step / 6, 0, step / 6 + 0.06, floor_at, stripe)
    floor = b.tone(rng.pick(((130, 90, 60), (110, 100, 95), (165, 130, 95))))
    b.box(0, floor_at, 1, 1, floor)
    b.stroke([(0, floor_at), (1, floor_at)], mix(floor, (240, 240, 240), 0.5), 0.025)
    _built_indoors(b, scene.kinds.get("structures"), floor_at)
    for _ in range(rng.integer(1, 2)):
        _furniture(b, night="night" in scene.classes)


def _built_indoors(b: Brush, kind: str | None, floor_at: float) -> None:
    if kind == "columns":
        for x in (0.12, 0.42, 0.72):
            b.box(x, 0.08, x + 0.13, floor_at + 0.08, b.tone((205, 200, 190), 10))
            b.box(x - 0.03, 0.03, x + 0.16, 0.1, (160, 150, 140))
    elif kind == "stairs":
        grey = b.tone((165, 160, 155))
        for level in range(6):
            y = 1.0 - level * 0.12
            b.box(0.15 + level * 0.12, y - 0.12, 1.0, 1.0, mix(grey, (70, 70, 75), (level % 2) / 2))
    elif kind == "arch":
        for size in (0.42, 0.3, 0.18):
            stone = mix((190, 175, 155), (60, 50, 50), 0.9 - size * 2)
            b.oval(0.5, 0.45, size, size, stone)
            b.box(0.5 - size, 0.45, 0.5 + size, floor_at + 0.1, stone)


def _furniture(b: Brush, *, night: bool) -> None:
    rng = b.rng
    x = rng.uniform(0.05, 0.7)
    thing = rng.pick(("window", "lamp", "frame", "shelf"))
    if thing == "window":
        glass = (25, 30, 60) if night else (200, 220, 235)
        b.box(x, 0.1, x + 0.24, 0.42, (240, 238, 230))
        b.box(x + 0.02, 0.12, x + 0.22, 0.4, glass)
        b.stroke([(x + 0.12, 0.1), (x + 0.12, 0.42)], (240, 238, 230), 0.02)
    elif thing == "lamp":
        b.stroke([(x + 0.1, 0), (x + 0.1, 0.12)], (60, 55, 50), 0.012)
        b.shape([(x, 0.24), (x + 0.06, 0.12), (x + 0.14, 0.12), (x + 0.2, 0.24)], _LIT)
    elif thing == "frame":
        b.box(x, 0.14, x + 0.2, 0.34, (95, 65, 45))
        b.box(x + 0.025, 0.165, x + 0.175, 0.315, b.tone((150, 150, 150), 60))
    else:
        b.box(x, 0.36, x + 0.28, 0.39, (110, 75, 50))
        for book in range(5):
            left = x + 0.01 + book * 0.05
            b.box(left, 0.26, left + 0.04, 0.36, b.tone((130, 90, 90), 60))


def thicket(b: Brush) -> None:
    """A wall of leaves that fills the picture: plants seen from near."""
    rng = b.rng
    leaf = rng.pick(((50, 110, 45), (80, 130, 60), (35, 80, 50), (120, 140, 70)))
    b.box(0, 0, 1, 1, b.tone(mix(leaf, (15, 30, 15), 0.5)))
    for _ in range(22):
        x, y, size = rng.uniform(), rng.uniform(), rng.uniform(0.06, 0.16)
        lean = rng.uniform(-1, 1) * size
        tip, foot = (x + lean, y - size), (x - lean, y + size)
        side = (x + size * 0.5, y + lean * 0.5)
        b.shape([tip, side, foot, (2 * x - side[0], 2 * y - side[1])], b.tone(leaf, 34))
