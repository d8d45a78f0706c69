"""Encoding new items with a finished run, in a process of its own, since that needs torch."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hashbench.errors import HashbenchError, InputError
from hashbench.runs.layout import RunFolder


def encode_items(
    run: RunFolder, output: Path, words: Sequence[str], data_dir: Path
) -> Iterator[dict[str, Any]]:
    """The messages of `hashbench.engine.encode_items`, called with `words`, as they come.

    Raises InputError where it refuses, HashbenchError where it died. Leaving the iteration early
    ends the process.
    """
    arguments = [str(run.path.resolve()), str(output), *words, "--data-dir", str(data_dir)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "hashbench.engine.encode_items", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            for line in process.stdout or ():
                message = json.loads(line)
                if "error" in message:
                    raise InputError(
                        message["error"], where=message["where"], remedy=message["remedy"]
                    )
                yield message
            if process.wait():
                errors.seek(0)
                last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
                raise HashbenchError(
                    f"the process that encodes ended with: {(last or ['no message'])[0]}"
                )
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
