"""What the launch form offers: methods, datasets, ablations, fields of options and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hashbench.plan import catalog, parameters
from hashbench.plan.card import MethodCard, Param
from hashbench.plan.list_syntax import value_text
from hashbench.plan.option_kinds import RunOption
from hashbench.runs.queue import PRIORITY_HIGH, PRIORITY_LOW, parse_priority
from hashbench.tui.launch_form import IN_TURN, PRIORITY, START, datasets_by_presence, starts
from hashbench.tui.widgets.field import Field
from hashbench.tui.widgets.picklist import Item


def method_items() -> list[Item]:
    """Every method: year, what it does and uses, its paper."""
    return [
        Item(
            card.name,
            f"{card.summary} {f'It {card.traits}. ' if card.traits else ''}({card.paper})",
            str(card.year),
        )
        for card in catalog.methods().values()
    ]


def dataset_items(data_dir: Path) -> list[Item]:
    """Every dataset: whether it can be used, sizes, and what is missing."""
    items = []
    for name, (card, problem) in datasets_by_presence(data_dir).items():
        sizes = card.sizes[name]
        note = f"{'absent' if problem else 'here':<7}{sizes.query:>6,} {sizes.train:>7,}"
        text = f"{sizes.query:,} queries, {sizes.train:,} training items; "
        text += problem or card.summary
        items.append(Item(name, text, note, "warn" if problem else "good"))
    return items


def ablation_items(cards: Sequence[MethodCard]) -> list[Item]:
    """The ablations of some methods: whose they are, and what they change."""
    owners: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for card in cards:
        for ablation in card.ablations:
            owners.setdefault(ablation.name, []).append(card.name)
            changes = ", ".join(f"{name} = {value}" for name, value in ablation.settings.items())
            texts.setdefault(ablation.name, f"{ablation.help} ({changes})")
    return [Item(name, texts[name], " ".join(owners[name])) for name in owners]


def option_field(option: RunOption, typed: Mapping[str, str], preset: Mapping[str, str]) -> Field:
    """The field of a run option; `preset` are the texts of those that a preset decides."""

    def check(text: str) -> None:
        option.check(option.parse([text]))

    return Field(
        option.key,
        option.key.replace("_", " "),
        preset.get(option.key, option.default_text),
        option.help,
        check=check,
        choices=("yes", "no") if option.item is bool else option.choices,
        value=typed.get(option.key),
        placeholder=option.unset,
    )


def param_field(
    card: MethodCard, param: Param, typed: Mapping[str, str], preset: Mapping[str, str]
) -> Field:
    """The field of a parameter, its key `method.parameter`; several values make a grid. `preset`
    are the texts that the preset gives.
    """
    key = f"{card.name}.{param.name}"
    choices = [value_text(choice) for choice in param.choices]
    if isinstance(param.default, bool):
        choices = ["yes", "no"]
    hint = param.help if param.choices or not param.range else f"{param.help}; {param.range}"
    return Field(
        key,
        param.name,
        preset.get(key, value_text(param.default)),
        hint,
        check=lambda text: parameters.values_of(param, text, f"--set {key}"),
        choices=choices,
        value=typed.get(key),
    )


def start_fields(typed: Mapping[str, str]) -> list[Field]:
    """Where and when runs start, and which of those that wait here is first."""
    choices, chosen = starts(), typed.get(START)
    text = "in turn: each when a device is free; at once: whatever else runs"
    if len(choices) > 2:
        text += "; on a cluster: as jobs, see `hashbench guide clusters`"
    return [
        Field(
            START,
            "start",
            IN_TURN,
            text,
            check=str,
            choices=choices,
            value=chosen if chosen in choices else None,  # a form is kept, a cluster may be gone
        ),
        Field(
            PRIORITY,
            "priority",
            "0",
            f"in the queue, the highest first: {PRIORITY_LOW} to {PRIORITY_HIGH}",
            check=parse_priority,
            value=typed.get(PRIORITY),
        ),
    ]
