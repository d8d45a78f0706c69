"""The items of an epoch: each once in a shuffled order, or drawn with replacement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hashbench.engine.data import Data
from hashbench.methods.base import Stage
from hashbench.methods.context import TrainingSet


def data(n: int = 50) -> Data:
    unused: Any = None
    numbers = torch.arange(n)[:, None].float()
    train = TrainingSet(numbers, numbers, numbers, numbers >= 0)
    return Data(
        dataset=unused,
        split=unused,
        visible=unused,
        features=unused,
        device=torch.device("cpu"),
        train=train,
        captions=numbers,
        caption_rows=np.arange(n),
        caption_range=(torch.arange(n), torch.ones(n, dtype=torch.long)),
    )


def order(stage: Stage, epoch: int = 0, skip: int = 0) -> list[int]:
    batches = data().batches(0, stage, epoch, skip)
    return [int(i) for _, batch in batches for i in batch.index]


def test_a_shuffled_epoch_has_every_item_once() -> None:
    stage = Stage("hash", "", 1, 16)
    assert sorted(order(stage)) == list(range(50))
    assert order(stage) != order(stage, epoch=1)


@pytest.mark.parametrize("replacement", [True, False])
def test_an_epoch_goes_on_where_it_was(replacement: bool) -> None:
    stage = Stage("hash", "", 1, 16, replacement=replacement)
    assert order(stage, skip=2) == order(stage)[32:]


def test_with_replacement_items_repeat_and_others_are_missing() -> None:
    stage = Stage("hash", "", 1, 16, replacement=True)
    seen = order(stage)
    assert len(seen) == 50
    assert 20 < len(set(seen)) < 45  # 1 - 1/e of them are expected
    assert set(seen) <= set(range(50))
