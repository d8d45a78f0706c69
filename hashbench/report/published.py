"""Numbers that papers print, as rows beside our own where dataset, split sizes and metric match.

They are never ranked with ours: another backbone, other captions and another rule for ties stand
behind them, and each says so.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hashbench.report.comparison import Cell, Row, Table, Task
from hashbench.report.rows import Variant

DATA = Path(__file__).with_name("published.json")
TAG = "(published)"


class PublishedSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names that a dataset has here, and its sizes; `items` is None where not stated."""

    names: tuple[str, ...]
    items: int | None
    query: int
    train: int


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of one paper: method -> dataset -> direction -> values, one a bit length."""

    name: str
    source: str
    metric: str
    bits: tuple[int, ...]
    note: str
    settings: dict[str, PublishedSetting]
    rows: dict[str, dict[str, dict[str, tuple[float, ...]]]]


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All blocks."""

    about: str
    blocks: tuple[Block, ...]


@functools.cache
def published() -> Published:
    """The published numbers that come with the package."""
    return msgspec.json.decode(DATA.read_bytes(), type=Published)


def with_published(tables: Sequence[Table]) -> list[Table]:
    """The tables with published rows below their own, in those whose dataset, sizes
    and metric a block matches."""
    return [dataclasses.replace(table, rows=(*table.rows, *_rows(table))) for table in tables]


def _rows(table: Table) -> list[Row]:
    rows = []
    for block in published().blocks:
        if block.metric != table.metric:
            continue
        for dataset, setting in block.settings.items():
            if _matches(setting, table):
                mark = f"PUBLISHED NUMBER, not ranked: {block.name} ({block.note}; {block.source})"
                rows += [
                    Row(Variant(method, "", TAG), cells, seeds=0, marks=(mark,), runs=())
                    for method, by_dataset in block.rows.items()
                    if (cells := _cells(block, by_dataset.get(dataset, {}), table))
                ]
    return rows


def _matches(setting: PublishedSetting, table: Table) -> bool:
    sizes = table.sizes
    return (
        table.condition.dataset in setting.names
        and not table.folds
        and sizes["query"] == setting.query
        and sizes["fit"] + sizes["validation"] == setting.train
        and setting.items in (None, sizes["query"] + sizes["database"])
    )


def _cells(
    block: Block, by_direction: dict[str, tuple[float, ...]], table: Table
) -> dict[Task, Cell]:
    return {
        (bits, direction): Cell((value,))
        for direction, values in by_direction.items()
        for bits, value in zip(block.bits, values, strict=True)
        if (bits, direction) in table.columns
    }
