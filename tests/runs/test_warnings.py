"""The rules of warnings as functions of events: when they speak, and the same on replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hashbench.report.narration import narrate
from hashbench.runs import events
from hashbench.runs.events import AnyEvent, StagePlan
from hashbench.runs.state import RunState, fold
from hashbench.runs.state_reader import read_ended_state
from hashbench.runs.tailer import read_all
from hashbench.runs.warning_rules import RULES
from hashbench.runs.warnings import WarningFold, rule_names, warnings_in
from hashbench.runs.writer import EventWriter
from tests.tui import fixtures

EPOCHS = 8
PLAN = events.Planned(stages=(StagePlan("hash", "Hash", EPOCHS, 10),))
BESIDE = {"image-to-label mAP (random)": 0.5, "gradient norm of fusion": 1.0}
"""What some rules hold their figure against."""

GOOD_AND_BAD: dict[str, tuple[list[float], list[float]]] = {
    "phi1-plateau": ([0.7, 0.6, 0.5, 0.4], [0.70, 0.69, 0.70, 0.69]),
    "weak-teacher": ([0.9], [0.55]),
    "text-not-following": ([0.5, 0.45, 0.4, 0.3, 0.2], [0.5, 0.5, 0.49, 0.47, 0.5]),
    "semantic-drift": ([0.5, 0.8, 0.75, 0.76, 0.77], [0.5, 0.8, 0.7, 0.65, 0.6]),
    "code-collapse": ([0.9, 0.1, 0.1], [0.6, 0.7, 0.9]),
    "constant-bits": ([0.6, 0.2, 0.2], [0.6, 0.6, 0.7]),
    "recovery-precision-falling": ([0.7, 0.8, 0.78], [0.8, 0.75, 0.65]),
    "prompt-drift": ([0.1, 0.5], [1.0, 5.0]),
    "vanishing-state-space": ([1e-2, 1e-2, 1e-2], [1e-5, 1e-6, 0.0]),
    "gate-stuck": ([0.5, 0.49, 0.48, 0.47], [0.5, 0.5005, 0.501, 0.5]),
}


def event_of(figure: str, epoch: int, value: float) -> AnyEvent:
    """The event in which a figure comes."""
    match figure:
        case "validation mAP":
            scores = {"i2t:mAP@all @32": value, "t2i:mAP@all @32": value}
            return events.Scores(stage="hash", epoch=epoch, on="validation", values=scores)
        case "recovery precision":
            return events.Recovery(stage="hash", epoch=epoch, values={"precision": value})
        case "Phi1":
            return events.EpochEnded(stage="hash", epoch=epoch, values={figure: value}, seconds=1.0)
        case _:
            return events.Monitors(stage="hash", epoch=epoch, values={**BESIDE, figure: value})


def stream(figure: str, values: list[float]) -> Iterator[AnyEvent]:
    """One figure over epochs, numbered as a writer numbers events."""
    sequence = [PLAN, *(event_of(figure, epoch, value) for epoch, value in enumerate(values))]
    for number, event in enumerate(sequence):
        yield msgspec.structs.replace(event, seq=number, t=float(number))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_speaks_of_bad_values_once_and_not_of_good_ones(rule) -> None:
    good, bad = GOOD_AND_BAD[rule.name]
    figure = rule.figures[0]
    assert fold(stream(figure, good)).warned.warnings == []
    (warning,) = fold(stream(figure, [*bad, *bad])).warned.warnings
    assert (warning.rule, warning.figure, warning.stage) == (rule.name, figure, "hash")
    assert warning.t == warning.seq == warning.epoch + 1
    assert rule.broken(warning.value)
    assert "{" not in warning.text
    assert warning.advice


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_that_turns_bad_at_last_speaks_then(rule) -> None:
    good, bad = GOOD_AND_BAD[rule.name]
    if rule.name in ("phi1-plateau", "gate-stuck"):
        pytest.skip("it reads how far a figure has come since its beginning")
    (warning,) = fold(stream(rule.figures[0], [*good, *bad])).warned.warnings
    assert warning.epoch >= len(good)


def test_epochs_done_again_after_a_resume_count_once() -> None:
    values = [0.6, 0.6]  # two bad epochs are too few
    sequence = list(stream("constant bits", values))
    again = [event_of("constant bits", epoch, 0.6) for epoch in (0, 1)]
    assert fold([*sequence, *again]).warned.warnings == []
    third = event_of("constant bits", 2, 0.6)
    assert rule_names(fold([*sequence, *again, third]).warned.warnings) == ("constant-bits",)


def test_a_number_that_is_none_and_a_stage_without_a_plan_say_nothing_wrong() -> None:
    warned = WarningFold()
    for epoch in range(5):
        warned.add(event_of("constant bits", epoch, float("nan")))
    assert warned.warnings == []
    for epoch in range(5):
        warned.add(event_of("sign disagreement", epoch, 0.5))
    assert rule_names(warned.warnings) == ("text-not-following",)


def test_the_end_of_a_run_holds_what_was_warned_of(tmp_path: Path) -> None:
    """So that a list of thousands reads no more than the end; and a replay says the same."""
    path = tmp_path / "events.jsonl"
    # so much before and after that neither head nor tail holds the middle
    much = [events.Loss(stage="hash", epoch=5, step=n, values={"total": 1.0}) for n in range(700)]
    with EventWriter(path) as writer:
        writer.write(fixtures.started(alive=False))
        for event in (*much, *stream("constant bits", [0.9] * 4), *much):
            writer.write(event)
        writer.write(events.Stopped(reason="asked to stop"))
    ended = read_ended_state(path)
    assert ended is not None
    assert ended.warned.warnings == []  # only head and tail were read
    assert ended.warnings == ("constant-bits",)
    assert warnings_in(path) == fold(read_all(path)).warned.warnings
    assert rule_names(warnings_in(path)) == ended.warnings


def test_a_warning_is_narrated_where_it_came_up() -> None:
    state, lines = RunState(), []
    for event in stream("constant bits", [0.9, 0.9, 0.9, 0.9]):
        state.add(event)
        lines += narrate(event, state)
    warned = [line for line in lines if line.level == "warning"]
    assert len(warned) == 2
    assert warned[0].text.startswith("warning constant-bits (hash epoch 3): 90% of the bits")
    assert warned[1].text.startswith("  try: ")
