"""What a run is called: in full by what is not usual about it, among others by what differs.

Runs that differ in anything that decides their codes have names that differ. No name holds a hash,
but for methods that are a file of one's own: what changes in it has no other name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hashbench.plan import catalog
from hashbench.plan.card import MethodCard, Value
from hashbench.plan.preset import PAPER
from hashbench.plan.preset_resolution import built_in_options
from hashbench.plan.run_options import Request
from hashbench.plan.spec import NOT_STATED, BackboneSpec, DatasetSpec, RunSpec
from hashbench.report.text import plain

_USUAL_BACKBONE = BackboneSpec()
_BUILT_IN = built_in_options()
_CONDITIONS = {"negative": "AN", "ignore": "IU"}
"""How papers call what unknown pairs count as: assumed negative, ignored unknown."""

IMPORTED = "imported"
"""What rows of imported codes are called beside their method, so that none is taken for a run."""

_NOT_NAMED = ("version", "device", "threads", "usual_sizes", "preset", "imported")
"""Keys that decide no code, or that others follow from."""


def variant_name(spec: RunSpec) -> str:
    """What is not usual about a run, but for method, bits, dataset and seed; empty if nothing is:
    `known 0.3 AN no-CSA alpha=0.1 published`. A run with the preset of its paper is named by that,
    and by what differs from it.
    """
    return " ".join(text for text in _variant(spec).values() if text)


def full_name(spec: RunSpec) -> str:
    """A run in a line: method, what is not usual, bits, dataset, seed."""
    return " ".join(text for text in _parts(spec).values() if text)


def short_names(specs: Sequence[RunSpec]) -> list[str]:
    """A name for each run among the others: its method, and of everything else what differs.

    Equal specs, runs that were repeated, are numbered: `soda`, `soda (2)`.
    """
    parts = [_parts(spec) for spec in specs]
    differing = [key for key in (parts[0] if parts else ()) if len({p[key] for p in parts}) > 1]
    keys = ["method", *(key for key in differing if key != "method")]
    return _distinct([" ".join(p[key] for key in keys if p[key]) for p in parts], specs)


def label_text(spec: RunSpec) -> str:
    """What training saw of labels and captions; empty when it saw them as they are."""
    labels, dataset = spec.labels, spec.dataset
    parts = [f"known {labels.known_ratio:g}"] if labels.known_ratio < 1 else []
    parts += [f"noise {labels.noise:g}"] if labels.noise else []
    parts += [f"sparsity {labels.sparsity:g}"] if labels.sparsity else []
    parts += [f"caption noise {dataset.caption_noise:g}"] if dataset.caption_noise else []
    parts += [f"caption drop {dataset.caption_drop:g}"] if dataset.caption_drop else []
    card = catalog.find_method(spec.method)
    if labels.known_ratio < 1 and not (card is not None and card.own_unknown):
        parts.append(_CONDITIONS.get(labels.unknown, labels.unknown))
    return " ".join(parts)


def variant_text(spec: RunSpec) -> str:
    """Ablations by name, then parameters that are set neither by default nor by those; of codes
    that another program made, that they are imported.
    """
    if spec.imported:
        return IMPORTED
    card = catalog.find_method(spec.method)
    expected = {} if card is None else _expected(card, spec)
    changed = {
        name: value
        for name, value in sorted(spec.params.items())
        # of a method that is not installed no default is known, and a list of all would be no name
        if name in expected and value != expected[name]
    }
    epochs = {} if card is None else {name: spec.params.get(name) for name in card.epoch_params}
    parts = [f"file {spec.file_hash[:8]}"] if spec.file_hash else []
    parts += spec.ablations
    if epochs.keys() & changed.keys() and len(set(epochs.values())) == 1:  # what --epochs does
        parts.append(f"epochs={_value(*set(epochs.values()))}")
        changed = {name: value for name, value in changed.items() if name not in epochs}
    return " ".join([*parts, *(f"{name}={_value(value)}" for name, value in changed.items())])


def _expected(card: MethodCard, spec: RunSpec) -> dict[str, Value]:
    """The parameters of a run that only chose preset and ablations. Ablations that an earlier
    version had change nothing here, so that what they set is named.
    """
    expected = {param.name: param.start(spec.protocol) for param in card.params}
    expected |= _usual(spec)[1]
    for ablation in card.ablations:
        if ablation.name in spec.ablations:
            expected |= ablation.settings
    return expected


def _parts(spec: RunSpec) -> dict[str, str]:
    """The parts of a name, in its order; empty where nothing is unusual."""
    return {
        "method": spec.method,
        **_variant(spec),
        "bits": f"{spec.bits_label} bits",
        "dataset": spec.dataset.name,
        "seed": f"seed {spec.seed}",
    }


def _usual(spec: RunSpec) -> tuple[Mapping[str, Any], Mapping[str, Value]]:
    """Options and parameters as the preset of a run has them, those of a paper where these are
    known still.
    """
    method = catalog.find_method(spec.method)
    if spec.preset != PAPER or method is None or method.paper_preset is None:
        return _BUILT_IN, {}
    dataset = catalog.find_dataset(spec.dataset.name)
    name = "" if dataset is None else dataset.name
    paper = method.paper_preset
    return {**_BUILT_IN, **paper.option_values(name)}, paper.param_values(name)


def _variant(spec: RunSpec) -> dict[str, str]:
    backbone, usual = spec.backbone, _usual(spec)[0]
    named = (
        backbone.name if backbone.name != usual["backbone"] else "",
        backbone.pretrained if backbone.pretrained != usual["pretrained"] else "",
    )
    parts = {
        "preset": f"{PAPER} preset" if spec.preset == PAPER else "",
        "labels": label_text(spec),
        "changes": variant_text(spec),
        "protocol": "" if spec.protocol == Request.protocol else spec.protocol,
        "select": "" if spec.select == usual["select"] else f"select {spec.select}",
        "split": _split_text(spec.dataset, usual["split"]),
        "backbone": " ".join(filter(None, named)),
        "precision": ""
        if backbone.feature_precision == _USUAL_BACKBONE.feature_precision
        else backbone.feature_precision,
        "encoding": ""
        if backbone.encode_precision == _USUAL_BACKBONE.encode_precision
        else f"encoded in {backbone.encode_precision}",
        "data": _data_text(spec.dataset),
    }
    # what nobody said of imported codes is no part of a name
    return {key: "" if NOT_STATED in text else text for key, text in parts.items()}


def _split_text(dataset: DatasetSpec, usual: str) -> str:
    parts = [] if dataset.split == usual else [f"split {dataset.split}"]
    parts += [f"split seed {dataset.split_seed}"] if dataset.split_seed else []
    parts += [dataset.fold_label] if dataset.folds else []
    if not dataset.usual_sizes:
        queries = "" if dataset.folds else f"{dataset.query:,} queries "
        parts.append(f"{queries}{dataset.train:,} training")
    return " ".join(parts)


def _data_text(dataset: DatasetSpec) -> str:
    """Parameters of the dataset that are not those of its name, and what is done with pictures."""
    usual: Mapping[str, Value] = {}
    card = catalog.find_dataset(dataset.name)
    if card is not None:
        usual = {param.name: param.default for param in card.params}
        usual = {**usual, **card.presets.get(dataset.name, {})}
    changed = {
        name: value
        for name, value in sorted(dataset.params.items())
        if name in usual and value != usual[name]
    }
    parts = [f"{name}={_value(value)}" for name, value in changed.items()]
    parts += [dataset.augment_images] if dataset.augment_images != "none" else []
    parts += ["skip bad images"] if dataset.on_bad_image == "skip" else []
    return " ".join(parts)


def _distinct(names: list[str], specs: Sequence[RunSpec]) -> list[str]:
    """The names, with the keys that differ where different runs have one, and numbers where runs
    are equal.
    """
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(name, []).append(place)
    for places in groups.values():
        flat = [_flat(msgspec.to_builtins(specs[place])) for place in places] if places[1:] else []
        keys = sorted({key for one in flat for key in one if one[key] != flat[0].get(key)})
        for place, one in zip(places, flat, strict=False):
            extra = [f"{key}={_value(one[key])}" for key in keys if key in one]
            names[place] = " ".join([names[place], *extra])
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            names[place] = f"{name} ({seen[name]})"
    return names


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flattened: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flattened |= _flat(value, f"{prefix}{key}.")
        elif key not in _NOT_NAMED:
            flattened[prefix + key] = value
    return flattened


def _value(value: object) -> str:
    return plain(value)
