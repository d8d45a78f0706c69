"""Tests of the packaged weights are skipped where the extra `photo` is not installed."""

from __future__ import annotations

import pytest

from hashbench.backbones.tower_pairs import LITE0, MINILM
from hashbench.errors import InputError


def _installed() -> bool:
    try:
        return LITE0.path.is_file() and MINILM.path.is_file()
    except InputError:
        return False


needs_photo = pytest.mark.skipif(not _installed(), reason="needs the extra `photo`")
