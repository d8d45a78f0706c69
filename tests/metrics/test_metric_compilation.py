"""The kernels work where nothing may be written, and one instruction counts bits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from hashbench.metrics import jit


@jit.compiled
def count_bits(words):
    total = 0
    for word in words:
        total += int(jit.popcount(word))
    return total


def test_popcount_counts_bits():
    words = np.array([0, 1, 2**64 - 1, 0xF0F0], np.uint64)
    assert count_bits(words) == 0 + 1 + 64 + 8


def test_without_a_place_for_a_cache_each_process_compiles(monkeypatch):
    asked = []

    def refuse_to_cache(cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function 'f': no locator available for file 'f.py'")
        return lambda function: function

    monkeypatch.setattr(jit, "_njit", refuse_to_cache)
    assert jit.compiled(len) is len
    assert asked == [True, False]

    def fail(**_):
        raise RuntimeError("something else")

    monkeypatch.setattr(jit, "_njit", fail)
    with pytest.raises(RuntimeError, match="something else"):
        jit.compiled(len)


def test_the_room_imports_without_torch():
    rooms = "hashbench.metrics.ranking, hashbench.metrics.paper_conventions"
    script = f"import sys, {rooms}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
