"""Recovered labels compared with the true ones, as an event.

The method adds labels without knowing the truth; the trainer knows it and writes it to the
event log only.
"""

from __future__ import annotations

import math

import numpy as np

from hashbench.engine.data import Data
from hashbench.methods.base import Recovered, RecoveryPath
from hashbench.metrics.recovery import recovered_pairs, recovery
from hashbench.runs import events


def recovery_event(stage: str, epoch: int, recovered: Recovered, data: Data) -> events.Recovery:
    """Precision, recall and counts of labels and of pairs, and the worked examples with names."""
    items = recovered.items.cpu().numpy()
    fit = data.split.train_fit[items]
    true = data.dataset.labels[fit]
    known = data.train.known[recovered.items].cpu().numpy()
    positive = data.known_positives(fit)
    added = recovered.added.cpu().numpy() & ~known
    overall, by_class = recovery(true, known, added, data.dataset.class_names)
    pairs = recovered_pairs(true, positive, added).values
    values = {"items": float(len(items)), **overall.values}
    values |= {f"pairs {name}": value for name, value in pairs.items()}
    values |= {
        name: float(value) for name, value in recovered.values.items() if math.isfinite(value)
    }
    return events.Recovery(
        stage=stage,
        epoch=epoch,
        values=values,
        classes={name: counts.values for name, counts in by_class.items()},
        examples=tuple(_example(path, data) for path in recovered.paths),
    )


def _example(path: RecoveryPath, data: Data) -> events.RecoveryExample:
    names = np.array(data.dataset.class_names)
    item = data.split.train_fit[[path.item]]
    return events.RecoveryExample(
        item=data.dataset.ids[int(item[0])],
        known=tuple(names[data.known_positives(item)[0]].tolist()),
        true=tuple(names[data.dataset.labels[item][0]].tolist()),
        start=path.start,
        steps=tuple((str(names[c]), score) for c, score in path.steps),
        stop=None if path.stop is None else (str(names[path.stop[0]]), path.stop[1]),
        runners_up=tuple(
            tuple((str(names[c]), score) for c, score in step) for step in path.runners_up
        ),
    )
