"""Codes that others published, scored to the value they must have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from hashbench.metrics.codes import Codes, LabelMasks, code_facts
from hashbench.metrics.metric import parse_metrics
from hashbench.metrics.paper_conventions import profile
from hashbench.metrics.ranking import evaluate

pytestmark = pytest.mark.shared


def codes_file(shared_data: Path, name: str) -> dict[str, np.ndarray]:
    path = shared_data / "codes" / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return loadmat(path)


def test_pghmh_on_mirflickr(shared_data):
    file = codes_file(shared_data, "pghmh_flickr25k_16.mat")
    query, database = (Codes.from_signs(file[key]) for key in ("val_B", "retrieval_B"))
    labels = [LabelMasks.from_multi_hot(file[key]) for key in ("L_te", "L_db")]
    assert code_facts(database).distinct == 717
    index, expected, worst, best, paper = evaluate(
        query, database, *labels,
        [*parse_metrics("mAP@all(tie=index) mAP@all mAP@all(tie=worst) mAP@all(tie=best)"),
         profile("pghmh").metric],
    )  # fmt: skip
    assert index.value == paper.value == pytest.approx(0.976073, abs=5e-7)
    assert expected.value == pytest.approx(0.976048, abs=5e-7)
    assert (worst.value, best.value) == pytest.approx((0.968, 0.985), abs=5e-4)
    assert index.without_relevant == 0


def test_adsh_on_cifar10_and_the_value_in_its_file(shared_data):
    result = codes_file(shared_data, "adsh_cifar10_24.mat")["result"][0, 0]
    query, database = (Codes.from_packed_bytes(result[key]) for key in ("qB", "rB"))
    classes = np.arange(10)
    labels = [LabelMasks.from_class_index(np.repeat(classes, n), 10) for n in (100, 5400)]
    true, stored = evaluate(
        query, database, *labels,
        [*parse_metrics("mAP@all(tie=index)"), profile("adsh").metric],
    )  # fmt: skip
    assert true.value == pytest.approx(0.9240334, abs=5e-8)
    assert stored.value == pytest.approx(float(result["map"].item()), abs=1e-9)
