"""The runs of a study: its grids with the options in force, and which of them are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hashbench.launch.sweep import Wanted, survey
from hashbench.plan.request import overridden
from hashbench.plan.spec import RunSpec
from hashbench.plan.sweep import sweep_specs
from hashbench.report.rows import Finished, collect
from hashbench.studies.pairing import Contrast, contrasts
from hashbench.studies.study import Study


@dataclass(frozen=True)
class PlannedStudy:
    """A study with its runs, and the settings that its claims set against each other.

    Of a study of labels alone, `specs` say whose labels: dataset, split, known ratio and seed of
    runs that nobody needs to start.
    """

    study: Study
    specs: tuple[RunSpec, ...]
    contrasts: tuple[Contrast, ...]

    @property
    def to_run(self) -> tuple[RunSpec, ...]:
        """The runs that answer the question."""
        return self.specs if self.study.has_runs else ()


def plan(
    study: Study, typed: Mapping[str, Any], data_dir: Path | None, *, quick: bool = False
) -> PlannedStudy:
    """The runs under the options that were typed, which win over those of --quick, and these over
    the file's. Raises InputError for what cannot run, and where options leave nothing to compare.
    """
    in_force = overridden(study.quick, typed) if quick else typed
    specs = sweep_specs(study.sweep, study.path, data_dir, in_force)
    flags = ", ".join("--" + key.replace("_", "-") for key in typed if key not in ("set",))
    where = f"{study.name}: {flags}" if flags else str(study.path)
    made = [one for claim in study.content.compare for one in contrasts(claim, specs, where)]
    return PlannedStudy(study, tuple(specs), tuple(made))


def finished_runs(planned: PlannedStudy, runs_dir: Path) -> tuple[list[Wanted], list[Finished]]:
    """(every run of the study with its state, those that are finished), in the study's order."""
    surveyed = survey(planned.to_run, runs_dir)
    folders = [one.folder for one in surveyed if one.folder is not None]
    by_id = {run.run.id: run for run in collect(folders).finished}
    ids = [one.folder.id for one in surveyed if one.folder is not None]
    return surveyed, [by_id[run_id] for run_id in ids if run_id in by_id]


def by_hash(finished: Sequence[Finished]) -> dict[str, Finished]:
    """Finished runs by the hash of their specs, without those changed after they were scored."""
    return {run.spec.hash: run for run in finished if not run.changes}
