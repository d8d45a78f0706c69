"""The live scores: validation queries against the fitted items."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hashbench.engine.data import Data
from hashbench.engine.encoding import encode
from hashbench.methods.base import Method
from hashbench.metrics.codes import Codes, LabelMasks, code_facts
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.ranking import evaluate
from hashbench.plan.directions import DIRECTIONS

LIVE = "mAP@all"


@dataclass(frozen=True)
class Validated:
    """`scores`: `direction:metric @bits` -> value, for every direction and bit length. `monitors`:
    how far the codes of the ranked side have collapsed.

    Both are empty when no query has a relevant item.
    """

    scores: dict[str, float] = field(default_factory=dict)
    monitors: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Validation:
    """Scores a method on validation queries against the fitted items, or, where the spec says so
    (`--select test`, as the papers do), on the test queries against the database.

    Both sides of validation are training items. Where the run hides training labels, it must not
    choose its epoch by them: relevant is then only what shares a positive that is still known, and
    validation queries without any such item are left out of the mean.
    """

    data: Data
    directions: tuple[str, ...]
    on: Literal["validation", "test"]

    def score(self, method: Method) -> Validated:
        """Encodes both sides and scores every direction and bit length."""
        split, data = self.data.split, self.data
        if self.on == "validation":
            parts = (split.validation, split.train_fit)
            labels = [data.known_positives(part) for part in parts]
        else:
            parts = (split.query, split.database)
            labels = [data.dataset.labels[part] for part in parts]
        if not (labels[0].any(axis=0) & labels[1].any(axis=0)).any():
            return (
                Validated()
            )  # no class has a positive on both sides, so nothing is relevant to any query
        query = encode(method, data, parts[0], "query")
        database = encode(method, data, parts[1], "database")
        asked_labels, ranked_labels = (LabelMasks.from_multi_hot(each) for each in labels)
        scores = {}
        for bits in method.bits:
            for direction in self.directions:
                one = DIRECTIONS[direction]
                metric = parse_metric(f"{direction}:{LIVE}")
                (score,) = evaluate(
                    query[one.query][bits],
                    database[one.database][bits],
                    asked_labels,
                    ranked_labels,
                    [metric],
                )
                if math.isfinite(score.value):
                    scores[f"{metric} @{bits}"] = score.value
        return Validated(scores, _code_monitors(database))

    @staticmethod
    def summary(scores: dict[str, float]) -> float:
        """What epochs are chosen by: the mean over directions and bit lengths."""
        return sum(scores.values()) / len(scores)


def _code_monitors(codes: Mapping[str, Mapping[int, Codes]]) -> dict[str, float]:
    """Of the worst modality and bit length: the share of bits that are the same for all items, and
    the share of pairs of items that have one code.
    """
    facts = [code_facts(one) for by_bits in codes.values() for one in by_bits.values()]
    return {
        "constant bits": max(fact.constant / fact.bits for fact in facts),
        "equal code pairs": max(fact.equal_pairs for fact in facts),
    }
