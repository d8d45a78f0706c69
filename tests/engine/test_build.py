"""One way from a spec to a built method: the same weights whoever asks, whatever is cached."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
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
    folder.mkdir(exist_ok=True)  # a run's folder, which is never made anew
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
    facts = prepared.facts()
    assert facts["split"] == prepared.data.split.hash
    assert facts["features"] == prepared.data.features.key
    assert facts["activation"] == "gelu"
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


def test_papers_selection_fits_every_training_item(data_dir: Path, tmp_path: Path) -> None:
    usual = prepared_for(spec_of("lsh"), data_dir, tmp_path / "usual").data
    paper = prepared_for(spec_of("lsh", select="test"), data_dir, tmp_path / "paper").data
    assert usual.split.sizes()["validation"] > 0
    assert paper.split.sizes()["validation"] == 0
    assert len(paper.train) == len(paper.split.train) == len(usual.split.train)
    assert np.array_equal(paper.split.train, usual.split.train)
    assert np.array_equal(paper.split.query, usual.split.query)
    assert paper.split.hash != usual.split.hash  # never ranked in one table
    assert paper.train.item_numbers().tolist() == paper.split.train.tolist()


def test_a_run_of_an_earlier_version_keeps_its_split(data_dir: Path, tmp_path: Path) -> None:
    earlier = msgspec.structs.replace(spec_of("lsh", select="test"), holdout=True)
    split = prepared_for(earlier, data_dir, tmp_path).data.split
    assert split.sizes()["validation"] > 0


def test_a_method_of_an_earlier_version_is_refused_in_one_sentence(
    data_dir: Path, tmp_path: Path
) -> None:
    """Its alpha was the share of the fused feature, and many parameters did not exist yet."""
    spec = spec_of("prompthash")
    later = ("fused_share", "token_weight", "prompt_weight", "prompt_lr", "optimiser", "patience",
             "folds", "template", "eta_trained", "prompt_state", "targets")  # fmt: skip
    params = {name: value for name, value in spec.params.items() if name not in later}
    params |= {"alpha": 0.5, "global_weight": 5.0, "local_weight": 5.0}
    old = msgspec.structs.replace(spec, params=params)
    assert old.hash != spec.hash
    with pytest.raises(InputError, match="earlier version") as refused:
        build_method(prepared_for(old, data_dir, tmp_path))
    assert refused.value.remedy == "start it anew with the same options"
