"""The `hashbench` command: its commands, and the one place where errors become exit codes."""

from __future__ import annotations

import sys

import typer

from hashbench.cli import cache, compare, datasets, evaluate, listing, methods, run, tui

app = typer.Typer(
    name="hashbench",
    help="Benchmarks prompt-guided cross-modal hashing: trains, scores exactly, audits for leaks, "
    "compares.\n\nBegin with `hashbench run`: it trains SODA at 32 bits on built-in data.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("run")(run.run_command)
app.command("resume")(run.resume_command)
app.command("ls")(listing.ls_command)
app.command("show")(listing.show_command)
app.command("stop")(run.stop_command)
app.command("compare")(compare.compare_command)
app.command("eval")(evaluate.eval_command)
app.command("tui")(tui.tui_command)
app.add_typer(methods.app, name="methods")
app.add_typer(datasets.app, name="datasets")
app.add_typer(cache.app, name="cache")


def main() -> None:
    """Runs the command line. Errors of ours are one message on stderr and an exit code."""
    from hashbench.errors import HashbenchError

    try:
        app()
    except HashbenchError as error:
        from hashbench.report.text import plain

        lines = "\n".join(plain(line) for line in str(error).splitlines())
        sys.stderr.write(f"error: {lines}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # the reader of a pipe has gone, as `| head` does; nothing is left to tell it
        sys.stderr.close()
        sys.exit(0)
