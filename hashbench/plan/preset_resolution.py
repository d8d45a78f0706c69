"""Which preset is in force for a method on a dataset, and what it makes of a request.

Values are taken in this order, the later ones winning: the method's defaults, the preset, epochs,
ablations, and what was asked for by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hashbench.errors import InputError
from hashbench.plan import catalog
from hashbench.plan.card import DatasetCard, MethodCard, Value
from hashbench.plan.preset import BUILT_IN, PAPER, Preset
from hashbench.plan.run_options import Request, options


@dataclass(frozen=True)
class PresetInForce:
    """A preset for one method and dataset: a value, or a grid of values, for every option that
    presets decide, and values for parameters of the method.
    """

    name: str
    options: Mapping[str, Any]
    params: Mapping[str, Value]

    def fill(self, request: Request) -> Request:
        """The request with the preset's values where it asks for none."""
        return replace(request, preset=self.name, **self.missing(request))

    def missing(self, request: Request) -> dict[str, Any]:
        """The preset's values of the options that the request leaves to it, by key."""
        values = dict(self.options)
        # weights belong to their model: those of another one than was asked for are of no use
        if request.backbone not in (None, values["backbone"]):
            values["pretrained"] = options()["pretrained"].built_in
        return {key: value for key, value in values.items() if getattr(request, key) is None}


def default_preset(method: MethodCard, dataset: DatasetCard) -> str:
    """The preset where none is asked for: the paper's on datasets that it reports."""
    paper = method.paper_preset
    return PAPER if paper is not None and dataset.name in paper.datasets else BUILT_IN


def paper_preset(method: MethodCard) -> Preset:
    """The preset of the method's paper. Raises InputError for a paper that gives no values."""
    if method.paper_preset is None:
        able = [card.name for card in catalog.methods().values() if card.paper_preset is not None]
        raise InputError(
            f"there are no values of a paper for {method.name}",
            where="--preset",
            remedy=f"--preset {BUILT_IN}, or one of {', '.join(able)}",
        )
    return method.paper_preset


def built_in_options() -> dict[str, Any]:
    """The built-in preset: the value of every option that presets decide, by key."""
    return {key: row.built_in for key, row in options().items() if row.built_in is not None}


def preset_in_force(
    method: MethodCard, dataset: DatasetCard, name: str | None = None
) -> PresetInForce:
    """The preset of that name, or the default one, for a method on a dataset.

    Raises InputError for the preset of a paper that gives no values.
    """
    values = built_in_options()
    if (name or default_preset(method, dataset)) == BUILT_IN:
        return PresetInForce(BUILT_IN, values, {})
    paper = paper_preset(method)
    given = paper.option_values(dataset.name)
    if dataset.features_only:  # its features are there already
        given = {k: v for k, v in given.items() if k not in ("backbone", "pretrained")}
    return PresetInForce(PAPER, values | given, paper.param_values(dataset.name))
