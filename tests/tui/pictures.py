"""Pictures of every screen, to be looked at: sizes, themes, and with fewer colours or none.

    python tests/tui/pictures.py FOLDER [--size 80x24] [--look dark-full] [--screen dashboard]

Runs are the recorded ones of the tests. Each picture is FOLDER/SCREEN-SIZE-THEME-COLOURS.svg, and
a .png beside it where `rsvg-convert` is installed. `grey` is what NO_COLOR makes of a screen,
`16` what a terminal of 16 colours does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich._palettes import STANDARD_PALETTE
from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter, Monochrome
from textual.pilot import Pilot

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

SIZES = ("80x24", "120x36", "160x48", "250x70")
THEMES = {"dark": "textual-dark", "light": "textual-light"}
MORE_STEPS = (
    ("zoom", ("z",), ("escape",)),
    ("monitors", ("4",), ("1",)),
    ("form", ("t",), ("escape",)),
    ("run", ("G", "enter"), ()),
    ("curve", ("3",), ()),
    ("classes", ("4",), ()),
    ("recovered", ("5",), ()),
    ("run-log", ("6",), ("escape",)),
    ("significance", ("c", "b"), ("escape", "escape")),
    ("guide", ("f1",), ("escape",)),
    ("palette", ("colon",), ("escape",)),
)
"""Screens of which no snapshot is kept: (name, keys that lead there, keys that lead back)."""


class SixteenColours(LineFilter):
    """What a terminal of 16 colours shows of a line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in the nearest of the 16."""
        return [
            Segment(text, style and _nearest(style), control) for text, style, control in segments
        ]


def _nearest(style: Style) -> Style:
    return style + Style(color=_standard(style.color), bgcolor=_standard(style.bgcolor))


def _standard(colour: RichColor | None) -> RichColor | None:
    """The nearest of the 16 as most terminals show it, whatever a picture's own palette is."""
    if colour is None:
        return None
    number = colour.downgrade(ColorSystem.STANDARD).number
    return colour if number is None else RichColor.from_triplet(STANDARD_PALETTE[number])


FILTERS: dict[str, LineFilter | None] = {
    "full": None,
    "grey": Monochrome(),
    "16": SixteenColours(),
}


LOOKS = [f"{theme}-{colours}" for theme in THEMES for colours in FILTERS]


@contextmanager
def still_catalogue() -> Iterator[None]:
    """The methods and datasets of the tests in place of those that are installed."""
    from hashbench.plan import catalog
    from tests.tui.cards import ALPHA, BETA, LARGE, SMALL

    kept = catalog.built_in_methods, catalog.built_in_datasets
    methods, datasets = {"alpha": ALPHA, "beta": BETA}, {"large": LARGE, "small": SMALL}
    catalog.built_in_methods = lambda: methods  # type: ignore[assignment]
    catalog.built_in_datasets = lambda: datasets  # type: ignore[assignment]
    try:
        yield
    finally:
        catalog.built_in_methods, catalog.built_in_datasets = kept


def take(name_of_size: str, to: Path, wanted: list[str], looks: list[str]) -> None:
    """Takes all pictures of one size."""
    from hashbench.tui.app import Workbench
    from hashbench.tui.messages import MachineRead
    from hashbench.tui.widgets.row_table import RowTable
    from tests.tui import fixtures
    from tests.tui.driving import drive, until
    from tests.tui.test_tui_snapshots import MACHINE, STEPS, arrived

    made = fixtures.one_of_each(Path("runs"))

    async def shoot(pilot: Pilot[None], app: Workbench, name: str) -> None:
        for theme, colours in (look.split("-") for look in looks):
            app.theme = THEMES[theme]
            line_filter = FILTERS[colours]
            kept = list(app._filters)
            app._filters += [line_filter] if line_filter else []
            # lines are kept with the filters they were made with
            app.refresh_css()
            await pilot.pause(0.1)
            picture = app.export_screenshot(title="hashbench", simplify=True)
            app._filters[:] = kept
            (to / f"{name}-{name_of_size}-{theme}-{colours}.svg").write_text(picture)
        app.theme = THEMES["dark"]

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        app.post_message(MachineRead(MACHINE))
        app.screen.query_one("#runs", RowTable).move_to(made["running"].id)
        await until(pilot, lambda: made["running"].id in app.watched)
        for name, keys, on in (*STEPS, *MORE_STEPS):
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            await until(pilot, arrived(name, app))
            await pilot.pause(0.3)
            if not wanted or name in wanted:
                await shoot(pilot, app, name)
            await pilot.press(*on)
            await pilot.pause()

    width, height = map(int, name_of_size.split("x"))
    drive(script, Path("runs"), Path("data"), (width, height))


def main() -> None:
    """Takes the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("to", type=Path)
    parser.add_argument("--size", action="append", choices=SIZES)
    parser.add_argument("--look", action="append", choices=LOOKS)
    parser.add_argument("--screen", action="append", default=[])
    asked = parser.parse_args()
    to = asked.to.resolve()
    to.mkdir(parents=True, exist_ok=True)
    os.environ["HASHBENCH_CONFIG"] = str(to / "config")
    for name in asked.size or SIZES:
        with tempfile.TemporaryDirectory() as folder, still_catalogue():
            os.chdir(folder)  # folders stand in pictures by their relative names
            take(name, to, asked.screen, asked.look or list(LOOKS))
            os.chdir(to)
        shutil.rmtree(to / "config", ignore_errors=True)
    if shutil.which("rsvg-convert"):
        for path in to.glob("*.svg"):
            # or else the blanks that a text begins with would be left out
            svg = path.read_bytes().replace(b"<svg ", b'<svg xml:space="preserve" ', 1)
            command = ["rsvg-convert", "-o", str(path.with_suffix(".png"))]
            subprocess.run(command, input=svg, check=True)
    print(f"{len(list(to.glob('*.svg')))} pictures in {to}")  # noqa: T201


if __name__ == "__main__":
    main()
