"""The picture of a scene: surfaces from far to near, objects, figures, and the camera's part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.datasets.picturebook import backdrop, camera, figures, objects
from hashbench.datasets.picturebook.brush import Brush
from hashbench.datasets.picturebook.rng import SceneRng

if TYPE_CHECKING:
    from PIL import Image

    from hashbench.datasets.picturebook.composition import Scene


def draw(scene: Scene, seed: int, index: int) -> Image.Image:
    """The scene as an RGB picture of SIDE x SIDE pixels."""
    rng = SceneRng(seed, index, stream=1)
    b = Brush(rng)
    if "indoor" in scene.classes:
        backdrop.room(b, scene)
        ground = rng.uniform(0.86, 0.98)
    elif scene.setting in ("close nature", "animal", "person outdoors") and not (
        scene.classes & {"sky", "structures"}
    ):
        ground = _close_up(b, scene)
    else:
        ground = _outdoors(b, scene)
    _objects(b, scene, ground)
    if rng.chance(0.2):
        objects.stray(b)
    _people(b, scene, ground)
    _light(b, scene)
    return camera.develop(b.finished(), scene, rng)


def _close_up(b: Brush, scene: Scene) -> float:
    """Plants, or a plain blurred wall or ground, fill the picture."""
    if "plant life" in scene.classes:
        backdrop.thicket(b)
    else:
        plain = b.tone(b.rng.pick(((150, 140, 125), (110, 115, 120), (185, 165, 130))), 40)
        b.gradient(0, 1, plain, b.tone(plain), 6)
    if "water" in scene.classes:
        backdrop.water(b, scene, b.rng.uniform(0.5, 0.7))
    return b.rng.uniform(0.8, 0.95)


def _outdoors(b: Brush, scene: Scene) -> float:
    rng = b.rng
    open_sky = "sky" in scene.classes
    horizon = rng.uniform(0.32, 0.62) if open_sky else 0.0
    if open_sky:
        backdrop.sky(b, scene, horizon)
    backdrop.ground(b, scene, horizon)
    if "structures" in scene.classes:
        horizon = backdrop.structures(b, scene, horizon, filling=not open_sky)
    dry = horizon + 0.15
    if "water" in scene.classes:
        dry = backdrop.water(b, scene, horizon)
    return min(0.97, max(dry, horizon + rng.uniform(0.15, 0.4), 0.5))


def _objects(b: Brush, scene: Scene, ground: float) -> None:
    rng = b.rng
    kinds = scene.kinds
    indoors = "indoor" in scene.classes
    if "plant life" in scene.classes and indoors:
        _pot(b, scene)
    elif "plant life" in scene.classes:
        if "tree" in scene.classes:
            for _ in range(rng.integer(1, 3)):
                foot = rng.uniform(ground - 0.1, ground + 0.08)
                objects.tree(
                    b, kinds["tree"], rng.uniform(0.05, 0.95), foot, rng.uniform(0.35, 0.75)
                )
        if "flower" in scene.classes:
            near = scene.setting == "close nature"
            for _ in range(1 if near and rng.chance(0.5) else rng.integer(2, 6)):
                size = rng.uniform(0.16, 0.36) if near else rng.uniform(0.07, 0.13)
                x, y = rng.uniform(0.15, 0.85), rng.uniform(0.3 if near else ground - 0.1, 0.92)
                objects.flower(b, kinds["flower"], x, y, size)
    if "transport" in scene.classes:
        size = rng.uniform(0.4, 0.66) if scene.setting == "road" else rng.uniform(0.3, 0.46)
        foot = ground - rng.uniform(0.05, 0.3) if kinds["transport"] == "boat" else ground
        objects.vehicle(b, kinds["transport"], rng.uniform(0.2, 0.8), foot, size)
    if "food" in scene.classes:
        size, y = rng.uniform(0.24, 0.38), rng.uniform(0.72, 0.86)
        if indoors:
            b.box(0, y - 0.06, 1, 1, b.tone((150, 105, 70)))
        objects.food(b, kinds["food"], rng.uniform(0.25, 0.75), y, size)
    if "animals" in scene.classes:
        near = scene.setting in ("animal", "close nature", "room")
        for _ in range(1 if near else rng.integer(1, 2)):
            size = rng.uniform(0.5, 0.85) if near else rng.uniform(0.32, 0.48)
            figures.animal(b, kinds["animals"], rng.uniform(0.2, 0.8), ground, size)


def _pot(b: Brush, scene: Scene) -> None:
    rng = b.rng
    x, y, size = rng.uniform(0.12, 0.88), rng.uniform(0.78, 0.95), rng.uniform(0.1, 0.18)
    leaf = b.tone((60, 120, 55))
    for lean in (-0.9, -0.4, 0.1, 0.5, 0.9):
        tip = (x + lean * size, y - size * rng.uniform(1.6, 2.6))
        b.stroke([(x, y - size), tip], leaf, 0.03)
    if "tree" in scene.classes:
        objects.tree(b, scene.kinds["tree"], x, y - size * 0.8, size * 3.2)
    if "flower" in scene.classes:
        for dx in (-0.6, 0.0, 0.6):
            objects.flower(b, scene.kinds["flower"], x + dx * size, y - size * 2, size * 0.6)
    b.shape([(x - size * 0.6, y - size), (x + size * 0.6, y - size), (x + size * 0.42, y),
             (x - size * 0.42, y)], b.tone((175, 95, 65)))  # fmt: skip


def _people(b: Brush, scene: Scene, ground: float) -> None:
    rng = b.rng
    if "portrait" in scene.classes:
        size = rng.uniform(0.25, 0.36)
        figures.face(b, scene.people[0], rng.uniform(0.3, 0.7), rng.uniform(0.36, 0.52), size)
        return
    far = scene.setting in ("landscape", "shore", "city", "road", "animal")
    size = rng.uniform(0.32, 0.56) if far else rng.uniform(0.55, 0.9)
    for who in scene.people:
        foot = min(1.02, ground + rng.uniform(-0.02, 0.08))
        figures.person(b, who, rng.uniform(0.12, 0.88), foot, size * rng.uniform(0.85, 1.15))


def _light(b: Brush, scene: Scene) -> None:
    rng = b.rng
    if "night" in scene.classes:
        b.darken(rng.uniform(0.42, 0.64), (8, 10, 28))
        for _ in range(rng.integer(2, 6)):
            x, y, size = rng.uniform(), rng.uniform(0.2, 0.9), rng.uniform(0.012, 0.03)
            b.oval(x, y, size, size, rng.pick(((255, 220, 130), (255, 170, 90), (230, 235, 255))))
    elif "sunset" in scene.classes:
        b.darken(rng.uniform(0.15, 0.35), (220, 110, 50))
