"""The runs of a study by setting: what differs among them, but for seeds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hashbench.report.naming import short_names
from hashbench.report.rows import Finished


def by_setting(finished: Sequence[Finished]) -> dict[str, list[Finished]]:
    """Runs that differ in their seed alone, by a name that tells them from the others."""
    groups: dict[str, list[Finished]] = {}
    for run in finished:
        groups.setdefault(msgspec.structs.replace(run.spec, seed=0).hash, []).append(run)
    specs = [msgspec.structs.replace(runs[0].spec, seed=0) for runs in groups.values()]
    return dict(zip(short_names(specs), groups.values(), strict=True))
