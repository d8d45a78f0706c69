"""The layout in which PGHMH released its codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hashbench.codefiles.mat_export import write_released
from hashbench.codefiles.native import CodeSet
from hashbench.files import array_files
from hashbench.metrics.codes import Codes, LabelMasks


def test_keys_values_and_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    query, database = rng.random((3, 70)) < 0.5, rng.random((5, 70)) < 0.5
    asked, ranked = rng.random((3, 4)) < 0.5, rng.random((5, 4)) < 0.5
    codes = CodeSet(
        bits=70,
        query={"mm": Codes.from_signs(query)},
        database={"mm": Codes.from_signs(database)},
        query_labels=LabelMasks.from_multi_hot(asked),
        database_labels=LabelMasks.from_multi_hot(ranked),
    )
    path = write_released(tmp_path, codes)
    assert path.name == "70.mat"
    content = array_files.read(path)
    assert set(content) == {"val_B", "retrieval_B", "L_te", "L_db"}
    for key, bools in (("val_B", query), ("retrieval_B", database)):
        assert np.array_equal(np.asarray(content[key]), np.where(bools, 1.0, -1.0))
    for key, bools in (("L_te", asked), ("L_db", ranked)):
        assert np.array_equal(np.asarray(content[key]), bools.astype(float))
    before = path.read_bytes()
    assert write_released(tmp_path, codes).read_bytes() == before
    assert b"Created on" not in before
