"""What shall happen when a run's worker ends: a command, the bell of a terminal, a webhook.

The wishes lie in the run's folder, so that a worker that waits in the queue for days, or one that
another command resumes, keeps them. `hashbench.engine.on_finish` carries them out.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from hashbench.errors import DamagedFileError, InputError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.runs.layout import RunFolder

FILE = "on-finish.json"
MAX_BYTES = 1 << 16
VARIABLE = "HASHBENCH_ON_FINISH"
BELL = "bell"
WEBHOOK = "webhook="
OPTION = "--on-finish"
_KINDS = f"a command, {BELL}, or {WEBHOOK}URL"


class OnFinish(msgspec.Struct, frozen=True):
    """`actions` in their order; `terminal` is the device whose bell rings."""

    actions: tuple[str, ...] = ()
    terminal: str = ""


def default_actions() -> tuple[str, ...]:
    """What is done where nothing is asked for: the one action in HASHBENCH_ON_FINISH, if any."""
    action = os.environ.get(VARIABLE, "").strip()
    return (action,) if action else ()


def arrange(actions: Sequence[str]) -> OnFinish:
    """Checks actions before any run is made.

    Raises InputError for a command that is not found, a bell without a terminal, a URL that is none
    of http or https.
    """
    terminal = ""
    for action in actions:
        if action == BELL:
            terminal = _terminal()
        elif action.startswith(WEBHOOK):
            _check_url(action.removeprefix(WEBHOOK))
        else:
            _check_command(action)
    return OnFinish(tuple(actions), terminal)


def _terminal() -> str:
    for stream in (sys.stderr, sys.stdout, sys.stdin):
        if stream is not None and stream.isatty():
            return os.ttyname(stream.fileno())
    raise InputError(
        "there is no terminal here whose bell could ring",
        where=f"{OPTION} {BELL}",
        remedy=f"a command or {WEBHOOK}URL",
    )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(
            f"{url!r} is no address of http or https",
            where=f"{OPTION} {WEBHOOK}URL",
            remedy=f"{WEBHOOK}https://example.org/hook",
        )


def _check_command(action: str) -> None:
    try:
        words = shlex.split(action)
    except ValueError as error:
        raise InputError(f"{action!r}: {error}", where=OPTION, remedy="check the quotes") from None
    if not words or shutil.which(words[0]) is None:
        what = f"there is no command {words[0]!r}" if words else "is empty"
        raise InputError(what, where=OPTION, remedy=_KINDS)


def write(run: RunFolder, wishes: OnFinish) -> None:
    """Keeps the wishes with the run, readable by its owner alone, since a webhook's address is a
    secret. Raises InputError where the folder cannot be written.
    """
    path = run.path / FILE
    try:
        write_bytes_atomically(path, msgspec.json.encode(wishes) + b"\n", make_folder=False)
        path.chmod(0o600)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=path) from None


def read(run: RunFolder) -> OnFinish:
    """The wishes of a run; none where there is no file. Raises DamagedFileError."""
    path = run.path / FILE
    try:
        content = read_bounded(path, MAX_BYTES, "what to do when a run ends")
        return msgspec.json.decode(content, type=OnFinish)
    except FileNotFoundError:
        return OnFinish()
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(str(error), where=path, remedy=f"delete {path}") from None
