"""Large datasets: query and database go through the frozen blocks when codes are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hashbench.backbones import disk_estimate
from hashbench.backbones.feature_store import Report
from hashbench.datasets.base import IntArray
from hashbench.engine.build import Prepared, build_method, prepare, tower_ends
from hashbench.engine.data import no_report, training_captions
from hashbench.engine.encoding import encode
from hashbench.methods.base import Stage
from hashbench.nn.tokens import Tokens
from hashbench.plan.request import Request, expand


def prepared_in(
    folder: Path, protocol: str, report: Report = no_report, **noise: float
) -> Prepared:
    request = Request(
        method=["prompthash"],
        dataset=["picturebook-tiny"],
        bits=[16],
        protocol=protocol,
        set={"auxiliary_bits": "16", "tuned_blocks": "1", "batch_size": "16"},
        **noise,  # type: ignore[arg-type]
    )
    (spec,) = expand(request)
    folder.mkdir(exist_ok=True)
    return prepare(spec, folder, folder / "labels.npz", torch.device("cpu"), report)


@pytest.mark.parametrize("keep", [1 << 30, 0], ids=["kept", "streamed"])
def test_tuned_towers_read_noisy_captions_in_training_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, keep: int
) -> None:
    name = "kept" if keep else "streamed"
    clean = prepared_in(folder / name, "strict")
    monkeypatch.setattr(disk_estimate, "KEEP_ALL_BYTES", keep)
    noisy = prepared_in(folder / name, "strict", caption_noise=0.5, caption_drop=0.3)
    drawn = training_captions(noisy.spec, noisy.data.dataset, noisy.data.split)
    stage = Stage("train", "training", 1, 16)
    ours, theirs = (next(p.data.batches(0, stage, 0, skip=2))[1] for p in (noisy, clean))
    assert torch.equal(ours.tokens()[0].values, theirs.tokens()[0].values)
    texts, backbone = ours.tokens()[1], noisy.store.backbone
    # the tuned end of the tower makes of the tokens what the whole tower makes of the captions
    tower = tower_ends(noisy.store.tails(1)).text
    options = [drawn[item] for item in noisy.data.split.train_fit[ours.index].tolist()]
    for row, captions in enumerate(options):
        ids = backbone.tokenise(captions)
        features = backbone.encode_tokens(ids)
        (read,) = np.flatnonzero(np.abs(features - texts.pooled[row].numpy()).max(axis=1) < 1e-5)
        assert texts.lengths[row] == backbone.lengths(ids)[read]
        made = tower(texts[[row]].cut())[0].detach().numpy()
        np.testing.assert_allclose(made, features[read], atol=2e-2)
    # what is encoded at the end is clean
    for part in (noisy.data.split.query[:20], noisy.data.split.train_fit[:20]):
        ours_, theirs_ = noisy.data.texts(part), clean.data.texts(part)
        assert isinstance(ours_, Tokens)
        assert isinstance(theirs_, Tokens)
        assert torch.equal(ours_.values, theirs_.values)
        assert torch.equal(ours_.pooled, theirs_.pooled)


def codes(prepared: Prepared) -> list[IntArray]:
    split = prepared.data.split
    method = build_method(prepared).eval()
    return [
        encoded.words
        for part, role in ((split.query, "query"), (split.database[:100], "database"))
        for by_bits in encode(method, prepared.data, part, role).values()  # type: ignore[arg-type]
        for encoded in by_bits.values()
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both protocols find the features that the first one computed."""
    return tmp_path_factory.mktemp("streaming")


@pytest.mark.parametrize("protocol", ["strict", "published"])
def test_streamed_codes_and_batches_are_those_of_kept_block_inputs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    kept = prepared_in(folder / "kept", protocol)
    monkeypatch.setattr(disk_estimate, "KEEP_ALL_BYTES", 0)
    reported: list[tuple[str, int, int]] = []
    streamed = prepared_in(folder / "streamed", protocol, lambda *part: reported.append(part))
    reported.clear()
    blocks = streamed.data.blocks
    assert blocks is not None
    np.testing.assert_array_equal(blocks.items.kept, streamed.data.split.train)
    for ours, theirs in zip(codes(streamed), codes(kept), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    queries = len(streamed.data.split.query)
    assert ("codes of query items", queries, queries) in reported
    stage = Stage("train", "training", 1, 16)
    batches = [p.data.batches(0, stage, 0, skip=0) for p in (streamed, kept)]
    for (_, ours), (_, theirs) in zip(*batches, strict=True):
        for side in (0, 1):
            assert torch.equal(ours.tokens()[side].values, theirs.tokens()[side].values)
