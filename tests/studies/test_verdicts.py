"""Verdicts: claims are made at the promised rate, and say all that they depend on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from hashbench.errors import InputError
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.ranking import evaluate
from hashbench.plan.spec import RunSpec
from hashbench.report.rows import Finished, collect
from hashbench.runs import events
from hashbench.runs.writer import EventWriter
from hashbench.studies import export
from hashbench.studies.answer import answer
from hashbench.studies.evidence import finding_of
from hashbench.studies.findings import Finding, Reading, Scale, corrected
from hashbench.studies.outcomes import Measured, Outcomes, in_points
from hashbench.studies.runs import PlannedStudy, by_hash, plan
from hashbench.studies.study import read
from hashbench.studies.wording import verdict
from tests.report.scored_runs import code_set, scored

REPETITIONS = 200
QUERIES = 60
TWO_CLAIMS = """
question = "Does it matter how SODA is taught?"
source = "nowhere"

[base]
dataset = "picturebook-tiny"
method = "soda"
bits = 16
seed = [0, 1, 2]

[[grid]]
ablate = [[], ["no-teacher"], ["joint"]]

[[compare]]
claim = "A teacher matters"
rows = { ablate = [] }
against = { ablate = ["no-teacher"] }
expect = "different"

[[compare]]
claim = "Two stages matter"
rows = { ablate = [] }
against = { ablate = ["joint"] }
expect = "different"
"""

Noise = Callable[[RunSpec], float]


def study(folder: Path, text: str = TWO_CLAIMS) -> PlannedStudy:
    file = folder / "own.toml"
    file.write_text(text)
    return plan(read(file), {}, folder)


def runs(folder: Path, specs: Sequence[RunSpec], noise: Noise, draw: int = 0) -> list[Finished]:
    """Finished runs whose codes are the labels with a share of the bits flipped."""
    made = [
        scored(folder, spec, noise=noise(spec), draw=1000 * draw + number, names=["mAP@all"])
        for number, spec in enumerate(specs)
    ]
    return collect(made).finished


class Simulated(Outcomes):
    """APs that are drawn in place of those of codes: queries differ in how hard they are, runs in
    their luck, and SODA without its teacher loses `effect`.
    """

    def __init__(self, effect: float, repetition: int) -> None:
        super().__init__()
        self._rng = np.random.default_rng([repetition, 77])
        self._hard = self._rng.normal(0.6, 0.15, QUERIES)
        self._effect = effect
        self._drawn: dict[str, Measured] = {}

    def measured(
        self, run: Finished, outcome: str, bits: int, directions: Sequence[str]
    ) -> Measured:
        if run.run.id not in self._drawn:
            lost = self._effect if run.spec.ablations == ("no-teacher",) else 0.0
            luck = self._rng.normal(-lost, 0.01)
            values = self._hard + luck + self._rng.normal(0, 0.08, QUERIES)
            self._drawn[run.run.id] = Measured(values)
        return self._drawn[run.run.id]


def findings(folder: Path, effect: float) -> list[list[Finding]]:
    """What many studies of five seeds find that are equal but for luck."""
    planned = study(folder, TWO_CLAIMS.replace("[0, 1, 2]", "[0, 1, 2, 3, 4]"))
    finished = by_hash(runs(folder / "runs", planned.specs, lambda _: 0.2))
    found = []
    for number in range(REPETITIONS):
        outcomes = Simulated(effect, number)
        found.append(corrected([finding_of(one, finished, outcomes) for one in planned.contrasts]))
    return found


def test_without_an_effect_hardly_any_study_claims_one(tmp_path: Path) -> None:
    found = findings(tmp_path, 0.0)
    claims = [any(one.reading is not Reading.NOT_SHOWN for one in each) for each in found]
    # 5 % of studies of two claims, and three standard errors of that rate
    assert np.mean(claims[:40]) <= 0.15
    assert np.mean(claims) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / REPETITIONS)
    assert "no difference could be shown" in verdict(found[claims.index(False)][0])


def test_a_planted_effect_is_found_where_it_is(tmp_path: Path) -> None:
    found = findings(tmp_path, 0.06)
    assert np.mean([each[0].reading is Reading.SHOWN for each in found]) > 0.95
    assert np.mean([each[1].reading is not Reading.NOT_SHOWN for each in found]) <= 0.1
    effects = [each[0].effect.difference for each in found if each[0].effect]
    assert np.mean(effects) == pytest.approx(0.06, abs=0.003)
    shown = next(each[0] for each in found if each[0].reading is Reading.SHOWN)
    assert verdict(shown).startswith("A teacher matters: shown: +")


def test_effects_are_those_of_the_codes(tmp_path: Path) -> None:
    planned = study(tmp_path)
    finished = runs(tmp_path, planned.specs, lambda s: 0.3 if s.ablations else 0.2)
    found = answer(planned, finished, tmp_path)
    by_hash = {spec.hash: number for number, spec in enumerate(planned.specs)}
    means = {}
    for spec in planned.specs:
        codes = code_set(16, by_hash[spec.hash], 0.3 if spec.ablations else 0.2)
        both = [
            evaluate(
                *codes.sides(direction),
                codes.query_labels,
                codes.database_labels,
                [parse_metric("mAP@all")],
            )[0].value
            for direction in ("i2t", "t2i")
        ]
        means.setdefault(spec.ablations, []).append(np.mean(both))
    first, second = found.findings
    assert first.effect is not None
    difference = np.mean(means[()]) - np.mean(means["no-teacher",])
    assert first.effect.difference == pytest.approx(difference)
    assert first.means == pytest.approx((np.mean(means[()]), np.mean(means["no-teacher",])))
    assert (first.effect.seeds, first.effect.queries) == (3, 53)  # the others find nothing relevant
    assert first.adjusted == pytest.approx(2 * min(first.p or 1, second.p or 1), rel=1)
    for part in ("95 % interval", "after Holm over 2 claims", "3 seeds", "53 queries", "equal:",
                 "picturebook-tiny (split own", "16 bits", "would change this"):  # fmt: skip
        assert part in found.verdict
    plain = json.loads(json.dumps(export.as_json(found)))
    assert plain["findings"][0]["reading"] == "shown"
    assert plain["verdict"] == found.verdict
    assert found.verdict in export.markdown(found)


def test_missing_runs_few_seeds_and_changed_files_are_no_claim(tmp_path: Path) -> None:
    planned = study(tmp_path)
    finished = runs(tmp_path, planned.specs, lambda s: 0.3 if s.ablations else 0.1)
    none = answer(planned, [], tmp_path)
    assert {one.reading for one in none.findings} == {Reading.MISSING}
    assert "9 runs of 9 to finish" in none.verdict
    two = [run for run in finished if run.spec.seed < 2]
    few = answer(planned, two, tmp_path)
    assert {one.reading for one in few.findings} == {Reading.FEW_SEEDS}
    changed = [changed_after_scoring(run) for run in finished]
    assert answer(planned, changed, tmp_path).changed == 9
    assert {one.reading for one in answer(planned, changed, tmp_path).findings} == {Reading.MISSING}


def changed_after_scoring(run: Finished) -> Finished:
    return Finished(run.run, run.spec, run.result, ("codes/16.npz",))


def test_runs_of_other_queries_are_not_paired(tmp_path: Path) -> None:
    planned = study(tmp_path)
    made = [
        scored(tmp_path / "runs", spec, split=8 if spec.ablations else 7) for spec in planned.specs
    ]
    with pytest.raises(InputError, match="the runs differ in split"):
        answer(planned, collect(made).finished, tmp_path)


def test_what_was_expected_decides_how_an_effect_is_read(tmp_path: Path) -> None:
    readings = {}
    for expect in ("higher", "lower", "equal"):
        margin = "\nmargin = 0.5" if expect == "equal" else ""
        text = TWO_CLAIMS.replace('expect = "different"', f'expect = "{expect}"{margin}', 1)
        planned = study(tmp_path, text)
        finished = runs(
            tmp_path / expect, planned.specs, lambda s: 0.3 if "no-teacher" in s.ablations else 0.2
        )
        readings[expect] = answer(planned, finished, tmp_path).findings[0].reading
    assert readings == {
        "higher": Reading.SHOWN,
        "lower": Reading.OPPOSITE,
        "equal": Reading.SHOWN,  # a margin of half of all mAP
    }


OUTCOMES = """
question = "Does recovery help?"
source = "nowhere"

[base]
dataset = "picturebook-tiny"
method = "pcril"
bits = [16, 32]
known_ratio = [0.3, 0.7]
seed = [0, 1, 2]

[[grid]]

[[compare]]
claim = "More known labels, higher precision"
rows = { known_ratio = 0.7 }
against = { known_ratio = 0.3 }
outcome = "recovery precision"

[[compare]]
claim = "32 bits beat 16"
rows = { bits = 32 }
against = { bits = 16 }

[[values]]
title = "recovered"
columns = ["recovery precision", "monitor bit balance", "loss hash similarity"]

[[analyse]]
kind = "two-outcomes"
[analyse.options]
claim = "Less is uncertain"
outcome = "recovery uncertain pairs after"
minus = "recovery uncertain pairs before"
expect = "lower"

[[analyse]]
kind = "correlation"
[analyse.options]
claim = "Precision goes with mAP"
x = "recovery precision"

[[analyse]]
kind = "search-examples"

[[analyse]]
kind = "tie-rules"

[[analyse]]
kind = "power"

[[figure]]
kind = "recovery"
rows = { known_ratio = 0.3 }
"""


def test_what_runs_wrote_of_themselves_is_compared_and_analysed(tmp_path: Path) -> None:
    planned = study(tmp_path, OUTCOMES)
    rng = np.random.default_rng(4)
    example = events.RecoveryExample(
        item="a", known=("dog",), true=("dog", "sky"), start=20.0, steps=(("sky", 22.0),
        ("car", 23.0)), stop=("sea", 22.5), runners_up=((("car", 21.5),), ()),
    )  # fmt: skip
    finished = []
    for number, spec in enumerate(planned.specs):
        known, (bits,) = spec.labels.known_ratio, spec.bits
        run = scored(tmp_path / "runs", spec, noise=0.2 if bits == 16 else 0.15, draw=number)
        precision = known + 0.001 * bits + float(rng.normal(0, 0.01))
        values = {
            "precision": precision, "uncertain pairs before": 0.9,
            "uncertain pairs after": 0.4 + float(rng.normal(0, 0.01)),
        }  # fmt: skip
        with EventWriter(run.events) as writer:
            writer.write(events.Recovery(stage="prompts", epoch=0, values={"precision": 0.0}))
            writer.write(
                events.Recovery(stage="search", epoch=0, values=values, examples=(example,))
            )
            writer.write(events.Monitors(stage="hash", epoch=0, values={"bit balance": 0.1}))
            ended = {"similarity": 1.5, "total": 2.0}
            writer.write(events.EpochEnded(stage="hash", epoch=0, values=ended, seconds=1.0))
        finished += collect([run]).finished
    found = answer(planned, finished, tmp_path)
    by_claim = {one.claim: one for one in found.findings}
    assert {claim: one.reading for claim, one in by_claim.items()} == {
        "More known labels, higher precision": Reading.SHOWN,
        "32 bits beat 16": Reading.SHOWN,
        "Less is uncertain": Reading.SHOWN,
        "Precision goes with mAP": by_claim["Precision goes with mAP"].reading,
    }
    precision = by_claim["More known labels, higher precision"].effect
    assert precision is not None
    assert precision.difference == pytest.approx(0.4, abs=0.05)
    sentence = verdict(by_claim["Precision goes with mAP"])
    assert re.search(r": [+-][01]\.\d\d rank correlation of precision and mAP@all \(95 %", sentence)
    correlation = by_claim["Precision goes with mAP"].effect
    assert correlation is not None
    assert correlation.low is not None
    assert correlation.high is not None
    assert correlation.seeds == 3
    # however well seeds agree: four settings have the same order by chance at times
    assert correlation.high - correlation.low > 2 * 4.3 * np.sqrt(1.06 / 3) - 0.01
    without_one = {one.claim: one for one in answer(planned, finished[1:], tmp_path).findings}
    lacking = without_one["Precision goes with mAP"]
    assert lacking.reading is Reading.FEW_SEEDS  # a seed that lacks a setting does not count
    labels = {one.label for one in found.findings if one.claim == "32 bits beat 16"}
    assert labels == {
        f"known {known} 32 bits against known {known} 16 bits" for known in ("0.3", "0.7")
    }
    values = found.values[0].rows
    assert len(values) == 4
    assert values[0][2].text.startswith("0.3")
    assert [values[0][3].text, values[0][4].text] == ["0.1 ±0", "1.5 ±0"]
    sentences = "\n".join(one.sentence for one in found.analyses)
    assert "Of 24 steps in 12 searches, 12 (50%) added a true label" in sentences
    assert "median lead of 0.50" in sentences
    assert "tie rules" in sentences
    assert "Differences that show" in sentences
    assert [run.spec.labels.known_ratio for run in found.figures[0].runs] == [0.3] * 6
    assert export.for_terminal(found) is not None
    json.dumps(export.as_json(found))


def test_shares_are_given_in_points_and_nothing_is_a_negative_zero() -> None:
    shares = (
        "mAP@all",
        "recovery pairs recall",
        "recovery uncertain pairs after",
        "monitor mixed dissimilar pairs",
        "monitor image-to-label mAP (validation)",
    )
    assert all(in_points(outcome) for outcome in shares)
    assert not any(in_points(one) for one in ("recovery added", "monitor distinct codes"))
    assert Scale.POINTS.text(-0.00001) == "+0.00"
    assert Scale.POINTS.text(-0.0123) == "-1.23"
    assert Scale.CORRELATION.text(-0.001, signed=False) == "0.00"
