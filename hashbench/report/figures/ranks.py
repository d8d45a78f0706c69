"""How stable the order of methods is: over seeds, and over resampled queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hashbench.errors import InputError
from hashbench.plan.directions import DIRECTIONS
from hashbench.report.comparison import Row, Table, Task, compare
from hashbench.report.figures.figure import Axis, Figure, Panel, Series
from hashbench.report.progress import Progress, part, silent
from hashbench.report.rows import Finished
from hashbench.report.significance import full_name, seed_values
from hashbench.runs.layout import RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hashbench.metrics.histograms import Values

RESAMPLES = 2000
SEED = 0  # of the resampled queries: the same runs have the same figure
AT_ONCE = 1 << 21  # resampled values held at a time


def rank_stability(
    finished: Sequence[Finished], metric: str, progress: Progress = silent
) -> Figure:
    """The rank of each row of a comparison, a panel a table, direction and code length.

    Raises InputError where no two rows can be ordered.
    """
    tables = compare(finished, metric)
    folders = {one.run.id: one.run for one in finished}
    tasks = [
        (number, table, column, rows)
        for number, table in enumerate(tables, 1)
        for column in table.columns
        if len(rows := [row for row in table.rows if column in row.cells]) > 1
    ]
    panels, notes = [], []
    for place, (number, table, (bits, direction), rows) in enumerate(tasks):
        title = f"{DIRECTIONS[direction].title}, {bits} bits"
        title += f" ({number})" if len(tables) > 1 else ""
        within = part(progress, place, len(tasks))
        panel, note = _panel(title, table, rows, (bits, direction), folders, within)
        panels.append(panel)
        notes.append(note)
    if not panels:
        raise InputError(
            "no two methods of these runs may be ranked against each other",
            where="rank-stability",
            remedy="runs of two methods with equal dataset, split, backbone, protocol and bits",
        )
    notes.append(
        f"queries resampled {RESAMPLES:,} times, the same for all methods: rank on all "
        "queries and the middle 95 % of ranks; seeds: mean rank, lowest and highest"
    )
    rows = [row for table in tables for row in table.rows]
    notes += dict.fromkeys(
        f"{full_name(row)} !: {'; '.join(row.marks)}" for row in rows if row.marks
    )
    ids = dict.fromkeys(run for row in rows for run in row.runs)
    title = f"order by {metric}"
    return Figure("rank-stability", title, tuple(panels), tuple(notes), tuple(ids))


def _panel(
    title: str,
    table: Table,
    rows: Sequence[Row],
    column: Task,
    folders: dict[str, RunFolder],
    progress: Progress,
) -> tuple[Panel, str]:
    import numpy as np

    from hashbench.metrics.metric import parse_metric

    sign = 1.0 if parse_metric(table.metric).card.higher_is_better else -1.0
    by_seed = [
        {
            seed: (sign * values, ids)
            for seed, (values, ids) in seed_values(
                [folders[run] for run in row.runs], column, table.metric
            ).items()
        }
        for row in rows
    ]
    if len({ids for one in by_seed for _, ids in one.values()}) > 1:
        raise InputError("the runs rank different queries", where=title)
    means = np.array([np.mean([v for v, _ in one.values()], axis=0) for one in by_seed])
    means = means[:, ~np.isnan(means).any(axis=0)]  # queries that are left out, by all or by none
    order = np.argsort(-means.mean(axis=1), kind="stable")
    own = ranks(means.mean(axis=1))[order]
    resampled = _resampled_ranks(means, progress)[order]
    kept = float((resampled == own[:, None]).all(axis=0).mean())
    low, high = np.quantile(resampled, [0.025, 0.975], axis=1)
    # what is drawn is the rank on all queries, which is one of the ranks that are possible
    low, high = np.minimum(low, own), np.maximum(high, own)
    places = tuple(map(float, range(len(rows))))
    series = [_series("all queries", places, own, low, high, 1)]
    shared = sorted(set.intersection(*({*one} for one in by_seed)))
    note = f"{title}: {kept:.0%} of the resamples have this order"
    if len(shared) > 1:
        of_seeds = np.array([
            ranks(np.array([np.nanmean(one[seed][0]) for one in by_seed]))[order]
            for seed in shared
        ]).T  # fmt: skip
        ends = of_seeds.min(axis=1), of_seeds.max(axis=1)
        series.append(_series("seeds", places, of_seeds.mean(axis=1), *ends, len(shared)))
        same = int((of_seeds == of_seeds.mean(axis=1).round()[:, None]).all(axis=0).sum())
        note += f", and {same} of {len(shared)} seeds"
    names = [full_name(rows[place]) + (" !" if rows[place].marks else "") for place in order]
    ticks = tuple(zip(places, names, strict=True))
    bounds = (0.5, len(rows) + 0.5)
    whole = tuple((float(rank), str(rank)) for rank in range(1, len(rows) + 1))
    axis = Axis("rank", bounds=bounds, ticks=whole if len(rows) <= 12 else ())
    return Panel(title, axis, Axis("method", ticks=ticks), tuple(series), "dots"), note


def _series(
    name: str, places: tuple[float, ...], mean: Values, low: Values, high: Values, runs: int
) -> Series:
    return Series(
        name, places, tuple(mean.tolist()), tuple(low.tolist()), tuple(high.tolist()), runs
    )


def ranks(values: Values) -> Values:
    """Ranks (systems, ...) of values (systems, ...), 1 the highest; equal ones share their mean."""
    import numpy as np

    higher = (values[None] > values[:, None]).sum(axis=1)
    equal = (values[None] == values[:, None]).sum(axis=1)
    return np.asarray(1 + higher + (equal - 1) / 2, np.float64)


def _resampled_ranks(values: Values, progress: Progress) -> Values:
    """(systems, RESAMPLES) ranks of the means of values (systems, Q) over resampled queries."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    systems, queries = values.shape
    at_once = max(1, AT_ONCE // (systems * queries))
    parts: list[NDArray[np.float64]] = []
    for start in range(0, RESAMPLES, at_once):
        rows = rng.integers(0, queries, (min(at_once, RESAMPLES - start), queries))
        parts.append(ranks(values[:, rows].mean(axis=2)))
        progress(min(start + at_once, RESAMPLES), RESAMPLES)
    return np.concatenate(parts, axis=1)
