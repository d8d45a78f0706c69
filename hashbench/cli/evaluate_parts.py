"""`hashbench eval --parts N`: codes too many for one process or machine are scored by parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hashbench.codefiles.load import RetrievalTask
    from hashbench.codefiles.score_parts import ScoreParts
    from hashbench.codefiles.scores import ScoredCodes
    from hashbench.metrics.metric import Metric

Parts = Annotated[
    int | None,
    typer.Option(
        "--parts",
        min=1,
        help="Score the database in so many parts, each a file, and join them to the same scores. "
        "The same command on other machines shares the work.",
    ),
]
Part = Annotated[
    int | None,
    typer.Option("--part", min=1, help="Of --parts, make this one alone, counted from 1."),
]
PartsDir = Annotated[
    Path,
    typer.Option("--parts-dir", help="Where the parts are.", file_okay=False),
]
PARTS_DIR = Path("eval-parts")


@dataclass(frozen=True)
class PartsAsked:
    """How many parts, which of them (None for all that are missing), and where they are."""

    parts: int
    part: int | None
    folder: Path
    threads: int | None
    as_json: bool

    @classmethod
    def of(
        cls,
        parts: int | None,
        part: int | None,
        folder: Path,
        versus: Path | None,
        threads: int | None,
        *,
        as_json: bool,
    ) -> PartsAsked | None:
        """None where no parts are asked for. Raises InputError for options that do not go
        together.
        """
        from hashbench.errors import InputError

        if parts is None:
            if part is not None:
                raise InputError("of how many?", where="--part", remedy="--parts 8, say")
            return None
        if part is not None and part > parts:
            raise InputError(
                f"there is no part {part} of {parts}", where="--part", remedy=f"from 1 to {parts}"
            )
        if versus is not None:
            raise InputError(
                "codes that are scored by parts are not compared query by query",
                where="--versus",
                remedy="score both without --parts, or compare their scores and intervals",
            )
        return cls(parts, part, folder, threads, as_json)


def make_one(
    tasks: Sequence[RetrievalTask], metrics: Sequence[Metric], asked: PartsAsked, part: int
) -> None:
    """Makes one part of each task and says what is missing yet. Raises BusyError where another
    process is at it.
    """
    from hashbench.cli.progress import single_bar
    from hashbench.errors import BusyError

    with single_bar(f"pairs of part {part}", hidden=asked.as_json) as progress:
        all_parts = _all_parts(tasks, metrics, asked)
        total, done = sum(each.pairs(part) for each in all_parts), 0
        for each in all_parts:

            def counted(more: int, before: int = done) -> None:
                progress(before + more, total)

            if not each.make(part, counted, threads=asked.threads):
                raise BusyError(
                    f"another process makes part {part} of {asked.parts}",
                    where=asked.folder,
                    remedy="wait for it, or make another part",
                )
            done += each.pairs(part)
    files = [str(file) for each in all_parts for file in each.files(part)]
    missing = sorted({other for each in all_parts for other in each.missing()})
    _print_made(files, missing, asked, part)


def _print_made(files: list[str], missing: list[int], asked: PartsAsked, part: int) -> None:
    if asked.as_json:
        import json

        made = {"part": part, "parts": asked.parts, "files": files, "missing": missing}
        typer.echo(json.dumps(made, indent=1))
        return
    for file in files:
        typer.echo(f"part {part} of {asked.parts}: {file}")
    if missing:
        shown = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
        typer.echo(f"missing yet: {shown}")
    else:
        typer.echo("all parts are there: the same command without --part joins them")


def scored_by_parts(
    tasks: Sequence[RetrievalTask],
    metrics: Sequence[Metric],
    asked: PartsAsked,
    *,
    interval: bool,
    seed: int,
) -> list[ScoredCodes]:
    """Makes the parts that are missing and joins all to the scores of each task."""
    from hashbench.cli.progress import progress_bar
    from hashbench.codefiles.score_parts import make_all

    with progress_bar(hidden=asked.as_json) as report:
        all_parts = _all_parts(tasks, metrics, asked)
        make_all(all_parts, report, threads=asked.threads)
        return [each.join(interval=interval, seed=seed, report=report) for each in all_parts]


def _all_parts(
    tasks: Sequence[RetrievalTask], metrics: Sequence[Metric], asked: PartsAsked
) -> list[ScoreParts]:
    """The parts of each task. Raises InputError where the files of two would have one name."""
    from hashbench.codefiles.score_parts import ScoreParts
    from hashbench.errors import InputError

    all_parts = [ScoreParts(task, metrics, asked.parts, asked.folder) for task in tasks]
    (name, count) = Counter(each.name for each in all_parts).most_common(1)[0]
    if count > 1:
        raise InputError(
            f"{count} sets of codes would have parts of the name {name}",
            where="--parts",
            remedy="score them one by one, each with a --parts-dir of its own",
        )
    return all_parts
