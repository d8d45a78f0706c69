"""The retrieval screen over a server that answers when the test lets it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from hashbench.errors import InputError
from hashbench.runs.layout import RunFolder
from hashbench.tui.app import Workbench
from hashbench.tui.screens import retrieval
from hashbench.tui.screens.retrieval import Retrieval
from hashbench.tui.widgets.row_table import RowTable
from tests.tui import fixtures
from tests.tui.driving import drive, text_of, until

NOTE = "no captions or pictures in /here: absent; the run used /there: hashbench tui --data-dir ..."


class Server:
    """Plays the retrieval server; `gate` holds its rankings back, `note` is what it warns of."""

    gate: asyncio.Event
    note = ""
    asked: list[dict[str, Any]]

    def __init__(self, run: Path, data_dir: Path) -> None:
        type(self).gate, type(self).asked = asyncio.Event(), []
        self.gate.set()

    async def start(self) -> dict[str, Any]:
        directions = ["i2t", "t2i", "i2i", "t2t"]
        return {
            "bits": [16, 32], "directions": directions, "query": 2, "database": 3,
            "note": self.note, "typed": True,
        }  # fmt: skip

    async def ask(self, **question: Any) -> dict[str, Any]:
        self.asked.append(question)
        match question["ask"]:
            case "items":
                rows = [_entry(row, f"query {row}") for row in range(2)]
                return {"found": 2, "items": rows}
            case "picture":
                return {"width": 1, "height": 1, "data": "AAAA"}
        await self.gate.wait()
        if question.get("caption") == "refused":
            raise InputError("the caption is refused")
        asks = question.get("caption", question.get("row"))
        name = f"result of {asks} {question['direction']} {question['bits']}"
        hit = None if question["ask"] == "typed" else True
        result = {**_entry(0, name), "rank": 1, "distance": 3, "hit": hit}
        return {"results": [result], "relevant": None if hit is None else 1}

    async def close(self) -> None:
        pass


def _entry(row: int, caption: str) -> dict[str, Any]:
    return {"row": row, "id": f"item-{row}", "caption": caption, "labels": ["dog"]}


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "RetrievalClient", Server)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return fixtures.finished(tmp_path / "runs", fixtures.spec(), 1)


def results(app: Workbench) -> RowTable[Any]:
    return app.screen.query_one("#results", RowTable)


async def opened(pilot: Pilot[None], app: Workbench) -> None:
    await pilot.press("e")
    await until(pilot, lambda: isinstance(app.screen, Retrieval))
    await until(pilot, lambda: "result of 0 i2t 32" in text_of(app))


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (("down",), "result of 1 i2t 32"),
        (("d",), "result of 0 t2i 32"),
        (("b",), "result of 0 i2t 16"),
        (("w", *"dogs", "enter"), "result of dogs t2i 32"),
    ],
)
def test_results_go_with_the_query_direction_or_length_that_they_belong_to(
    keys: tuple[str, ...], wanted: str, run: RunFolder, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        Server.gate.clear()
        await pilot.press(*keys)
        await until(pilot, lambda: results(app).loading)
        assert not results(app)._rows
        assert "result of" not in text_of(app)
        Server.gate.set()
        await until(pilot, lambda: wanted in text_of(app))
        assert not results(app).loading

    drive(script, tmp_path / "runs", tmp_path, (120, 40))


def test_a_written_caption_is_ranked_in_the_directions_of_texts_alone(
    run: RunFolder, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pilot.press("w", *"dogs", "enter")
        for wanted in ("t2i", "t2t", "t2i"):
            await until(pilot, lambda wanted=wanted: f"of dogs {wanted} 32" in text_of(app))
            await pilot.press("d")
        await until(pilot, lambda: "of dogs t2t 32" in text_of(app))
        assert {asked["direction"] for asked in Server.asked if asked["ask"] == "typed"} == {
            "t2i", "t2t",
        }  # fmt: skip

    drive(script, tmp_path / "runs", tmp_path, (120, 40))


def test_a_query_that_is_refused_leaves_no_results(run: RunFolder, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pilot.press("w", *"refused", "enter")
        await until(pilot, lambda: "the caption is refused" in text_of(app))
        assert not results(app)._rows
        assert not results(app).loading
        await pilot.press("down")  # and the next query is ranked as ever
        await until(pilot, lambda: "result of 1" in text_of(app))

    drive(script, tmp_path / "runs", tmp_path, (120, 40))


def test_where_pictures_are_stands_in_their_place(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "note", NOTE)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        app.clear_notifications()
        await until(pilot, lambda: "hashbench tui --data-dir" in text_of(app))

    drive(script, tmp_path / "runs", tmp_path, (120, 40))
