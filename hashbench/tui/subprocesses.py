"""Requests to processes that may load numpy and torch, since this one must stay light: to those
that answer questions, and to commands of hashbench.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

from hashbench.errors import HashbenchError, InputError
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.spec import RunSpec, to_toml

SECONDS = 600.0
LINE_BYTES = 1 << 24


async def _spawn(
    module: str, *arguments: str, environment: dict[str, str] | None = None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
        env=None if environment is None else os.environ | environment,
    )


async def run_command(*words: str, width: int = 80) -> str:
    """What `hashbench WORDS` prints, in colour and on `width` columns.

    Raises InputError with the command's own message and remedy where it fails. Cancelling kills it.
    """
    colours = {"COLUMNS": str(max(20, width)), "FORCE_COLOR": "1"}
    process = await _spawn("hashbench", *words, environment=colours)
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise _refusal(_ANSI.sub("", err.decode(errors="replace")))
    return out.decode(errors="replace")


_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _refusal(text: str) -> InputError:
    """The error that a command printed: `error: problem`, and `  remedy: ...` below it."""
    message = text.rpartition("error: ")[2].strip() or "it ended without a message"
    problem, _, remedy = message.partition("\n  remedy: ")
    return InputError(problem, remedy=remedy or None)


def _parse(out: bytes, err: bytes) -> dict[str, Any]:
    """A process's answer. Raises InputError for a refusal, HashbenchError for a death."""
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise HashbenchError(f"the process that answers ended with: {last[0]}") from None
    if "error" in answer:
        raise InputError(answer["error"], where=answer["where"], remedy=answer["remedy"])
    return answer


async def ask_analysis(question: dict[str, Any]) -> dict[str, Any]:
    """The answer of `python -m hashbench.report.analysis_process`.

    Raises InputError where the process refuses, HashbenchError where it died. Cancelling kills
    the process.
    """
    process = await _spawn("hashbench.report.analysis_process")
    try:
        exchange = process.communicate(json.dumps(question).encode())
        out, err = await asyncio.wait_for(exchange, SECONDS)
    except TimeoutError:
        raise HashbenchError(f"the analysis took more than {SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _parse(out, err)


async def ask_estimate(spec: RunSpec, data_dir: Path) -> RunEstimate:
    """What a run will cost, measured in a process of its own, which cancelling kills.

    Raises InputError as the run would, HashbenchError where the process died.
    """
    process = await _spawn("hashbench.engine.estimate", "--data-dir", str(data_dir.resolve()))
    try:
        out, err = await process.communicate(to_toml(spec).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return msgspec.convert(_parse(out, err), RunEstimate)


class RetrievalClient:
    """A client of one run's retrieval server (`hashbench.engine.retrieval_server`)."""

    def __init__(self, run: Path, data_dir: Path) -> None:
        self._arguments = (str(run.resolve()), "--data-dir", str(data_dir.resolve()))
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._errors: asyncio.Task[bytes] | None = None

    async def start(self) -> dict[str, Any]:
        """Starts the server; its first line lists what it can be asked for."""
        async with self._lock:
            self._process = process = await _spawn(
                "hashbench.engine.retrieval_server", *self._arguments
            )
            if process.stderr is not None:  # read on, so that warnings never fill the pipe
                self._errors = asyncio.create_task(process.stderr.read())
            return await self._read()

    async def ask(self, **question: Any) -> dict[str, Any]:
        """The answer to a question. Raises InputError, or HashbenchError where it died.

        A question that is cancelled while it waits is never sent. The answer to one that was sent
        is always read, or else the next question would receive it.
        """
        await self._lock.acquire()
        exchange = asyncio.ensure_future(self._exchange(question))
        exchange.add_done_callback(_drop_error)
        return await asyncio.shield(exchange)

    async def _exchange(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            process = self._process
            if process is None or process.stdin is None or process.returncode is not None:
                raise HashbenchError("the process that answers has ended", remedy="esc, then e")
            process.stdin.write(json.dumps(question).encode() + b"\n")
            await process.stdin.drain()
            return await self._read()
        finally:
            self._lock.release()

    async def _read(self) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdout is None:
            raise HashbenchError("the process that answers has ended", remedy="esc, then e")
        line = await process.stdout.readline()
        errors = await self._errors if not line and self._errors is not None else b""
        return _parse(line, errors)

    async def close(self) -> None:
        """Kills the server."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
        if self._errors is not None:
            await self._errors


def _drop_error(exchange: asyncio.Future[dict[str, Any]]) -> None:
    """Marks the error of a cancelled question as seen, for asyncio warns of those that are not."""
    if not exchange.cancelled():
        exchange.exception()
