"""Finished runs with real codes, scored as a worker scores them, without training anything."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hashbench.codefiles.native import CodeSet, write_codes
from hashbench.metrics import catalog
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.random_floor import random_floors
from hashbench.metrics.ranking import evaluate
from hashbench.plan.request import Request, expand
from hashbench.plan.spec import RunSpec
from hashbench.runs import layout, result
from hashbench.runs.result import AuditResult, Result
from hashbench.runs.seal import file_digest

QUERIES, DATABASE, CLASSES = 60, 200, 8


def labels(split: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Labels of queries and database, (60, 8) and (200, 8); some queries have no relevant item."""
    draw = np.random.default_rng(split)
    query, database = (draw.random((count, CLASSES)) < 0.3 for count in (QUERIES, DATABASE))
    query[0] = [True, *[False] * (CLASSES - 1)]
    database[:, 0] = False
    return query, database


def code_set(bits: int, seed: int, noise: float, split: int = 7) -> CodeSet:
    """Codes that are the labels, repeated, with a share of the bits flipped."""
    draw = np.random.default_rng(seed)
    parts = labels(split)
    codes = [np.tile(part, (1, bits // CLASSES)) for part in parts]
    query, database = (
        {
            modality: Codes.from_signs(part ^ (draw.random(part.shape) < noise))
            for modality in ("image", "text")
        }
        for part in codes
    )
    return CodeSet(
        bits, query, database, *(LabelMasks.from_multi_hot(part) for part in parts),
        query_ids=[f"q{place}" for place in range(QUERIES)],
    )  # fmt: skip


def scored_run(
    folder: Path, *, noise: float = 0.1, split: int = 7, second: int = 0, **request: Any
) -> layout.RunFolder:
    """A run folder with spec, codes and result, of one run that is asked for."""
    bits_asked = tuple(request.pop("bits", [16]))
    (spec,) = expand(Request(**({"dataset": ["picturebook-tiny"]} | request)))
    spec = msgspec.structs.replace(spec, bits=bits_asked)  # several for any method, to be short
    return scored(folder, spec, noise=noise, split=split, second=second)


def scored(
    folder: Path,
    spec: RunSpec,
    *,
    noise: float = 0.1,
    split: int = 7,
    second: int = 0,
    draw: int | None = None,
    names: Sequence[str] = (),
) -> layout.RunFolder:
    """A run folder with spec, codes and result; `draw` seeds its codes, by default its own seed.

    `names` are the metrics that the result holds, by default all that a worker stores.
    """
    now = datetime.datetime(2026, 5, 4, second=second, tzinfo=datetime.UTC)
    run = layout.create(folder, spec, now)
    metrics = [parse_metric(name) for name in names or catalog.reported()]
    scores, floors, digests, left_out = {}, {}, {}, 0
    for bits in spec.bits:
        codes = code_set(bits, spec.seed if draw is None else draw, noise, split)
        digests[str(bits)] = file_digest(write_codes(run.codes, codes))
        sides = codes.query_labels, codes.database_labels
        scores[str(bits)] = {}
        for direction in ("i2t", "t2i"):
            values = evaluate(*codes.sides(direction), *sides, metrics)
            scores[str(bits)][direction] = {str(one.metric): one.value for one in values}
            left_out = values[0].without_relevant
        floors[str(bits)] = {
            str(metric): value
            for metric, value in random_floors(metrics, *sides, bits).items()
            if value is not None
        }
    sizes = {"query": QUERIES, "database": DATABASE, "fit": 90, "validation": 10}
    result.write(
        run.result,
        Result(
            run=run.id,
            spec_hash=spec.hash,
            protocol=spec.protocol,
            directions=("i2t", "t2i"),
            split={"name": "own", "hash": f"split{split}", **sizes},
            dataset={"name": "picturebook", "fingerprint": "f", "items": 260},
            backbone="features",
            selected={"by": spec.select, "stage": "student", "epoch": 3, "score": 0.5},
            scores=scores,
            codes={},
            floors=floors,
            without_relevant=left_out,
            audit=AuditResult(sample=9, labels=0.0, paired=0.0, batch=0.0),
            seconds=1.0,
            facts={},
            code_digests=digests,
        ),
    )
    return run
