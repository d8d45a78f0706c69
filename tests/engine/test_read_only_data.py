"""A run whose data folder must not be written: its features go elsewhere, and it says where."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from hashbench.datasets import custom
from hashbench.engine.build import prepare
from hashbench.plan.custom_registry import Registration
from hashbench.plan.request import Request, expand


def test_features_of_a_read_only_folder_are_cached_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HASHBENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    lines = ["file,caption,labels"]
    for item in range(12):
        Image.new("RGB", (8, 8), (20 * item, 0, 0)).save(tmp_path / f"{item}.png")
        lines.append(f"{item}.png,picture {item},{'odd' if item % 2 else 'even'}")
    (tmp_path / "table.csv").write_text("\n".join(lines))
    registration = Registration(
        kind="table", title="Mine", query=2, train=6, images="../..", table="../../table.csv"
    )
    data_dir = tmp_path / "data"
    (data_dir / "mine").mkdir(parents=True)
    custom.register(data_dir, "mine", registration)
    (spec,) = expand(Request(method=["lsh"], dataset=["mine"], bits=[8]), data_dir)
    notes: list[str] = []
    data_dir.chmod(0o555)
    try:
        labels = tmp_path / "labels.npz"
        cpu = torch.device("cpu")
        prepare(spec, data_dir, labels, cpu, note=lambda _, text: notes.append(text))
        assert [path.name for path in data_dir.iterdir()] == ["mine"]
    finally:
        data_dir.chmod(0o755)
    (entry,) = (tmp_path / "home" / "hashbench").glob("data-*/mine.*/entry.json")
    assert any(str(entry.parent.parent) in text for text in notes)
