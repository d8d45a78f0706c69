"""The end of a run: test queries are scored once, codes and result are written."""

from __future__ import annotations

from typing import Any

from hashbench.codefiles.native import CodeSet, write_codes
from hashbench.codefiles.pghmh import write_released
from hashbench.datasets.base import IntArray
from hashbench.engine.audit import audit
from hashbench.engine.checkpoint import Best
from hashbench.engine.data import Data
from hashbench.engine.encoding import encode
from hashbench.engine.validation import sides
from hashbench.methods.base import Method
from hashbench.metrics.codes import Codes, LabelMasks, code_facts
from hashbench.metrics.histograms import count_histograms
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.ranking import evaluate
from hashbench.plan.spec import RunSpec
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import Result

METRICS = (
    "mAP@all",
    "mAP@all(tie=worst)",
    "mAP@all(tie=index)",
    "mAP@all(tie=best)",
    "mAP@50",
    "P@100",
    "R@100",
    "nDCG@100",
    "P@r2",
    "R@r2",
)


def evaluate_run(
    run: RunFolder,
    spec: RunSpec,
    method: Method,
    data: Data,
    best: Best,
    directions: tuple[str, ...],
    facts: dict[str, Any],
    seconds: float,
) -> Result:
    """Encodes the selected model's test codes, writes them, scores them, audits the encoder."""
    if best.model:
        method.load_state_dict(best.model)
    method.eval()
    split, dataset = data.split, data.dataset
    query = encode(method, data, split.query, "query")
    database = encode(method, data, split.database, "database")
    query_labels, database_labels = (
        LabelMasks.from_multi_hot(dataset.labels[part]) for part in (split.query, split.database)
    )
    scores: dict[str, dict[str, dict[str, float]]] = {}
    without_relevant, floor = 0, 0.0
    for bits in method.bits:
        codes = CodeSet(
            bits=bits,
            query={modality: codes[bits] for modality, codes in query.items()},
            database={modality: codes[bits] for modality, codes in database.items()},
            query_labels=query_labels,
            database_labels=database_labels,
            query_ids=_ids(data, split.query),
            database_ids=_ids(data, split.database),
            class_names=dataset.class_names,
        )
        write_codes(run.codes, codes)
        if "mm" in query:
            write_released(run.codes, codes)
        scores[str(bits)] = {}
        for direction in directions:
            source, target = sides(direction)
            metric_scores = evaluate(
                query[source][bits],
                database[target][bits],
                query_labels,
                database_labels,
                [parse_metric(name) for name in METRICS],
            )
            scores[str(bits)][direction] = {
                str(score.metric): score.value for score in metric_scores
            }
            without_relevant = metric_scores[0].without_relevant
        floor = _relevant_share(query, database, bits, query_labels, database_labels)
    return Result(
        run=run.id,
        spec_hash=spec.hash,
        protocol=spec.protocol,
        directions=directions,
        split={"name": split.name, "hash": split.hash, **split.sizes()},
        dataset={"name": dataset.name, "fingerprint": dataset.fingerprint, "items": len(dataset)},
        backbone=data.features.key,
        selected={
            "by": spec.select,
            "stage": best.stage,
            "epoch": best.epoch,
            "score": best.score,
        },
        scores=scores,
        codes={
            str(bits): {modality: _facts(codes[bits]) for modality, codes in database.items()}
            for bits in method.bits
        },
        floor=floor,
        without_relevant=without_relevant,
        audit=audit(method, data, spec.seed),
        seconds=round(seconds, 3),
        facts=facts,
    )


def _ids(data: Data, items: IntArray) -> list[str]:
    return [data.dataset.ids[i] for i in items]


def _relevant_share(
    query: dict[str, dict[int, Codes]],
    database: dict[str, dict[int, Codes]],
    bits: int,
    query_labels: LabelMasks,
    database_labels: LabelMasks,
) -> float:
    """Share of (query, database) pairs with a shared label; any codes do to count them."""
    modality = next(iter(query))
    counted = count_histograms(
        query[modality][bits], database[modality][bits], query_labels, database_labels
    )
    return float(counted.relevant.sum() / counted.items.sum())


def _facts(codes: Codes) -> dict[str, float]:
    facts = code_facts(codes)
    return {
        "distinct": float(facts.distinct),
        "balance": facts.balance,
        "constant": float(facts.constant),
    }
