"""What the screens look like, over recorded runs, at two sizes.

pytest-textual-snapshot would pin pytest below 9, and start one workbench for each picture.

Pictures are compared letter by letter, colours included; where another release of Textual draws
other colours or edges, the text alone is. `HASHBENCH_UPDATE_SNAPSHOTS=1 pytest tests/tui` takes new
ones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import textual
from textual.pilot import Pilot

from hashbench.plan import catalog
from hashbench.runs.gpus import Gpu
from hashbench.tui.app import Workbench
from hashbench.tui.messages import MachineRead
from hashbench.tui.screens.dashboard import Dashboard
from hashbench.tui.system_monitor import Machine
from hashbench.tui.widgets.row_table import RowTable
from tests.tui import fixtures
from tests.tui.cards import ALPHA, BETA, LARGE, SMALL
from tests.tui.driving import drive, svg_text, until

SNAPSHOTS = Path(__file__).with_name("snapshots")
SIZES = ((80, 24), (160, 48))
MACHINE = Machine(0.43, 16, 5.2 * 2**30, 23 * 2**30, (Gpu(0, 0.98, 61 * 2**30, 80 * 2**30),))

STEPS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("dashboard", (), ()),
    ("mAP", ("2",), ("1",)),
    ("recovery", ("3",), ("1",)),
    ("log", ("5",), ("1",)),
    ("cursor", ("plus", "comma", "greater_than_sign"), ("escape", "escape")),
    ("alerts", ("w", "h", "h", "j"), ("escape",)),
    ("differences", ("a", "d"), ("escape", "escape")),
    ("filter", ("slash", *"finished"), ("escape",)),
    ("help", ("question_mark",), ("escape",)),
    ("delete", ("D",), ("n",)),
    ("columns", ("v",), ("escape",)),
    ("tour", ("question_mark", "t"), ("escape",)),
    ("compare", ("c",), ("escape",)),
    ("launch", ("n", "space", "tab", "space"), ("escape",)),
    ("presets", ("n", "ctrl+o"), ("escape", "escape")),
    ("results", ("G", "enter", "2"), ("escape",)),
)
"""(name, keys that lead there from the dashboard, keys that lead back)"""


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that hangs on the machine or on the catalogue stands in a picture."""
    methods, datasets = {"alpha": ALPHA, "beta": BETA}, {"large": LARGE, "small": SMALL}
    monkeypatch.setattr(catalog, "built_in_methods", lambda: methods)
    monkeypatch.setattr(catalog, "built_in_datasets", lambda: datasets)


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_looks_as_recorded(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # folders stand in pictures by their relative names
    made = fixtures.one_of_each(Path("runs"))
    taken: dict[str, str] = {}

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        app.post_message(MachineRead(MACHINE))
        app.screen.query_one("#runs", RowTable).move_to(made["running"].id)
        await until(pilot, lambda: made["running"].id in app.watched)
        await pilot.pause()
        for name, keys, on in STEPS:
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            await until(pilot, arrived(name, app))
            await pilot.pause(0.3)
            taken[name] = app.export_screenshot(title="hashbench", simplify=True)
            await pilot.press(*on)
            await pilot.pause()

    drive(script, Path("runs"), Path("data"), size)
    differences = [
        compare(picture, SNAPSHOTS / f"{name}-{size[0]}x{size[1]}.svg", tmp_path)
        for name, picture in taken.items()
    ]
    assert not any(differences), "\n\n".join(filter(None, differences))


def arrived(name: str, app: Workbench) -> Callable[[], object]:
    """What a screen shows when it has read all that it reads."""
    if name in ("alerts", "differences"):
        return lambda: app.screen.query_one(f"#{name}", RowTable)._keys
    wanted = {"compare": "#table-0", "launch": "#params Field", "presets": "#presets"}.get(name)
    if wanted is not None:
        return lambda: not isinstance(app.screen, Dashboard) and app.screen.query(wanted)
    if name == "results":
        return lambda: str(app.screen.query_one("#text-results").visual)  # type: ignore[attr-defined]
    return lambda: True


def compare(found: str, path: Path, tmp_path: Path) -> str:
    """What is to tell where a picture differs from the recorded one; the new one is kept."""
    found = masked(found)
    if os.environ.get("HASHBENCH_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
        (SNAPSHOTS / "textual.txt").write_text(textual.__version__ + "\n")
        return ""
    wanted = path.read_text()
    same_release = (SNAPSHOTS / "textual.txt").read_text().strip() == textual.__version__
    if not same_release:
        found, wanted = svg_text(found), svg_text(wanted)
    if found == wanted:
        return ""
    new = tmp_path / path.name
    new.write_text(found)
    return f"looks other than {path}; see {new}\n{svg_text(found)}"


def masked(svg: str) -> str:
    """Without pid, host, and the name of the ids, which Textual makes from all of the content."""
    svg = re.sub(r"terminal-\d+-", "terminal-", svg)
    return re.sub(r"worker&#160;\d+&#160;on&#160;[^&<]+", "worker&#160;1&#160;on&#160;host", svg)
