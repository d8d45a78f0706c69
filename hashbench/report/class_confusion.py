"""The confusion of classes of a finished run, as plain values and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hashbench.errors import InputError
from hashbench.report.text import plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hashbench.runs.layout import RunFolder

TOP = 50
"""First hits that are counted where nobody asks for another number."""

NAMED = 3  # other classes beside each class


def confusion_page(
    run: RunFolder, *, bits: int | None = None, direction: str | None = None, top: int = TOP
) -> dict[str, Any]:
    """The confusion at one bit length (the longest) and direction (the first that is reported).

    `database` is the share of the database that has a class, by its name: what chance would find.
    `classes` are rows, those that find their own class least often first: `name`, `queries`,
    `own` (the share of the first `top` hits that has the class) and `shares`, by the name of a
    class. Raises InputError.
    """
    from hashbench.codefiles.native import read_codes
    from hashbench.metrics.class_confusion import class_confusion
    from hashbench.plan.directions import directions_of

    sets = {codes.bits: codes for codes in read_codes(run.codes)}
    length = max(sets) if bits is None else bits
    if length not in sets:
        had = ", ".join(map(str, sorted(sets)))
        raise InputError(f"has no codes of {length} bits", where=run.id, remedy=f"one of {had}")
    codes = sets[length]
    available = directions_of(set(codes.query))
    asked = direction or available[0]
    if asked not in available:
        remedy = f"one of {', '.join(available)}"
        raise InputError(f"has no direction {asked}", where=run.id, remedy=remedy)
    found = class_confusion(*codes.sides(asked), codes.query_labels, codes.database_labels, top)
    names = list(codes.class_names) or [str(number) for number in range(len(found.queries))]
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "queries": int(found.queries[place]),
            "own": float(found.shares[place, place]),
            "shares": dict(zip(names, found.shares[place].tolist(), strict=True)),
        }
        for place, name in enumerate(names)
        if found.queries[place]
    ]
    rows.sort(key=lambda row: row["own"])
    database = dict(zip(names, found.database.tolist(), strict=True))
    about = {"run": run.id, "bits": length, "direction": asked, "top": found.top}
    return {**about, "database": database, "classes": rows}


def confused_with(
    row: dict[str, Any], database: dict[str, float], count: int = NAMED
) -> list[tuple[str, float, float]]:
    """The other classes that are found for a class more often than by chance, by how much more:
    name, share, and what it is above that of the database. A frequent class is found for every
    other, which confuses nothing.
    """
    above = [
        (name, share, share - database[name])
        for name, share in row["shares"].items()
        if name != row["name"] and share - database[name] >= 0.005
    ]
    return sorted(above, key=lambda entry: -entry[2])[:count]


def render(page: dict[str, Any]) -> RenderableType:
    """A table that needs neither colour nor more than 80 columns."""
    from rich.table import Table

    title = f"first {page['top']} hits of {page['direction']} at {page['bits']} bits: worst first"
    table = Table(title=title, box=None, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("class", no_wrap=True, max_width=18)
    for name in ("queries", "own", "chance"):
        table.add_column(name, justify="right")
    table.add_column("found more often than by chance")
    database = page["database"]
    for row in page["classes"]:
        beside = ", ".join(
            f"{plain(name)} {share:.0%} (+{100 * more:.0f})"
            for name, share, more in confused_with(row, database)
        )
        chance = f"{database[row['name']]:.0%}"
        table.add_row(
            plain(row["name"]), str(row["queries"]), f"{row['own']:.0%}", chance, beside or "none"
        )
    return table
