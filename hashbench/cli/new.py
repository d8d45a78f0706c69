"""What the `new` commands share: where the files go, and what to do with them next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hashbench.scaffold.write import Kind

NewName = Annotated[str, typer.Argument(help="Its name, such as `mine`: the file's, too.")]
Into = Annotated[
    Path | None,
    typer.Option(
        "--into",
        help="Folder to write to: that of --methods if not given, or else the current one.",
        file_okay=False,
    ),
]
Package = Annotated[
    bool,
    typer.Option(
        "--package", help="A package to install, with an entry point, instead of one file."
    ),
]


def write(
    kind: Kind,
    name: str,
    built_in: Iterable[str],
    into: Path | None,
    *,
    package: bool,
    origin: str | None = None,
) -> None:
    """Writes the plug-in and its test, and says what comes next. Raises InputError."""
    from hashbench.plan import plugins
    from hashbench.scaffold.write import check_name, new_files, write_files

    check_name(kind, name, built_in)
    here = Path() if package or not plugins.folders() else plugins.folders()[0]
    folder = here if into is None else into
    for path in write_files(folder, new_files(kind, name, origin, package=package)):
        typer.echo(f"wrote {path}")
    place = shlex.quote(str(folder))
    if package:
        root = shlex.quote(str(folder / f"hashbench-{name.lower().replace('_', '-')}"))
        typer.echo(f"next: pip install -e {root}; hashbench {kind}s check {name}")
        return
    file = shlex.quote(str(folder / f"{name}.py"))
    typer.echo(f"next: hashbench {kind}s check {file}")
    use = {
        "method": f"hashbench run --methods {place} -m {name}",
        "dataset": f"hashbench run --methods {place} -d {name}",
        "metric": f"hashbench compare --methods {place} --metric {name}@50",
    }
    typer.echo(f"then: {use[kind]}")
