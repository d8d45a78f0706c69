"""The metric that is fed batch by batch scores what `evaluate` scores, over processes, too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import hashbench
from hashbench.errors import InputError

DRAW = np.random.default_rng(5)
LABELS = DRAW.random((90, 70)) < 0.1
BITS = DRAW.random((90, 12)) < 0.5
NAMES = ["mAP@all", "mAP@all(tie=index)", "P@r2"]
WHOLE = hashbench.evaluate(BITS[:30], BITS[30:], LABELS[:30], LABELS[30:], NAMES)


def feed(metric: hashbench.RetrievalMetric, rows: np.ndarray, *, ids: bool = False) -> None:
    for role, own in (("query", rows[rows < 30]), ("database", rows[rows >= 30])):
        for batch in np.array_split(own, 3):
            if len(batch):
                signs = torch.from_numpy(BITS[batch]).float() * 2 - 1
                metric.update(signs, LABELS[batch], role, batch if ids else None)  # type: ignore[arg-type]


def test_batches_score_as_the_whole_does() -> None:
    metric = hashbench.RetrievalMetric(NAMES)
    for _ in range(2):
        feed(metric, np.arange(90))
        assert metric.compute().values_by_name() == WHOLE.values_by_name()
        metric.reset()
    with pytest.raises(InputError, match="no query items"):
        metric.compute()


def test_merged_metrics_score_as_one_whatever_the_order_and_padding() -> None:
    parts = []
    for rows in (np.arange(60, 90), np.arange(0, 70)):  # they overlap, and come in the wrong order
        parts.append(hashbench.RetrievalMetric(NAMES))
        feed(parts[-1], rows, ids=True)
    merged = hashbench.RetrievalMetric(NAMES).merge_state(parts[0]).merge_state(parts[1])
    assert merged.compute().values_by_name() == WHOLE.values_by_name()


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    metric = hashbench.RetrievalMetric(NAMES)
    feed(metric, np.arange(90))
    before = repr(metric)
    for codes, labels, role, ids, message in (
        (BITS[:2, :8], LABELS[:2], "query", None, "8 bits"),
        (BITS[:2], LABELS[:3], "query", None, "3 rows"),
        (BITS[:2], LABELS[:2], "queries", None, "no role"),
        (BITS[:2], LABELS[:2], "query", [1, 2], "ids"),
        (BITS[:2] * 0.3, LABELS[:2], "query", None, "contain 0.3"),
    ):
        with pytest.raises(InputError, match=message):
            metric.update(codes, labels, role, ids)  # type: ignore[arg-type]
    assert repr(metric) == before
    assert metric.compute().values_by_name() == WHOLE.values_by_name()
    with pytest.raises(InputError, match="all codes at once"):
        hashbench.RetrievalMetric(binarize="median")  # type: ignore[arg-type]


PROCESS = """
import sys, json
import numpy as np, torch
import torch.distributed as dist
sys.path.insert(0, sys.argv[3])
from tests.api import test_retrieval_metric as t
import hashbench
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=3)
metric = hashbench.RetrievalMetric(t.NAMES)
# the third process gets nothing, and the second pads with items of the first
t.feed(metric, [np.arange(50, 90), np.arange(0, 60), np.arange(0)][rank], ids=True)
print(json.dumps(metric.compute().values_by_name()))
dist.destroy_process_group()
"""


def test_processes_of_torch_distributed_agree(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    words = [str(tmp_path / "group"), str(root)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(rank), *words], stdout=subprocess.PIPE, text=True
        )
        for rank in range(3)
    ]
    import json

    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    for output in outputs:
        assert json.loads(output.splitlines()[-1]) == WHOLE.values_by_name()
