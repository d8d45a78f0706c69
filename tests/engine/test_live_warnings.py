"""Each rule of the warnings speaks in a run that really fails so, and none in a run by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hashbench.report.warnings import warnings_of
from hashbench.runs.layout import RunFolder
from hashbench.runs.status import status
from hashbench.runs.warning_rules import RULES
from hashbench.runs.warnings import rule_names
from tests.engine.conftest import Make

Here = Callable[[RunFolder], int]

NO_LEARNING = {"method": ["soda"], "epochs": [4], "set": {"lr": 0.0}}
TOO_FAST = {
    "method": ["pcril"],
    "known_ratio": [0.3],
    "set": {
        "prompt_epochs": 4,
        "hash_epochs": 4,
        "prompt_lr": 1.0,
        "image_lr": 1.0,
        "text_lr": 1.0,
    },
}
FAR_TOO_FAST = {  # the first steps carry every item to one end of the sigmoid
    "method": ["dcmh"],
    "epochs": [4],
    "set": {"lr": 10.0},
}
FASTER_AND_FASTER = {  # it learns first, and is thrown off when the learning rate has risen
    "method": ["dcmh"],
    "epochs": [12],
    "set": {"lr_end": 1.0},
}
PROMPTS_TOO_FAST = {
    "method": ["pcril"],
    "known_ratio": [0.3],
    "set": {"prompt_epochs": 8, "prompt_lr": 0.003, "hash_epochs": 1},
}
UNUSED_FUSION = {
    "method": ["prompthash"],
    "train_size": [40],
    "query_size": [20],
    "epochs": [3],
    "ablate": ["plain-features"],
    "set": {"batch_size": 32},
}

FAILING: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no-learning": (NO_LEARNING, {"phi1-plateau", "weak-teacher", "text-not-following"}),
    "too-fast": (TOO_FAST, {"prompt-drift"}),
    "far-too-fast": (FAR_TOO_FAST, {"constant-bits", "code-collapse"}),
    "faster-and-faster": (FASTER_AND_FASTER, {"semantic-drift"}),
    "prompts-too-fast": (PROMPTS_TOO_FAST, {"recovery-precision-falling"}),
    "unused-fusion": (UNUSED_FUSION, {"vanishing-state-space", "gate-stuck"}),
}
SLOW = ("prompts-too-fast", "unused-fusion")  # they learn prompts, or tune the towers


def test_every_rule_has_a_run_that_fails_so() -> None:
    assert set.union(*(rules for _, rules in FAILING.values())) == {rule.name for rule in RULES}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in FAILING]
)
def test_a_run_that_fails_so_is_warned_of(make: Make, here: Here, name: str) -> None:
    request, rules = FAILING[name]
    run = make(**request)
    assert here(run) == 0
    assert set(rule_names(warnings_of(run))) >= rules
    assert status(run).warnings == rule_names(warnings_of(run))  # what the end of the run holds


@pytest.mark.slow  # four whole trainings
@pytest.mark.parametrize("method", ["soda", "pcril", "prompthash", "pghmh"])
def test_a_run_by_default_is_warned_of_nothing(make: Make, here: Here, method: str) -> None:
    run = make(method=[method], bits=[32], known_ratio=[0.3 if method == "pcril" else 1.0])
    assert here(run) == 0
    assert warnings_of(run) == []
