"""Boundary values and nonsense for every option and argument of every command.

The commands, options, types and ranges come from the command line itself, so that a new option is
covered from its first day. Each call ends with exit code 2 and one message, or it works. Commands
run in this process; what would train, encode, or open the workbench is left out.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from hashbench.cli.main import COMMANDS, app
from hashbench.errors import BusyError, InputError, StorageError
from tests.cli.conftest import Command
from tests.report.scored_runs import scored_run

WORKS = {0, 1}  # 1: `datasets check` and `audit` found something
REFUSES = {InputError.exit_code, BusyError.exit_code, StorageError.exit_code}

INTEGERS = (
    "",
    " ",
    "0",
    "-1",
    "1",
    "9" * 30,
    "-" + "9" * 30,
    "1.5",
    "1e3",
    "0x10",
    "nan",
    "٣",
    "x",
)
RANGES = ("0-99999999999999999999", "5-1", "1-", "-", "1,,2", ",", "1-2-3")
NUMBERS = ("", "0", "-1", "1", "nan", "inf", "-inf", "1e400", "1e-400", "x", "1,5", "0.5,0.5")
TEXTS = (
    "", " ", "x" * 5000, "-", "--", "../..", "/", "a\nb", "\x1b[2J", "\u202e", "\udcff",
    "%s{}[/red]",
    "none", "last", "=", "a=b", "a.b=1", ",", "*", "0",
)  # fmt: skip
# nothing outside of the test's own folder, whatever a command does with it
PATHS = (
    "",
    ".",
    "runs",
    "garbage",
    "pipe/x",
    "nowhere/x",
    "\udcff",
    "a\nb",
    "x" * 300,
    "garbage/x",
)


@dataclass(frozen=True)
class Case:
    """One option or argument of a command, with a value; `words` come after the command."""

    command: tuple[str, ...]
    name: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' '.join(self.command)} {self.name}"


def leaves() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that lead to it."""
    pending: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while pending:
        words, command = pending.pop(0)
        if hasattr(command, "list_commands"):
            context = command.make_context("hashbench", [], resilient_parsing=True)
            inner = [
                (name, command.get_command(context, name))
                for name in command.list_commands(context)
            ]
            pending += [((*words, name), one) for name, one in inner]
        else:
            yield words, command


def values(param: click.Parameter) -> tuple[str, ...]:
    """What to try for an option or argument, by its type."""
    kind, metavar = param.type, param.metavar or ""
    bounds = [getattr(kind, end, None) for end in ("min", "max")]
    near = tuple(
        f"{bound + step:g}" for bound in bounds if bound is not None for step in (-1, 0, 1)
    )
    if "|" in metavar:
        choices = metavar.split("|")
        return ("", choices[0], choices[-1].upper() + "x", ",".join(choices), *TEXTS[:4])
    if kind.name.startswith("integer") or "INTEGER" in metavar:
        return (*near, *INTEGERS, *RANGES)
    if kind.name.startswith("float") or "NUMBER" in metavar:
        return (*near, *NUMBERS, *RANGES)
    return PATHS if isinstance(kind, click.Path) or kind.name == "path" else TEXTS


def cases() -> Iterator[Case]:
    """Every option and argument with every value, behind whatever the command requires."""
    for words, command in leaves():
        required = [p for p in command.params if isinstance(p, click.Argument) and p.required]
        for param in command.params:
            own = isinstance(param, click.Argument)
            others = [usual(p) for p in required if p is not param]
            if getattr(param, "is_flag", False):
                flags = [*param.opts, *param.secondary_opts]
                for flag in flags:
                    if flag not in ("--help", "-h"):
                        yield Case(words, flag, (*others, flag))
                continue
            for value in values(param):
                given = (value,) if own else (f"{param.opts[0]}={value}",)
                before = ("--",) if own and value.startswith("-") else ()
                yield Case(words, f"{param.opts[0]} {value[:30]!r}", (*others, *before, *given))


def usual(argument: click.Parameter) -> str:
    """A value that an argument may well have."""
    return "last" if "run" in (argument.name or "") else "picturebook"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with a finished run, and nothing started from it."""
    monkeypatch.chdir(tmp_path)
    runs, data = tmp_path / "runs", tmp_path / "data"
    scored_run(runs)
    data.mkdir()
    (tmp_path / "garbage").write_bytes(bytes(range(256)) * 9)
    os.mkfifo(tmp_path / "pipe")
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name, value in (("RUNS", runs), ("DATA", data), ("CACHE", tmp_path / "cache")):
        monkeypatch.setenv(f"HASHBENCH_{name}", str(value))
    nothing = "hashbench.cli.start.work_through"
    monkeypatch.setattr(nothing, lambda *_, **__: None)
    monkeypatch.setattr("hashbench.launch.spawn._spawn", refuse)
    monkeypatch.setattr("hashbench.launch.followers.start_follower", refuse)
    monkeypatch.setattr("hashbench.launch.estimates.measured_apart", refuse)
    monkeypatch.setattr("hashbench.launch.encoding.encode_items", refuse)
    monkeypatch.setattr("hashbench.launch.features.build_features", refuse)
    monkeypatch.setattr("hashbench.tui.subprocesses._spawn", refuse)
    monkeypatch.setattr("hashbench.tui.app.Workbench.run", lambda *_, **__: None)
    monkeypatch.setattr("hashbench.tui.web.server.serve", serve_nobody)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    return tmp_path


def refuse(*_: object, **__: object) -> Any:
    """Stands for what starts a process: all that was typed has been taken by then."""
    raise InputError("nothing is started here")


def serve_nobody(_arguments: object, _access: object, listening: socket.socket, *_: object) -> None:
    """Stands for the server, which would go on until Ctrl-C."""
    listening.close()


def problem(case: Case, run_main: Command) -> str:
    """What is wrong with how a command answers; empty where nothing is."""
    try:
        code, out, err = run_main(*case.command, *case.words)
    except (Exception, KeyboardInterrupt) as error:  # whatever gets out
        return f"{type(error).__name__}: {str(error)[:300]}"
    if code in WORKS:
        return ""
    if code not in REFUSES:
        return f"exit code {code}: {err[-300:]}"
    messages = err.lower().count("error: ")
    return "" if messages == 1 else f"{messages} messages: {(out + err)[-300:]}"


def survey(chosen: Iterator[Case], run_main: Command) -> list[str]:
    return [f"{case}: {wrong}" for case in chosen if (wrong := problem(case, run_main))]


def ours(command: str) -> list[Case]:
    return [case for case in cases() if case.command[0] == command]


def test_every_command_and_option_is_tried() -> None:
    tried = list(cases())
    assert {case.command[0] for case in tried} == set(COMMANDS)
    flags = {case.name.split()[0] for case in tried if case.command == ("run",)}
    assert {"--method", "--bits", "--seed", "--set", "--runs-dir", "--dry-run", "--track"} <= flags
    assert any("99999999999999999999" in " ".join(case.words) for case in tried)


SHARE = 12
"""The suite tries one case in so many, a run of another day the others: see `slow` below."""


@pytest.mark.parametrize("command", COMMANDS)
def test_some_values_are_taken_or_refused(command: str, place: Path, run_main: Command) -> None:
    assert survey(itertools.islice(iter(ours(command)), 3, None, SHARE), run_main) == []


@pytest.mark.slow  # about two thousand calls
@pytest.mark.parametrize("command", COMMANDS)
def test_every_value_is_taken_or_refused(command: str, place: Path, run_main: Command) -> None:
    assert survey(iter(ours(command)), run_main) == []


def test_the_check_sees_what_it_looks_for(
    place: Path, run_main: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise ZeroDivisionError("a defect")

    case = Case(("queue",), "", ())
    assert problem(case, run_main) == ""
    monkeypatch.setattr("hashbench.cli.queue.queue_command", fails)
    assert "ZeroDivisionError" in problem(case, run_main)
