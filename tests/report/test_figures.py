"""The numbers of figures: against tables, naive references and planted effects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy.stats import rankdata, t

from hashbench.codefiles.native import read_code_file
from hashbench.errors import InputError, UnknownNameError
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.ranking import evaluate
from hashbench.report.comparison import compare
from hashbench.report.figures import ranks, scores
from hashbench.report.figures.catalog import KINDS, PlotOptions, figure
from hashbench.report.figures.curves import per_class
from hashbench.report.figures.figure import CSV_HEADER, Figure, as_values, records
from hashbench.report.figures.groups import seed_interval
from hashbench.report.figures.terminal import rendered
from hashbench.report.figures.tsne import _gradient, _joint, embed
from hashbench.report.rows import Collected, collect
from hashbench.report.tables import for_json
from hashbench.runs import events, layout
from hashbench.runs.events import StagePlan
from tests.report.scored_runs import labels, scored_run
from tests.tui.fixtures import write_events

PLAN = events.Planned(stages=(StagePlan("teacher", "", 2, 3), StagePlan("student", "", 3, 3)))


def history(run: layout.RunFolder, offset: float, epochs: int = 3) -> None:
    """Losses of both stages; scores and recoveries of the second."""
    sequence: list[events.AnyEvent] = [PLAN]
    for stage, count in (("teacher", 2), ("student", epochs)):
        for epoch in range(count):
            values = {"total": 1.0 + offset - epoch / 10, "Phi1": 0.5}
            sequence += [
                events.Loss(stage=stage, epoch=epoch, step=1, values={"total": 99.0}),
                events.EpochEnded(stage=stage, epoch=epoch, values=values, seconds=1.0),
            ]
            if stage == "student":
                score = {"i2t:mAP@all @16": 0.5 + offset, "t2i:mAP@all @16": 0.4}
                found = {"precision": 0.9, "recall": 0.2 + offset, "added": 7.0}
                sequence += [
                    events.Scores(stage=stage, epoch=epoch, on="validation", values=score),
                    events.Recovery(stage=stage, epoch=epoch, values=found),
                ]
    write_events(run, sequence)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    """Two methods, two lengths, three seeds, an alpha, and a run under the published protocol."""
    folder = tmp_path_factory.mktemp("runs")
    for bits in (16, 32):
        for seed in range(3):
            good = scored_run(folder, noise=0.05, method=["soda"], bits=(bits,), seed=[seed])
            history(good, seed / 10, epochs=2 if seed == 2 else 3)
            scored_run(folder, noise=0.3, method=["lsh"], bits=(bits,), seed=[seed])
    for seed in range(3):
        weak = {"alpha": 0.01}
        scored_run(folder, noise=0.2, method=["soda"], bits=(16,), seed=[seed], set=weak)
    scored_run(folder, method=["oracle"], bits=(16,), protocol=["published"])
    return collect(layout.find(folder))


def only(runs: Collected, keep: Callable[[str], bool]) -> Collected:
    """The runs whose spec, as text, is kept."""
    named = [
        (one, f"{one.spec.method} {one.spec.bits_label} {one.spec.params.get('alpha')}")
        for one in runs.finished
    ]
    return Collected([one for one, text in named if keep(text)])


def drawn(kind: str, runs: Collected, **options: object) -> Figure:
    return figure(kind, runs, PlotOptions(**options))  # type: ignore[arg-type]


@given(st.lists(st.floats(0.2, 0.8), min_size=2, max_size=6))
def test_intervals_over_seeds_are_students(values: list[float]) -> None:
    mean, low, high = seed_interval(values, share=False)
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = float(t.ppf(0.975, len(values) - 1)) * error
    assert (mean, low, high) == pytest.approx((np.mean(values), mean - half, mean + half))
    assert seed_interval(values, share=True)[1:] == pytest.approx((max(0, low), min(1, high)))
    assert seed_interval(values[:1], share=True) == (values[0],) * 3


def test_map_over_bits_is_what_tables_say(runs: Collected) -> None:
    shown = drawn("map-over-bits", runs)
    strict, published = compare(runs.finished)
    if strict.condition.protocol == "published":
        strict, published = published, strict
    panel = next(one for one in shown.panels if one.title == "text to image (1)")
    lines = {one.name: one for one in panel.series}
    row = next(row for row in strict.rows if row.variant.method == "lsh")
    assert lines["lsh"].xs == (16.0, 32.0)
    assert lines["lsh"].ys == tuple(row.cells[bits, "t2i"].mean for bits in (16, 32))
    assert lines["lsh"].runs == 3
    assert lines["random codes"].ys == tuple(strict.floor.by_bits[bits] for bits in (16, 32))
    assert "oracle !" in shown.names
    assert any(note.startswith("oracle !: PUBLISHED PROTOCOL") for note in shown.notes)
    assert any("differs in protocol" in note for note in shown.notes)


def test_a_parameter_is_drawn_over_its_values(runs: Collected) -> None:
    soda = only(runs, lambda text: text.startswith("soda 16"))
    shown = drawn("parameter", soda, over="alpha")
    (line,) = shown.panels[0].series
    (table,) = compare(soda.finished)
    by_changes = {row.variant.changes: row.cells[16, "i2t"].mean for row in table.rows}
    assert line.name == "soda"
    assert line.ys == (by_changes["alpha=0.01"], by_changes[""])
    assert shown.panels[0].x.base == 10
    assert [text for _, text in shown.panels[0].x.ticks] == ["0.01", "1"]
    assert drawn("parameter", soda) == shown  # nothing else varies
    with pytest.raises(InputError, match=r"differ in beta.*\n.*alpha"):
        drawn("parameter", soda, over="beta")
    with pytest.raises(UnknownNameError, match="alpha"):
        drawn("parameter", soda, over="alhpa")
    with pytest.raises(InputError, match="--over"):
        drawn("losses", soda, over="alpha")


def test_words_are_categories_and_an_ablation_of_one_parameter_is_its_value(
    tmp_path: Path,
) -> None:
    requests = ({}, {"ablate": ["bare-names"]}, {"set": {"template": "Look: {}!"}},
                {"ablate": ["no-prompt"]})  # fmt: skip
    for number, request in enumerate(requests):
        noise = 0.1 + 0.02 * number
        scored_run(tmp_path, noise=noise, second=number, method=["soda"], **request)
    shown = drawn("parameter", collect(layout.find(tmp_path)), over="template")
    panel = shown.panels[0]
    (series,) = panel.series
    assert (panel.form, panel.x.label, series.name) == ("dots", "mAP@all", "soda")
    assert [text for _, text in panel.y.ticks] == ["An image of {}.", "Look: {}!", "{}"]
    assert series.xs == (0.0, 1.0, 2.0)
    assert series.ys[0] > series.ys[2] > series.ys[1]
    assert any("soda no-prompt" in note for note in shown.notes)


def test_methods_with_one_value_of_a_parameter_are_left_out(runs: Collected) -> None:
    other = only(runs, lambda text: text.startswith(("soda 16", "soda 32")))
    shown = drawn("parameter", other, over="alpha")
    assert [panel.title for panel in shown.panels] == ["image to text, 16 bits",
                                                       "text to image, 16 bits"]  # fmt: skip


def test_precision_within_a_radius_is_the_naive_one(runs: Collected) -> None:
    lsh = only(runs, lambda text: text.startswith("lsh 16"))
    shown = drawn("precision-radius", lsh)
    (line,) = shown.panels[0].series
    precisions, recalls = [], []
    for one in lsh.finished:
        codes = read_code_file(one.run.codes / "16.npz")
        query, database = (side.to_bools() for side in codes.sides("i2t"))
        near = (query[:, None] != database).sum(axis=2) <= 3
        parts = labels()
        relevant = (parts[0][:, None] & parts[1]).any(axis=2)
        counted = relevant.any(axis=1)
        hits, ball = (near & relevant).sum(axis=1), near.sum(axis=1)
        filled = counted & (ball > 0)
        precisions.append((hits[filled] / ball[filled]).mean())
        recalls.append((hits[counted] / relevant.sum(axis=1)[counted]).mean())
    assert line.ys[line.xs.index(3.0)] == pytest.approx(np.mean(precisions))
    over_recall = drawn("precision-recall", lsh).panels[0].series[0]
    assert over_recall.ys == line.ys
    assert any(x == pytest.approx(np.mean(recalls)) for x in over_recall.xs)


def test_ap_by_class_is_the_mean_over_its_queries(runs: Collected) -> None:
    lsh = only(runs, lambda text: text.startswith("lsh 16"))
    panel = per_class(lsh).panels[0]
    values = []
    for one in lsh.finished:
        codes = read_code_file(one.run.codes / "16.npz")
        sides = (*codes.sides("i2t"), codes.query_labels, codes.database_labels)
        values.append(evaluate(*sides, [parse_metric("mAP@all")])[0].per_query)
    mean = np.mean(values, axis=0)
    members = labels()[0] & np.isfinite(mean)[:, None]
    counts = members.sum(axis=0)
    assert [text for _, text in panel.y.ticks] == [
        f"{column} ({counts[column]})" for column in np.argsort(-counts, kind="stable")
    ]
    (bars,) = panel.series
    for place, column in enumerate(np.argsort(-counts, kind="stable")):
        assert bars.ys[place] == pytest.approx(mean[members[:, column]].mean())
        assert bars.low[place] <= bars.ys[place] <= bars.high[place]
        assert bars.low[place] < bars.high[place]


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=5))
def test_ranks_are_those_of_scipy(values: list[list[int]]) -> None:
    array = np.array(values, float)
    assert ranks.ranks(array).tolist() == rankdata(-array, axis=0).tolist()


def test_an_order_that_is_sure_is_stable_and_one_of_equals_is_not(runs: Collected) -> None:
    sure = ranks.rank_stability(only(runs, lambda t: t in ("soda 16 1.0", "lsh 16 None")).finished,
                                "mAP@all")  # fmt: skip
    (queries, seeds) = sure.panels[0].series
    assert queries.ys == queries.low == queries.high == (1.0, 2.0)
    assert seeds.ys == (1.0, 2.0)
    assert sure.notes[0] == (
        "image to text, 16 bits: 100% of the resamples have this order, and 3 of 3 seeds"
    )
    # the same codes under another name: every order of the two is a tie
    one = only(runs, lambda text: text == "soda 16 1.0").finished
    twin = [dataclasses.replace(run, spec=scores._without(run, "alpha").spec) for run in one]
    renamed = [dataclasses.replace(run, spec=_with_beta(run.spec)) for run in twin]
    tied = ranks.rank_stability([*one, *renamed], "mAP@all").panels[0].series[0]
    assert tied.ys == (1.5, 1.5)
    with pytest.raises(InputError, match="no two methods"):
        ranks.rank_stability(one, "mAP@all")


def _with_beta(spec: object) -> object:
    import msgspec

    return msgspec.structs.replace(spec, params={**spec.params, "beta": 9.0})  # type: ignore[attr-defined, type-var]


def test_histories_are_means_over_the_epochs_that_all_seeds_have(runs: Collected) -> None:
    soda = only(runs, lambda text: text == "soda 16 1.0")
    shown = drawn("losses", soda)
    teacher, student = shown.panels
    assert [panel.title for panel in shown.panels] == ["stage teacher", "stage student"]
    total = next(one for one in student.series if one.name == "total")
    assert total.xs == (1.0, 2.0)  # one seed ended after two epochs
    assert total.ys == pytest.approx((1.1, 1.0))  # single steps, with their 99, do not count
    assert {one.name for one in teacher.series} == {"total", "Phi1"}
    epochs = drawn("map-over-epochs", soda)
    assert epochs.panels[0].title == "image to text"
    assert epochs.panels[0].marks == ((2.0, "student"),)
    assert epochs.panels[0].series[0].xs == (3.0, 4.0)
    assert epochs.panels[0].series[0].ys == pytest.approx((0.6, 0.6))
    recovered = drawn("recovery", soda)
    recall = next(one for one in recovered.panels[0].series if one.name == "recall")
    assert recall.ys == pytest.approx((0.3, 0.3))
    both = drawn("losses", only(runs, lambda text: text.startswith("soda")))
    assert set(both.names) == {"soda 16 bits", "soda 32 bits"}
    with pytest.raises(InputError, match="recovers labels"):
        drawn("recovery", only(runs, lambda text: text.startswith("lsh")))


def test_t_sne_follows_its_own_gradient_and_keeps_clusters_apart() -> None:
    draw = np.random.default_rng(3)
    points = np.concatenate([draw.normal(place, 0.3, (15, 4)) for place in (0, 4, 8)])
    squared = ((points[:, None] - points) ** 2).sum(axis=2)
    joint = _joint(squared, 5.0)
    assert joint.sum() == pytest.approx(1, abs=1e-6)

    def divergence(places: np.ndarray) -> float:
        near = 1 / (1 + ((places[:, None] - places) ** 2).sum(axis=2))
        np.fill_diagonal(near, 0)
        share = np.maximum(near / near.sum(), 1e-300)
        off = ~np.eye(len(places), dtype=bool)
        return float((joint * np.log(joint / share))[off].sum())

    places = draw.normal(size=(45, 2))
    step = np.zeros_like(places)
    step[7, 1] = 1e-5
    slope = (divergence(places + step) - divergence(places - step)) / 2e-5
    assert _gradient(joint, places)[7, 1] == pytest.approx(slope, rel=1e-3)

    embedded = embed(squared, seed=0, perplexity=5.0)
    assert np.array_equal(embedded, embed(squared, seed=0, perplexity=5.0))
    assert not np.array_equal(embedded, embed(squared, seed=1, perplexity=5.0))
    distance = ((embedded[:, None] - embedded) ** 2).sum(axis=2) + 1e9 * np.eye(45)
    assert (distance.argmin(axis=1) // 15 == np.arange(45) // 15).all()


def test_t_sne_draws_items_of_one_frequent_class(runs: Collected) -> None:
    soda = only(runs, lambda text: text == "soda 16 1.0")
    shown = drawn("t-sne", soda)
    assert [panel.title for panel in shown.panels] == ["soda, image", "soda, text"]
    database = labels()[1]
    counts = (database.sum(axis=1) == 1).sum()
    assert sum(len(one.xs) for one in shown.panels[0].series) == counts


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"attention", "machine"}))  # tested apart
def test_every_figure_fits_a_terminal_and_a_file_of_numbers(kind: str, runs: Collected) -> None:
    some = only(runs, lambda text: text.startswith(("soda 16", "lsh 16")))
    shown = drawn(kind, some, over="alpha" if kind == "parameter" else "")
    console = Console(width=80, record=True, no_color=True)
    console.print(rendered(shown, 80))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert shown.panels[0].title in text
    if len(shown.names) > 1:
        for place, name in enumerate(shown.names):
            assert f"{chr(ord('a') + place)} {name}" in " ".join(text.split())
    rows = records(shown)
    assert len(rows) == sum(len(one.xs) for panel in shown.panels for one in panel.series)
    assert all(tuple(row) == CSV_HEADER for row in rows)
    assert for_json(as_values(shown))
    assert len(shown.runs) == len(set(shown.runs)) >= 3


@pytest.mark.parametrize("kind", ["t-sne", "rank-stability", "precision-recall", "per-class"])
def test_what_takes_long_tells_how_far_it_is(kind: str, runs: Collected) -> None:
    some = only(runs, lambda text: text.startswith(("soda 16", "lsh 16")))
    told: list[float] = []
    figure(kind, some, PlotOptions(), lambda done, total: told.append(done / total))
    assert len(told) > 1
    assert told == sorted(told)
    assert 0.7 <= told[-1] <= 1


def test_a_kind_that_is_none_is_answered_with_the_nearest(runs: Collected) -> None:
    with pytest.raises(UnknownNameError, match="did you mean losses"):
        drawn("loses", runs)


def test_folders_without_runs_are_told(tmp_path: Path) -> None:
    for kind in ("losses", "map-over-bits", "t-sne"):
        with pytest.raises(InputError, match="there is no"):
            drawn(kind, collect(layout.find(tmp_path)))
