"""Folders for the time of a block, which do not pile up where processes are killed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from hashbench.files.atomic import is_abandoned, mark_in_use


@contextlib.contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder below `parent`, or where the system keeps temporary files; removed at the end,
    as are those of the same prefix that killed processes left. Raises OSError.
    """
    import tempfile  # here, since few commands need it

    home = Path(tempfile.gettempdir()) if parent is None else parent
    with tempfile.TemporaryDirectory(prefix=prefix, dir=home) as name:
        opened = os.open(name, os.O_RDONLY)
        try:
            mark_in_use(opened)
            remove_abandoned_folders(home, prefix)
            yield Path(name)
        finally:
            os.close(opened)


def remove_abandoned_folders(parent: Path, prefix: str) -> None:
    """Removes this user's folders of a prefix whose makers are dead; what cannot be, stays."""
    for left in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            own = left.lstat().st_uid == os.geteuid()
            if own and left.is_dir() and not left.is_symlink() and is_abandoned(left):
                shutil.rmtree(left, ignore_errors=True)
