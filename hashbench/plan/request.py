"""A request, as typed or read from a TOML file, and the list of run specs that it means.

Everything is checked here, against cards, before anything starts.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hashbench.errors import DamagedFileError, InputError, UnknownNameError
from hashbench.files import toml
from hashbench.files.bounded_read import read_bounded
from hashbench.plan import catalog, released_splits
from hashbench.plan.card import DatasetCard, MethodCard, Value
from hashbench.plan.spec import (
    BAD_IMAGES,
    BITS_HIGH,
    BITS_LOW,
    ENCODE_PRECISIONS,
    MAX_BYTES,
    PRECISIONS,
    PROTOCOLS,
    SELECTS,
    UNKNOWNS,
    BackboneSpec,
    DatasetSpec,
    LabelSpec,
    RunSpec,
)

T = TypeVar("T")

MAX_RUNS = 10_000


@dataclass(frozen=True)
class Request:
    """What a person asks for; lists span a grid. None means the card's default."""

    method: Sequence[str] = ("soda",)
    dataset: Sequence[str] = ("picturebook",)
    bits: Sequence[int] = (32,)
    seed: Sequence[int] = (0,)
    backbone: str = "picturebook-clip"
    pretrained: str = ""
    feature_precision: str = "fp32"
    encode_precision: str = "fp32"
    protocol: str = "strict"
    select: str = "validation"
    device: str = "auto"
    threads: int = 0
    epochs: int | None = None
    query_size: int | None = None
    train_size: int | None = None
    split: str = "own"
    split_seed: int = 0
    on_bad_image: str = "stop"
    known_ratio: Sequence[float] = (1.0,)
    label_noise: float = 0.0
    label_sparsity: float = 0.0
    unknown: str = "negative"
    ablate: Sequence[str] = ()
    set: Mapping[str, str | Value] = field(default_factory=dict)


LISTS = ("method", "dataset", "bits", "seed", "known_ratio", "ablate")


def read_config(path: Path) -> dict[str, Any]:
    """The keys of a Request from a TOML file; one value where a list is meant will do.

    Raises DamagedFileError for a file that is not TOML, UnknownNameError for a key that is none.
    """
    raw = read_toml(path)
    request = request_of(raw, path)
    return {key: getattr(request, key) for key in raw}


def read_toml(path: Path) -> dict[str, Any]:
    """What a small TOML file holds. Raises DamagedFileError."""
    try:
        return toml.decode(read_bounded(path, MAX_BYTES, "a file of options"), dict[str, Any])
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(f"is not TOML: {error}", where=path) from None


def request_of(raw: Mapping[str, Any], where: object) -> Request:
    """The request that keys and values mean. Raises UnknownNameError, InputError."""
    known = [entry.name for entry in fields(Request)]
    for key in raw:
        if key not in known:
            raise UnknownNameError("key", key, known, where=where)
    listed = {
        key: [value] if key in LISTS and not isinstance(value, list) else value
        for key, value in raw.items()
    }
    try:
        return msgspec.convert(listed, Request)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError(str(error), where=where) from None


def expand(request: Request, data_dir: Path | None = None) -> list[RunSpec]:
    """All runs that a request means, in the order in which they will run.

    Datasets that a person registered are looked for below `data_dir`.
    Raises InputError (UnknownNameError with the nearest name) for anything that is not valid.
    """
    _check(request)
    cards = [catalog.method(name, where="--method") for name in _distinct(request.method)]
    overrides = _overrides(request, cards)
    for card in cards:
        _check_protocol(request.protocol, card, overrides[card.name])
    specs: list[RunSpec] = []
    axes = itertools.product(
        _distinct(request.dataset), cards, _distinct(request.known_ratio), _distinct(request.seed)
    )
    for dataset, card, known_ratio, seed in axes:
        bits = tuple(_distinct(request.bits))
        for chosen in [bits] if card.joint_bits else [(one,) for one in bits]:
            specs.append(
                RunSpec(
                    method=card.name,
                    bits=chosen,
                    seed=seed,
                    protocol=request.protocol,
                    select=request.select,
                    device=request.device,
                    threads=request.threads,
                    dataset=_dataset(request, dataset, data_dir),
                    backbone=BackboneSpec(
                        request.backbone,
                        request.pretrained,
                        request.feature_precision,
                        request.encode_precision,
                    ),
                    labels=LabelSpec(
                        known_ratio, request.label_noise, request.label_sparsity, request.unknown
                    ),
                    ablations=tuple(
                        name for name in _distinct(request.ablate) if _has_ablation(card, name)
                    ),
                    params=overrides[card.name],
                )
            )
            if len(specs) > MAX_RUNS:
                raise InputError(f"the grid has more than {MAX_RUNS} runs", remedy="ask for less")
    return specs


def _check(request: Request) -> None:
    for key in ("method", "dataset", "bits", "seed", "known_ratio"):
        if not getattr(request, key):
            raise InputError("is empty", where=_option(key), remedy="give at least one value")
    for bits in request.bits:
        _within(bits, BITS_LOW, BITS_HIGH, "bits")
    for seed in request.seed:
        _within(seed, 0, 2**31 - 1, "seed")
    for ratio in request.known_ratio:
        if not 0 < ratio <= 1:
            raise InputError(
                f"{ratio} is not a share of labels",
                where=_option("known_ratio"),
                remedy="a number above 0 and up to 1, such as 0.3",
            )
    for key in ("label_noise", "label_sparsity"):
        _within(getattr(request, key), 0, 1, key)
    for key, low in (("epochs", 1), ("query_size", 1), ("train_size", 2), ("threads", 0)):
        if getattr(request, key) is not None:
            _within(getattr(request, key), low, 10**9, key)
    for key, known in (
        ("protocol", PROTOCOLS),
        ("select", SELECTS),
        ("unknown", UNKNOWNS),
        ("on_bad_image", BAD_IMAGES),
        ("feature_precision", PRECISIONS),
        ("encode_precision", ENCODE_PRECISIONS),
    ):
        if getattr(request, key) not in known:
            raise UnknownNameError(key, getattr(request, key), known, where=_option(key))
    released_splits.check(request.split, where="--split")
    if not re.fullmatch(r"auto|cpu|cuda|cuda:\d{1,3}", request.device):
        raise UnknownNameError(
            "device", request.device, ["auto", "cpu", "cuda:0", "cuda:1"], where="--device"
        )


def _within(value: float, low: float, high: float, key: str) -> None:
    if not low <= value <= high:
        raise InputError(
            f"{value} is out of range", where=_option(key), remedy=f"from {low} to {high}"
        )


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


def _distinct(values: Sequence[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _has_ablation(card: MethodCard, name: str) -> bool:
    return any(ablation.name == name for ablation in card.ablations)


def _overrides(request: Request, cards: list[MethodCard]) -> dict[str, dict[str, Value]]:
    """Every parameter of every method: defaults, then --epochs, then ablations, then --set.

    `--set name=value` goes to each asked method that has `name`, `--set method.name=value` to one.
    """
    protocol = request.protocol
    resolved = {c.name: {param.name: param.start(protocol) for param in c.params} for c in cards}
    for card in cards:
        if request.epochs is not None:
            resolved[card.name] |= dict.fromkeys(card.epoch_params, request.epochs)
    for name in _distinct(request.ablate):
        owners = [card for card in cards if _has_ablation(card, name)]
        if not owners:
            known = [ablation.name for card in cards for ablation in card.ablations]
            raise UnknownNameError("ablation", name, known, where="--ablate")
        for card in owners:
            resolved[card.name] |= card.ablation(name).settings
    for key, value in request.set.items():
        prefix, dot, short = key.partition(".")
        named = [card for card in cards if dot and card.name == prefix]
        name = short if named else key
        owners = [c for c in named or cards if any(param.name == name for param in c.params)]
        if not owners:
            known = [param.name for card in named or cards for param in card.params]
            raise UnknownNameError("parameter", name, known, where="--set")
        for card in owners:
            param = card.param(name)
            where = f"--set {key}"
            resolved[card.name][name] = (
                param.parse(value, where=where)
                if isinstance(value, str)
                else param.check(value, where=where)
            )
    return resolved


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
    for param in card.params:
        if param.published is not None and params[param.name] == param.published:
            raise InputError(
                f"{param.name} = {params[param.name]} lets codes see what they must not",
                where=f"--set {param.name}",
                remedy="--protocol published, which marks the run",
            )


def _dataset(request: Request, name: str, data_dir: Path | None) -> DatasetSpec:
    card: DatasetCard = catalog.dataset(name, data_dir, where="--dataset")
    sizes = released_splits.sizes(request.split, card, name)
    values: dict[str, Value] = {param.name: param.default for param in card.params}
    values |= card.presets.get(name, {})
    return DatasetSpec(
        name=name,
        query=sizes.query if request.query_size is None else request.query_size,
        train=sizes.train if request.train_size is None else request.train_size,
        split=request.split,
        split_seed=request.split_seed,
        usual_sizes=request.query_size is None and request.train_size is None,
        params=dict(values),
        on_bad_image=request.on_bad_image,
    )
