"""Cold start of the command line: `--help` against a bare Typer program of the same commands.

    python tests/benchmarks/bench_cold_start.py [--runs 15]

Prints medians and the ratio, pair by pair, so that a busy machine does not matter.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import typer
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
def make(name):
    def command(): ...
    command.__doc__ = "What " + name + " does."
    return command
for name in {names!r}:
    app.command(name)(make(name))
app()
"""


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Prints a line for each command measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    from hashbench.cli.main import COMMANDS

    names = list(COMMANDS)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text(BARE.format(names=names))
        bare = [sys.executable, str(script), "--help"]
        seconds(bare)
        for words in (["--help"], ["run", "--help"], ["ls"]):
            ours = [sys.executable, "-m", "hashbench", *words]
            seconds(ours)
            pairs = [(seconds(ours), seconds(bare)) for _ in range(arguments.runs)]
            ratio = statistics.median(a / b for a, b in pairs)
            mine, other = (1000 * statistics.median(side) for side in zip(*pairs, strict=True))
            print(
                f"hashbench {' '.join(words):<12} {mine:6.0f} ms, bare {other:6.0f} ms, "
                f"ratio {ratio:.2f}"
            )


if __name__ == "__main__":
    main()
