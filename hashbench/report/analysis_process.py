"""Answers questions that need the codes of finished runs: curves of a run, classes, significance.

`python -m hashbench.report.analysis_process` answers one question, a JSON object on stdin, with one
JSON object on stdout, so that a process that must not load numpy can ask.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hashbench.errors import HashbenchError, InputError
from hashbench.report.run_curves import classes, curves
from hashbench.report.significance import significance
from hashbench.runs.layout import RunFolder


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to a question: `ask` is `curves`, with `run`; `classes`, with `runs`; or
    `significance`, as `hashbench.report.significance.request` makes it.
    """
    match question["ask"]:
        case "curves":
            return curves(RunFolder(Path(question["run"])))
        case "classes":
            return {"classes": [classes(RunFolder(Path(run))) for run in question["runs"]]}
        case "significance":
            p_values = significance(
                [RunFolder(Path(run)) for run in question["baseline"]],
                [[RunFolder(Path(run)) for run in system] for system in question["others"]],
                [(int(bits), str(direction)) for bits, direction in question["columns"]],
                question["metric"],
            )
            return {"p": p_values}
        case other:
            raise InputError(f"there is no question {other!r}")


def main() -> int:
    """One question, one answer; an error of ours is an answer, too."""
    try:
        reply = answer(json.load(sys.stdin))
    except HashbenchError as error:
        reply = {"error": error.problem, "where": error.where, "remedy": error.remedy}
    json.dump(reply, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
