"""Carries out what shall happen when a run has ended. Whatever fails here is told in an event and
never harms the run, whose end is written already.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from hashbench.errors import DamagedFileError
from hashbench.runs import events, on_finish
from hashbench.runs.layout import RunFolder
from hashbench.runs.on_finish import BELL, WEBHOOK
from hashbench.runs.status import RunStatus, status
from hashbench.runs.writer import EventWriter

COMMAND_SECONDS = 60.0
WEBHOOK_SECONDS = 10.0


def carry_out(run: RunFolder, writer: EventWriter) -> None:
    """Every action of the run once, in their order, with an event of how each went."""
    try:
        wishes = on_finish.read(run)
    except (DamagedFileError, OSError) as error:
        writer.write(events.Notified(action=on_finish.FILE, problem=str(error)))
        return
    if not wishes.actions:
        return
    current = status(run)
    for action in wishes.actions:
        if action == BELL:
            name, problem = BELL, _ring(wishes.terminal)
        elif action.startswith(WEBHOOK):
            url = action.removeprefix(WEBHOOK)
            name = f"webhook to {urlsplit(url).hostname}"  # the rest of an address may be a secret
            problem = _post(url, run, current)
        else:
            name, problem = action, _call(action, run, current)
        writer.write(events.Notified(action=name, problem=problem))


def variables(run: RunFolder, current: RunStatus) -> dict[str, str]:
    """What a command learns of the run, as environment variables: no value is ever part of a
    command line.
    """
    return {
        "HASHBENCH_RUN": run.id,
        "HASHBENCH_RUN_FOLDER": str(run.path),
        "HASHBENCH_STATUS": str(current.state),
        "HASHBENCH_REASON": current.reason,
        "HASHBENCH_MAP": "" if current.score is None else f"{current.score:.6f}",
        "HASHBENCH_WARNINGS": " ".join(current.warnings),
    }


def _call(command: str, run: RunFolder, current: RunStatus) -> str:
    """Runs a command without a shell; what went wrong, empty if nothing did."""
    # runs that it starts in turn would start it again, and again
    inherited = {k: v for k, v in os.environ.items() if k != on_finish.VARIABLE}
    try:
        process = subprocess.Popen(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            env={**inherited, **variables(run, current)},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return str(error)
    try:
        code = process.wait(COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"took more than {COMMAND_SECONDS:.0f} s and was ended"
    return f"ended with code {code}, see {run.log.name}" if code else ""


def _ring(terminal: str) -> str:
    path = Path(terminal)
    try:
        # only a terminal is written to, whatever the file in the run's folder says
        if not (path.is_relative_to("/dev") and stat.S_ISCHR(path.stat().st_mode)):
            return f"{terminal!r} is no terminal"
        device = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            os.write(device, b"\a")
        finally:
            os.close(device)
    except OSError as error:
        return f"{terminal} {error.strerror}"
    return ""


class _Unredirected(urllib.request.HTTPRedirectHandler):
    """An address that was checked is not left for another one."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """None makes the redirection an error."""


def _post(url: str, run: RunFolder, current: RunStatus) -> str:
    """Posts the run's end as JSON, once; what went wrong, empty if nothing did."""
    body = {
        "run": run.id,
        "status": str(current.state),
        "reason": current.reason,
        "mAP": current.score,
        "warnings": list(current.warnings),
    }
    request = urllib.request.Request(  # noqa: S310  # http or https alone, see on_finish.arrange
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "hashbench"},
        method="POST",
    )
    opener = urllib.request.build_opener(_Unredirected)
    try:
        with opener.open(request, timeout=WEBHOOK_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"answered {error.code} {error.reason}"
    except (OSError, ValueError) as error:  # URLError and timeouts are OSErrors
        return str(error)
