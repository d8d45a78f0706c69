"""`hashbench eval`: scores code files of any program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from hashbench.cli.evaluate_parts import PARTS_DIR, Part, Parts, PartsDir

if TYPE_CHECKING:
    from hashbench.codefiles.load import RetrievalTask
    from hashbench.codefiles.read_options import ReadOptions
    from hashbench.codefiles.scores import ScoredCodes
    from hashbench.metrics.metric import Metric

Layout = Annotated[str, typer.Option("--layout", help="Which known layout, where several fit.")]
Query = Annotated[
    str, typer.Option("--query", help="Variable of the query codes, s.f in a struct.")
]
Database = Annotated[str, typer.Option("--database", help="Variable of the database codes.")]
Labels = Annotated[
    str,
    typer.Option("--labels", help="Labels of both sides: FILE, or FILE:QUERY_KEY,DATABASE_KEY."),
]
QueryLabels = Annotated[
    str, typer.Option("--query-labels", help="Query labels: KEY, FILE:KEY, or a file of one array.")
]
DatabaseLabels = Annotated[
    str, typer.Option("--database-labels", help="Database labels, in the same way.")
]
Direction = Annotated[
    list[str] | None,
    typer.Option("--direction", help="i2t, t2i, i2i, t2t or mm. [default: those that are usual]"),
]
Bits = Annotated[int | None, typer.Option("--bits", min=1, max=4096, help="Bits of a code.")]
Zero = Annotated[str, typer.Option("--zero", help="A 0 beside -1 and +1: refuse, plus or minus.")]
Packed = Annotated[
    str,
    typer.Option("--packed", help="Codes are bytes, first bit lowest (little) or highest (big)."),
]
Items = Annotated[str, typer.Option("--items", help="Items are rows, or columns.")]
LabelsAs = Annotated[
    str,
    typer.Option(
        "--labels-as",
        help="One column of labels is an index, or multi-hot; packed: bytes or words, a bit a "
        "class.",
    ),
]
Binarize = Annotated[
    str,
    typer.Option(
        "--binarize",
        help="Real values become bits by their sign, or by the median of each bit over the "
        "database: sign or median.",
    ),
]


def eval_command(
    files: Annotated[
        list[Path],
        typer.Argument(
            help=".mat or .npz files, pairs of .npy files (queries first), codes/ folders or run "
            "folders.",
            show_default=False,
        ),
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", "-m", help="Such as mAP@50, P@r2, nDCG@100. [default: mAP@all]"),
    ] = None,
    as_in: Annotated[
        list[str] | None,
        typer.Option("--as-in", help="The metric of a paper's code base, such as pghmh or adsh."),
    ] = None,
    topk: Annotated[
        int | None,
        typer.Option(
            "--topk", min=1, help="Adds every measure that has a cut-off at K: mAP@K, P@K, ..."
        ),
    ] = None,
    labels: Labels = "",
    query_labels: QueryLabels = "",
    database_labels: DatabaseLabels = "",
    query: Query = "",
    database: Database = "",
    layout: Layout = "",
    direction: Direction = None,
    bits: Bits = None,
    zero: Zero = "refuse",
    packed: Packed = "",
    items: Items = "",
    labels_as: LabelsAs = "",
    binarize: Binarize = "",
    ci: Annotated[
        bool, typer.Option("--ci", help="95% confidence intervals, by bootstrap over queries.")
    ] = False,
    versus: Annotated[
        Path | None,
        typer.Option(
            "--versus", help="Codes of the same queries, for a paired randomisation test."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of bootstrap and test.")] = 0,
    parts: Parts = None,
    part: Part = None,
    parts_dir: PartsDir = PARTS_DIR,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="[default: all cores]")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", "-f", help="table, md, csv or json.")
    ] = "table",
    json_: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Score hash codes exactly: any program's files, any metric, with the range that ties allow.

    Layouts are recognised: val_B/retrieval_B/L_te/L_db, q_img/q_txt/r_img/r_txt/q_l/r_l,
    BxTest/ByTest/BxTrain/ByTrain, qB/rB (packed or not), and hashbench's own codes/. What a file
    leaves open is asked for by the option that settles it.
    Files with other labels make another table.
    `--parts 8` scores the database in 8 parts, on one machine or, by the same command, on several;
    big .npy files are mapped into memory, not read.
    """
    from hashbench.cli.evaluate_parts import PartsAsked, make_one, scored_by_parts
    from hashbench.codefiles.load import load, load_files
    from hashbench.codefiles.scores import check_directions, partner, score
    from hashbench.errors import UnknownNameError
    from hashbench.report import code_file_tables

    form = "json" if json_ else format_
    if form not in code_file_tables.FORMATS:
        raise UnknownNameError("format", form, code_file_tables.FORMATS, where="--format")
    by_parts = PartsAsked.of(parts, part, parts_dir, versus, threads, as_json=form == "json")
    metrics, notes = _metrics(metric or [], as_in or [], topk)
    options = read_options(
        layout=layout, query=query, database=database, labels=labels, query_labels=query_labels,
        database_labels=database_labels, direction=direction, bits=bits, zero=zero, packed=packed,
        items=items, labels_as=labels_as, binarize=binarize,
    )  # fmt: skip
    # every file is read and checked before the first is scored, so that an error costs no time
    tasks: list[RetrievalTask] = load_files(files, options)
    check_directions(metrics, tasks)
    if by_parts is not None and part is not None:
        make_one(tasks, metrics, by_parts, part)
        return
    scored: list[ScoredCodes]
    if by_parts is not None:
        scored = scored_by_parts(tasks, metrics, by_parts, interval=ci, seed=seed)
        notes.append(f"scored in {parts} parts, in {parts_dir}; no ties in database order")
    else:
        others = load(versus, options) if versus else []
        scored = [
            score(
                task,
                metrics,
                interval=ci,
                against=partner(task, others) if versus else None,
                seed=seed,
                threads=threads,
            )
            for task in tasks
        ]
    if versus:
        notes.append(f"the other codes: {versus}; paired randomisation test over queries")
    if form == "json":
        typer.echo(code_file_tables.as_json(scored, notes))
    elif form == "csv":
        typer.echo(code_file_tables.comma_separated(scored), nl=False)
    elif form == "md":
        typer.echo(code_file_tables.markdown(scored, notes))
    else:
        from hashbench.cli.console import console

        console().print(code_file_tables.rich_table(scored, notes))


def read_options(*, direction: list[str] | None, **words: Any) -> ReadOptions:
    """The options about a file. Raises UnknownNameError for a word that an option lacks."""
    from hashbench.codefiles import convert
    from hashbench.codefiles.read_options import ReadOptions
    from hashbench.errors import UnknownNameError

    for option, valid_words in (
        ("zero", convert.Zero), ("packed", convert.Packed), ("items", convert.Items),
        ("labels_as", convert.LabelsAs), ("binarize", convert.Binarize),
    ):  # fmt: skip
        valid = get_args(valid_words)
        if words[option] not in valid:
            name = option.replace("_", "-")
            raise UnknownNameError(name, words[option], filter(None, valid), where=f"--{name}")
    directions = tuple(part for given in direction or [] for part in given.split(","))
    return ReadOptions(directions=directions, **words)


def _metrics(
    names: list[str], profiles: list[str], topk: int | None
) -> tuple[list[Metric], list[str]]:
    """The metrics asked for, and notes about the papers' conventions among them."""
    from hashbench.metrics import catalog
    from hashbench.metrics.metric import parse_metric, parse_metrics
    from hashbench.metrics.paper_conventions import profile

    metrics: list[Metric] = []
    notes: list[str] = []
    for name in profiles:
        paper = profile(name)
        metrics.append(paper.metric)
        notes.append(
            f"as in {paper.name} ({paper.source}): {paper.metric}; {'; '.join(paper.notes)}"
        )
    for name in names:
        metrics += parse_metrics(name, "--metric")
    if topk is not None:
        by_rank = [card.name for card in catalog.measures().values() if "rank" in card.cuts]
        metrics += [parse_metric(f"{name}@{topk}") for name in by_rank]
    return list(dict.fromkeys(metrics or [parse_metric("mAP@all")])), notes
