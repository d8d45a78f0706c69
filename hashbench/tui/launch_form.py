"""From the texts of the launch form to a request, and from a request to what will run.

Nothing here draws; the form, its tests and its preview share it. The fields are the rows of the
table of run options, so that the form and the command line cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hashbench.clusters import catalog as clusters
from hashbench.datasets.availability import missing
from hashbench.errors import HashbenchError, InputError
from hashbench.launch.start_mode import StartMode
from hashbench.plan import catalog, custom_registry, parameters, run_options
from hashbench.plan.card import DatasetCard, MethodCard, Value
from hashbench.plan.list_syntax import joined, value_text
from hashbench.plan.option_kinds import RunOption
from hashbench.plan.preset import BUILT_IN
from hashbench.plan.preset_resolution import built_in_options, default_preset, preset_in_force
from hashbench.plan.run_options import Request, options
from hashbench.plan.spec import RunSpec
from hashbench.runs.on_finish import arrange, default_actions
from hashbench.runs.queue import parse_priority
from hashbench.tui.settings import LaunchForm

START, PRIORITY = "start", "priority"
IN_TURN, AT_ONCE, ON = "in turn", "at once", "on "
"""How runs start: on this host, or on a cluster, whose name follows."""

LISTS = ("method", "dataset", "ablate")
"""Keys whose values are picked from lists; `set` is filled by the fields of the methods."""


def typed_options() -> list[RunOption]:
    """The options that have a field of their own."""
    return [option for option in options().values() if not option.picked]


def start_mode_of(typed: Mapping[str, str]) -> StartMode:
    """How runs start, as the form says. Raises InputError for a wrong priority, or a wrong action
    in HASHBENCH_ON_FINISH.
    """
    start, actions = typed.get(START, IN_TURN), arrange(default_actions())
    if start.startswith(ON):
        return StartMode(on=start.removeprefix(ON), detach=True, on_finish=actions)
    queue = start == IN_TURN
    priority = parse_priority(typed.get(PRIORITY, "0")) if queue else 0
    return StartMode(queue=queue, priority=priority, on_finish=actions)


def starts() -> list[str]:
    """The ways to start runs that there are on this host."""
    return [IN_TURN, AT_ONCE, *(ON + name for name in clusters.at_hand())]


def request_of(
    picked: Mapping[str, Sequence[str]], typed: Mapping[str, str], params: Mapping[str, str]
) -> Request:
    """The request that the form stands for; `params` are changed ones, `method.name` -> text.

    Raises InputError whose `where` is the option of the field that is wrong.
    """
    values = {
        option.key: option.parse([typed.get(option.key, option.default_text)])  # "": the preset's
        for option in typed_options()
    }
    values |= {key: list(picked.get(key, ())) for key in LISTS}
    single = len(values["method"]) == 1
    values["set"] = {key.partition(".")[2] if single else key: text for key, text in params.items()}
    return run_options.request(values)


def form_of(values: Mapping[str, Any]) -> LaunchForm:
    """The form for options by key, as a saved preset holds them.

    Raises InputError for a grid of ablations, which the form has no place for.
    """
    form = LaunchForm()
    rows = options()
    for key in ("method", "dataset"):
        value = values.get(key, rows[key].default)
        form.picked[key] = [str(one) for one in rows[key].values(value)]
    choices = rows["ablate"].values(values.get("ablate", ()))
    if len(choices) > 1:
        raise InputError(
            "has a grid of ablations, which this form cannot show",
            where="ablate",
            remedy="hashbench run --config",
        )
    form.picked["ablate"] = list(choices[0]) if choices else []
    for option in typed_options():
        if values.get(option.key) is not None:
            form.typed[option.key] = option.text(values[option.key])
    for name, value in values.get("set", {}).items():
        text = joined(value) if isinstance(value, list) else value_text(value)
        for method in form.picked["method"]:
            form.typed[name if "." in name else f"{method}.{name}"] = text
    return form


def parameter_values(
    cards: Sequence[MethodCard], settings: Mapping[str, str]
) -> dict[str, Value | list[Value]]:
    """Typed parameters as values, which a file holds better than texts; several make a list."""
    values: dict[str, Value | list[Value]] = {}
    for name, text in settings.items():
        method, _, param = name.rpartition(".")
        card = next(card for card in cards if method in ("", card.name))
        parsed = parameters.values_of(card.param(param), text, f"--set {name}")
        values[name] = parsed[0] if len(parsed) == 1 else parsed
    return values


def preset_texts(
    picked: Mapping[str, Sequence[str]], preset: str, data_dir: Path
) -> dict[str, str]:
    """What fields hold that nobody changed, where a preset decides: of options by key, of the
    parameters of picked methods as `method.name`, and the preset itself.

    Of several datasets it is that of the first, of several methods it is that of the first for
    options. `preset` is the one that was chosen, or "".
    """
    texts = {key: value_text(value) for key, value in built_in_options().items()}
    texts["preset"] = BUILT_IN
    cards = [card for name in picked.get("method", ()) if (card := catalog.find_method(name))]
    for card in reversed(cards):
        params = {param.name: param.default for param in card.params}
        for name in picked.get("dataset", ())[:1]:
            # what is wrong with the picks is said where runs are planned
            with suppress(HashbenchError):
                dataset = catalog.dataset(name, data_dir)
                force = preset_in_force(card, dataset, preset or None)
                texts |= {key: options()[key].text(value) for key, value in force.options.items()}
                texts["preset"] = default_preset(card, dataset)
                params |= force.params
        texts |= {f"{card.name}.{param}": value_text(value) for param, value in params.items()}
    return texts


def datasets_by_presence(data_dir: Path) -> dict[str, tuple[DatasetCard, str | None]]:
    """Every dataset by name, those that can be used first: its card, and what is missing."""
    cards = dict(catalog.datasets())
    cards |= {
        name: custom_registry.card(path) for name, path in custom_registry.names(data_dir).items()
    }
    checked = {name: (card, missing(card, data_dir, name)) for name, card in cards.items()}
    return dict(sorted(checked.items(), key=lambda entry: entry[1][1] is not None))


def grid_text(specs: Sequence[RunSpec]) -> str:
    """`12 runs: 2 methods x 3 bit lengths x 2 seeds`, naming what there is only one of."""
    axes: list[tuple[str, list[str]]] = [
        ("method", [spec.method for spec in specs]),
        ("dataset", [spec.dataset.name for spec in specs]),
        ("bit length", [f"{spec.bits_label} bits" for spec in specs]),
        ("known ratio", [f"known ratio {spec.labels.known_ratio:g}" for spec in specs]),
        ("preset", [f"{spec.preset} preset" for spec in specs]),
        ("fold", [spec.dataset.fold_label for spec in specs]),
        ("seed", [f"seed {spec.seed}" for spec in specs]),
    ]
    parts = []
    for name, values in axes:
        distinct = list(dict.fromkeys(values))
        if distinct in (["known ratio 1"], [f"{BUILT_IN} preset"], [""]):
            continue
        if len(distinct) == 1:
            parts.append(distinct[0])
        elif len(distinct) <= 3:
            parts.append(", ".join(distinct))
        else:
            parts.append(f"{len(distinct)} {name}s")
    count = len(specs)
    return f"{count:,} run{'s' if count != 1 else ''}: {' × '.join(parts)}"
