"""The launch form sends runs to a cluster, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Static

from hashbench.clusters import catalog as clusters
from hashbench.plan import catalog
from hashbench.runs import job, layout
from hashbench.tui.app import Workbench
from hashbench.tui.launch_form import START, starts
from hashbench.tui.screens.dashboard import Dashboard
from hashbench.tui.widgets.field import Choice, Field
from hashbench.tui.widgets.picklist import PickList
from tests.clusters.fake_slurm import FakeSlurm
from tests.tui.cards import ALPHA, SMALL
from tests.tui.driving import drive, until


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """A Slurm at hand, and a catalogue that no new method changes."""
    monkeypatch.setattr(catalog, "built_in_methods", lambda: {"alpha": ALPHA})
    monkeypatch.setattr(catalog, "built_in_datasets", lambda: {"small": SMALL})
    monkeypatch.setattr(clusters, "at_hand", lambda: ["slurm"])
    return FakeSlurm(tmp_path / "slurm", monkeypatch)


async def filled(pilot: Pilot[None], app: Workbench) -> None:
    """The form with a method, a dataset, and Slurm as the place to start."""
    await pilot.press("n")
    await pilot.pause()
    for which, name in (("method", "alpha"), ("dataset", "small")):
        picks = app.screen.query_one(f"#{which}", PickList)
        picks.focus()
        picks.move_to(name)
        await pilot.press("space")
        await pilot.pause()
    await pilot.press("ctrl+t", "ctrl+t")
    start = next(field for field in app.screen.query(Field) if field.key == START)
    assert start.query_one(Choice).value == "on slurm"
    await pilot.pause()


def test_runs_of_the_form_become_jobs(tmp_path: Path, fake: FakeSlurm) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await filled(pilot, app)
        assert " --detach --on slurm " in str(app.screen.query_one("#command", Static).visual)
        assert str(app.screen.query_one("#launch", Button).label) == "Submit 1 run"
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await until(pilot, lambda: len(app.views) == 1)

    drive(script, tmp_path / "runs", tmp_path, (120, 40))
    (run,) = layout.find(tmp_path / "runs")
    made = job.read(run)
    assert made is not None
    assert (made.on, made.id) == ("slurm", "1")
    assert len(fake.calls("sbatch")) == 1


def test_a_refusal_of_the_scheduler_is_said(tmp_path: Path, fake: FakeSlurm) -> None:
    fake.tell("refusal", "sbatch: error: Batch job submission failed: Invalid partition name\n")

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await filled(pilot, app)
        await pilot.press("ctrl+r")
        await until(
            pilot, lambda: any("Invalid partition" in n.message for n in app._notifications)
        )

    drive(script, tmp_path / "runs", tmp_path, (120, 40))
    assert [job.read(run) for run in layout.find(tmp_path / "runs")] == [None]


def test_a_cluster_is_offered_where_its_commands_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the real look, not that of the other tests
    FakeSlurm(tmp_path / "slurm", monkeypatch)
    assert "on slurm" in starts()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "on slurm" not in starts()
    assert starts()[:2] == ["in turn", "at once"]
