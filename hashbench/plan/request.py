"""From a request, as typed or read from a file, to the specs of all runs that it means.

Everything is checked here, against cards, before anything starts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hashbench.errors import DamagedFileError, InputError, UnknownNameError
from hashbench.files import toml
from hashbench.files.bounded_read import read_bounded
from hashbench.plan import catalog, parameters, released_splits, run_options
from hashbench.plan import spec as specs
from hashbench.plan.card import DatasetCard, MethodCard, SplitSizes, Value
from hashbench.plan.preset import BUILT_IN
from hashbench.plan.preset_resolution import PresetInForce, default_preset, preset_in_force
from hashbench.plan.run_options import Request, options
from hashbench.plan.spec import MAX_BYTES, BackboneSpec, DatasetSpec, LabelSpec, RunSpec

MAX_RUNS = 10_000

_RESOLVED = ("method", "bits", "dataset", "seed", "set", "ablate")
"""Keys that are not spanned in the order of the table."""


def read_config(path: Path, data_dir: Path | None = None) -> dict[str, Any]:
    """The values of a config file by key; the spec of a run gives the request that repeats it.

    Raises DamagedFileError for a file that is not TOML, UnknownNameError for a key that is none,
    InputError for a wrong value.
    """
    raw = read_toml(path)
    if isinstance(raw.get("grid", raw.get("base")), (dict, list)):
        raise InputError(
            "is a sweep, not the options of a run", where=path, remedy=f"hashbench sweep {path}"
        )
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

    What the preset gives is left to it, what the preset no longer gives is asked for. Runs of
    earlier versions that select by the test queries withheld training items; their repetition fits
    all.

    Raises InputError where the dataset of that name is another one by now, which no option asks
    for, UnknownNameError where method or dataset are gone.
    """
    card = catalog.method(spec.method, where="method")
    dataset = catalog.dataset(spec.dataset.name, data_dir, where="dataset")
    now = dataset.values(spec.dataset.name)
    for name, was in spec.dataset.params.items():
        if was != now.get(name):
            raise InputError(
                f"{spec.dataset.name} had {name} {was} in this run, and has {now.get(name)} now",
                where=f"dataset.params.{name}",
                remedy="`hashbench resume` goes on with the run itself; options of its own repeat "
                "it on the dataset as it is now",
            )
    values: dict[str, Any] = {key: spec_value(spec, key) for key in options()}
    preset = preset_in_force(card, dataset, spec.preset or BUILT_IN)
    values["preset"] = None if preset.name == default_preset(card, dataset) else preset.name
    values |= {key: values[key] or None for key in ("folds", "fold")}
    sizes = released_splits.sizes(spec.dataset.split, dataset, spec.dataset.name)
    if values["folds"]:
        values["query_size"] = None
    if spec.dataset.usual_sizes and sizes == SplitSizes(spec.dataset.query, spec.dataset.train):
        values |= {"query_size": None, "train_size": None}
    asked = Request(backbone=values["backbone"])
    for key, given in {**preset.options, **preset.missing(asked)}.items():
        if options()[key].values(given) == options()[key].values(values[key]):
            values[key] = None
    usual = parameters.resolve(
        card, spec.protocol, values["epochs"], spec.ablations, preset=preset.params
    )
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


def count_runs(request: Request, data_dir: Path | None = None) -> int:
    """The number of runs that `expand` would make, computed without making them.

    Raises InputError for a name or a value that is not valid.
    """
    return sum(len(grid) for grid in _grids(request, data_dir))


def expand(request: Request, data_dir: Path | None = None) -> list[RunSpec]:
    """All runs that a request means, in the order in which they will run.

    Datasets that a person registered are looked for below `data_dir`.
    Raises InputError (UnknownNameError with the nearest name) for anything that is not valid.
    """
    grids = _grids(request, data_dir)
    # counted first: a grid with a typing error may span more runs than memory holds
    if (count := sum(map(len, grids))) > MAX_RUNS:
        raise InputError(
            f"the grid has {count:,} runs, more than {MAX_RUNS:,}", remedy="ask for less"
        )
    return [spec for grid in grids for spec in grid.specs()]


@dataclass(frozen=True)
class _Grid:
    """The runs of one method on one dataset; `values` lists those of each option."""

    choices: parameters.Choices
    dataset: DatasetCard
    name: str
    preset: PresetInForce
    values: Mapping[str, list[Any]]

    def __len__(self) -> int:
        return len(self.choices) * math.prod(len(values) for values in self._axes().values())

    def _axes(self) -> dict[str, list[Any]]:
        """What is spanned, in the order of the table, seeds and code lengths fastest."""
        bits = self.values["bits"]
        joint = self.choices.card.joint_bits
        axes = {key: values for key, values in self.values.items() if key not in _RESOLVED}
        axes["seed"] = self.values["seed"]
        return {**axes, "bits": [tuple(bits)] if joint else [(one,) for one in bits]}

    def specs(self) -> Iterator[RunSpec]:
        """Raises InputError for what cannot run."""
        card = self.choices.card
        _check_features(card, self.name, self.dataset)
        axes = self._axes()
        for (ablations, settings), combination in itertools.product(
            self.choices, itertools.product(*axes.values())
        ):
            values = dict(zip(axes, combination, strict=True)) | {"dataset": self.name}
            _check_captions(values, self.dataset)
            params = parameters.resolve(
                card, values["protocol"], values["epochs"], ablations, settings, self.preset.params
            )
            tuned = card.tuned(params) > 0
            if tuned:
                _check_features(card, self.name, self.dataset, tuned=True)
            _check_augmentation(card, values, tuned=tuned)
            _check_patience(params, values["select"])
            yield _spec(values, self.dataset, method=card.name, ablations=ablations, params=params)


def _grids(request: Request, data_dir: Path | None) -> list[_Grid]:
    """The grid of each method on each dataset; datasets turn slowest, then methods."""
    run_options.check(request)
    rows = options()
    methods = [
        catalog.method(name, where="--method") for name in rows["method"].values(request.method)
    ]
    _check_unknown(request, methods)
    choices = parameters.choices(request, methods)
    grids = []
    for name in rows["dataset"].values(request.dataset):
        dataset = catalog.dataset(name, data_dir, where="--dataset")
        for of_method in choices:
            preset = preset_in_force(of_method.card, dataset, request.preset)
            filled = preset.fill(request)
            values = {key: row.values(getattr(filled, key)) for key, row in rows.items()}
            values["fold"] = _folds(filled)
            if of_method.card.own_unknown:  # never reads the option: all its values are one run
                values["unknown"] = [rows["unknown"].default]
            grids.append(_Grid(of_method, dataset, name, preset, values))
    return grids


def _folds(request: Request) -> list[Any]:
    """The folds of a request: those asked for, or each. Raises InputError."""
    row = options()["fold"]
    asked = row.values(request.fold)
    if request.folds is None:
        if asked != [None]:
            raise InputError("of how many?", where=row.flag, remedy="--folds 5, say")
        return asked
    if request.query_size is not None:
        raise InputError(
            "the test queries are those of a fold, so that their number follows from it",
            where=options()["query_size"].flag,
            remedy=f"another number of {options()['folds'].flag}",
        )
    for split in options()["split"].values(request.split):
        if split != released_splits.OWN:
            raise InputError(
                f"the split {split} has its queries already: it cannot be divided into folds",
                where=options()["folds"].flag,
                remedy=f"--split {released_splits.OWN}",
            )
    if asked == [None]:
        return list(range(1, request.folds + 1))
    for fold in asked:
        if fold is None or fold > request.folds:
            raise InputError(
                f"there is no fold {fold} of {request.folds}",
                where=row.flag,
                remedy=f"from 1 to {request.folds}",
            )
    return asked


def _check_features(
    card: MethodCard, name: str, dataset: DatasetCard, *, tuned: bool = False
) -> None:
    if (card.needs_encoders or tuned) and dataset.features_only:
        usable = [
            other.name
            for other in catalog.methods().values()
            if not (other.needs_encoders or other.published_only)
        ]
        raise InputError(
            f"{card.name}{' with tuned blocks' * tuned} cannot work on {name}, a set of features: "
            "it needs the encoders that made them",
            where="--method",
            remedy=f"a method that takes features as they are: {', '.join(usable)}",
        )


def _check_captions(values: Mapping[str, Any], dataset: DatasetCard) -> None:
    for key in ("caption_noise", "caption_drop"):
        if values[key] and dataset.features_only:
            raise InputError(
                "a set of features has no captions to change",
                where=options()[key].flag,
                remedy="a dataset with captions",
            )


def _check_unknown(request: Request, cards: list[MethodCard]) -> None:
    """A method that treats unknown pairs in its own way never reads the option."""
    option = options()["unknown"]
    if option.values(request.unknown) != [option.default] and all(c.own_unknown for c in cards):
        name = cards[0].name
        raise InputError(
            f"has no effect on {name}, which treats unknown pairs in its own way",
            where=option.flag,
            remedy=f"a parameter of the method: `hashbench methods show {name}`",
        )


def _check_augmentation(card: MethodCard, values: Mapping[str, Any], *, tuned: bool) -> None:
    """Pictures of methods on frozen features, those of feature sets above all, are never read in
    training.
    """
    if values["augment_images"] != "none" and not tuned:
        able = [other.name for other in catalog.methods().values() if other.tuned_blocks]
        raise InputError(
            f"{card.name} trains on features that were computed before, not on pictures",
            where=options()["augment_images"].flag,
            remedy=f"a method that tunes the towers: {', '.join(able)}",
        )


def _check_patience(params: Mapping[str, Value], select: str) -> None:
    """Early stopping needs a score to wait for."""
    if params.get("patience") and select == "last":
        raise InputError(
            "patience waits for a better score, but the last epoch is to be kept",
            where="--select last",
            remedy="--select validation, or --set patience=0",
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
        file_hash=catalog.file_hash("method", resolved["method"]),
        **parts[""],
    )


def _dataset(values: dict[str, Any], card: DatasetCard) -> DatasetSpec:
    """The dataset's part of a spec; sizes that nobody asked for are those of the split."""
    name = values["name"]
    sizes = released_splits.sizes(values["split"], card, name)
    usual = values["query"] is None and values["train"] is None
    values["query"] = sizes.query if values["query"] is None else values["query"]
    values["train"] = sizes.train if values["train"] is None else values["train"]
    values |= {key: values[key] or 0 for key in ("folds", "fold")}
    return DatasetSpec(
        **values,
        usual_sizes=usual,
        params=card.values(name),
        file_hash=catalog.file_hash("dataset", name),
    )
