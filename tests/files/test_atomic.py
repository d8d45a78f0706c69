"""Writing all or nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import pytest

from hashbench.errors import InputError
from hashbench.files.atomic import write_atomically, write_bytes_atomically


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


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="device or a pipe"):
        write_bytes_atomically(tmp_path / "pipe", b"x")
    assert (tmp_path / "pipe").is_fifo()
    assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]
