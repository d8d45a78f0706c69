"""The settings of a study, its runs but for seeds, and what they are called among each other."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from hashbench.plan.spec import RunSpec
from hashbench.report.naming import short_names
from hashbench.report.rows import Finished

_WORDS = re.compile(r"(?:caption )?(?:known|noise|sparsity|drop) [\d.]+|\d+ bits|\S+")
"""The parts of a name: a number stays with what it is of."""


def names_among(specs: Sequence[RunSpec]) -> list[str]:
    """A name for each of different specs, without words that all of them have; one that has no
    others keeps its method.
    """
    names = short_names(specs)
    words = [_WORDS.findall(name) for name in names]
    shared = set.intersection(*map(set, words)) if words else set()
    short = [" ".join(w for w in each if w not in shared) or each[0] for each in words]
    return short if len(set(short)) == len(names) else names


def by_setting(finished: Sequence[Finished]) -> dict[str, list[Finished]]:
    """Runs that differ in their seed alone, by a name that tells them from the others."""
    groups: dict[str, list[Finished]] = {}
    for run in finished:
        groups.setdefault(msgspec.structs.replace(run.spec, seed=0).hash, []).append(run)
    specs = [msgspec.structs.replace(runs[0].spec, seed=0) for runs in groups.values()]
    return dict(zip(names_among(specs), groups.values(), strict=True))
