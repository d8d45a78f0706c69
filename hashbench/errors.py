"""The error tree. The command line maps it to exit codes in one place (`hashbench.cli.main`).

    HashbenchError            exit 1   something went wrong that no input explains
    ├── InputError            exit 2   a name, value or file given by the user is wrong
    │   ├── UnknownNameError           ... a name that is not in a list; the nearest one is offered
    │   └── DamagedFileError           ... a file that is not what it claims to be
    ├── BusyError             exit 3   another process holds it: a run, a lock, a device slot
    │   └── ClaimLostError             ... this process held it, and another one has taken it over
    ├── TrainingError         exit 4   the training failed: a loss that is not finite, no memory
    ├── StopAskedError                 a person asked a worker to stop; its state is saved
    └── StorageError          exit 6   a disk that is full, read-only, failing or without locks

Every message says what is wrong, where (file and key), and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable


class HashbenchError(Exception):
    """Base of everything that hashbench raises on purpose.

    `problem` is one sentence, `where` names the file and key, `remedy` says what to do.
    """

    exit_code = 1

    def __init__(self, problem: str, *, where: object = None, remedy: str | None = None) -> None:
        self.problem = problem
        self.where = None if where is None else str(where)
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        head = self.problem if self.where is None else f"{self.where}: {self.problem}"
        return head if self.remedy is None else f"{head}\n  remedy: {self.remedy}"


class InputError(HashbenchError):
    """A name, a value or a file that the user gave is wrong."""

    exit_code = 2


class UnknownNameError(InputError):
    """A name that is not in a list; the nearest valid one is offered."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: object = None) -> None:
        names = list(known)
        self.name = name
        self.nearest = nearest(name, names)
        hint = f"did you mean {self.nearest}? " if self.nearest else ""
        listing = ", ".join(names[:40]) + (", ..." if len(names) > 40 else "")
        super().__init__(
            f"there is no {kind} named {name!r}",
            where=where,
            remedy=f"{hint}valid: {listing}" if names else "none are available",
        )


class DamagedFileError(InputError):
    """A file that cannot be read as what it claims to be."""


class BusyError(HashbenchError):
    """Another process holds the thing that was asked for."""

    exit_code = 3


class ClaimLostError(BusyError):
    """What this process held is another's by now, or gone: it must not write there any more."""


class TrainingError(HashbenchError):
    """Training cannot go on: a loss that is not finite, no memory left, a broken step."""

    exit_code = 4


class StopAskedError(HashbenchError):
    """A person asked the worker to stop, and what it has done is saved."""


class StorageError(HashbenchError):
    """A disk that is full, read-only or failing: `hashbench.files.os_errors` puts it into words."""

    exit_code = 6


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None when nothing resembles it."""
    import difflib  # here, since hardly any command fails

    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[matches[0]] if matches else None
