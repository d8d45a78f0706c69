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

NAMED = 4  # other classes beside each class


def confusion_page(
    run: RunFolder, *, bits: int | None = None, direction: str | None = None, top: int = TOP
) -> dict[str, Any]:
    """The confusion at one bit length (the longest) and direction (the first that is reported).

    `classes` are rows, those that find their own class least often first: `name`, `queries`,
    `own` (the share of the first `top` hits that has the class), `database` (the share of the
    database that has it) and `shares`, by the name of a class. Raises InputError.
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
            "database": float(found.database[place]),
            "shares": dict(zip(names, found.shares[place].tolist(), strict=True)),
        }
        for place, name in enumerate(names)
        if found.queries[place]
    ]
    rows.sort(key=lambda row: row["own"])
    return {"run": run.id, "bits": length, "direction": asked, "top": found.top, "classes": rows}


def others(row: dict[str, Any], count: int = NAMED) -> list[tuple[str, float]]:
    """The classes that are found most often for a class beside itself, with their shares."""
    shares = [(name, share) for name, share in row["shares"].items() if name != row["name"]]
    return sorted(shares, key=lambda pair: -pair[1])[:count]


def render(page: dict[str, Any]) -> RenderableType:
    """A table that needs neither colour nor more than 80 columns."""
    from rich.table import Table

    title = f"first {page['top']} hits of {page['direction']} at {page['bits']} bits: worst first"
    table = Table(title=title, box=None, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("class", no_wrap=True, max_width=18)
    for name in ("queries", "own", "chance"):
        table.add_column(name, justify="right")
    table.add_column("most often found beside it")
    for row in page["classes"]:
        beside = ", ".join(f"{plain(name)} {share:.0%}" for name, share in others(row) if share > 0)
        cells = [str(row["queries"]), f"{row['own']:.0%}", f"{row['database']:.0%}", beside]
        table.add_row(plain(row["name"]), *cells)
    return table
