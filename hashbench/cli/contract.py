"""What the `check` commands share: the contract of a thing, tried check by check, told in lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.files.temporary_folders import temporary_folder

if TYPE_CHECKING:
    from hashbench.testing.verdict import Checks, Verdict

What = Annotated[
    str, typer.Argument(metavar="NAME|FILE", help="A name, or the .py file of a plug-in.")
]


def report(made: Callable[[Path], Checks], *, as_json: bool) -> None:
    """Tries all checks and prints a line each, as soon as it is known, or JSON. Exit code 1 where
    any did not pass.
    """
    content = tried(made, hidden=as_json)
    if as_json:
        import json

        typer.echo(json.dumps(content, indent=1))
    if not content["passed"]:
        raise typer.Exit(1)


def tried(made: Callable[[Path], Checks], *, hidden: bool) -> dict[str, Any]:
    """Tries all checks; unless `hidden`, each is a line as soon as it is known."""
    with temporary_folder("hashbench-check-") as folder:
        checks = made(folder)
        if not hidden:
            _print_head(checks)
        verdicts = []
        for check in checks:
            verdict = checks.verdict(check)
            verdicts.append(verdict)
            if not hidden:
                _print(verdict)
    passed = sum(verdict.passed is True for verdict in verdicts)
    if not hidden:
        typer.echo(f"verdict: {passed} of {len(verdicts)} checks passed")
    return _plain(checks, verdicts)


def _print_head(checks: Checks) -> None:
    from hashbench.report.text import plain

    typer.echo(plain(f"{checks.name} ({checks.source})"))


def _print(verdict: Verdict) -> None:
    from hashbench.cli.progress import print_entry
    from hashbench.report.text import plain

    text = f"{verdict.check}: {plain(verdict.text)}"
    if verdict.remedy:
        text += f"\nremedy: {plain(verdict.remedy)}"
    style = {True: "green", False: "bold red", None: "yellow"}[verdict.passed]
    print_entry(f"{verdict.word:<9}", text, style)


def _plain(checks: Checks, verdicts: list[Verdict]) -> dict[str, Any]:
    return {
        "name": checks.name,
        "source": checks.source,
        "passed": all(verdict.passed for verdict in verdicts),
        "checks": [
            {
                "check": verdict.check,
                "verdict": verdict.word,
                "message": verdict.text,
                "remedy": verdict.remedy,
            }
            for verdict in verdicts
        ],
    }
