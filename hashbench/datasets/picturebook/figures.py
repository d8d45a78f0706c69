"""The figures in a scene: animals and people. `x, y` is where one stands, `size` its height."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.datasets.picturebook.brush import PAINT, Colour, mix

if TYPE_CHECKING:
    from hashbench.datasets.picturebook.brush import Brush

_SKIN: tuple[Colour, ...] = ((245, 210, 180), (225, 175, 140), (180, 125, 90), (120, 80, 55))
_HAIR: tuple[Colour, ...] = ((40, 30, 25), (95, 60, 35), (200, 160, 80), (150, 70, 40))


def animal(b: Brush, kind: str, x: float, y: float, size: float) -> None:
    """A bird, dog, cat, horse or insect that looks to a random side."""
    side = b.rng.pick((-1, 1))
    _ANIMALS[kind](b, x, y, size, side)


def _bird(b: Brush, x: float, y: float, s: float, side: int) -> None:
    plume = b.tone(b.rng.pick(((60, 60, 70), (180, 60, 50), (70, 110, 180), (235, 235, 235))))
    if b.rng.chance(0.4):  # in flight
        y -= s * 0.6
        b.oval(x, y, s * 0.26, s * 0.12, plume)
        b.shape([(x, y), (x - s * 0.45, y - s * 0.4), (x - s * 0.12, y)], plume)
        b.shape([(x, y), (x + s * 0.45, y - s * 0.4), (x + s * 0.12, y)], plume)
    else:
        for leg in (-0.05, 0.08):
            b.stroke([(x + leg * s, y - s * 0.2), (x + leg * s, y)], (220, 150, 50), 0.03 * s)
        y -= s * 0.4
        b.oval(x, y, s * 0.3, s * 0.22, plume)
        tail = x - side * s * 0.25
        b.shape([(tail, y), (tail - side * s * 0.3, y + s * 0.12), (tail, y + s * 0.12)], plume)
        b.oval(x, y + s * 0.03, s * 0.18, s * 0.1, mix(plume, (20, 20, 25), 0.35))
    head = (x + side * s * 0.28, y - s * 0.2)
    b.oval(*head, s * 0.15, s * 0.15, plume)
    beak = head[0] + side * s * 0.12
    b.shape(
        [(beak, head[1] - s * 0.05), (beak + side * s * 0.16, head[1]), (beak, head[1] + s * 0.06)],
        (240, 160, 40),
    )
    b.oval(head[0] + side * s * 0.05, head[1] - s * 0.03, s * 0.035, s * 0.035, (15, 15, 15))


def _dog(b: Brush, x: float, y: float, s: float, side: int) -> None:
    coat = b.tone(b.rng.pick(((150, 100, 60), (70, 55, 45), (215, 190, 150), (225, 225, 220))))
    ear = mix(coat, (40, 25, 20), 0.55)
    for leg in (-0.3, -0.18, 0.18, 0.3):
        b.box(x + leg * s - s * 0.05, y - s * 0.4, x + leg * s + s * 0.05, y, coat)
    b.oval(x, y - s * 0.48, s * 0.42, s * 0.2, coat)
    rump = x - side * s * 0.38
    b.stroke([(rump, y - s * 0.55), (rump - side * s * 0.2, y - s * 0.8)], coat, 0.08 * s)
    head = (x + side * s * 0.42, y - s * 0.75)
    b.oval(*head, s * 0.2, s * 0.19, coat)
    b.oval(head[0] + side * s * 0.18, head[1] + s * 0.06, s * 0.13, s * 0.09, coat)
    b.oval(head[0] + side * s * 0.28, head[1] + s * 0.03, s * 0.045, s * 0.04, (20, 18, 18))
    b.oval(head[0] - side * s * 0.13, head[1] + s * 0.06, s * 0.075, s * 0.18, ear)  # it hangs
    b.oval(head[0] + side * s * 0.06, head[1] - s * 0.04, s * 0.035, s * 0.035, (15, 15, 15))


def _cat(b: Brush, x: float, y: float, s: float, side: int) -> None:
    coat = b.tone(b.rng.pick(((120, 115, 115), (215, 140, 70), (50, 48, 50), (230, 225, 215))))
    b.oval(x, y - s * 0.3, s * 0.27, s * 0.32, coat)  # it sits
    tail = x - side * s * 0.22
    b.stroke(
        [(tail, y - s * 0.05), (tail - side * s * 0.25, y - s * 0.12),
         (tail - side * s * 0.22, y - s * 0.5)], coat, 0.08 * s,
    )  # fmt: skip
    hy = y - s * 0.72
    b.oval(x, hy, s * 0.24, s * 0.2, coat)
    for ear in (-1, 1):
        base = x + ear * s * 0.14
        b.shape([(base - s * 0.1, hy - s * 0.1), (base + ear * s * 0.06, hy - s * 0.36),
                 (base + s * 0.1, hy - s * 0.1)], coat)  # fmt: skip
        b.oval(x + ear * s * 0.09, hy - s * 0.02, s * 0.045, s * 0.05, (120, 200, 90))
        b.stroke([(x + ear * s * 0.05, hy + s * 0.08), (x + ear * s * 0.3, hy + s * 0.06)],
                 (245, 245, 245), 0.015)  # fmt: skip


def _horse(b: Brush, x: float, y: float, s: float, side: int) -> None:
    coat = b.tone(b.rng.pick(((120, 75, 45), (60, 45, 40), (200, 195, 190))))
    mane = mix(coat, (20, 15, 10), 0.6)
    for leg in (-0.26, -0.16, 0.16, 0.26):
        b.box(x + leg * s - s * 0.03, y - s * 0.45, x + leg * s + s * 0.03, y, coat)
    b.oval(x, y - s * 0.52, s * 0.36, s * 0.16, coat)
    neck, head = x + side * s * 0.26, x + side * s * 0.44
    b.shape([(neck - side * s * 0.08, y - s * 0.5), (neck + side * s * 0.1, y - s * 0.5),
             (head, y - s * 0.95), (head - side * s * 0.14, y - s * 0.92)], coat)  # fmt: skip
    b.oval(head + side * s * 0.04, y - s * 0.88, s * 0.17, s * 0.08, coat)
    b.stroke([(neck - side * s * 0.06, y - s * 0.58), (head - side * s * 0.12, y - s * 0.98)],
             mane, 0.07 * s)  # fmt: skip
    rump = x - side * s * 0.34
    b.stroke([(rump, y - s * 0.55), (rump - side * s * 0.1, y - s * 0.2)], mane, 0.07 * s)


def _insect(b: Brush, x: float, y: float, s: float, _side: int) -> None:
    wing = b.tone(b.rng.pick(((230, 140, 40), (90, 130, 210), (235, 220, 120), (200, 80, 120))))
    y -= s * 0.45
    for way in (-1, 1):
        b.oval(x + way * s * 0.24, y - s * 0.16, s * 0.24, s * 0.22, wing)
        b.oval(x + way * s * 0.19, y + s * 0.17, s * 0.17, s * 0.16, mix(wing, (60, 40, 40), 0.3))
        b.oval(x + way * s * 0.26, y - s * 0.16, s * 0.08, s * 0.08, (40, 35, 35))
        b.stroke([(x, y - s * 0.3), (x + way * s * 0.12, y - s * 0.48)], (30, 25, 25), 0.012)
    b.oval(x, y, s * 0.05, s * 0.34, (35, 30, 30))


_ANIMALS = {"bird": _bird, "dog": _dog, "cat": _cat, "horse": _horse, "insect": _insect}


def person(b: Brush, who: str, x: float, y: float, size: float) -> None:
    """A whole figure. Someone of no given sex is a dark shape seen from behind."""
    s, rng = size, b.rng
    skin, hair = b.tone(rng.pick(_SKIN), 12), b.tone(rng.pick(_HAIR), 12)
    cloth, lower = b.tone(rng.pick(PAINT)), b.tone(rng.pick(PAINT[:4]))
    head, r = y - s * 0.86, s * 0.12
    if who == "someone":
        cloth = lower = hair = skin = b.tone((52, 50, 58), 14)
    if who == "baby":  # sits, with a large head
        s *= 0.75
        head, r = y - s * 0.66, s * 0.32
        b.oval(x, y - s * 0.2, s * 0.3, s * 0.24, b.tone((235, 200, 215), 18))
        b.oval(x - s * 0.26, y - s * 0.04, s * 0.14, s * 0.08, skin)
        b.oval(x + s * 0.26, y - s * 0.04, s * 0.14, s * 0.08, skin)
        b.oval(x, head, r, r, skin)
        for eye in (-0.4, 0.4):
            b.oval(x + eye * r, head, r * 0.16, r * 0.18, (30, 25, 25))
        return
    if who == "female":
        b.oval(x, head + r * 0.5, r * 1.3, r * 1.7, hair)
    for leg in (-0.08, 0.08):
        b.box(x + leg * s - s * 0.05, y - s * 0.42, x + leg * s + s * 0.05, y,
              skin if who == "female" else lower)  # fmt: skip
    for arm in (-1, 1):
        b.stroke([(x + arm * s * 0.12, y - s * 0.68),
                  (x + arm * s * rng.uniform(0.18, 0.3), y - s * rng.uniform(0.38, 0.6))],
                 cloth, 0.07 * s)  # fmt: skip
    if who == "female" and rng.chance(0.75):
        b.shape([(x - s * 0.1, y - s * 0.74), (x + s * 0.1, y - s * 0.74),
                 (x + s * 0.24, y - s * 0.25), (x - s * 0.24, y - s * 0.25)], cloth)  # fmt: skip
    else:
        b.box(x - s * 0.14, y - s * 0.74, x + s * 0.14, y - s * 0.38, cloth)
    b.oval(x, head, r, r, skin)
    b.shape([(x - r, head), (x - r * 0.7, head - r), (x + r * 0.7, head - r), (x + r, head)], hair)


def face(b: Brush, who: str, x: float, y: float, size: float) -> None:
    """A portrait: head and shoulders; (x, y) is the middle of the face, size its half height."""
    s, rng = size, b.rng
    skin, hair = b.tone(rng.pick(_SKIN), 12), b.tone(rng.pick(_HAIR), 12)
    cloth = b.tone(rng.pick(PAINT))
    shade = mix(skin, (70, 30, 20), 0.35)
    if who == "someone":  # turned away: hair and shoulders only
        b.oval(x, y + s * 1.7, s * 1.2, s * 0.9, cloth)
        b.oval(x, y, s * 0.8, s, hair)
        return
    if who == "female":
        b.oval(x, y + s * 0.2, s * 1.08, s * 1.35, hair)
    b.oval(x, y + s * 1.9, s * 1.25, s * 0.95, cloth)
    b.box(x - s * 0.25, y + s * 0.6, x + s * 0.25, y + s * 1.2, shade)
    wide = s if who == "baby" else s * 0.76
    b.oval(x, y, wide, s, skin)
    if who == "baby":
        b.oval(x, y - s * 0.92, s * 0.25, s * 0.14, hair)
        b.oval(x, y + s * 0.55, s * 0.22, s * 0.16, b.tone((240, 200, 90)))
    else:
        top = [(x - wide, y - s * 0.1), (x - wide * 0.8, y - s * 0.95), (x, y - s * 1.12),
               (x + wide * 0.8, y - s * 0.95), (x + wide, y - s * 0.1),
               (x + wide * rng.uniform(0.1, 0.6), y - s * 0.55)]  # fmt: skip
        b.shape(top, hair)
        lips = (190, 60, 70) if who == "female" else shade
        b.oval(x, y + s * 0.52, s * 0.24, s * 0.08, lips)
        if who == "male" and rng.chance(0.45):
            b.oval(x, y + s * 0.78, s * 0.48, s * 0.26, hair)
            b.oval(x, y + s * 0.52, s * 0.2, s * 0.06, shade)
    large = 0.13 if who == "baby" else 0.1
    for eye in (-0.34, 0.34):
        b.oval(x + eye * s, y - s * 0.05, s * 0.15, s * large, (245, 245, 245))
        b.oval(x + eye * s, y - s * 0.05, s * 0.075, s * large, (40, 50, 60))
    b.stroke([(x, y + s * 0.02), (x + s * 0.07, y + s * 0.24), (x, y + s * 0.26)], shade, 0.02)
