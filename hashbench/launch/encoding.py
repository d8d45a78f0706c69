"""Encoding new items with a finished run, in a process of its own, since that needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hashbench.launch.messages import messages_of
from hashbench.runs.layout import RunFolder


def encode_items(
    run: RunFolder, output: Path, words: Sequence[str], data_dir: Path
) -> Iterator[dict[str, Any]]:
    """The messages of `hashbench.engine.encode_items`, called with `words`, as they come.

    Raises InputError where it refuses, HashbenchError where it died. Leaving the iteration early
    ends the process.
    """
    arguments = [str(run.path.resolve()), str(output), *words, "--data-dir", str(data_dir)]
    return messages_of("hashbench.engine.encode_items", arguments, "the process that encodes")
