"""The parameters of methods: from `--set`, `--ablate` and `--epochs` to every method's values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import catalog, list_syntax
from hashbench.plan.card import MethodCard, Param, Value
from hashbench.plan.run_options import Request, options


@dataclass(frozen=True)
class Choices:
    """What a request leaves to choose for one method.

    `ablations` are the choices of ablations that the method has, `settings` the values of each
    parameter that `--set` names.
    """

    card: MethodCard
    ablations: Sequence[tuple[str, ...]]
    settings: Mapping[str, Sequence[Value]]

    def __len__(self) -> int:
        count = len(self.ablations)
        for values in self.settings.values():
            count *= len(values)
        return count

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], dict[str, Value]]]:
        """(ablations, settings) of each run."""
        settings = list(itertools.product(*self.settings.values()))
        for ablations, values in itertools.product(self.ablations, settings):
            yield ablations, dict(zip(self.settings, values, strict=True))


def choices(request: Request, cards: Sequence[MethodCard]) -> list[Choices]:
    """What there is to choose for each method.

    `--set name=value` goes to each requested method that has `name`, `--set method.name=value` to
    one. Raises UnknownNameError for a name that none of them has, InputError for a wrong value.
    """
    ablations = options()["ablate"].values(request.ablate)
    for name in dict.fromkeys(itertools.chain(*ablations)):
        if not any(card.has_ablation(name) for card in cards):
            known = [ablation.name for card in cards for ablation in card.ablations]
            raise UnknownNameError("ablation", name, known, where="--ablate")
    settings: dict[str, dict[str, list[Value]]] = {card.name: {} for card in cards}
    for key, value in request.set.items():
        for card, param in _owners(key, cards):
            settings[card.name][param.name] = values_of(param, value, f"--set {key}")
    return [
        Choices(
            card,
            # of several choices, those that are one for this method are made once
            list(dict.fromkeys(tuple(filter(card.has_ablation, choice)) for choice in ablations)),
            settings[card.name],
        )
        for card in cards
    ]


def each_ablation(request: Request) -> list[list[str]]:
    """The choice of no ablation, then every ablation that changes a value of one of the methods
    under one of the protocols. Raises UnknownNameError for an unknown method, InputError where
    ablations were chosen already.
    """
    rows = options()
    if rows["ablate"].values(request.ablate) != [()]:
        raise InputError("chooses ablations, and so does --ablate", where="--each-ablation")
    cards = [
        catalog.method(name, where="--method") for name in rows["method"].values(request.method)
    ]
    protocols = rows["protocol"].values(request.protocol)
    names = dict.fromkeys(
        ablation.name
        for card in cards
        for ablation in card.ablations
        for protocol in protocols
        for name, value in ablation.settings.items()
        if value != card.param(name).start(protocol)
    )
    return [[], *([name] for name in names)]


def _owners(key: str, cards: Sequence[MethodCard]) -> list[tuple[MethodCard, Param]]:
    """The methods that a key of `--set` is meant for, and their parameter."""
    prefix, dot, short = key.partition(".")
    named = [card for card in cards if dot and card.name == prefix]
    name = short if named else key
    owners = [card for card in named or cards if card.has_param(name)]
    if not owners:
        known = [param.name for card in named or cards for param in card.params]
        raise UnknownNameError("parameter", name, known, where="--set")
    return [(card, card.param(name)) for card in owners]


def values_of(param: Param, value: Value | Sequence[Value], where: str) -> list[Value]:
    """The values of a parameter: typed text with commas, one value, or a list of values."""
    if isinstance(value, str) and not param.free_text:
        given: Sequence[Value] = list_syntax.words([value]) or [value]
    else:
        given = [value] if isinstance(value, bool | int | float | str) else value
    checked = [
        param.parse(one, where=where) if isinstance(one, str) else param.check(one, where=where)
        for one in given
    ]
    return list(dict.fromkeys(checked))


def resolve(
    card: MethodCard,
    protocol: str,
    epochs: int | None,
    ablations: Sequence[str] = (),
    settings: Mapping[str, Value] | None = None,
    preset: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """Every parameter of a method: defaults, then those of a preset, then epochs, then ablations,
    then settings.

    Raises InputError where the strict protocol refuses a value that leaks, and where shares of one
    whole add up to more than it.
    """
    params = {param.name: param.start(protocol) for param in card.params} | dict(preset or {})
    if epochs is not None:
        params |= dict.fromkeys(card.epoch_params, epochs)
    for name in ablations:
        params |= card.ablation(name).settings
    params |= settings or {}
    _check_protocol(protocol, card, params)
    card.check_shares(params)
    return params


def _check_protocol(protocol: str, card: MethodCard, params: Mapping[str, Value]) -> None:
    """The published protocol is for methods whose own code leaks; the strict one refuses leaks.

    For the others the strict protocol is the published one, and a mark would mean nothing.
    """
    if protocol == "published":
        if not card.published_leaks:
            leaky = [other.name for other in catalog.methods().values() if other.published_leaks]
            raise InputError(
                f"{card.name} has no other protocol: it encodes each modality alone as published",
                where="--protocol",
                remedy=f"--protocol strict, or a method that has one: {', '.join(leaky)}",
            )
        return
    if card.published_only:
        raise InputError(
            f"{card.name} makes codes of what they must not see: it is an upper end, no method",
            where="--method",
            remedy="--protocol published, which marks the run",
        )
    for param in card.params:
        if param.published is not None and params[param.name] == param.published:
            raise InputError(
                f"{param.name} = {params[param.name]} lets codes see what they must not",
                where=f"--set {param.name}",
                remedy="--protocol published, which marks the run",
            )
