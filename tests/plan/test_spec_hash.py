"""The hash of a spec: what it is over, and that later versions do not change it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from hashbench.errors import UnknownNameError
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request
from hashbench.plan.spec import from_toml, to_toml


def test_keys_of_later_versions_do_not_count_until_they_are_used() -> None:
    (spec,) = expand(Request())
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    for part, key in (
        ("", "device"),
        ("", "threads"),
        ("", "holdout"),
        ("", "preset"),
        ("", "file_hash"),
        ("", "imported"),
        ("dataset", "on_bad_image"),
        ("dataset", "caption_noise"),
        ("dataset", "caption_drop"),
        ("dataset", "augment_images"),
        ("dataset", "folds"),
        ("dataset", "fold"),
        ("dataset", "file_hash"),
        ("backbone", "feature_precision"),
        ("backbone", "encode_precision"),
    ):
        del (plain[part] if part else plain)[key]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    assert spec.hash == hashlib.sha256(text.encode()).hexdigest()[:16]
    (skipping,) = expand(Request(on_bad_image="skip"))
    (half,) = expand(Request(feature_precision="fp16"))
    (mixed,) = expand(Request(encode_precision="bf16"))
    assert len({spec.hash, skipping.hash, half.hash, mixed.hash}) == 4
    (paper,) = expand(Request(select="test"))
    assert paper.holdout is False  # runs of earlier versions say nothing of it and withheld some
    assert paper.hash != msgspec.structs.replace(paper, holdout=True).hash
    assert from_toml(to_toml(half).encode()) == half


@pytest.mark.parametrize("wrong", [{"on_bad_image": "skp"}, {"feature_precision": "fp8"}])
def test_other_words_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(UnknownNameError, match="skp|fp8"):
        expand(Request(**wrong))  # type: ignore[arg-type]
