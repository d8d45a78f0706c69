"""One way from a spec to a built method: the same weights whoever asks, whatever is cached."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from hashbench.backbones.feature_store import FeatureStore
from hashbench.engine.build import Prepared, build_method, prepare
from hashbench.errors import InputError
from hashbench.plan.request import Request, expand
from hashbench.plan.spec import RunSpec

CPU = torch.device("cpu")


def spec_of(method: str, **more: Any) -> RunSpec:
    (spec,) = expand(Request(method=[method], dataset=["picturebook-tiny"], bits=[16], **more))
    return spec


def prepared_for(spec: RunSpec, data_dir: Path, folder: Path, **more: Any) -> Prepared:
    return prepare(spec, data_dir, folder / "labels.npz", CPU, **more)


@pytest.mark.parametrize("method", ["soda", "prompthash"])
def test_two_builds_of_a_spec_have_the_same_weights(
    method: str, data_dir: Path, tmp_path: Path
) -> None:
    prepared = prepared_for(spec_of(method), data_dir, tmp_path)
    first = build_method(prepared).state_dict()
    torch.rand(7)  # whatever was drawn before does not matter
    second = build_method(prepared).state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_notes_and_facts_say_what_the_data_are(data_dir: Path, tmp_path: Path) -> None:
    notes: list[tuple[str, str]] = []
    spec = spec_of("lsh")
    prepared = prepared_for(spec, data_dir, tmp_path, note=lambda *note: notes.append(note))
    assert [text for _, text in notes] == list(prepared.data.dataset.notes)
    assert prepared.facts() == {
        "split": prepared.data.split.hash,
        "features": prepared.data.features.key,
    }
    assert prepared.tuned == 0
    assert prepared.data.blocks is None
    assert (tmp_path / "labels.npz").is_file()  # drawn once, read by whoever comes later


def test_loading_a_backbone_draws_nothing_from_the_run(tmp_path: Path) -> None:
    source = SimpleNamespace(load=lambda device: torch.rand(3))
    store = FeatureStore(tmp_path, source, CPU, lambda *_: None)  # type: ignore[arg-type]
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    assert len(store.backbone) == 3  # type: ignore[arg-type]
    assert torch.equal(torch.rand(2), expected)


def test_a_dataset_of_features_is_refused_before_anything_is_computed(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = SimpleNamespace(name="features", features=(None, None), notes=())
    monkeypatch.setattr("hashbench.engine.build.load_dataset", lambda *_: dataset)
    with pytest.raises(InputError, match="prompthash cannot work on features"):
        prepared_for(spec_of("prompthash"), data_dir, tmp_path)
