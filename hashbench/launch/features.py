"""Filling the feature cache, in processes of their own, since that needs torch."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hashbench.launch.messages import messages_of
from hashbench.plan.spec import RunSpec, to_toml


def build_features(
    spec: RunSpec, data_dir: Path, words: Sequence[str], workers: int = 1
) -> Iterator[dict[str, Any]]:
    """The messages of `hashbench.engine.build_features`, called with `words`, as they come; of
    several workers at once, each with its number as `worker`.

    Raises as `hashbench.launch.messages.messages_of`: the first that fails ends the others.
    Leaving the iteration early ends all.
    """
    arguments = ["--data-dir", str(data_dir.resolve()), "--workers", str(workers), *words]
    content = to_toml(spec).encode()
    streams = [
        messages_of(
            "hashbench.engine.build_features",
            [*arguments, "--worker", str(worker)],
            "the process that computes features",
            content,
        )
        for worker in range(workers)
    ]
    if workers == 1:
        yield from streams[0]
        return
    yield from _as_they_come(streams)


def _as_they_come(streams: Sequence[Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The messages of several processes, each read by a thread."""
    heard: queue.SimpleQueue[dict[str, Any] | BaseException | None] = queue.SimpleQueue()
    over = threading.Event()

    def read(worker: int, stream: Iterator[dict[str, Any]]) -> None:
        # closed by the thread that reads it, which ends its process
        with contextlib.closing(stream):  # type: ignore[type-var]
            try:
                for message in stream:
                    heard.put({**message, "worker": worker})
                    if over.is_set():
                        break
            except Exception as error:  # raised again where the messages are read
                heard.put(error)
        heard.put(None)

    threads = [
        threading.Thread(target=read, args=(worker, stream), daemon=True)
        for worker, stream in enumerate(streams)
    ]
    for thread in threads:
        thread.start()
    left = len(threads)
    try:
        while left:
            message = heard.get()
            if message is None:
                left -= 1
            elif isinstance(message, BaseException):
                raise message
            else:
                yield message
    finally:
        over.set()
        for thread in threads:
            thread.join()
