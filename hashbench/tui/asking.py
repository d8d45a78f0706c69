"""Questions to a process that may load numpy, since this one must stay light."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from hashbench.errors import HashbenchError, InputError

SECONDS = 600.0


async def ask_analysis(question: dict[str, Any]) -> dict[str, Any]:
    """The answer of `python -m hashbench.report.analysis`.

    Raises InputError with what the process says was wrong, HashbenchError where it died. A
    cancelled question ends its process.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hashbench.report.analysis",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        talk = process.communicate(json.dumps(question).encode())
        out, err = await asyncio.wait_for(talk, SECONDS)
    except TimeoutError:
        raise HashbenchError(f"the analysis took more than {SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
    try:
        found: dict[str, Any] = json.loads(out)
    except ValueError:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        raise HashbenchError(f"the analysis ended with: {last[0]}") from None
    if "error" in found:
        raise InputError(found["error"], where=found["where"], remedy=found["remedy"])
    return found
