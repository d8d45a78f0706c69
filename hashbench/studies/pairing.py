"""Which runs of a study are set against each other: equal in all that the claim does not name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hashbench.errors import InputError
from hashbench.plan import catalog, sweep
from hashbench.plan.run_options import options
from hashbench.plan.spec import RunSpec
from hashbench.studies.settings import names_among
from hashbench.studies.study import Comparison

_NEITHER = ("version", "seed", "bits", "device", "threads", "preset", "dataset.usual_sizes")
"""Keys of a spec that pairs have in common anyway, or that decide no code."""

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Pair:
    """Two runs of one seed that are compared, each at its bit length. A run of several lengths may
    be both.
    """

    seed: int
    bits: tuple[int, int]
    row: RunSpec
    against: RunSpec


@dataclass(frozen=True)
class Contrast:
    """One setting against one other, all else equal: the pairs over seeds and bit lengths.

    `names` are what the two are called among the study's runs, `freed` the keys of a spec that may
    differ.
    """

    comparison: Comparison
    names: tuple[str, str]
    pairs: tuple[Pair, ...]
    freed: frozenset[str]

    @property
    def label(self) -> str:
        """Both in words."""
        return " against ".join(self.names)


def contrasts(comparison: Comparison, specs: Sequence[RunSpec], where: str) -> list[Contrast]:
    """Every setting of `rows` with every setting of `against` that it may be compared with.

    Raises InputError where nothing is left to compare, and says what the two sides differ in.
    """
    rows = [spec for spec in specs if sweep.matches(spec, comparison.rows)]
    against = [spec for spec in specs if sweep.matches(spec, comparison.against)]
    if not rows or not against:
        raise InputError(
            f"nothing is left to compare for {comparison.claim!r}: no run is among the "
            f"{'rows' if not rows else 'runs against them'}",
            where=where,
            remedy="options that the study itself compares must be left to it",
        )
    freed = _freed(comparison, [*rows, *against])
    names = _names(specs)
    made = list(_paired(comparison, _groups(rows, freed), _groups(against, freed), freed, names))
    if not made:
        differing = ", ".join(_differing(rows[0], against[0], freed))
        raise InputError(
            f"the two sides of {comparison.claim!r} differ in more than the claim names"
            + (f": {differing}" if differing else ""),
            where=where,
            remedy="give the option that both sides shall have, such as --backbone or --split",
        )
    return made


def _freed(comparison: Comparison, specs: Sequence[RunSpec]) -> frozenset[str]:
    """The keys of a spec in which the two sides may differ: what conditions name, and all that
    follows from it.
    """
    named = {*comparison.rows, *comparison.against}
    freed = {options()[key].spec for key in named if options()[key].spec not in ("", "params")}
    parts = {part for side in (comparison.rows, comparison.against) for part in side.get("set", {})}
    freed |= {f"params.{name}" for name in parts}
    for spec in specs:
        card = catalog.method(spec.method)
        names = spec.ablations if "ablate" in named else ()
        freed |= {f"params.{name}" for one in names for name in card.ablation(one).settings}
        if "epochs" in named:
            freed |= {f"params.{name}" for name in card.epoch_params}
        if "protocol" in named:
            freed |= {f"params.{p.name}" for p in card.params if p.published is not None}
    freed |= {"holdout"} if "select" in named else set()
    freed |= {"params", "ablations", "labels.unknown"} if "method" in named else set()
    freed |= {"backbone.pretrained"} if "backbone" in named else set()
    return frozenset(freed | ({"dataset"} if "dataset" in named else set()))


def _flat(spec: RunSpec) -> Iterator[tuple[str, str]]:
    """(key, value as text) of everything in a spec that may differ, parts as `labels.noise`."""

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield from walk(f"{prefix}.{key}" if prefix else key, inner)
        elif prefix not in _NEITHER:
            yield prefix, repr(value)

    return walk("", msgspec.to_builtins(spec))


def _is_freed(key: str, freed: frozenset[str]) -> bool:
    return key in freed or key.partition(".")[0] in freed


@dataclass(frozen=True)
class _Group:
    """Runs that differ in seed and bit length alone."""

    setting: Key
    shared: Key
    specs: tuple[RunSpec, ...]


def _groups(specs: Sequence[RunSpec], freed: frozenset[str]) -> list[_Group]:
    groups: dict[tuple[Key, Key], list[RunSpec]] = {}
    for spec in specs:
        flat = list(_flat(spec))
        setting = tuple(item for item in flat if _is_freed(item[0], freed))
        shared = tuple(item for item in flat if not _is_freed(item[0], freed))
        groups.setdefault((setting, shared), []).append(spec)
    return [_Group(setting, shared, tuple(group)) for (setting, shared), group in groups.items()]


def _differing(row: RunSpec, against: RunSpec, freed: frozenset[str]) -> list[str]:
    one, other = (dict(_flat(spec)) for spec in (row, against))
    keys = sorted({*one, *other})
    return [k for k in keys if one.get(k) != other.get(k) and not _is_freed(k, freed)]


def _paired(
    comparison: Comparison,
    rows: list[_Group],
    against: list[_Group],
    freed: frozenset[str],
    names: Mapping[str, str],
) -> Iterator[Contrast]:
    for one, other in itertools.product(rows, against):
        if one.shared != other.shared:
            continue
        called = names[_bare(one.specs[0]).hash], names[_bare(other.specs[0]).hash]
        for lengths in _lengths(comparison, one, other):
            pairs = tuple(
                Pair(row.seed, bits, row, base)
                for row, base in itertools.product(one.specs, other.specs)
                for bits in lengths
                if row.seed == base.seed and bits[0] in row.bits and bits[1] in base.bits
            )
            same = one.setting == other.setting and all(a == b for a, b in lengths)
            if pairs and not same:
                label = _with_lengths(called, lengths) if "bits" in freed else called
                yield Contrast(comparison, label, pairs, freed)


def _lengths(comparison: Comparison, one: _Group, other: _Group) -> list[list[tuple[int, int]]]:
    """The bit lengths that are averaged over, for each contrast of two groups: those that both
    have, or, where the claim is about lengths, one against one.
    """
    if not {"bits"} & {*comparison.rows, *comparison.against}:
        shared = {b for s in one.specs for b in s.bits} & {b for s in other.specs for b in s.bits}
        return [[(bits, bits) for bits in sorted(shared)]]
    own, base = (
        options()["bits"].values(side["bits"])
        if "bits" in side
        else sorted({bits for spec in group.specs for bits in spec.bits})
        for side, group in ((comparison.rows, one), (comparison.against, other))
    )
    return [[pair] for pair in itertools.product(own, base)]


def _with_lengths(names: tuple[str, str], lengths: Sequence[tuple[int, int]]) -> tuple[str, str]:
    first, second = lengths[0]
    return f"{names[0]} {first} bits", f"{names[1]} {second} bits"


def _bare(spec: RunSpec) -> RunSpec:
    """The spec without what differs within a setting."""
    return msgspec.structs.replace(spec, seed=0, bits=(1,))


def _names(specs: Sequence[RunSpec]) -> dict[str, str]:
    """What each setting is called among all of the study, by the hash of its bare spec."""
    settings = {_bare(spec).hash: _bare(spec) for spec in specs}
    return dict(zip(settings, names_among(list(settings.values())), strict=True))
