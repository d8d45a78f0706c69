"""`hashbench verify` and `hashbench bundle`: claims that others can check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, Json, Runs, RunsDir

if TYPE_CHECKING:
    from hashbench.claims.verdicts import Verified


def verify_command(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Ids of runs, beginnings or ends of them, run folders, `last`, or bundles (.tar).",
            show_default=False,
        ),
    ] = None,
    encoder: Annotated[
        bool,
        typer.Option(
            "--encoder/--no-encoder",
            help="Also make the codes anew where the trained encoder is there; encodes the dataset "
            "if its features are not cached.",
        ),
    ] = True,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Check what runs claim: digests, every score, the split, the encoder and its audit.

    Scores are computed again from the codes. Items and labels are compared with the dataset where
    it is below --data-dir. Exit code 0: nothing is wrong; 1: something is, and each verdict says
    what. Verdicts that say `not checked` name what is missing for it.
    """
    from hashbench.claims.sources import claims
    from hashbench.claims.verdicts import verify
    from hashbench.cli.progress import progress_bar

    with claims(runs or [], runs_dir) as claimed, progress_bar(hidden=json_) as progress:
        verified = [
            verify(one.run, data_dir, listed=one.listed, encoder=encoder, progress=progress)
            for one in claimed
        ]
    if json_:
        _print_json(verified)
    else:
        for one in verified:
            _print(one)
    if not all(one.holds for one in verified):
        raise typer.Exit(1)


def _print(verified: Verified) -> None:
    from hashbench.cli.progress import print_entry
    from hashbench.report.text import plain

    words = {True: "holds", False: "WRONG", None: "not checked"}
    styles = {True: "green", False: "bold red", None: "yellow"}
    typer.echo(f"{plain(verified.run)}: {'verified' if verified.holds else 'NOT TRUE'}")
    for one in verified.verdicts:
        heading = f"  {one.check:<8} {words[one.holds]:<12} "
        print_entry(heading, plain(one.text), styles[one.holds])


def _print_json(verified: list[Verified]) -> None:
    import json
    from dataclasses import asdict

    typer.echo(json.dumps([asdict(one) | {"holds": one.holds} for one in verified], indent=1))


def bundle_command(
    runs: Runs = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The file to write, .tar.", dir_okay=False)
    ] = Path("table.tar"),
    encoder: Annotated[
        bool,
        typer.Option("--encoder", help="Also the trained weights, so that codes can be made anew."),
    ] = False,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Put finished runs into one file that others can verify and repeat.

    It holds specs, results, codes and split files, and nothing that says who made it or where.
    The same runs give the same bytes. `hashbench verify FILE` checks it, `hashbench run --from
    FILE` trains it again.
    """
    import json

    from rich.filesize import decimal

    from hashbench.claims.pack import pack
    from hashbench.claims.unpack import SUFFIX
    from hashbench.cli.selection import select_runs
    from hashbench.errors import InputError

    if out.suffix != SUFFIX:
        raise InputError(f"a bundle is named {SUFFIX}", where=f"--out {out}")
    packed = pack(select_runs(runs, runs_dir), out, encoder=encoder)
    if json_:
        page = {"file": str(out), "runs": packed.runs, "files": packed.files, "bytes": packed.size}
        typer.echo(json.dumps(page, indent=1))
        return
    typer.echo(
        f"{out}: {len(packed.runs)} run{'s' if packed.runs[1:] else ''}, {packed.files} files, "
        f"{decimal(packed.size)}"
    )
