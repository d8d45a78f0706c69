"""Directions and their modalities are written once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hashbench
from hashbench.errors import UnknownNameError
from hashbench.plan.directions import (
    CROSS_MODAL,
    DIRECTIONS,
    MODALITIES,
    REPORTED,
    directions_of,
    find_direction,
)


def test_letters_say_which_modality_asks() -> None:
    letters = {"i": "image", "t": "text"}
    for name, one in DIRECTIONS.items():
        assert name == one.name
        if "2" in name:
            asked, ranked = name.split("2")
            assert (one.query, one.database) == (letters[asked], letters[ranked])
        assert {one.query, one.database} <= set(MODALITIES)
    assert set(CROSS_MODAL) < set(REPORTED) < set(DIRECTIONS)


def test_directions_need_codes_of_both_modalities() -> None:
    assert directions_of({"image", "text"}) == ["i2t", "t2i", "i2i", "t2t"]
    assert directions_of({"text"}) == ["t2t"]
    assert directions_of({"mm"}) == ["mm"]


def test_an_unknown_direction_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean i2t"):
        find_direction("i2x", where="--direction")


def test_no_other_file_takes_names_of_directions_apart() -> None:
    """Whoever needs the modalities of a direction asks for them."""
    root = Path(hashbench.__file__).parent
    pattern = re.compile(r"""partition\(["']2["']\)|split\(["']2["']\)|["']i["']: ["']image["']""")
    offenders = [str(path.relative_to(root)) for path in root.rglob("*.py")
                 if pattern.search(path.read_text(encoding="utf-8"))]  # fmt: skip
    assert offenders == []
