"""A study file: a question, the runs that answer it, and the rule by which the answer is read.

question = "Does a label prompt teach better codes than a label vector?"
source = "SODA, Fig. 6"

[base]                     # [base], [[grid]] and [[skip]] are those of a sweep file
seed = [0, 1, 2, 3, 4]

[[grid]]
ablate = [[], ["no-prompt"]]

[quick]                    # stands in place of the options above with --quick
dataset = "picturebook-tiny"

[[compare]]                # the claim, and the runs that it sets against each other
claim = "A label prompt teaches better codes than a label vector"
rows = { ablate = [] }
against = { ablate = ["no-prompt"] }

[[values]]                 # what runs watched of themselves, as a table
title = "stage 1"
columns = ["loss teacher Phi1"]

[[analyse]]                # a function of hashbench.studies.analyses, with its options
kind = "correlation"

[[figure]]                 # a figure of `hashbench plot`
kind = "losses"
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from hashbench.errors import InputError
from hashbench.plan import sweep
from hashbench.plan.request import checked_values, read_toml

Expectation = Literal["higher", "lower", "different", "equal"]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A claim: runs that meet the conditions `rows` set against those that meet `against`.

    Conditions are those of a [[skip]]. Runs are paired that are equal in everything that neither
    names, a pair for each seed; what is compared is `outcome`: a metric, or `recovery NAME`,
    `monitor NAME` or `loss STAGE NAME`. `directions` are averaged over, all that both sides have
    where none is given, and so are bit lengths. `expect` says what the claim expects of the rows;
    of `equal` that the difference lies within +-`margin`.
    """

    claim: Text
    rows: dict[str, Any]
    against: dict[str, Any]
    outcome: str = "mAP@all"
    directions: tuple[str, ...] = ()
    expect: Expectation = "higher"
    margin: float = 0.0


class ValueTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of what runs watched: a row for each setting, a column for each outcome that is no
    metric.
    """

    title: Text
    columns: tuple[Text, ...]
    rows: dict[str, Any] = {}


class AnalysisPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A function of `hashbench.studies.analyses` by name, with its options."""

    kind: Text
    options: dict[str, Any] = {}


class FigurePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure: its kind, the runs that meet `rows`, and options of that kind."""

    kind: Text
    rows: dict[str, Any] = {}
    options: dict[str, Any] = {}


class StudyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in the file; tables of the sweep are checked by `hashbench.plan.sweep`."""

    question: Text
    source: Text
    note: str = ""
    base: dict[str, Any] = {}
    grid: list[dict[str, Any]] = []
    skip: list[dict[str, Any]] = []
    quick: dict[str, Any] = {}
    compare: tuple[Comparison, ...] = ()
    values: tuple[ValueTable, ...] = ()
    analyse: tuple[AnalysisPlan, ...] = ()
    figure: tuple[FigurePlan, ...] = ()


class Study(msgspec.Struct, frozen=True):
    """A study by name, and the file that it is."""

    name: str
    path: Path
    content: StudyFile

    @property
    def sweep(self) -> dict[str, Any]:
        """The tables that a sweep file has. Studies of labels alone have none."""
        tables = {"base": self.content.base, "grid": self.content.grid, "skip": self.content.skip}
        return {key: table for key, table in tables.items() if table}

    @property
    def has_runs(self) -> bool:
        """Whether anything is to be trained."""
        return bool(self.content.grid)

    @property
    def quick(self) -> dict[str, Any]:
        """What stands in place of the file's options with --quick. Raises InputError."""
        return checked_values(self.content.quick, f"{self.path}: [quick]")


def read(path: Path) -> Study:
    """The study in a file.

    Raises DamagedFileError for what is not TOML, InputError naming the key for what is no study.
    """
    raw = read_toml(path)
    try:
        content = msgspec.convert(raw, StudyFile)
    except msgspec.ValidationError as error:
        raise InputError(
            f"is no study: {error}", where=path, remedy="hashbench guide studies"
        ) from None
    study = Study(path.stem, path, content)
    _check(study)
    return study


def _check(study: Study) -> None:
    """Raises InputError for a rule that cannot be applied, before anything is trained by it."""
    from hashbench.studies import analyses, figures, outcomes

    content, path = study.content, study.path
    for number, one in enumerate(content.compare, start=1):
        place = f"{path}: [[compare]] {number}"
        for side in ("rows", "against"):
            sweep.conditions(getattr(one, side), f"{place}: {side}")
        outcomes.check(one.outcome, one.directions, f"{place}: outcome")
        if (one.expect == "equal") != (one.margin > 0):
            raise InputError(
                'a margin above 0 goes with expect = "equal", and with nothing else',
                where=f"{place}: margin",
                remedy="the largest difference in the outcome that would not matter, such as 0.01",
            )
    for number, table in enumerate(content.values, start=1):
        sweep.conditions(table.rows, f"{path}: [[values]] {number}: rows")
        for column in table.columns:
            outcomes.check_event(column, f"{path}: [[values]] {number}: columns")
    for number, plan in enumerate(content.analyse, start=1):
        analyses.check(plan, f"{path}: [[analyse]] {number}")
    for number, figure in enumerate(content.figure, start=1):
        place = f"{path}: [[figure]] {number}"
        sweep.conditions(figure.rows, f"{place}: rows")
        figures.check(figure.kind, figure.options, place)
    if not (content.compare or content.analyse):
        raise InputError(
            "has no rule for a verdict", where=path, remedy="a [[compare]] or an [[analyse]]"
        )
    if (content.compare or content.values) and not study.has_runs:
        raise InputError("compares runs, and has none", where=path, remedy="a [[grid]]")
