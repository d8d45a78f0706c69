"""What the charts of the machine, the studies, and the other views of compare look like.

What `hashbench study` answers is recorded here, so that no change of a study changes a picture.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from hashbench.plan import catalog
from hashbench.tui.app import Workbench
from hashbench.tui.screens import studies, study
from hashbench.tui.widgets.row_table import RowTable
from tests.tui import fixtures
from tests.tui.driving import drive, until
from tests.tui.machine_runs import measured_run
from tests.tui.test_tui_snapshots import SIZES, SNAPSHOTS, compare

QUESTION = "Does a label prompt teach better codes than a label vector?"
LISTED = [
    {"name": "prompts", "question": QUESTION, "source": "SODA, Fig. 6", "file": "prompts.toml"},
    {"name": "bits", "question": "How many bits?", "source": "a meeting", "file": "bits.toml"},
]
SPECS = [
    fixtures.spec(seed=seed, ablations=ablations)
    for ablations in ((), ("no-prompt",))
    for seed in range(3)
]
SHOWN = {
    "question": QUESTION,
    "source": "SODA, Fig. 6",
    "claims": ["A label prompt teaches better codes than none"],
    "figures": ["losses"],
    "cost": {
        "seconds": 372.0, "disk": 9_000_000, "from_past": 4, "from_measuring": 0, "unknown": 0,
    },
    "problem": "",
    "runs": [
        {
            "run": "20260301-120100-soda-picturebook-32b-s0" if number == 0 else None,
            "state": "finished" if number == 0 else "missing",
            "due": number > 0,
            "spec": msgspec.to_builtins(spec),
        }
        for number, spec in enumerate(SPECS)
    ],
}  # fmt: skip
ANSWER = (
    f"\x1b[1m{QUESTION}\x1b[0m\n\x1b[2m(SODA, Fig. 6)\x1b[0m\n\n"
    "\x1b[1;32mA label prompt teaches better codes than none: no difference could be shown: +0.42\n"
    "points of mAP@all (95 % interval -0.61 to +1.45).\x1b[0m 5 runs of 6 to finish.\n\n"
    "   0.81 ┤⠉⠉⠒⠒⠤⠤⣀⣀\n   0.40 ┤        ⠉⠉⠒⠒⠤⠤⣀⣀a\n"
)
STEPS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("machine", ("h",), ()),
    ("machine-gpu", ("8",), ("1",)),
    ("figure", ("F",), ("escape",)),
    ("studies", ("S",), ()),
    ("study", ("enter",), ()),
    ("study-runs", ("2",), ()),
    ("study-answer", ("3",), ("escape", "escape")),
    ("protocols", ("c", "a"), ("escape", "escape")),
)
"""(name, keys that lead there from the step before, keys that lead back)"""


async def answered(*words: str, width: int = 80) -> str:
    match words[1]:
        case "list":
            return json.dumps(LISTED)
        case "show":
            return json.dumps(SHOWN)
        case _:
            return ANSWER


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_looks_as_recorded(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # folders stand in pictures by their relative names
    for screen in (studies, study):
        monkeypatch.setattr(screen, "run_command", answered)
    monkeypatch.setattr(catalog, "datasets", lambda: {"small": None, "large": None})
    runs = Path("runs")
    measured = measured_run(runs, 20)
    fixtures.finished(runs, fixtures.spec(), 1)
    fixtures.finished(runs, fixtures.spec("prompthash", protocol="published"), 3, level=0.9)
    fixtures.finished(runs, fixtures.spec("prompthash"), 2)
    taken: dict[str, str] = {}

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        app.screen.query_one("#runs", RowTable).move_to(measured.id)
        await until(pilot, lambda: measured.id in app.watched)
        arrived = {
            "studies": lambda: app.screen.query_one("#studies", RowTable)._keys,
            "study": lambda: app.screen.query_one("#study-runs", RowTable)._keys,
            "study-answer": lambda: "shown" in str(app.screen.query_one("#answer").visual),  # type: ignore[attr-defined]
            "protocols": lambda: app.screen.query("#grid-1"),
        }
        for name, keys, back in STEPS:
            for key in keys:
                await pilot.press(key)
                if name == "protocols":
                    await until(pilot, lambda: app.screen.query("#table-0, #grid-1"))
                await pilot.pause()
            await until(pilot, arrived.get(name, lambda: True))
            for line in app.screen.query(Input):
                line.cursor_blink = False
            await pilot.pause(0.3)
            taken[name] = app.export_screenshot(title="hashbench", simplify=True)
            await pilot.press(*back)
            await pilot.pause()

    drive(script, runs, Path("data"), size)
    differences = [
        compare(picture, SNAPSHOTS / f"{name}-{size[0]}x{size[1]}.svg", tmp_path)
        for name, picture in taken.items()
    ]
    assert not any(differences), "\n\n".join(filter(None, differences))
