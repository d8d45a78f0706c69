"""`hashbench encode`: codes of new pictures or texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, Json, RunsDir

STOP, SKIP = "stop", "skip"


def encode_command(
    run: Annotated[str, typer.Argument(help="A finished run: its id, a part of it, or `last`.")],
    images: Annotated[
        Path | None,
        typer.Option("--images", help="A folder of pictures, with what is below it, or one."),
    ] = None,
    texts: Annotated[
        Path | None, typer.Option("--texts", help="A text file (UTF-8), one caption a line.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .npz file to write.")] = Path(
        "codes.npz"
    ),
    on_bad_image: Annotated[
        str,
        typer.Option(
            "--on-bad-image",
            help="A picture that cannot be read: stop, or skip, which names it and goes on.",
        ),
    ] = STOP,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Encode pictures or texts that are in no dataset, with the model of a finished run.

    Every length of the run is encoded. The file holds ids and packed words, which
    `hashbench search RUN QUERY --codes codes.npz` searches.
    """
    from hashbench.cli.progress import progress_bar
    from hashbench.errors import InputError, UnknownNameError
    from hashbench.launch.encoding import encode_items
    from hashbench.runs.layout import pick

    # refused here where possible, since the process that encodes takes seconds to load
    if (images is None) == (texts is None):
        raise InputError("give one of them", where="--images and --texts")
    if on_bad_image not in (STOP, SKIP):
        raise UnknownNameError("way", on_bad_image, (STOP, SKIP), where="--on-bad-image")
    if output.suffix.lower() != ".npz":
        raise InputError("is no .npz file", where=output, remedy=f"-o {output.stem}.npz")
    words = ["--images", str(images)] if images is not None else ["--texts", str(texts)]
    words += ["--on-bad-image", on_bad_image]
    skipped: list[dict[str, str]] = []
    written = {}
    with progress_bar(hidden=json_) as progress:
        for message in encode_items(pick(runs_dir, run), output, words, data_dir):
            if "progress" in message:
                progress(message["progress"], message["done"], message["total"])
            elif "skipped" in message:
                skipped.append({"id": message["skipped"], "problem": message["problem"]})
            else:
                written = message
    _print(written, skipped, as_json=json_)


def _print(written: dict[str, object], skipped: list[dict[str, str]], *, as_json: bool) -> None:
    from hashbench.report.text import plain

    if as_json:
        import json

        typer.echo(json.dumps({**written, "skipped": skipped}, indent=1))
        return
    for one in skipped:
        typer.echo(f"left out: {plain(one['id'])}: {plain(one['problem'])}", err=True)
    lengths = written["bits"]
    bits = ", ".join(map(str, lengths)) if isinstance(lengths, list) else ""
    typer.echo(f"{written['written']}: {written['items']:,} items, codes of {bits} bits")
