"""The other end of `hashbench.launch.messages`: a process that works for a command, and says how it
goes as one JSON object a line on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from hashbench.errors import HashbenchError
from hashbench.files import os_errors

Send = Callable[[dict[str, Any]], None]


def answer(work: Callable[[Send], None], send: Send) -> int:
    """Works, and reports how it ended; the exit code."""
    try:
        work(send)
    except HashbenchError as error:
        return _refuse(error, send)
    except OSError as error:  # a disk that is full, read-only or failing
        return _refuse(os_errors.explained(error), send)
    return 0


def _refuse(error: HashbenchError, send: Send) -> int:
    code = error.exit_code
    send({"error": error.problem, "where": error.where, "remedy": error.remedy, "code": code})
    return code


def answer_on_stdout(work: Callable[[Send], None]) -> int:
    """One call of the process."""
    # whatever a library prints must not stand among the messages
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")

    return answer(work, send)
