"""`hashbench search`: the items nearest to a caption or a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, Json, RunsDir

MODALITIES = ("image", "text")


def search_command(
    run: Annotated[str, typer.Argument(help="A finished run: its id, a part of it, or `last`.")],
    query: Annotated[str, typer.Argument(help="A caption, or the file of a picture.")],
    top: Annotated[int, typer.Option("--top", min=1, max=1000, help="How many items.")] = 10,
    bits: Annotated[
        int | None,
        typer.Option("--bits", "-b", min=1, max=4096, help="Length. [default: the longest]"),
    ] = None,
    among: Annotated[
        str | None,
        typer.Option("--among", help="image or text. [default: the other modality]"),
    ] = None,
    codes: Annotated[
        Path | None,
        typer.Option(
            "--codes", help="A file of `hashbench encode` to search. [default: the run's database]"
        ),
    ] = None,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Search the database of a run, or new items, by a caption or a picture that the run encodes.

    The nearest codes come first, with their Hamming distance; ties in the order of the database.
    """
    import asyncio

    from hashbench.runs.layout import pick

    folder = pick(runs_dir, run)
    picture = _is_picture(query)
    if not picture and not query.strip():
        from hashbench.errors import InputError

        raise InputError("is empty", where="QUERY", remedy="a caption, or the file of a picture")
    direction = _direction(picture=picture, among=among)
    question = {"query": query, "picture": picture, "top": top, "direction": direction}
    asked = _ask(folder.path, data_dir, question, bits, codes, quiet=json_)
    found = asyncio.run(asked)
    if json_:
        import json

        typer.echo(json.dumps(found, indent=1))
    else:
        _print(found)


def _is_picture(query: str) -> bool:
    """Whether a query is the file of a picture. Raises InputError for one that is missing."""
    from hashbench.errors import InputError

    suffixes = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
    path = Path(query)
    try:
        if path.is_file():
            return True
    except (OSError, ValueError):  # a caption that is too long for a path
        return False
    if query.lower().endswith(suffixes) and " " not in query.strip():
        raise InputError(
            "does not exist", where=query, remedy="a caption, or the file of a picture"
        )
    return False


def _direction(*, picture: bool, among: str | None) -> str:
    """The direction of a search. Raises UnknownNameError."""
    from hashbench.errors import UnknownNameError

    target = among or ("text" if picture else "image")
    if target not in MODALITIES:
        raise UnknownNameError("modality", target, MODALITIES, where="--among")
    return f"{'i' if picture else 't'}2{target[0]}"


async def _ask(
    folder: Path,
    data_dir: Path,
    question: dict[str, Any],
    bits: int | None,
    codes: Path | None,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """The answer of the run's retrieval server, with what it was asked."""
    from hashbench.cli.console import console
    from hashbench.tui.subprocesses import RetrievalClient

    client = RetrievalClient(folder, data_dir)
    stderr = console(stderr=True)
    try:
        if not quiet and stderr.is_terminal:
            with stderr.status("loading the model"):
                return await _answer(client, question, bits, codes)
        return await _answer(client, question, bits, codes)
    finally:
        await client.close()


async def _answer(
    client: Any, question: dict[str, Any], bits: int | None, codes: Path | None
) -> dict[str, Any]:
    about = await client.start()
    length = bits or max(about["bits"])
    query, direction, top = (question[key] for key in ("query", "direction", "top"))
    if "mm" in about["directions"]:
        direction = "mm"
    if codes is not None:
        ask = {"ask": "new items", "query": query, "picture": question["picture"]}
        found = await client.ask(**ask, bits=length, file=str(codes.resolve()), top=top)
    elif question["picture"]:
        file = str(Path(query).resolve())
        found = await client.ask(
            ask="picture query", bits=length, direction=direction, file=file, top=top
        )
    else:
        found = await client.ask(
            ask="typed", bits=length, direction=direction, caption=query, top=top
        )
    left_out = ("hit", "code")
    results = [{key: one[key] for key in one if key not in left_out} for one in found["results"]]
    return {
        "query": query,
        "bits": length,
        "direction": direction,
        "codes": None if codes is None else str(codes),
        "note": about["note"],
        "results": results,
    }


def _print(found: dict[str, Any]) -> None:
    """A table: rank, distance, id, labels and caption, as far as they are known."""
    from rich.table import Table

    from hashbench.cli.console import console
    from hashbench.report.text import plain

    table = Table(box=None, pad_edge=False)
    described = any("labels" in one for one in found["results"])
    for name in ("rank", "distance"):
        table.add_column(name, justify="right")
    for name in ("id", "labels", "caption") if described else ("id",):
        table.add_column(name)
    for one in found["results"]:
        row = [str(one["rank"]), str(one["distance"]), plain(one["id"])]
        if described:
            row += [plain(", ".join(one["labels"])), plain(one["caption"])]
        table.add_row(*row)
    console().print(table)
    if found["note"] and found["codes"] is None:
        typer.echo(plain(found["note"]), err=True)
