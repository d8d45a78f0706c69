"""A metric's name says all its conventions and parses back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.errors import InputError, UnknownNameError
from hashbench.metrics import catalog
from hashbench.metrics.metric import OPTIONS, Metric, parse_metric, parse_metrics
from hashbench.metrics.paper_conventions import PROFILES, profile
from hashbench.plan.directions import DIRECTIONS


@st.composite
def any_fields(draw: st.DrawFn) -> dict[str, object]:
    card = draw(st.sampled_from(list(catalog.measures().values())))
    own = [(option.name, draw(st.sampled_from(option.values))) for option in card.options]
    return {
        "measure": card.name,
        "cut": draw(st.sampled_from(["all", "rank", "first", "radius"])),
        "number": draw(st.integers(0, 9999)),
        "own": tuple(own[: draw(st.integers(0, len(own)))]),
        "direction": draw(st.sampled_from(["", *DIRECTIONS])),
        **{option: draw(st.sampled_from(values)) for option, values in OPTIONS.items()},
    }


@given(any_fields())
def test_names_round_trip_and_contradictions_are_input_errors(fields):
    try:
        metric = Metric(**fields)
    except InputError:
        return
    assert parse_metric(str(metric)) == metric
    assert parse_metrics(f"{metric}, {metric} P@1,{metric}")[-1] == metric


@given(st.text(alphabet="mAPRnDCG@all0159/hitsfr(),=:tie ", max_size=25))
def test_any_text_is_a_metric_or_an_input_error(text):
    try:
        metric = parse_metric(text)
    except InputError:
        return
    assert parse_metric(str(metric)) == metric


@pytest.mark.parametrize("name", [*catalog.examples(), *catalog.reported()])
def test_examples_print_as_they_are_written(name):
    assert str(parse_metric(name)) == name


def test_conventions_are_read_off_the_name():
    assert parse_metric("i2t:mAP@50/hits(tie=index,empty=zero)") == Metric(
        "mAP", "rank", 50, "index", "zero", own=(("denominator", "hits"),), direction="i2t"
    )
    assert parse_metric("map@ALL ( )".replace(" ", "")) == Metric("mAP")
    assert parse_metric("p@R2") == Metric("P", "radius", 2)
    assert str(Metric("nDCG", "rank", 10, own=(("gain", "exp"),))) == "nDCG@10(gain=exp)"
    assert parse_metric("NDCG@10(Gain=Linear)") == Metric("nDCG", "rank", 10)
    assert str(Metric("mAP", distance="adsh").with_tie("index")) == (
        "mAP@all(tie=index,distance=adsh)"
    )
    assert not Metric("P", "radius", 2).has_ties


def test_lists_split_outside_parentheses_only():
    names = [str(m) for m in parse_metrics("mAP@all(tie=index, empty=zero), P@5  R@r2")]
    assert names == ["mAP@all(tie=index,empty=zero)", "P@5", "R@r2"]
    with pytest.raises(InputError, match="no metric"):
        parse_metrics(" , ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mAP@al", "did you mean mAP@all"),
        ("NDCG", "did you mean nDCG@"),
        ("mAP", "did you mean"),
        ("mAP@all5", "metric"),
        ("mAP@first", "metric"),
        ("F1@5", "metric"),
        ("mAP@all(tie=lucky)", "expected, index, best, worst"),
        ("mAP@all(ties=index)", "did you mean tie"),
        ("mAP@all(tie=index,tie=best)", "twice"),
        ("mAP@all(tie)", "tie rule"),
        ("mAP@all/hits", "does not go with this cut-off\n.*mAP@50/hits"),
        ("mAP@5/hots", "has no /hots"),
        ("P@5/hits", "P has no /hits\n.*mAP@50/hits"),
        ("mAP@0", "at least 1"),
        ("P@all", "valid: P@100, P@r2"),
        ("mAP@r2", "valid: mAP@all"),
        ("nDCG@first3", "valid: nDCG@100"),
        ("P@r2(tie=index)", "no tie rule"),
        ("mAP@all(gain=exp)", "no option of mAP named 'gain'"),
        ("x2t:mAP@all", "direction"),
    ],
)
def test_unknown_and_contradictory_names_say_what_is_valid(name, message):
    with pytest.raises(InputError, match=message):
        parse_metric(name)


def test_profiles_name_their_conventions():
    for name, conventions in PROFILES.items():
        assert profile(name.upper()) is conventions
        assert conventions.name == name
        assert parse_metric(str(conventions.metric)) == conventions.metric
        assert conventions.metric.tie == "index"  # no code base averages over ties
        assert conventions.source
        assert conventions.notes
    needed = {"prompthash", "pcril", "pghmh", "dcmht", "torchcmh", "mith", "twdh", "adsh"}
    assert needed <= set(PROFILES)
    assert str(profile("twdh").metric) == "mAP@first5000(tie=index,empty=zero)"
    with pytest.raises(UnknownNameError, match="did you mean prompthash"):
        profile("promthash")
