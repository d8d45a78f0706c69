"""A real run from the launch form to tables and retrieval; what the process imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from hashbench.runs import result
from hashbench.runs.state import Status
from hashbench.tui.app import Workbench
from hashbench.tui.screens.compare import Compare
from hashbench.tui.screens.dashboard import Dashboard
from hashbench.tui.screens.launch import Launch
from hashbench.tui.screens.retrieval import Retrieval
from hashbench.tui.widgets.field import Field
from hashbench.tui.widgets.picklist import PickList
from hashbench.tui.widgets.row_table import RowTable
from tests.tui import fixtures
from tests.tui.driving import drive, text_of, until


def test_launch_watch_compare_retrieve_close(tmp_path: Path) -> None:
    """LSH on the built-in data: nothing is trained, but all that a run does is done."""

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Launch) and app.screen.query("#params"))
        for which, wanted in (("method", {"lsh"}), ("dataset", {"picturebook-tiny"})):
            picks = app.screen.query_one(f"#{which}", PickList)
            picks.focus()
            for name in set(picks.picked) ^ wanted:
                picks.move_to(name)
                await pilot.press("space")
                await pilot.pause()
        for key, value in (("bits", "16"), ("threads", "1")):
            field = next(found for found in app.screen.query(Field) if found.key == key)
            field.query_one(Input).value = value
        await pilot.pause()
        assert "1 run: lsh × picturebook-tiny × 16 bits" in text_of(app)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        seen = set()

        def over() -> bool:
            seen.update(view.status for view in app.views.values())
            return bool(app.views) and Status.FINISHED in seen

        await until(pilot, over, 240)
        assert seen <= {Status.QUEUED, Status.RUNNING, Status.FINISHED}
        (view,) = app.views.values()
        assert view.score is not None
        assert 0.4 < view.score < 1
        outcome = result.read(tmp_path / "runs" / view.id / "result.json")
        assert outcome.facts["data folder"] == str(tmp_path / "data")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Compare) and app.screen.query("#table-0"))
        await pilot.pause()
        assert f"{view.score:.2f}"[:3] in text_of(app)
        await pilot.press("escape", "e")
        await until(pilot, lambda: isinstance(app.screen, Retrieval))
        results = app.screen.query_one("#results", RowTable)
        await until(pilot, lambda: results._rows and "hits in the first" in text_of(app), 60)
        first = list(results._rows)
        await pilot.press("d")
        await until(pilot, lambda: results._rows and list(results._rows) != first, 60)
        await pilot.press("slash", *"no such words", "enter")
        queries = app.screen.query_one("#queries", RowTable)
        await until(pilot, lambda: not queries._rows, 60)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))

    app = drive(script, tmp_path / "runs", tmp_path / "data", (120, 40))
    assert not app.is_running
    assert [process.poll() for _, process in app._workers_started] in ([], [0])


PROBE = """
import asyncio, json, sys
from pathlib import Path
from hashbench.cli import tui, main
from hashbench.tui.app import Workbench
from hashbench.tui.screens import compare, detail, launch, retrieval

async def run():
    app = Workbench(Path(sys.argv[1]), Path(sys.argv[2]), machine=None)
    async with app.run_test() as pilot:
        while len(app.views) < 8:
            await pilot.pause(0.01)
        await pilot.press("n", "escape", "enter", "escape", "c")
        await pilot.pause(0.2)

asyncio.run(run())
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_the_process_imports_neither_torch_nor_numpy(tmp_path: Path) -> None:
    fixtures.one_of_each(tmp_path / "runs")
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path / "runs"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = set(json.loads(done.stdout.splitlines()[-1]))
    assert "textual" in found
    assert not found & {"torch", "numpy", "numba", "scipy", "open_clip", "PIL"}


def test_the_command_asks_for_a_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hashbench", "tui"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert "Traceback" not in done.stderr
