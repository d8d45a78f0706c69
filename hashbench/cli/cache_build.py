"""`hashbench cache build`: features of a dataset before any run needs them, by parts if asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.cli.options import DATA_DIR, DataDir, Json, takes_feature_options

if TYPE_CHECKING:
    from hashbench.plan.spec import RunSpec


@takes_feature_options
def build_command(
    typed: dict[str, Any],
    parts: Annotated[
        int | None,
        typer.Option(
            "--parts",
            min=1,
            help="Compute in so many parts, each a file, and join them to the same bytes. The same "
            "command on other machines that see the cache shares the work.",
        ),
    ] = None,
    part: Annotated[
        int | None,
        typer.Option("--part", min=1, help="Of --parts, make this one alone, counted from 1."),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            min=1,
            max=64,
            help="With --parts: so many processes at once on this machine, on its GPUs in turn.",
        ),
    ] = 1,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Compute the features of datasets, which runs on them then find in the cache.

    What was begun is resumed. Two builders share the work and do none of it twice.
    A method that tunes blocks of the towers needs their inputs, too, which its first run computes.
    """
    from hashbench.plan.request import expand
    from hashbench.plan.run_options import request

    _check(parts, part, jobs)
    words = [
        word
        for option, value in (("--parts", parts), ("--part", part))
        if value is not None
        for word in (option, str(value))
    ]
    built = [
        _build(spec, data_dir, words, min(jobs, parts or 1), hidden=json_)
        for spec in expand(request({"method": "lsh", **typed}), data_dir)
    ]
    _print(built, parts, part, as_json=json_)


def _check(parts: int | None, part: int | None, jobs: int) -> None:
    """Raises InputError for options that do not go together."""
    from hashbench.errors import InputError

    if part is not None and (parts is None or part > parts):
        problem = "of how many?" if parts is None else f"there is no part {part} of {parts}"
        remedy = "--parts 8, say" if parts is None else f"from 1 to {parts}"
        raise InputError(problem, where="--part", remedy=remedy)
    if jobs > 1 and (parts is None or part is not None):
        raise InputError(
            "several processes share parts", where="--jobs", remedy=f"--parts {4 * jobs}, say"
        )


def _build(
    spec: RunSpec, data_dir: Path, words: list[str], workers: int, *, hidden: bool
) -> Mapping[str, Any]:
    """Builds the features of one dataset; what is there in the end."""
    from hashbench.cli.progress import progress_bar
    from hashbench.launch.features import build_features

    last: Mapping[str, Any] = {}
    with progress_bar(hidden=hidden) as progress:
        progress(f"loading {spec.dataset.name}", 0, 0)
        for message in build_features(spec, data_dir, words, workers):
            if "progress" in message:
                who = f" ({message['worker'] + 1} of {workers})" if workers > 1 else ""
                progress(f"{message['progress']}{who}", message["done"], message["total"])
            else:
                last = {key: value for key, value in message.items() if key != "worker"}
    return last


def _print(
    built: list[Mapping[str, Any]], parts: int | None, part: int | None, *, as_json: bool
) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(built, indent=1))
        return
    for one in built:
        of = f"{one['items']:,} pictures, {one['captions']:,} captions"
        if one["missing"]:
            shown = ", ".join(map(str, one["missing"][:10]))
            more = ", ..." if len(one["missing"]) > 10 else ""
            typer.echo(f"{one['entry']}: part {part} of {parts} is there; missing: {shown}{more}")
        else:
            how = "was there already" if one["was_there"] else "is there"
            typer.echo(f"{one['entry']}: {how} ({of}), in {one['folder']}")
