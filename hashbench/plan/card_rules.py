"""The rules that a card keeps: what `hashbench methods check` and the tests of all cards ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hashbench.errors import InputError
from hashbench.plan.card import DatasetCard, MethodCard, Param, Value


def broken_method_rules(card: MethodCard) -> list[str]:
    """What is wrong with a method's card, a sentence each."""
    return list(_method_rules(card))


def broken_dataset_rules(card: DatasetCard) -> list[str]:
    """What is wrong with a dataset's card, a sentence each."""
    return list(_dataset_rules(card))


def _method_rules(card: MethodCard) -> Iterator[str]:
    for field in ("title", "summary", "paper"):
        if not getattr(card, field):
            yield f"it has no {field}"
    yield from _entry_rule(card.entry)
    yield from _param_rules(card.params)
    names = [param.name for param in card.params]
    for ablation in card.ablations:
        for name, value in ablation.settings.items():
            if name not in names:
                yield f"ablation {ablation.name} sets {name}, which is no parameter"
            elif problem := _refused(card.param(name), value):
                yield f"ablation {ablation.name}: {problem}"
    for field in ("epoch_params", "shares"):
        for name in getattr(card, field):
            if name not in names:
                yield f"{field} names {name}, which is no parameter"
    for name in card.epoch_params:
        if name in names and type(card.param(name).default) is not int:
            yield f"{name} counts epochs, and its default is no whole number"
    if card.tuned_blocks and card.tuned_blocks not in names:
        yield f"tuned_blocks names {card.tuned_blocks}, which is no parameter"


def _dataset_rules(card: DatasetCard) -> Iterator[str]:
    for field in ("title", "summary"):
        if not getattr(card, field):
            yield f"it has no {field}"
    yield from _entry_rule(card.entry)
    yield from _param_rules(card.params)
    params = {param.name: param for param in card.params}
    for name, values in card.presets.items():
        for key, value in values.items():
            if key not in params:
                yield f"preset {name} sets {key}, which is no parameter"
            elif problem := _refused(params[key], value):
                yield f"preset {name}: {problem}"
    if card.parts and not card.folders:
        yield "it has parts, and no folders in which they may lie"


def _entry_rule(entry: str) -> Iterator[str]:
    module, _, attribute = entry.rpartition(":")
    if not (module and attribute):
        yield f"entry {entry!r} is not module:name"


def _param_rules(params: Sequence[Param]) -> Iterator[str]:
    names = [param.name for param in params]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"{name} is a parameter twice"
    for param in params:
        if not param.help:
            yield f"parameter {param.name} has no help"
        if problem := _refused(param, param.default):
            yield f"the default of {problem}"


def _refused(param: Param, value: Value) -> str:
    """Why a value is none of the parameter's, empty for one that is."""
    try:
        param.check(value)
    except InputError as error:
        return error.problem
    return ""
