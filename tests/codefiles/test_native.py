"""hashbench's own code files: what is written comes back, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.codefiles import native
from hashbench.codefiles.load import load
from hashbench.codefiles.read_options import ReadOptions
from hashbench.errors import DamagedFileError, InputError
from hashbench.metrics.codes import Codes, LabelMasks


def code_set(bits: int = 70, modalities: tuple[str, ...] = ("image", "text")) -> native.CodeSet:
    rng = np.random.default_rng(bits)

    def codes(items: int) -> dict[str, Codes]:
        return {m: Codes.from_signs(rng.integers(0, 2, (items, bits))) for m in modalities}

    return native.CodeSet(
        bits=bits,
        query=codes(5),
        database=codes(9),
        query_labels=LabelMasks.from_multi_hot(rng.integers(0, 2, (5, 24))),
        database_labels=LabelMasks.from_multi_hot(rng.integers(0, 2, (9, 24))),
        query_ids=[f"q{i}" for i in range(5)],
        database_ids=[f"Zürich-{i}" for i in range(9)],
        class_names=[f"class {i}" for i in range(24)],
    )


def assert_same(left: native.CodeSet, right: native.CodeSet) -> None:
    assert left.bits == right.bits
    for side in native.SIDES:
        ours, theirs = getattr(left, side), getattr(right, side)
        assert set(ours) == set(theirs)
        for modality in ours:
            assert np.array_equal(ours[modality].words, theirs[modality].words)
        labels = f"{side}_labels"
        assert np.array_equal(getattr(left, labels).words, getattr(right, labels).words)
        assert list(getattr(left, f"{side}_ids")) == list(getattr(right, f"{side}_ids"))
    assert list(left.class_names) == list(right.class_names)


@settings(max_examples=15, deadline=None)
@given(
    bits=st.integers(1, 200),
    modalities=st.sampled_from([("image", "text"), ("mm",), ("image",), ("text",)]),
)
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, bits: int, modalities: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.mktemp("codes")
    written = code_set(bits, modalities)
    assert native.write_codes(folder, written) == folder / f"{bits}.npz"
    (read,) = native.read_codes(folder)
    assert_same(written, read)


def test_bit_lengths_come_in_order_and_bytes_are_the_same(tmp_path: Path) -> None:
    for bits in (128, 16, 64):
        path = native.write_codes(tmp_path, code_set(bits))
    first = path.read_bytes()
    assert native.write_codes(tmp_path, code_set(64)).read_bytes() == first
    assert [one.bits for one in native.read_codes(tmp_path)] == [16, 64, 128]


def test_sides_that_do_not_fit_are_refused() -> None:
    good = code_set()
    parts = vars(good)
    for change, message in (
        ({"database": {"image": good.database["image"]}}, "modalities"),
        ({"bits": 64}, "bits"),
        ({"query_ids": ["a"]}, "ids"),
        ({"class_names": ["a"]}, "class names"),
        ({"query_labels": good.database_labels}, "ids|expected"),
        ({"query": {"sound": good.query["text"]}, "database": {"sound": good.database["text"]}},
         "no modality"),
        ({"query_labels": LabelMasks.from_multi_hot(np.ones((5, 3)))}, "number of classes"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            native.CodeSet(**(parts | change))


def test_other_files_are_not_taken_for_ours(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no code files"):
        native.read_codes(tmp_path)
    path = native.write_codes(tmp_path, code_set(16))
    content = dict(np.load(path))
    for change, message in (
        ({"format": np.array([2])}, "format 2"),
        ({"bits": np.array([17.5])}, "whole number"),
        ({"bits": np.array([8])}, "bits"),
        ({"query_text": content["query_text"].astype(float)}, "64-bit words"),
        ({"query_image": content["query_image"][:3]}, "expected"),
        ({"database_ids": np.arange(9)}, "strings"),
    ):
        np.savez(path, **(content | change))
        with pytest.raises(DamagedFileError, match=message) as caught:
            native.read_codes(tmp_path)
        assert "16.npz" in str(caught.value)
    np.savez(path, x=np.ones(3))
    with pytest.raises(DamagedFileError, match="not a code file"):
        native.read_code_file(path)


def test_tasks_of_our_own_files(tmp_path: Path) -> None:
    run = tmp_path / "run"
    native.write_codes(run / "codes", code_set(16))
    native.write_codes(run / "codes", code_set(32))
    tasks = [(task.query.bits, task.direction) for task in load(run)]
    assert tasks == [(16, "i2t"), (16, "t2i"), (32, "i2t"), (32, "t2i")]
    every = load(run / "codes" / "16.npz", ReadOptions(every_direction=True))
    assert [task.direction for task in every] == ["i2t", "t2i", "i2i", "t2t"]
    (task,) = load(run / "codes", ReadOptions(bits=32, directions=("t2i",)))
    good = code_set(32)
    assert np.array_equal(task.query.words, good.query["text"].words)
    assert np.array_equal(task.database.words, good.database["image"].words)
    native.write_codes(tmp_path / "mm", code_set(8, ("mm",)))
    assert [task.direction for task in load(tmp_path / "mm")] == ["mm"]
    with pytest.raises(InputError, match="no such bits"):
        load(run, ReadOptions(bits=64))
    with pytest.raises(InputError, match="--labels"):
        load(run, ReadOptions(labels="x.npz"))
