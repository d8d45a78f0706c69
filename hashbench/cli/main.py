"""The `hashbench` command: its commands, and the one place where errors become exit codes.

A command's module is imported when the command is called, and its options are built then: the top
help needs no more than this table.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup


@dataclass(frozen=True)
class Entry:
    """Where a command is, as `module:attribute` below `hashbench.cli`, and what it does."""

    where: str
    help: str


COMMANDS = {
    "run": Entry("run:run_command", "Train a method, watch it, print its scores."),
    "sweep": Entry("sweep:sweep_command", "Run what is missing or failed of a grid in a file."),
    "study": Entry("study:app", "Studies: from a question to runs, tables and a verdict."),
    "queue": Entry("queue:queue_command", "Show who waits for a device, and who trains."),
    "resume": Entry("lifecycle:resume_command", "Resume runs that were stopped, killed or lost."),
    "retry": Entry("lifecycle:retry_command", "Try failed runs once more."),
    "pause": Entry("lifecycle:pause_command", "Ask workers to save and wait; `resume` goes on."),
    "stop": Entry("lifecycle:stop_command", "Ask workers to save and stop."),
    "kill": Entry("lifecycle:kill_command", "End workers at once, nothing saved."),
    "rm": Entry("trash:rm_command", "Delete runs; --undo has them back for a while."),
    "tag": Entry("lifecycle:tag_command", "Give runs names and tags."),
    "ls": Entry("runs:ls_command", "List runs: state, progress, mAP."),
    "show": Entry("runs:show_command", "Show one run: spec, facts, scores, audit."),
    "monitor": Entry("monitor:monitor_command", "Watch this machine and the runs that use it."),
    "alerts": Entry("alerts:alerts_command", "What happened to runs lately: warnings, ends."),
    "diff": Entry("diff:diff_command", "What differs between runs, and nothing else."),
    "compare": Entry("compare:compare_command", "Put finished runs into tables, the best marked."),
    "plot": Entry("plot:plot_command", "Draw figures of runs: in the terminal, as PDF, SVG, PNG."),
    "report": Entry("report:report_command", "Write one HTML or PDF file about many runs."),
    "eval": Entry("evaluate:eval_command", "Score hash codes of any program, exactly."),
    "export": Entry("export:export_command", "Codes for other programs, numbers for trackers."),
    "encode": Entry("encode:encode_command", "Hash codes of new pictures or texts."),
    "search": Entry("search:search_command", "Find items by a caption or a picture."),
    "import": Entry("import_codes:import_command", "Make a row of another program's codes."),
    "verify": Entry("verify:verify_command", "Check the scores that runs and bundles claim."),
    "bundle": Entry("verify:bundle_command", "Put runs into one file that others can verify."),
    "audit": Entry("audit:audit_command", "Look for label leaks in runs and in files of codes."),
    "tui": Entry("tui:tui_command", "Open the workbench: launch, watch, compare, retrieve."),
    "serve": Entry("serve:serve_command", "Serve the workbench to a browser, behind a token."),
    "methods": Entry("methods:app", "Methods: their parameters and ablations."),
    "datasets": Entry("datasets:app", "Datasets: list, show, preview, check, add your own."),
    "metrics": Entry("metrics:app", "Metrics: list, write and check your own."),
    "cache": Entry("cache:app", "Cached features: list, build and remove."),
    "guide": Entry("guide:guide_command", "Read the guide: data, sweeps, protocols, extending."),
}


class ReaderLeftError(Exception):
    """The reader of a pipe has gone, as `| head` does."""


@contextlib.contextmanager
def _reader_may_leave() -> Iterator[None]:
    """A reader that has gone is no failure, which Typer would make of it."""
    try:
        yield
    except BrokenPipeError:
        raise ReaderLeftError from None


WITHOUT_PLUGINS = ("monitor", "queue", "pause", "stop", "kill", "rm", "tag", "guide")
"""Commands that look up no method, dataset or metric. All others take `--methods`."""


class LazyGroup(TyperGroup):
    """Loads a command when it is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        names: Any = dict.fromkeys(COMMANDS)
        self.commands = names  # known without being loaded, for "did you mean"

    def make_context(self, *words: Any, **settings: Any) -> Any:
        """What comes before a command, as `--version` does."""
        with _reader_may_leave():
            return super().make_context(*words, **settings)

    def invoke(self, ctx: Any) -> Any:
        """The command's work."""
        with _reader_may_leave():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command itself, None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].where.partition(":")
        target = getattr(importlib.import_module(f"hashbench.cli.{module}"), attribute)
        if not isinstance(target, typer.Typer):
            single = typer.Typer(rich_markup_mode=None, add_completion=False)
            single.command(cmd_name)(target)
            target = single
        command = typer.main.get_command(target)
        command.name = cmd_name
        if cmd_name not in WITHOUT_PLUGINS:
            from hashbench.cli.plugin_folders import add_option

            add_option(command)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """The table, without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


app = typer.Typer(
    name="hashbench",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"hashbench {version('hashbench')}")
        raise typer.Exit


@app.callback()
def hashbench(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Benchmarks prompt-guided cross-modal hashing: trains, scores exactly, audits, compares.

    Begin with `hashbench run`: it trains SODA at 32 bits on built-in data.
    """


def main() -> None:
    """Runs the command line. Errors of ours are one message on stderr and an exit code."""
    from hashbench.cli.streams import mend_streams, reader_left
    from hashbench.errors import HashbenchError

    # loaded before it is needed: there may be no memory left then
    from hashbench.files.os_errors import explained, limit_reached
    from hashbench.report.text import plain

    def report(error: HashbenchError) -> NoReturn:
        lines = "\n".join(plain(line) for line in str(error).splitlines())
        sys.stderr.write(f"error: {lines}\n")
        sys.exit(error.exit_code)

    mend_streams()
    try:
        try:
            app()
        finally:
            # what is still buffered is written here, where a failure can be told
            sys.stdout.flush()
    except HashbenchError as error:
        report(error)
    except (BrokenPipeError, ReaderLeftError):
        reader_left()
    except (OSError, MemoryError, ImportError, RuntimeError) as error:
        # a disk that is full, read-only or failing; a limit of the system
        if isinstance(error, OSError):
            report(explained(error))
        if (limit := limit_reached(error)) is None:
            raise
        report(limit)
