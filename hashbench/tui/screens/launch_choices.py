"""What the launch form offers: methods, datasets, ablations, and the fields of a method's card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hashbench.plan import catalog
from hashbench.plan.card import MethodCard, Param, Value
from hashbench.runs.queue import PRIORITY_HIGH, PRIORITY_LOW
from hashbench.tui.launch_form import (
    AT_ONCE,
    IN_TURN,
    PRIORITY,
    START,
    datasets_here,
    needs,
    priority,
)
from hashbench.tui.widgets.field import Field
from hashbench.tui.widgets.picklist import Item


def method_items() -> list[Item]:
    """Every method: year, what it does and asks for, its paper."""
    return [
        Item(card.name, f"{card.summary} {_needs(card)}({card.paper})", str(card.year))
        for card in catalog.methods().values()
    ]


def _needs(card: MethodCard) -> str:
    told = needs(card)
    return f"Needs {told}. " if told else ""


def dataset_items(data_dir: Path) -> list[Item]:
    """Every dataset: whether its files are there, sizes, and where they should be."""
    items = []
    for name, (card, there) in datasets_here(data_dir).items():
        sizes = card.sizes[name]
        note = f"{'here' if there else 'absent':<7}{sizes.query:>6,} {sizes.train:>7,}"
        told = f"{sizes.query:,} queries, {sizes.train:,} training items; "
        told += card.summary if there else f"files not found: {card.layout or card.summary}"
        items.append(Item(name, told, note, "good" if there else "warn"))
    return items


def ablation_items(cards: Sequence[MethodCard]) -> list[Item]:
    """The ablations of some methods: whose they are, and what they change."""
    owners: dict[str, list[str]] = {}
    told: dict[str, str] = {}
    for card in cards:
        for ablation in card.ablations:
            owners.setdefault(ablation.name, []).append(card.name)
            changes = ", ".join(f"{name} = {value}" for name, value in ablation.settings.items())
            told.setdefault(ablation.name, f"{ablation.help} ({changes})")
    return [Item(name, told[name], " ".join(owners[name])) for name in owners]


def param_field(card: MethodCard, param: Param, typed: Mapping[str, str]) -> Field:
    """The field of a parameter, its key `method.parameter`."""
    key = f"{card.name}.{param.name}"
    choices = [_shown(choice) for choice in param.choices]
    if isinstance(param.default, bool):
        choices = ["yes", "no"]
    told = param.help if param.choices or not param.range else f"{param.help}; {param.range}"
    return Field(
        key,
        param.name,
        _shown(param.default),
        told,
        check=param.parse,
        choices=choices,
        value=typed.get(key),
    )


def start_fields(typed: Mapping[str, str]) -> list[Field]:
    """When runs start, and which of those that wait is first."""
    told = "in turn: each when a device is free; at once: beside whatever runs"
    choices = (IN_TURN, AT_ONCE)
    start = Field(START, "start", IN_TURN, told, check=str, choices=choices, value=typed.get(START))
    told = f"in the queue, the highest first: {PRIORITY_LOW} to {PRIORITY_HIGH}"
    first = Field(PRIORITY, "priority", "0", told, check=priority, value=typed.get(PRIORITY))
    return [start, first]


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
