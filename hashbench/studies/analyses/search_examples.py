"""Searches of labels step by step, with the classes that each step passed over (PCRIL, Fig. 5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hashbench.report.tables import Grid
from hashbench.runs import events
from hashbench.runs.events import RecoveryExample
from hashbench.runs.tailer import read_all
from hashbench.studies.analyses import Analyser, Analysis, Material

SHOWN = 12  # examples of a run; events hold no more
NOTES = (
    "score: similarity of picture and text to the prompt of the set so far, in logits",
    "a class joins where it raises the score by half the margin m or more",
    "stop: the best of the others, which does not",
)


class SearchExamples(Analyser, frozen=True):
    """The worked examples of the first run with any; counts over those of all runs."""

    def analyse(self, material: Material) -> Analysis:
        """A row for each step: the class that joined, its score, and who came next."""
        by_run = {run.run.id: _examples(read_all(run.run.events)) for run in material.finished}
        examples = [example for found in by_run.values() for example in found]
        steps = [(name in one.true) for one in examples for name, _ in one.steps]
        if not steps:
            return Analysis("search examples", "No finished run has recovered a label.")
        leads = [
            score - others[0][1]
            for one in examples
            for (_, score), others in zip(one.steps, one.runners_up, strict=False)
            if others
        ]
        first = next(found for found in by_run.values() if found)
        rows = [row for example in first[:SHOWN] for row in _rows(example)]
        headers = ("item", "step", "class", "right", "ahead of", "score")
        grid = Grid.of(headers, rows, words=5, title="searches, step by step", notes=NOTES)
        lead = (
            f", with a median lead of {np.median(leads):.2f} over the next class" if leads else ""
        )
        sentence = (
            f"Of {len(steps)} steps in {len(examples)} searches, {sum(steps)} "
            f"({sum(steps) / len(steps):.0%}) added a true label{lead}."
        )
        numbers = {"steps": len(steps), "right": sum(steps), "leads": leads}
        return Analysis("search examples", sentence, [grid], numbers=numbers)


def _examples(run: Sequence[events.AnyEvent]) -> tuple[RecoveryExample, ...]:
    """Those of the latest recovery that has any."""
    found = [e.examples for e in run if isinstance(e, events.Recovery) and e.examples]
    return found[-1] if found else ()


def _rows(example: RecoveryExample) -> list[list[str]]:
    rows = [[example.item, "known", ", ".join(example.known) or "(none)",
             "", "", f"{example.start:.2f}"]]  # fmt: skip
    for number, (name, score) in enumerate(example.steps):
        others = example.runners_up[number] if number < len(example.runners_up) else ()
        next_ones = ", ".join(f"{other} {reached:.2f}" for other, reached in others)
        right = "yes" if name in example.true else "NO"
        rows.append(["", str(number + 1), name, right, next_ones, f"{score:.2f}"])
    if example.stop is not None:
        name, score = example.stop
        rows.append(["", "stop", name, "", "", f"{score:.2f}"])
    return rows
