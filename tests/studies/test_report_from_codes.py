"""`hashbench study report` on run folders: its verdict is that of their codes, at the promised rate
of errors. Codes are written, not trained; nothing between them and the report is left out.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from hashbench.plan import spec as specs
from hashbench.report.effects import Effect
from hashbench.runs import events, layout
from hashbench.runs.writer import EventWriter
from hashbench.studies.runs import plan
from hashbench.studies.study import read
from tests.cli.conftest import Command, run_main  # noqa: F401  # the fixture
from tests.report.scored_runs import scored

STUDY = """
question = "Does SODA need its teacher?"
source = "nowhere"

[base]
dataset = "picturebook-tiny"
method = "soda"
bits = 16
seed = [0, 1, 2]

[[grid]]
ablate = [[], ["no-teacher"]]

[[compare]]
claim = "A teacher helps"
rows = { ablate = [] }
against = { ablate = ["no-teacher"] }
"""
REPETITIONS = 40


@pytest.fixture
def report(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_main: Command,  # noqa: F811
) -> Callable[[Path], dict[str, Any]]:
    """The JSON of `study report` on the runs in a folder."""
    monkeypatch.setenv("HASHBENCH_DATA", str(tmp_path / "data"))
    file = tmp_path / "own.toml"
    file.write_text(STUDY)

    def call(folder: Path) -> dict[str, Any]:
        words = ("study", "report", str(file), "--no-figures", "--json")
        code, out, err = run_main(*words, "--runs-dir", str(folder))
        assert code == 0, err
        answer: dict[str, Any] = json.loads(out)
        assert answer["missing"] == answer["changed"] == 0
        return answer

    return call


def write_runs(tmp_path: Path, name: str, noise: tuple[float, float], first: int) -> Path:
    """Finished runs whose codes are the labels with a share of the bits flipped: `noise` of runs
    with a teacher, and without. `first` seeds their codes, a different one each.
    """
    folder = tmp_path / name
    (tmp_path / "own.toml").write_text(STUDY)
    planned = plan(read(tmp_path / "own.toml"), {}, tmp_path)
    for number, spec in enumerate(planned.specs):
        flipped = noise[bool(spec.ablations)]
        run = scored(folder, spec, noise=flipped, draw=first + number, names=["mAP@all"])
        with EventWriter(run.events) as writer:
            writer.write(events.Finished(seconds=1.0))
    return folder


def expected_ap(distances: list[int], relevant: list[bool]) -> float | None:
    """AP with every order of equally distant items equally likely, one rank after the other."""
    total = sum(relevant)
    if not total:
        return None
    ap, before, found = 0.0, 0, 0
    for distance in sorted(set(distances)):
        tied = [hit for far, hit in zip(distances, relevant, strict=True) if far == distance]
        n, r = len(tied), sum(tied)
        for rank in range(1, n + 1):
            # a hit stands here with probability r / n, behind that many others of its tie
            others = (rank - 1) * (r - 1) / (n - 1) if n > 1 else 0.0
            ap += r / n * (found + others + 1) / (before + rank)
        before, found = before + n, found + r
    return ap / total


def naive_aps(run: layout.RunFolder) -> list[float]:
    """The mean AP over both directions of each query that has one, from the file of codes alone."""
    with np.load(run.codes / "16.npz") as file:
        part = {name: [int(row[0]) for row in file[name]] for name in file if "_" in name
                and not name.endswith(("ids", "names"))}  # fmt: skip
    means = []
    for query, labels in enumerate(part["query_labels"]):
        relevant = [bool(labels & other) for other in part["database_labels"]]
        both = [
            expected_ap([(part[q][query] ^ code).bit_count() for code in part[d]], relevant)
            for q, d in (("query_image", "database_text"), ("query_text", "database_image"))
        ]
        means += [statistics.fmean(ap for ap in both if ap is not None)] if any(relevant) else []
    return means


def test_a_verdict_is_that_of_the_codes_in_the_run_folders(
    tmp_path: Path, report: Callable[[Path], dict[str, Any]]
) -> None:
    folder = write_runs(tmp_path, "runs", (0.2, 0.23), 100)
    answer = report(folder)
    aps: dict[tuple[bool, int], list[float]] = {}
    for run in layout.find(folder):
        spec = specs.read(run.spec)
        aps[bool(spec.ablations), spec.seed] = naive_aps(run)
    d = [
        [with_ - without for with_, without in zip(aps[False, s], aps[True, s], strict=True)]
        for s in (0, 1, 2)
    ]
    S, Q = len(d), len(d[0])
    by_seed = [statistics.fmean(row) for row in d]
    by_query = [statistics.fmean(row[q] for row in d) for q in range(Q)]
    mean = statistics.fmean(by_seed)
    rest = sum(
        (d[s][q] - by_seed[s] - by_query[q] + mean) ** 2 for s in range(S) for q in range(Q)
    ) / ((S - 1) * (Q - 1))
    of_seeds, of_queries = Q * statistics.variance(by_seed), S * statistics.variance(by_query)
    shared = max(of_queries - rest, 0.0)
    likely = of_seeds * (S - 1) / stats.chi2.ppf(0.25, S - 1)
    freedom = (likely + shared) ** 2 / (likely**2 / (S - 1) + shared**2 / (Q - 1))
    error = math.sqrt((of_seeds + shared) / (S * Q))
    half = error * stats.t.ppf(0.975, freedom)
    p = 2 * stats.t.sf(abs(mean) / error, freedom)
    (finding,) = answer["findings"]
    assert finding["reading"] == ("shown" if mean - half > 0 and p < 0.05 else "not shown")
    p_text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    assert answer["verdict"].startswith(
        f"A teacher helps: {'shown' if mean > half else 'no difference could be shown'}: "
        f"{100 * mean:+.2f} points of mAP@all (95 % interval {100 * (mean - half):+.2f} to "
        f"{100 * (mean + half):+.2f}, {p_text}), {S} seeds, {Q} queries; equal: "
    )


@pytest.mark.slow  # 480 run folders are written, scored and read
def test_of_forty_reports_as_many_claim_an_effect_as_is_promised(
    tmp_path: Path, report: Callable[[Path], dict[str, Any]]
) -> None:
    found: dict[str, list[dict[str, Any]]] = {"none": [], "planted": []}
    for number in range(REPETITIONS):
        for name, other in (("none", 0.2), ("planted", 0.26)):
            folder = write_runs(tmp_path, f"{name}{number}", (0.2, other), 1000 + 10 * number)
            found[name] += report(folder)["findings"]
    readings = {name: [one["reading"] for one in findings] for name, findings in found.items()}
    effects = {name: [Effect(**one["effect"]) for one in all_] for name, all_ in found.items()}
    # what is as rare as one in a hundred does not happen with these draws
    false = sum(reading != "not shown" for reading in readings["none"])
    assert false <= stats.binom.ppf(0.99, REPETITIONS, 0.05), readings["none"]
    size = statistics.fmean(effect.difference for effect in effects["planted"])
    for name, true in (("none", 0.0), ("planted", size)):
        within = sum((one.low or 0) <= true <= (one.high or 0) for one in effects[name])
        assert within >= stats.binom.ppf(0.01, REPETITIONS, 0.95), name
    # reports say how large an effect has to be to be seen four times of five; this one is larger
    assert size > statistics.median(effect.smallest() for effect in effects["planted"])
    promised = statistics.fmean(effect.power(size, effect.seeds) for effect in effects["planted"])
    shown = readings["planted"].count("shown")
    assert shown >= stats.binom.ppf(0.01, REPETITIONS, max(promised, 0.8)), (shown, promised)
