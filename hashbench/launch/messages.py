"""Processes that do what needs torch for a command, and say how it goes: one JSON object a line."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from hashbench.errors import BusyError, HashbenchError, InputError


def messages_of(
    module: str, arguments: Sequence[str], who: str, content: bytes = b""
) -> Iterator[dict[str, Any]]:
    """The messages of a module that is called with these words, as they come; `content` is what it
    reads from stdin, and `who` is what an error calls it.

    Raises InputError or BusyError where it refuses, HashbenchError where it died. Leaving the
    iteration early ends the process.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
        given.write(content)
        given.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            for line in process.stdout or ():
                message = json.loads(line)
                if "error" in message:
                    raise _refusal(message)
                yield message
            if process.wait():
                errors.seek(0)
                last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
                raise HashbenchError(f"{who} ended with: {(last or ['no message'])[0]}")
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _refusal(message: dict[str, Any]) -> HashbenchError:
    busy = message.get("code") == BusyError.exit_code
    kind = BusyError if busy else InputError
    return kind(message["error"], where=message["where"], remedy=message["remedy"])
