"""`hashbench tui --demo`: recorded runs play as live ones do, and nothing is left of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from hashbench.cli.tui import check_demo
from hashbench.errors import InputError
from hashbench.runs import events
from hashbench.runs.state import Status
from hashbench.runs.tailer import read_all
from hashbench.tui.app import Workbench
from hashbench.tui.demo.director import ALREADY_OVER
from hashbench.tui.demo.recording import NOT_PLAYED, RECORDING, load
from hashbench.tui.demo.stage import stage
from hashbench.tui.widgets.row_table import RowTable
from tests.tui.driving import text_of, until
from tests.tui.serving import wait


@pytest.fixture(autouse=True)
def without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever imports torch fails; temporary folders are made where the test can see them."""
    (tmp_path / "hidden" / "torch").mkdir(parents=True)
    (tmp_path / "hidden" / "torch" / "__init__.py").write_text("raise ImportError('no torch')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    yield
    left = [one for one in psutil.process_iter(["cmdline"]) if _of_this_demo(one, tmp_path)]
    assert left == []
    assert list((tmp_path / "temporary").glob("hashbench-demo-*")) == []


def _of_this_demo(process: psutil.Process, tmp_path: Path) -> bool:
    return str(tmp_path / "temporary") in " ".join(process.info["cmdline"] or [])


def test_the_recording_is_small_and_complete() -> None:
    runs = load()
    assert RECORDING.stat().st_size < 300_000
    assert len(runs) > ALREADY_OVER
    for number, run in enumerate(runs.values()):
        assert not any(isinstance(event, NOT_PLAYED) for event in run.events)
        assert isinstance(run.events[-1], events.Finished | events.Failed)
        assert {"spec.toml", "worker.log"} <= run.files.keys()
        finished = isinstance(run.events[-1], events.Finished)
        assert finished == ("result.json" in run.files)
        assert finished or number >= ALREADY_OVER


def test_it_plays_to_the_end_in_the_workbench() -> None:
    before = dict(os.environ)

    async def look(root: Path) -> None:
        app = Workbench(root / "runs", root / "data", machine=None, demo_speed=400.0)
        async with app.run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: len(app.views) == len(load()))
            states = [view.status for view in app.views.values()]
            assert states.count(Status.FINISHED) >= ALREADY_OVER
            assert "DEMO runs" in text_of(app)
            over = (Status.FINISHED, Status.FAILED)
            await until(
                pilot, lambda: all(view.status in over for view in app.views.values()), 90.0
            )
            assert not any(view.problem for view in app.views.values())

    with stage(400.0) as root:
        asyncio.run(look(root))
        for recorded in load().values():
            folder = root / "runs" / recorded.id
            played = [one for one in read_all(folder / "events.jsonl") if _recorded(one)]
            assert [type(one) for one in played] == [type(one) for one in recorded.events]
            assert next(one.seq for one in read_all(folder / "events.jsonl")) == 0
    assert dict(os.environ) == before


def reached(app: Workbench, run: str, state: Status) -> bool:
    return app.views[run].status is state


def _recorded(event: object) -> bool:
    return not isinstance(event, NOT_PLAYED)


def test_a_played_run_is_killed_resumed_and_stopped_like_any_other() -> None:
    async def look(root: Path) -> None:
        app = Workbench(root / "runs", root / "data", machine=None, demo_speed=2.0)
        async with app.run_test(size=(120, 36)) as pilot:

            def running() -> list[str]:
                return [run for run, v in app.views.items() if v.status is Status.RUNNING]

            await until(pilot, running)
            run = running()[0]
            app.screen.query_one("#runs", RowTable).move_to(run)
            for key, state in (("K", Status.LOST), ("r", Status.RUNNING), ("s", Status.STOPPED)):
                await pilot.press(key)
                if key == "K":
                    await pilot.pause()
                    await pilot.press("y")
                await until(pilot, partial(reached, app, run, state))
            # launching anything is refused: there is nothing that could train
            await pilot.press("n")
            await pilot.pause()
            await pilot.press("ctrl+r")
            await until(pilot, lambda: "trains nothing" in str(list(app._notifications)))

    with stage(2.0) as root:
        asyncio.run(look(root))


def test_nothing_is_left_where_the_workbench_is_killed(tmp_path: Path) -> None:
    program = (
        "from hashbench.tui.demo.stage import stage; import time\n"
        "with stage(1.0) as root: print(root, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    root = Path(holder.stdout.readline().strip())
    wait(lambda: any("player" in " ".join(one.cmdline()) for one in _children(holder.pid)))
    family = _children(holder.pid)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    wait(lambda: not root.exists())
    wait(lambda: not any(one.is_running() for one in family))


def _children(pid: int) -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    return children


def test_only_a_demo_has_a_speed() -> None:
    assert check_demo(None, demo=False) is None
    assert check_demo(None, demo=True) == 5.0
    assert check_demo(3.0, demo=True) == 3.0
    with pytest.raises(InputError, match="only a demo has a speed"):
        check_demo(3.0, demo=False)
    for wrong in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(InputError, match="is no speed of a demo"):
            check_demo(wrong, demo=True)
