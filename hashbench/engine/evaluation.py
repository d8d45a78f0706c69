"""The end of a run: test queries are scored once, codes and result are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hashbench.codefiles.mat_export import write_released
from hashbench.codefiles.native import CodeSet, write_codes
from hashbench.datasets.base import IntArray
from hashbench.engine.audit import audit
from hashbench.engine.build import NoteWriter, no_note
from hashbench.engine.checkpoint import Best
from hashbench.engine.data import Data
from hashbench.engine.encoding import encode
from hashbench.methods.base import Method
from hashbench.metrics import catalog
from hashbench.metrics.codes import Codes, LabelMasks, code_facts
from hashbench.metrics.metric import Metric, parse_metric
from hashbench.metrics.random_floor import random_floors
from hashbench.metrics.ranking import evaluate
from hashbench.plan.directions import FUSED
from hashbench.plan.plugins import error_words
from hashbench.plan.spec import RunSpec
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import Result
from hashbench.runs.seal import file_digest


def evaluate_run(
    run: RunFolder,
    spec: RunSpec,
    method: Method,
    data: Data,
    best: Best,
    directions: tuple[str, ...],
    facts: dict[str, Any],
    seconds: float,
    note: NoteWriter = no_note,
) -> Result:
    """Encodes the selected model's test codes, writes them, scores them, audits the encoder."""
    # without a selected epoch the model stays as the last one left it
    if best.model:
        method.load_state_dict(best.model)
    method.eval()
    split, dataset = data.split, data.dataset
    query = encode(method, data, split.query, "query")
    database = encode(method, data, split.database, "database")
    # relevance goes by the full labels, whatever training was allowed to see of them
    labels = tuple(
        LabelMasks.from_multi_hot(dataset.labels[part]) for part in (split.query, split.database)
    )
    lengths: dict[str, ScoredLength] = {}
    run.codes.mkdir(exist_ok=True)  # and not the run's folder, which may have been moved
    for bits in method.bits:
        codes = _code_set(data, bits, query, database, *labels)
        digest = file_digest(write_codes(run.codes, codes))
        if FUSED in query:
            write_released(run.codes, codes)
        lengths[str(bits)] = score_length(codes, directions, digest, note)
    return Result(
        run=run.id,
        spec_hash=spec.hash,
        protocol=spec.protocol,
        directions=directions,
        split={"name": split.name, "hash": split.hash, **split.sizes()},
        dataset={"name": dataset.name, "fingerprint": dataset.fingerprint, "items": len(dataset)},
        backbone=data.features.encoders,
        selected={
            "by": spec.select,
            "stage": best.stage,
            "epoch": best.epoch,
            "score": best.score,
        },
        scores={bits: length.scores for bits, length in lengths.items()},
        codes={bits: length.facts for bits, length in lengths.items()},
        floors={bits: length.floors for bits, length in lengths.items()},
        # a property of the labels, so that any length will do
        without_relevant=next(iter(lengths.values())).without_relevant,
        audit=audit(method, data, spec.seed),
        seconds=round(seconds, 3),
        facts=facts,
        code_digests={bits: length.digest for bits, length in lengths.items()},
    )


@dataclass(frozen=True)
class ScoredLength:
    """What a result says of the codes of one bit length.

    `scores` are by direction and metric, `floors` by metric, `facts` by modality.
    """

    scores: dict[str, dict[str, float]]
    floors: dict[str, float]
    facts: dict[str, dict[str, float]]
    without_relevant: int
    digest: str


def _usable_metrics(codes: CodeSet, direction: str, note: NoteWriter) -> list[Metric]:
    """The metrics that results report. Those of plug-ins are tried first, since a defect of one
    must not cost the results of a whole training.
    """
    built_in = {name for card in catalog.built_in_measures().values() for name in card.reported}
    labels = codes.query_labels, codes.database_labels
    usable = []
    for name in catalog.reported():
        try:
            metric = parse_metric(name)
            if name not in built_in:
                evaluate(*codes.sides(direction), *labels, [metric])
                random_floors([metric], *labels, codes.bits)
        except Exception as error:
            if name in built_in:
                raise
            note("warning", f"the plug-in metric {name} is left out: {error_words(error)}")
        else:
            usable.append(metric)
    return usable


def score_length(
    codes: CodeSet, directions: tuple[str, ...], digest: str, note: NoteWriter = no_note
) -> ScoredLength:
    """Scores codes in every direction by every metric that results report."""
    metrics = _usable_metrics(codes, directions[0], note)
    labels = codes.query_labels, codes.database_labels
    scored = {
        direction: evaluate(*codes.sides(direction), *labels, metrics) for direction in directions
    }
    floors = random_floors(metrics, *labels, codes.bits)
    return ScoredLength(
        scores={
            direction: {str(score.metric): score.value for score in scores}
            for direction, scores in scored.items()
        },
        floors={str(metric): value for metric, value in floors.items() if value is not None},
        facts={modality: _facts(one) for modality, one in codes.database.items()},
        without_relevant=scored[directions[0]][0].without_relevant,
        digest=digest,
    )


def _code_set(
    data: Data,
    bits: int,
    query: Mapping[str, Mapping[int, Codes]],
    database: Mapping[str, Mapping[int, Codes]],
    query_labels: LabelMasks,
    database_labels: LabelMasks,
) -> CodeSet:
    """The codes of one length with the ids and labels of their items."""
    return CodeSet(
        bits=bits,
        query={modality: codes[bits] for modality, codes in query.items()},
        database={modality: codes[bits] for modality, codes in database.items()},
        query_labels=query_labels,
        database_labels=database_labels,
        query_ids=_ids(data, data.split.query),
        database_ids=_ids(data, data.split.database),
        class_names=data.dataset.class_names,
    )


def _ids(data: Data, items: IntArray) -> list[str]:
    return [data.dataset.ids[i] for i in items]


def _facts(codes: Codes) -> dict[str, float]:
    facts = code_facts(codes)
    return {
        "distinct": float(facts.distinct),
        "balance": facts.balance,
        "constant": float(facts.constant),
    }
