"""Weight files that people name: whatever is in them, it is loaded or refused, and never run."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.registry import BackboneSource
from hashbench.errors import InputError

TINY: dict[str, Any] = {
    "embed_dim": 8,
    "vision_cfg": {
        "image_size": 32,
        "layers": 1,
        "width": 16,
        "head_width": 8,
        "patch_size": 16,
    },
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 8, "heads": 1, "layers": 1},
}


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


def saved(content: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_and_hostile_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setitem(open_clip().factory._MODEL_CONFIGS, "ViT-B-32", TINY)
    whole = saved({"a": torch.zeros(2)})
    contents = [b"", b"hello, this is text\n" * 9, whole[:-40], whole, saved([1, 2]), saved(3)]
    contents.append(pickle.dumps(Hostile(tmp_path / "ran")))
    contents.append(saved({"a": Hostile(tmp_path / "ran")}))
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(content)
        source = BackboneSource("ViT-B-32", path, "hash")
        with pytest.raises(InputError, match="do not load into ViT-B-32") as caught:
            source.load(torch.device("cpu"))
        assert str(path) in str(caught.value)
    assert not (tmp_path / "ran").exists()
