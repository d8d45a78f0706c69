"""Operating system errors about files, in plain words."""

from __future__ import annotations

import errno

from hashbench.errors import HashbenchError, StorageError

MEANINGS = {
    errno.ENOSPC: ("the disk is full", "free some space on it"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or ask for more"),
    errno.EFBIG: (
        "the file would be larger than allowed",
        "raise the limit (ulimit -f), or use another disk",
    ),
    errno.EROFS: ("the disk is read-only", "another folder, or mount this disk writable"),
    errno.EACCES: ("the permission is missing", "another folder, or ask its owner"),
    errno.EPERM: ("the permission is missing", "another folder, or ask its owner"),
    errno.EIO: ("the disk reports an error", "check the disk, or use another"),
    errno.EINVAL: ("this file cannot be used so", "look at what the path leads to"),
    errno.ESTALE: ("the network disk has lost the file", "mount the disk again"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n)"),
    errno.ENFILE: ("too many files are open on this machine", "end other programs"),
    errno.ENOMEM: ("there is no memory left", "raise the limit (ulimit -v), or end other programs"),
    errno.EAGAIN: (
        "no further process or thread is allowed",
        "raise the limit (ulimit -u), or end other programs",
    ),
}


def explained(error: OSError, *, then: str = "") -> StorageError:
    """The error for a person, naming the file; `then` is what to do once that is remedied."""
    problem, remedy = MEANINGS.get(
        error.errno or 0, (f"cannot be used: {error.strerror or error}", "look at the path")
    )
    return StorageError(
        problem, where=error.filename, remedy=f"{remedy}; then {then}" if then else remedy
    )


_SIGNS = {
    errno.EMFILE: ("Too many open files",),
    errno.ENOMEM: ("failed to map segment", "cannot allocate memory", "Cannot allocate memory"),
    errno.EAGAIN: ("can't start new thread",),
}
"""How libraries put it whose errors have no number."""


def limit_reached(error: BaseException) -> HashbenchError | None:
    """The error for a person, where a library met a limit of the system; else None."""
    if isinstance(error, MemoryError):
        number = errno.ENOMEM
    else:
        found = (n for n, signs in _SIGNS.items() if any(sign in str(error) for sign in signs))
        number = next(found, 0)
    if not number:
        return None
    problem, remedy = MEANINGS[number]
    return HashbenchError(problem, remedy=remedy)
