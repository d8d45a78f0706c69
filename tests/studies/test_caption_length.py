"""An effect on long captions against that on short ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hashbench.datasets.picturebook import CARD
from hashbench.plan import catalog
from hashbench.report.rows import collect
from hashbench.studies.analyses import Material, caption_length
from hashbench.studies.analyses.caption_length import between_groups, long_captions
from hashbench.studies.catalog import find
from hashbench.studies.findings import Reading, corrected
from hashbench.studies.outcomes import Measured, Outcomes
from hashbench.studies.runs import plan
from hashbench.studies.study import read
from tests.report.scored_runs import scored


def test_the_contrast_is_that_of_the_groups_means() -> None:
    rng = np.random.default_rng(2)
    differences = rng.normal(0.3, 0.2, (1, 90))
    long = np.arange(90) < 30
    differences[:, long] += 0.1
    effect = between_groups(differences, long)
    inside, outside = differences[0, long], differences[0, ~long]
    assert effect.difference == pytest.approx(inside.mean() - outside.mean())
    # one seed: the variance over queries is that within the groups, as in Welch's test
    welch = stats.ttest_ind(inside, outside, equal_var=False)
    assert effect.difference / effect.error(1)[0] == pytest.approx(welch.statistic, rel=0.05)


def test_captions_are_cut_or_above_the_median() -> None:
    some_cut = np.array([80.0] * 25 + [10.0] * 40)
    chosen, name = long_captions(some_cut)
    assert (int(chosen.sum()), name) == (25, "captions that are cut")
    chosen, name = long_captions(np.arange(40.0))
    assert (int(chosen.sum()), name) == (20, "captions of more than 20 tokens")


class Longer(Outcomes):
    """APs by which affinity prompts gain 0.2 on every second query, and nothing on the others."""

    def measured(self, run: object, outcome: str, bits: int, directions: object) -> Measured:
        spec = run.spec  # type: ignore[attr-defined]
        rng = np.random.default_rng([spec.seed, len(spec.ablations)])
        gain = 0.2 * (np.arange(60) % 2) * (not spec.ablations)
        return Measured(0.5 + gain + rng.normal(0, 0.02, 60), tuple(map(str, range(60))))


def test_prompts_that_help_on_long_captions_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = find("prompthash-caption-length")
    planned = plan(study, {}, tmp_path, quick=True)
    runs = [scored(tmp_path, spec, names=["mAP@all"]) for spec in planned.specs]
    monkeypatch.setattr(
        caption_length, "caption_tokens", lambda *_: 10.0 + 5 * (np.arange(60.0) % 2)
    )
    material = Material(planned.specs, collect(runs).finished, Longer(), tmp_path)
    (analysis,) = read(study.path).content.analyse
    from hashbench.studies import analyses

    made = analyses.check(analysis, "").analyse(material)
    (finding,) = corrected(made.findings)
    assert finding.reading is Reading.SHOWN
    assert finding.effect is not None
    assert finding.effect.difference == pytest.approx(0.2, abs=0.02)
    assert [row[1].text for row in made.grids[0].rows] == ["30", "30"]
    assert "0.0% of the captions are longer than 77" in made.grids[0].notes[0]


def test_tokens_are_those_of_the_queries_captions(tmp_path: Path) -> None:
    from hashbench.backbones.token_count import count_tokens

    (spec, *_) = plan(find("prompthash-caption-length"), {}, tmp_path, quick=True).specs
    run = collect([scored(tmp_path, spec, names=["mAP@all"])]).finished[0]
    dataset = catalog.load(CARD.entry)(tmp_path, spec.dataset.params)
    queries = (dataset.ids[7], dataset.ids[3])
    material = Material([spec], [run], Outcomes(), tmp_path)
    expected = count_tokens([dataset.captions[7][0], dataset.captions[3][0]])
    assert caption_length.caption_tokens(run, queries, material).tolist() == expected.tolist()
