"""Large datasets: query and database go through the frozen blocks when codes are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hashbench.backbones import disk_estimate
from hashbench.backbones.feature_store import Report
from hashbench.datasets.base import IntArray
from hashbench.engine.build import Prepared, build_method, prepare
from hashbench.engine.data import no_report
from hashbench.engine.encoding import encode
from hashbench.methods.base import Stage
from hashbench.plan.request import Request, expand


def prepared_in(folder: Path, protocol: str, report: Report = no_report) -> Prepared:
    request = Request(
        method=["prompthash"],
        dataset=["picturebook-tiny"],
        bits=[16],
        protocol=protocol,
        set={"auxiliary_bits": "16", "tuned_blocks": "1", "batch_size": "16"},
    )
    (spec,) = expand(request)
    folder.mkdir(exist_ok=True)
    return prepare(spec, folder, folder / "labels.npz", torch.device("cpu"), report)


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
