"""What the workbench knows of a study: options, the plan that `hashbench study show` makes of them,
and what it costs, in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.filesize import decimal

from hashbench.plan import list_syntax
from hashbench.plan.spec import RunSpec
from hashbench.report.naming import short_names
from hashbench.report.text import duration, plain, plural
from hashbench.runs.state import Status
from hashbench.tui.run_row import RunView

OWN = "the study's"
MISSING = "missing"
_ORDER = (*(str(status) for status in Status), MISSING)


@dataclass(frozen=True)
class StudyRun:
    """A run that answers the study; without a folder `run` is empty and `state` is missing."""

    name: str
    run: str
    state: str

    @property
    def finished(self) -> bool:
        """Whether it counts for the answer."""
        return self.state == Status.FINISHED


@dataclass(frozen=True)
class StudyPlan:
    """A study under the options in force. `cost` is what is known without measuring."""

    question: str
    source: str
    claims: tuple[str, ...]
    figures: tuple[str, ...]
    cost: str
    problem: str
    runs: tuple[StudyRun, ...]

    def counted(self) -> str:
        """`3 finished, 1 running, 11 missing`."""
        if not self.runs:
            return "nothing to train: the labels answer it"
        by_state = Counter(run.state for run in self.runs)
        known = [f"{by_state[state]} {state}" for state in _ORDER if by_state[state]]
        return f"{plural(len(self.runs), 'run')}: {', '.join(known)}"


def words_of(options: Mapping[str, str]) -> list[str]:
    """The options as the command line takes them."""
    words = ["--quick"] if options.get("quick") == "yes" else []
    if (dataset := options.get("dataset", OWN)) != OWN:
        words += ["--dataset", dataset]
    if seeds := options.get("seeds", "").strip():
        words += ["--seeds", seeds]
    return words


def check_seeds(text: str) -> None:
    """Raises InputError for what are no seeds; nothing means those of the study."""
    list_syntax.integers([text], "--seeds")


def plan_of(shown: Mapping[str, Any], views: Mapping[str, RunView]) -> StudyPlan:
    """The plan in what `hashbench study show --json` prints, with states as they are now."""
    specs = [msgspec.convert(run["spec"], RunSpec, strict=False) for run in shown["runs"]]
    names = short_names(specs) if specs else []
    return StudyPlan(
        question=plain(shown["question"]),
        source=plain(shown["source"]),
        claims=tuple(dict.fromkeys(map(plain, shown["claims"]))),
        figures=tuple(shown.get("figures", ())),
        cost=_cost(shown["cost"], sum(bool(run["due"]) for run in shown["runs"])),
        problem=plain(shown["problem"]),
        runs=_runs(shown["runs"], names, views),
    )


def _runs(
    shown: Sequence[Mapping[str, Any]], names: Sequence[str], views: Mapping[str, RunView]
) -> tuple[StudyRun, ...]:
    runs = []
    for run, name in zip(shown, names, strict=True):
        view = views.get(run["run"] or "")
        state = MISSING if run["run"] is None else str(run["state"])
        runs.append(StudyRun(plain(name), run["run"] or "", str(view.status) if view else state))
    return tuple(runs)


def _cost(cost: Mapping[str, Any] | None, due: int) -> str:
    """Time and disk of what is left to run."""
    if cost is None or not due:
        return ""
    known = cost["from_past"] + cost["from_measuring"]
    if not known:
        return f"not known of {plural(cost['unknown'], 'run')} yet"
    rest = f", {cost['unknown']} runs not known" if cost["unknown"] else ""
    source = "as measured" if cost["from_measuring"] else "as past runs"
    return (
        f"about {duration(cost['seconds'])} one after the other, {decimal(int(cost['disk']))} of "
        f"disk ({source}{rest})"
    )
