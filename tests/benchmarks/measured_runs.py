"""Keeps the scores of finished runs in a file of the guide, and makes its tables from that file.

    python tests/benchmarks/measured_runs.py keep RUNS_DIR hashbench/guide/measured/NAME.csv
    python tests/benchmarks/measured_runs.py table hashbench/guide/measured/NAME.csv [BITS ...]

A line of the file is one run at one length: the mAP@all of its test queries, seconds of work, and
the hash of its spec, by which `hashbench run` finds out whether it ran before. Runs that were kept
earlier stay; one of the same spec is replaced.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hashbench.plan import spec as specs
from hashbench.report.naming import variant_name
from hashbench.runs import result as results
from hashbench.runs.layout import RunFolder, find
from hashbench.runs.state import fold
from hashbench.runs.tailer import read_all

METRIC = "mAP@all"


class Measured(msgspec.Struct, frozen=True):
    """A run at one length; empty texts where a method has no such direction."""

    method: str
    variant: str
    bits: int
    seed: int
    i2t: str
    t2i: str
    mm: str
    seconds: int
    spec: str


def measured(run: RunFolder) -> list[Measured]:
    """The lines of a finished run."""
    spec, result = specs.read(run.spec), results.read(run.result)
    seconds = round(fold(read_all(run.events)).elapsed)
    rows = []
    for bits, scores in result.scores.items():
        texts = {
            direction: f"{scores[direction][METRIC]:.6f}" if direction in scores else ""
            for direction in ("i2t", "t2i", "mm")
        }
        rows.append(
            Measured(
                spec.method,
                variant_name(spec),
                int(bits),
                spec.seed,
                **texts,
                seconds=seconds,
                spec=result.spec_hash,
            )
        )
    return rows


def read(path: Path) -> list[Measured]:
    """The lines of a file, none where it is not there."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return msgspec.convert(list(csv.DictReader(file)), list[Measured], strict=False)


def keep(runs_dir: Path, path: Path) -> int:
    """Adds the finished runs of a folder to a file; the number of its lines."""
    rows = {(row.spec, row.bits): row for row in read(path)}
    for run in find(runs_dir):
        if run.result.is_file():
            rows |= {(row.spec, row.bits): row for row in measured(run)}
    ordered = sorted(rows.values(), key=lambda row: (row.method, row.variant, row.bits, row.seed))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, Measured.__struct_fields__, lineterminator="\n")
        writer.writeheader()
        writer.writerows(msgspec.structs.asdict(row) for row in ordered)
    return len(ordered)


def mean_text(values: Iterable[str]) -> str:
    """`.7045 ±.0027`: mean and sample standard deviation; the mean alone for one seed."""
    numbers = [float(value) for value in values if value]
    if not numbers:
        return ""
    mean = f"{statistics.mean(numbers):.4f}".removeprefix("0")
    if len(numbers) == 1:
        return mean
    return f"{mean} ±" + f"{statistics.stdev(numbers):.4f}".removeprefix("0")


def table(rows: list[Measured], lengths: list[int]) -> list[str]:
    """Lines of Markdown: a row for each method and variant, the directions at each length."""
    asked = lengths or sorted({row.bits for row in rows})
    names = dict.fromkeys((row.method, row.variant) for row in rows if row.bits in asked)
    lines = []
    for method, variant in names:
        cells = []
        for bits in asked:
            here = [r for r in rows if (r.method, r.variant, r.bits) == (method, variant, bits)]
            directions = ("i2t", "t2i") if any(r.i2t for r in here) else ("mm", "mm")
            cells += [mean_text(getattr(r, d) for r in here) for d in directions]
        seeds = len({r.seed for r in rows if (r.method, r.variant) == (method, variant)})
        lines.append(f"| `{method}` {variant} | {seeds} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    commands = parser.add_subparsers(dest="command", required=True)
    keeping = commands.add_parser("keep")
    keeping.add_argument("runs_dir", type=Path)
    keeping.add_argument("file", type=Path)
    showing = commands.add_parser("table")
    showing.add_argument("file", type=Path)
    showing.add_argument("bits", type=int, nargs="*")
    given = parser.parse_args()
    if given.command == "keep":
        print(f"{keep(given.runs_dir, given.file)} lines in {given.file}")
    else:
        print("\n".join(table(read(given.file), given.bits)))


if __name__ == "__main__":
    main()
