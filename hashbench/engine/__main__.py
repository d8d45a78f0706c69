"""`python -m hashbench.engine RUN_FOLDER --data-dir DIR`: the worker process of one run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hashbench.errors import HashbenchError
from hashbench.runs.layout import RunFolder


def main() -> int:
    """Parses, works, returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hashbench.engine", description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of the run")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    arguments = parser.parse_args()
    from hashbench.engine.worker import work

    try:
        return work(RunFolder(arguments.run.resolve()), arguments.data_dir)
    except HashbenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
