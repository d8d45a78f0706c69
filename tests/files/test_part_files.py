"""Part files: whole or refused, whatever happened to their bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hashbench.errors import DamagedFileError, InputError
from hashbench.files.part_files import ArrayInPart, Header, read_part, write_part

OF = {"codes": "abc", "rows": [0, 3]}
FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)
ROWS = np.array([5, 1], np.int64)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "part-2-of-3"
    arrays = {
        "features": ArrayInPart("<f4", (3, 2)),
        "nothing": ArrayInPart("<f4", (0, 2)),
        "rows": ArrayInPart("<i8", (2,)),
    }
    write_part(path, Header(OF, 2, 3, arrays), [FEATURES[:1], FEATURES[1:], ROWS])
    return path


def test_arrays_come_back(part: Path) -> None:
    read = read_part(part, OF, 2, 3)
    np.testing.assert_array_equal(read.array("features"), FEATURES)
    np.testing.assert_array_equal(read.array("rows"), ROWS)
    assert read.array("nothing").shape == (0, 2)
    with pytest.raises(DamagedFileError, match="no array counts"):
        read.array("counts")


def test_any_flipped_bit_is_refused(part: Path) -> None:
    content = part.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        part.write_bytes(changed)
        with pytest.raises(DamagedFileError, match="part-2-of-3: (is damaged|is of version)"):
            read_part(part, OF, 2, 3)


def test_any_cut_is_refused(part: Path) -> None:
    content = part.read_bytes()
    for length in range(len(content)):
        part.write_bytes(content[:length])
        with pytest.raises(DamagedFileError, match="part-2-of-3: is damaged"):
            read_part(part, OF, 2, 3)
    part.write_bytes(content + b"\0")
    with pytest.raises(DamagedFileError, match="is damaged"):
        read_part(part, OF, 2, 3)


def test_other_inputs_versions_and_places_are_refused(part: Path) -> None:
    with pytest.raises(InputError, match="other inputs: codes differs"):
        read_part(part, {**OF, "codes": "abd"}, 2, 3)
    with pytest.raises(InputError, match="other inputs: rows, bits differ"):
        read_part(part, {"codes": "abc", "rows": [0, 4], "bits": 8}, 2, 3)
    for asked in ((1, 3), (2, 4)):
        with pytest.raises(InputError, match="holds part 2 of 3"):
            read_part(part, OF, *asked)
    part.write_bytes(part.read_bytes().replace(b"hashbench part 1\n", b"hashbench part 2\n", 1))
    with pytest.raises(
        DamagedFileError, match="is of version 2; this version of hashbench reads 1"
    ):
        read_part(part, OF, 2, 3)
    with pytest.raises(DamagedFileError, match="cannot be read"):
        read_part(part.with_name("none"), OF, 2, 3)


def test_wrong_pieces_leave_no_file(tmp_path: Path) -> None:
    header = Header({}, 1, 1, {"rows": ArrayInPart("<i8", (3,))})
    with pytest.raises(ValueError, match="16 bytes were given of 24"):
        write_part(tmp_path / "part", header, [ROWS])
    assert list(tmp_path.iterdir()) == []
