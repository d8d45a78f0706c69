"""Parameters refuse what they cannot be, and say what they could be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import catalog
from hashbench.plan.card import Param

EPOCHS = Param("epochs", 60, "how long", low=1, high=100)
RATE = Param("lr", 1e-3, "how fast", low=0.0, high=1.0)
PROMPT = Param("prompt", "paper", "which prompt", choices=("paper", "names"))
CENTRE = Param("centre", default=True, help="whether")


@given(st.integers(1, 100))
def test_whole_numbers_in_range_are_taken(value: int) -> None:
    assert EPOCHS.parse(str(value)) == EPOCHS.check(value) == value


@given(st.floats(0, 1))
def test_numbers_survive_being_typed(value: float) -> None:
    assert RATE.parse(repr(value)) == value


@pytest.mark.parametrize("text", ["0", "101", "1.5", "", "many", "1e3", "nan"])
def test_what_is_no_whole_number_in_range_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="epochs") as refused:
        EPOCHS.parse(text, where="--set epochs")
    assert refused.value.exit_code == 2
    assert "--set epochs" in str(refused.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.01, -0.1, True, "0.5", None])
def test_what_is_no_number_in_range_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="lr"):
        RATE.check(value)


def test_a_whole_number_does_for_a_number() -> None:
    taken = RATE.check(1)
    assert taken == 1.0
    assert isinstance(taken, float)


def test_the_nearest_choice_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="did you mean names"):
        PROMPT.parse("name")


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("Off", False), ("1", True)])
def test_yes_and_no_in_many_words(text: str, value: bool) -> None:
    assert CENTRE.parse(text) is value


@pytest.mark.parametrize("name", list(catalog.methods()))
def test_every_card_keeps_its_own_rules(name: str) -> None:
    card = catalog.method(name)
    names = [param.name for param in card.params]
    assert len(names) == len(set(names))
    assert card.summary
    assert card.paper
    for param in card.params:
        assert param.check(param.default) == param.default
        assert param.help
    for ablation in card.ablations:
        for key, value in ablation.settings.items():
            card.param(key).check(value, where=ablation.name)
    for key in card.epoch_params:
        assert isinstance(card.param(key).default, int)


@pytest.mark.parametrize("name", list(catalog.datasets()))
def test_every_dataset_name_has_sizes_and_valid_presets(name: str) -> None:
    card = catalog.dataset(name)
    assert name in card.sizes
    params = {param.name: param for param in card.params}
    for key, value in card.presets.get(name, {}).items():
        params[key].check(value)
