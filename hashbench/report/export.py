"""Comparison tables as text for terminals, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from hashbench.report.comparison import Cell, Row, Table, apart
from hashbench.report.protocols import worth
from hashbench.report.rows import Unfinished, Variant
from hashbench.report.text import plain

FORMATS = ("table", "md", "latex", "csv", "json")

CSV_HEADER = [
    "table",
    "dataset",
    "split",
    "backbone",
    "protocol",
    "select",
    "method",
    "changes",
    "labels",
    "bits",
    "direction",
    "metric",
    "mean",
    "deviation",
    "seeds",
    "floor",
    "marks",
    "p",
]

SURE = ((0.01, "‡"), (0.05, "†"))
"""(p-value below which, mark), the surest first."""


FEW = 4  # columns whose means and deviations stand side by side in 80


def title(table: Table, number: int) -> str:
    """What all rows of a table share, in one line."""
    condition = table.condition
    parts = [
        f"{number}. {condition.dataset}",
        f"split {condition.split}",
        condition.backbone,
        f"{condition.protocol} protocol",
        f"epoch chosen by {condition.select}",
        table.metric,
    ]
    return plain(", ".join(parts))


def footnotes(table: Table) -> list[str]:
    """Sizes, floor and what else a reader of the numbers must know."""
    sizes = table.sizes
    counts = (
        f"{sizes['query']:,} queries, {sizes['database']:,} database items, "
        f"{sizes['fit']:,} fitted, {sizes['validation']:,} validation queries"
    )
    notes = [counts, f"random floor {table.floor:.4f}: the share of relevant pairs"]
    if table.without_relevant:
        notes.append(f"{table.without_relevant} queries without a relevant item are left out")
    if any(len(cell.values) > 1 for row in table.rows for cell in row.cells.values()):
        notes.append("mean ± sample standard deviation over seeds")
    if table.baseline is not None:
        notes.append(
            f"† p < 0.05, ‡ p < 0.01 against {variant_name(table.baseline)}: paired randomisation "
            "test over queries, two-sided, corrected for all comparisons (Holm)"
        )
    by_marks: dict[tuple[str, ...], list[str]] = {}
    for row in table.rows:
        if row.marks:
            by_marks.setdefault(row.marks, []).append(row_name(row))
    notes += [f"! {', '.join(names)}: {'; '.join(marks)}" for marks, names in by_marks.items()]
    return [plain(note) for note in notes]


def variant_name(variant: Variant) -> str:
    """Method and changes in one line."""
    return plain(" ".join(part for part in (variant.method, variant.changes) if part))


def row_name(row: Row) -> str:
    """A row's name, with `!` where footnotes tell what is special about its numbers."""
    return variant_name(row.variant) + (" !" if row.marks else "")


def cell_text(cell: Cell | None) -> str:
    """`0.8123 ±0.0021 †`: mean, deviation over seeds, how sure it differs from the baseline."""
    if cell is None:
        return "-"
    text = f"{cell.mean:.4f}"
    if cell.deviation is not None:
        text += f" ±{cell.deviation:.4f}"
    sure = [] if cell.p is None else [mark for bound, mark in SURE if cell.p < bound]
    return f"{text} {sure[0]}" if sure else text


def titles(table: Table) -> list[str]:
    """Titles of the columns."""
    labels = ["labels"] if any(row.variant.labels for row in table.rows) else []
    return ["method", *labels, "seeds", *(f"{bits} {name}" for bits, name in table.columns)]


def lead(table: Table, row: Row) -> list[str]:
    """What stands left of a row's numbers."""
    labelled = any(other.variant.labels for other in table.rows)
    labels = [row.variant.labels or "all known"] if labelled else []
    return [row_name(row), *labels, str(row.seeds or "-")]


def unfinished_lines(runs: Sequence[Unfinished]) -> list[str]:
    """One line for each run that has no result, with its state."""
    return [
        plain(f"{run.run.id}: {run.status}" + (f" ({run.reason})" if run.reason else ""))
        for run in runs
    ]


def rich_tables(tables: Sequence[Table]) -> RenderableType:
    """For a terminal; the best of a column is bold and starred, so that colour is not needed."""
    parts: list[RenderableType] = []
    for number, table in enumerate(tables, 1):
        grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        between = " " if len(table.columns) <= FEW else "\n"
        lines = [
            [
                *map(Text, lead(table, row)),
                *(_rich_cell(row, column, between) for column in table.columns),
            ]
            for row in table.rows
        ]
        words = len(titles(table)) - len(table.columns)
        for position, header in enumerate(titles(table)):
            grid.add_column(header, justify="left" if position < words - 1 else "right")
        for line in lines:
            grid.add_row(*line)
        parts += [
            Text(title(table, number), style="bold"),
            grid,
            *(Text(note, style="dim") for note in footnotes(table)),
            Text(),
        ]
    parts += [Text(line, style="yellow") for line in (*apart(tables), *worth(tables))]
    return Group(*parts)


def _rich_cell(row: Row, column: tuple[int, str], between: str) -> Text:
    best = is_best(row, column)
    mean, *rest = cell_text(row.cells.get(column)).split(" ")
    text = between.join([mean + "*" if best else mean, *rest])
    return Text(text, style="bold green" if best else "")


def is_best(row: Row, column: tuple[int, str]) -> bool:
    """Whether a row has the best mean of a column."""
    cell = row.cells.get(column)
    return cell is not None and cell.best


def markdown(tables: Sequence[Table]) -> str:
    """Markdown tables, the best in bold."""
    lines: list[str] = []
    for number, table in enumerate(tables, 1):
        headers = titles(table)
        lines += [f"**{title(table, number)}**", "", f"| {' | '.join(headers)} |"]
        lines.append(f"|{'---|' * len(headers)}")
        for row in table.rows:
            cells = []
            for column in table.columns:
                text = cell_text(row.cells.get(column))
                cells.append(f"**{text}**" if is_best(row, column) else text)
            escaped = [part.replace("|", "\\|") for part in [*lead(table, row), *cells]]
            lines.append(f"| {' | '.join(escaped)} |")
        lines += ["", *footnotes(table), ""]
    return "\n".join([*lines, *apart(tables), *worth(tables)])


def latex(tables: Sequence[Table]) -> str:
    """LaTeX tables for booktabs, the best in bold, what qualifies a number in the caption."""
    parts: list[str] = []
    for number, table in enumerate(tables, 1):
        words = len(titles(table)) - len(table.columns)
        lines = ["\\begin{table}", "\\centering"]
        lines.append(f"\\begin{{tabular}}{{{'l' * words}{'r' * len(table.columns)}}}")
        lines += ["\\toprule", _latex_row(map(_latex, titles(table))), "\\midrule"]
        for row in table.rows:
            cells = []
            for column in table.columns:
                text = _latex(cell_text(row.cells.get(column)))
                cells.append(f"\\textbf{{{text}}}" if is_best(row, column) else text)
            lines.append(_latex_row([*map(_latex, lead(table, row)), *cells]))
        caption = _latex(". ".join([title(table, number).partition(". ")[2], *footnotes(table)]))
        lines += ["\\bottomrule", "\\end{tabular}", f"\\caption{{{caption}.}}", "\\end{table}"]
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, *(f"% {line}" for line in apart(tables))]) + "\n"


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "±": r"$\pm$", "†": r"$^{\dagger}$", "‡": r"$^{\ddagger}$", "<": "$<$", ">": "$>$",
}  # fmt: skip


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def comma_separated(tables: Sequence[Table]) -> str:
    """One line for each cell, with all that its number depends on."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for number, table in enumerate(tables, 1):
        condition = table.condition
        shared = (
            number,
            condition.dataset,
            condition.split,
            condition.backbone,
            condition.protocol,
            condition.select,
        )
        for row in table.rows:
            variant = (row.variant.method, row.variant.changes, row.variant.labels)
            for column, cell in sorted(row.cells.items()):
                deviation = "" if cell.deviation is None else repr(cell.deviation)
                numbers = (table.metric, repr(cell.mean), deviation, len(cell.values))
                last = (repr(table.floor), "; ".join(row.marks))
                p = "" if cell.p is None else repr(cell.p)
                writer.writerow([*shared, *variant, *column, *numbers, *last, p])
    return out.getvalue()


def as_json(tables: Sequence[Table], unfinished: Sequence[Unfinished]) -> str:
    """Everything, for machines."""
    plain_tables = [
        {
            "condition": vars(table.condition),
            "metric": table.metric,
            "floor": table.floor,
            "sizes": table.sizes,
            "without_relevant": table.without_relevant,
            "rows": [
                {
                    **vars(row.variant),
                    "marks": row.marks,
                    "runs": row.runs,
                    "scores": [
                        {
                            "bits": bits,
                            "direction": direction,
                            "values": cell.values,
                            "mean": cell.mean,
                            "deviation": cell.deviation,
                            "best": cell.best,
                            "p": cell.p,
                        }
                        for (bits, direction), cell in sorted(row.cells.items())
                    ],
                }
                for row in table.rows
            ],
        }
        for table in tables
    ]
    others = [{"run": r.run.id, "status": r.status, "reason": r.reason} for r in unfinished]
    return json.dumps(
        {"tables": plain_tables, "apart": apart(tables), "unfinished": others}, indent=1
    )
