"""Writing all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import pytest

from hashbench.files.atomic import write_atomically


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.bin"
    write_atomically(path, lambda stream: stream.write(b"old"))
    assert path.read_bytes() == b"old"

    def fail(stream: IO[bytes]) -> None:
        stream.write(b"half")
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="fire"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
