"""The columns of queries and of what is retrieved for them."""

from __future__ import annotations

from typing import Any

from hashbench.report.text import plain
from hashbench.tui.widgets.row_columns import CellText, Column

Entry = dict[str, Any]
"""A query or a result as the retrieval server answers it."""


def _hit(entry: Entry) -> CellText:
    if entry["hit"] is None:
        return ""
    return ("hit", "good") if entry["hit"] else ("miss", "bad")


def _caption(entry: Entry) -> CellText:
    return plain(entry["caption"] or entry["id"])


def _labels(entry: Entry) -> CellText:
    return plain(", ".join(entry["labels"])), "dim"


def _precision(entry: Entry) -> CellText:
    """Average precision; a dash where the database holds nothing relevant."""
    if "ap" not in entry:
        return ""  # not scored yet
    return "–" if entry["ap"] is None else f"{entry['ap']:.3f}"


QUERY_COLUMNS: tuple[Column[Entry], ...] = (
    Column("ap", "AP", 5, _precision, right=True),
    Column("caption", "query", 12, _caption, grow=True),
    Column("labels", "labels", 18, _labels, rank=1),
)
RESULT_COLUMNS: tuple[Column[Entry], ...] = (
    Column("rank", "#", 4, lambda entry: str(entry["rank"]), right=True),
    Column("distance", "dist", 4, lambda entry: str(entry["distance"]), right=True),
    Column("hit", "", 5, _hit),
    Column("caption", "caption", 16, _caption, grow=True),
    Column("labels", "labels", 24, _labels, rank=1),
)
