"""Packaged studies and files of one's own: every one can run, and wrong ones say what is wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hashbench.backbones.preflight import check_inputs
from hashbench.errors import HashbenchError, InputError
from hashbench.plan import sweep
from hashbench.plan.spec import RunSpec
from hashbench.report.figures.scores import varied
from hashbench.studies import catalog
from hashbench.studies.cost import cost, kind_of
from hashbench.studies.runs import plan
from hashbench.studies.study import Study, read

STUDIES = catalog.studies()
OWN = """
question = "Does SODA need a label prompt?"
source = "mine"
[base]
dataset = "picturebook-tiny"
seed = [0, 1, 2]
[[grid]]
ablate = [[], ["no-prompt"]]
[[compare]]
claim = "It does"
rows = { ablate = [] }
against = { ablate = ["no-prompt"] }
"""


def own(folder: Path, text: str = OWN) -> Study:
    (folder / "own.toml").write_text(text)
    return read(folder / "own.toml")


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_every_study_can_run(study: Study, quick: bool, tmp_path: Path) -> None:
    planned = plan(study, {}, tmp_path, quick=quick)
    check_inputs(planned.specs, tmp_path, fetch=False)  # all on built-in data
    content = study.content
    claims = {one.comparison.claim for one in planned.contrasts}
    assert claims == {one.claim for one in content.compare}
    for contrast in planned.contrasts:
        # a claim needs three seeds, with --quick as well
        assert len({pair.seed for pair in contrast.pairs}) >= 3, contrast.label
    if quick:
        assert {spec.dataset.name for spec in planned.specs} == {"picturebook-tiny"}
        assert len(planned.to_run) <= 36
    for rows in [*(one.rows for one in content.values), *(one.rows for one in content.figure)]:
        assert any(sweep.matches(spec, rows) for spec in planned.specs)


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_figures_over_a_parameter_name_one_that_varies(
    study: Study, quick: bool, tmp_path: Path
) -> None:
    planned = plan(study, {}, tmp_path, quick=quick)
    for one in study.content.figure:
        if one.kind == "parameter":
            of_figure = [spec for spec in planned.to_run if sweep.matches(spec, one.rows)]
            runs: Any = [SimpleNamespace(spec=spec) for spec in of_figure]
            assert one.options["over"] in varied(runs)


def test_all_that_the_documents_ask_is_there() -> None:
    assert {study.name for study in STUDIES} >= {
        "soda-alpha", "soda-templates", "soda-teacher", "soda-stages", "soda-backbones",
        "soda-labels", "soda-captions", "pcril-pairs", "pcril-label-sets", "pcril-recovery",
        "pcril-recovered-pairs", "pcril-components", "pcril-prompts", "pcril-search",
        "pcril-margin", "pcril-examples", "pcril-codes", "pcril-attention", "pcril-baselines",
        "prompthash-taap", "prompthash-fusion", "prompthash-weights", "prompthash-prompt-source",
        "prompthash-contrastive", "prompthash-caption-length", "pghmh-levels", "pghmh-missing",
        "pghmh-anchors", "pghmh-bits", "protocols", "bits", "selection", "ties", "power",
    }  # fmt: skip


def test_typed_options_stand_in_place_of_the_files(tmp_path: Path) -> None:
    study = own(tmp_path, OWN + "[quick]\nseed = [7, 8, 9]\nepochs = 1\n")
    plain, quick = plan(study, {}, tmp_path), plan(study, {}, tmp_path, quick=True)
    assert {spec.seed for spec in plain.specs} == {0, 1, 2}
    assert {spec.seed for spec in quick.specs} == {7, 8, 9}
    assert {spec.params["teacher_epochs"] for spec in quick.specs} == {1}
    typed = plan(study, {"seed": [4, 5], "known_ratio": 0.5}, tmp_path, quick=True)
    assert {spec.seed for spec in typed.specs} == {4, 5}
    assert {spec.labels.known_ratio for spec in typed.specs} == {0.5}


def test_bits_and_other_values_that_are_not_compared_are_pooled_or_kept_apart(
    tmp_path: Path,
) -> None:
    study = own(tmp_path, OWN)
    typed = {"bits": [16, 32], "known_ratio": [0.5, 1.0]}
    contrasts = plan(study, typed, tmp_path).contrasts
    assert [len(one.pairs) for one in contrasts] == [6, 6]  # three seeds, two lengths
    for contrast in contrasts:
        for pair in contrast.pairs:
            assert pair.row.labels == pair.against.labels
            assert pair.row.seed == pair.against.seed


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("soda-captions", "soda against caption noise 0.3"),
        ("soda-labels", "noise 0.3 against noise 0.3 no-teacher"),
        ("pcril-components", "ANM PCR against ANM"),
        ("pcril-recovery", "known 0.7 against known 0.3"),
        ("pghmh-bits", "pghmh 32 bits against pghmh 16 bits"),
        ("soda-backbones", "soda against soda scratch-resnet18"),
    ],
)
def test_comparisons_are_named_by_what_differs(name: str, label: str, tmp_path: Path) -> None:
    assert label in [one.label for one in plan(catalog.find(name), {}, tmp_path).contrasts]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("question =", "questions =", "is no study: .*questions"),
        ('claim = "It does"', "", "is no study: .*claim"),
        ("[[compare]]", "[[comparison]]", "comparison"),
        ('against = { ablate = ["no-prompt"] }', "against = { ablat = 1 }", "against.*'ablat'"),
        ("rows = { ablate = [] }", 'rows = { ablate = ["joint"] }', "nothing is left to compare"),
        ('claim = "It does"', 'claim = "x"\noutcome = "mAP@alll"', "no metric named"),
        ('claim = "It does"', 'claim = "x"\noutcome = "loss Phi1"', "loss STAGE NAME"),
        ('claim = "It does"', 'claim = "x"\nmargin = 0.1', "a margin above 0 goes with"),
        ('claim = "It does"', 'claim = "x"\nexpect = "more"', "expect"),
        ('claim = "It does"', 'claim = "x"\ndirections = ["i2x"]', "no direction named"),
        ("[[grid]]", "[[gird]]", "gird"),
        ('ablate = [[], ["no-prompt"]]', 'ablate = [["no-promt"]]', "no-prompt"),
        ("[[compare]]", '[[analyse]]\nkind = "corelation"\n[[compare]]', "correlation"),
        ("[[compare]]", '[[analyse]]\nkind = "power"\noptions = { a = 1 }\n[[compare]]', "power: "),
        ("[[compare]]", '[[figure]]\nkind = "pie"\n[[compare]]', "pie"),
        (OWN[OWN.index("[[compare]]") :], "", "has no rule for a verdict"),
    ],
)
def test_wrong_files_are_told_what_is_wrong(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in OWN
    with pytest.raises(HashbenchError, match=message) as failure:
        plan(own(tmp_path, OWN.replace(old, new, 1)), {}, tmp_path)
    assert failure.value.exit_code == 2
    assert "own.toml" in str(failure.value) or "--ablate" in str(failure.value)


def test_sides_that_differ_in_more_than_the_claim_are_refused(tmp_path: Path) -> None:
    text = OWN.replace(
        'ablate = [[], ["no-prompt"]]',
        'ablate = []\n[[grid]]\nablate = ["no-prompt"]\nknown_ratio = 0.5',
    )
    with pytest.raises(InputError, match=r"differ in more than .*: labels\.known_ratio"):
        plan(own(tmp_path, text), {}, tmp_path)
    study = own(tmp_path, OWN.replace("ablate = [[]", "known_ratio = [0.3, 1.0]\nablate = [[]"))
    with pytest.raises(InputError, match="soda-backbones: --backbone: nothing is left"):
        plan(catalog.find("soda-backbones"), {"backbone": "scratch-resnet18"}, tmp_path)
    assert len(plan(study, {}, tmp_path).contrasts) == 2


def test_a_folder_of_ones_own_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "power.toml").write_text(OWN)
    monkeypatch.setenv(catalog.VARIABLE, str(tmp_path))
    assert catalog.find("power").content.source == "mine"
    assert catalog.find("ties").path.parent == catalog.PACKAGED
    with pytest.raises(InputError, match="did you mean power"):
        catalog.find("powr")
    monkeypatch.setenv(catalog.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="is no folder"):
        catalog.files()


def test_costs_are_measured_once_a_kind(tmp_path: Path) -> None:
    from hashbench.plan.run_estimate import RunEstimate

    planned = plan(own(tmp_path), {}, tmp_path)
    asked: list[RunSpec] = []

    def measure(spec: RunSpec, data_dir: Path) -> RunEstimate:
        asked.append(spec)
        return RunEstimate(
            feature_seconds=10.0, training_seconds=5.0, scoring_seconds=1.0, cache_key="k",
            cache_bytes=100, run_bytes=7, memory_bytes=1,
        )  # fmt: skip

    unknown = cost(planned.specs, [], tmp_path, measuring=False)
    assert (unknown.seconds, unknown.unknown, asked) == (0, 6, [])
    costs = cost(planned.specs, [], tmp_path, measuring=True, measure=measure)
    assert len(asked) == len({kind_of(spec) for spec in planned.specs}) == 1
    assert (costs.seconds, costs.disk, costs.from_measuring) == (10 + 6 * 6, 100 + 6 * 7, 6)
