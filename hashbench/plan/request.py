"""From a request, as typed or read from a file, to the specs of all runs that it means.

Everything is checked here, against cards, before anything starts.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hashbench.errors import DamagedFileError, InputError, UnknownNameError
from hashbench.files import toml
from hashbench.files.bounded_read import read_bounded
from hashbench.plan import catalog, parameters, released_splits, run_options
from hashbench.plan import spec as specs
from hashbench.plan.card import DatasetCard, MethodCard
from hashbench.plan.run_options import Request, options
from hashbench.plan.spec import MAX_BYTES, BackboneSpec, DatasetSpec, LabelSpec, RunSpec

MAX_RUNS = 10_000

_RESOLVED = ("method", "bits", "dataset", "seed", "set", "ablate")
"""Keys that `expand` spans by itself; all others are spanned in the order of the table."""


def read_config(path: Path, data_dir: Path | None = None) -> dict[str, Any]:
    """The values of a config file by key; the spec of a run gives the request that repeats it.

    Raises DamagedFileError for a file that is not TOML, UnknownNameError for a key that is none,
    InputError for a wrong value.
    """
    raw = read_toml(path)
    if {"version", "params"} <= raw.keys():
        return repeated(specs.read(path), data_dir)
    return checked_values(raw, path)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a small TOML file. Raises DamagedFileError."""
    try:
        return toml.decode(read_bounded(path, MAX_BYTES, "a file of options"), dict[str, Any])
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(f"is not TOML: {error}", where=path) from None


def checked_values(raw: Mapping[str, Any], where: object) -> dict[str, Any]:
    """The values of options by key, as a file gives them.

    Raises UnknownNameError for a key that is no option, InputError for a wrong value.
    """
    for key in raw:
        if key not in options():
            raise UnknownNameError("key", key, options(), where=where)
    return {key: options()[key].convert(value, str(where)) for key, value in raw.items()}


def overridden(values: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config file with those that were typed in their place; `set` is merged.

    `--set` wins over `--epochs`, but what was typed wins over the file: typed epochs replace the
    epochs that the file sets.
    """
    settings = dict(values.get("set", {}))
    if "epochs" in typed:
        names = {name for card in catalog.methods().values() for name in card.epoch_params}
        settings = {k: v for k, v in settings.items() if k.rpartition(".")[2] not in names}
    return {**values, **typed, "set": settings | dict(typed.get("set", {}))}


def repeated(spec: RunSpec, data_dir: Path | None = None) -> dict[str, Any]:
    """The values of the request that means this very run; the inverse of `expand`.

    Runs of earlier versions that select by the test queries withheld training items; their
    repetition fits all.
    """
    card = catalog.method(spec.method, where="method")
    values: dict[str, Any] = {key: spec_value(spec, key) for key in options()}
    sizes = _default_sizes(spec.dataset.split, spec.dataset.name, data_dir)
    if spec.dataset.usual_sizes and sizes == (spec.dataset.query, spec.dataset.train):
        del values["query_size"], values["train_size"]
    usual = parameters.resolve(card, spec.protocol, values["epochs"], spec.ablations)
    values["set"] = {name: value for name, value in spec.params.items() if value != usual.get(name)}
    return values


def spec_value(spec: RunSpec, key: str) -> Any:
    """The value of an option in a spec; epochs are None where stages differ in theirs."""
    if key == "epochs":
        epochs = {spec.params.get(name) for name in catalog.method(spec.method).epoch_params}
        return epochs.pop() if len(epochs) == 1 else None
    value: Any = spec
    for name in options()[key].spec.split("."):
        value = getattr(value, name)
    return value


def count_runs(request: Request) -> int:
    """The number of runs that `expand` would make, computed without making them.

    Raises InputError for a name or a value that is not valid.
    """
    run_options.check(request)
    shared = 1
    for key, option in options().items():
        if key not in ("method", "bits", "set", "ablate"):
            shared *= len(option.values(getattr(request, key)))
    lengths = len(options()["bits"].values(request.bits))
    return shared * sum(
        len(choices) * (1 if choices.card.joint_bits else lengths) for choices in _methods(request)
    )


def expand(request: Request, data_dir: Path | None = None) -> list[RunSpec]:
    """All runs that a request means, in the order in which they will run.

    Datasets that a person registered are looked for below `data_dir`.
    Raises InputError (UnknownNameError with the nearest name) for anything that is not valid.
    """
    # counted first: a grid with a typing error may span more runs than memory holds
    if (count := count_runs(request)) > MAX_RUNS:
        raise InputError(
            f"the grid has {count:,} runs, more than {MAX_RUNS:,}", remedy="ask for less"
        )
    rows = options()
    others = [key for key in rows if key not in _RESOLVED]
    datasets = {
        name: catalog.dataset(name, data_dir, where="--dataset")
        for name in rows["dataset"].values(request.dataset)
    }
    bits = tuple(rows["bits"].values(request.bits))
    grid = [rows[key].values(getattr(request, key)) for key in others]
    expanded: list[RunSpec] = []
    # datasets and methods turn slowest, seeds and code lengths fastest
    for name, choices in itertools.product(datasets, _methods(request)):
        card = choices.card
        _check_features(card, name, datasets[name])
        lengths = [bits] if card.joint_bits else [(one,) for one in bits]
        for (ablations, settings), other, seed, length in itertools.product(
            choices, itertools.product(*grid), rows["seed"].values(request.seed), lengths
        ):
            values = dict(zip(others, other, strict=True)) | {"dataset": name, "seed": seed}
            _check_captions(card, values, datasets[name])
            expanded.append(
                _spec(
                    values,
                    datasets[name],
                    method=card.name,
                    bits=length,
                    ablations=ablations,
                    params=parameters.resolve(
                        card, values["protocol"], values["epochs"], ablations, settings
                    ),
                )
            )
    return expanded


def _methods(request: Request) -> list[parameters.Choices]:
    names = options()["method"].values(request.method)
    return parameters.choices(request, [catalog.method(name, where="--method") for name in names])


def _check_features(card: MethodCard, name: str, dataset: DatasetCard) -> None:
    if card.needs_encoders and dataset.features_only:
        usable = [
            other.name
            for other in catalog.methods().values()
            if not (other.needs_encoders or other.published_only)
        ]
        raise InputError(
            f"{card.name} cannot work on {name}, a set of features: it needs the encoders that made"
            " them",
            where="--method",
            remedy=f"a method that takes features as they are: {', '.join(usable)}",
        )


def _check_captions(card: MethodCard, values: Mapping[str, Any], dataset: DatasetCard) -> None:
    """Tuned towers read tokens of captions that were cached as they are."""
    for key in ("caption_noise", "caption_drop"):
        if not values[key]:
            continue
        if card.tuned_blocks:
            able = [other.name for other in catalog.methods().values() if not other.tuned_blocks]
            raise InputError(
                f"{card.name} tunes the towers, which read captions as they are",
                where=options()[key].flag,
                remedy=f"a method on frozen features: {', '.join(able)}",
            )
        if dataset.features_only:
            raise InputError(
                "a set of features has no captions to change",
                where=options()[key].flag,
                remedy="a dataset with captions",
            )


def _spec(values: Mapping[str, Any], card: DatasetCard, **resolved: Any) -> RunSpec:
    """The spec in which every option's value is at the place that its row names."""
    parts: dict[str, dict[str, Any]] = {"": resolved, "dataset": {}, "backbone": {}, "labels": {}}
    for key, value in values.items():
        part, _, name = options()[key].spec.rpartition(".")
        if name:
            parts[part][name] = value
    return RunSpec(
        dataset=_dataset(parts["dataset"], card),
        backbone=BackboneSpec(**parts["backbone"]),
        labels=LabelSpec(**parts["labels"]),
        holdout=values["select"] != "test",  # the test queries select: nothing need be withheld
        **parts[""],
    )


def _dataset(values: dict[str, Any], card: DatasetCard) -> DatasetSpec:
    """The dataset's part of a spec; sizes that nobody asked for are those of the split."""
    name = values["name"]
    sizes = released_splits.sizes(values["split"], card, name)
    usual = values["query"] is None and values["train"] is None
    values["query"] = sizes.query if values["query"] is None else values["query"]
    values["train"] = sizes.train if values["train"] is None else values["train"]
    return DatasetSpec(**values, usual_sizes=usual, params=card.values(name))


def _default_sizes(split: str, name: str, data_dir: Path | None) -> tuple[int, int]:
    sizes = released_splits.sizes(split, catalog.dataset(name, data_dir, where="dataset"), name)
    return sizes.query, sizes.train
