"""The examples in the docstrings of the Python interface are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import hashbench
from hashbench import api

MODULES = [
    "hashbench",
    *(f"hashbench.api.{one.name}" for one in pkgutil.iter_modules(api.__path__)),
]
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert failed == 0


def test_every_public_function_has_an_example() -> None:
    finder = doctest.DocTestFinder()
    without = [
        name
        for name in (
            "evaluate",
            "audit_codes",
            "load_codes",
            "compare",
            "plot",
            "train",
            "RetrievalMetric",
        )
        if not any(test.examples for test in finder.find(getattr(hashbench, name), name))
    ]
    assert without == []
