"""How fast a demo plays."""

from __future__ import annotations

from hashbench.errors import InputError

USUAL_SPEED = 5.0
SLOWEST, FASTEST = 0.1, 1000.0


def check(speed: float) -> float:
    """A speed that can be played. Raises InputError for any other."""
    if SLOWEST <= speed <= FASTEST:
        return speed
    raise InputError(
        f"{speed:g} is no speed of a demo",
        where="--speed",
        remedy=f"from {SLOWEST:g} to {FASTEST:g}; 1 is as fast as it was recorded",
    )
