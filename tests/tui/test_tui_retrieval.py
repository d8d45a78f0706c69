"""The retrieval screen over a server that answers when the test lets it."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from hashbench.errors import InputError
from hashbench.runs.layout import RunFolder
from hashbench.tui.app import Workbench
from hashbench.tui.screens import retrieval
from hashbench.tui.screens.picture_choice import PictureChoice, PictureTree
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
                if question.get("order") == "worst":
                    rows.reverse()
                for row in rows if question.get("bits") else ():
                    row["ap"] = None if row["row"] == 0 else 0.125
                return {"found": 2, "items": rows}
            case "picture" | "file picture":
                return {"width": 1, "height": 1, "data": "AAAA"}
            case "confusion":
                top = question["top"]
                return {
                    "names": ["dog", "sea", "sky"], "top": top, "queries": [5, 7, 0],
                    "database": [0.5, 0.25, 0.1], "shares": [[0.75, 0.5, 0], [0.625, 0.25, 0.1],
                                                             [0, 0, 0]],
                }  # fmt: skip
        await self.gate.wait()
        if question.get("caption") == "refused":
            raise InputError("the caption is refused")
        asks = question.get("caption", question.get("row", Path(question.get("file", "")).name))
        name = f"result of {asks} {question['direction']} {question['bits']}"
        hit = True if question["ask"] == "rank" else None
        result = {**_entry(0, name), "rank": 1, "distance": 3, "hit": hit, "code": "1001" * 8}
        relevant = None if hit is None else 1
        return {"results": [result], "relevant": relevant, "code": "1111" * 4 + "1001" * 4}

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


def test_average_precision_stands_beside_queries_and_orders_them(
    run: RunFolder, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        queries = app.screen.query_one("#queries", RowTable)
        await until(pilot, lambda: "0.125" in text_of(app))
        assert "–" in text_of(app)  # of the query without anything relevant
        await pilot.press("o")
        await until(pilot, lambda: [row["row"] for row in queries._rows] == [1, 0])
        await until(pilot, lambda: "result of 1 i2t 32" in text_of(app))  # the cursor is on top
        assert queries.border_title == "queries, worst first"
        await pilot.press("b")
        scored = {"ask": "items", "order": "worst", "bits": 16}
        await until(pilot, lambda: any(scored.items() <= q.items() for q in Server.asked))

    drive(script, tmp_path / "runs", tmp_path, (120, 40))


def test_the_bits_that_differ_are_marked_by_signs(run: RunFolder, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        assert "^" not in text_of(app)
        await pilot.press("x")
        await until(pilot, lambda: "8 of 32 bits differ" in text_of(app))
        lines = text_of(app).splitlines()
        at = next(place for place, line in enumerate(lines) if "query  1111" in line)
        query, signs, result = lines[at : at + 3]
        assert signs.count("^") == 8
        for place, sign in enumerate(signs):
            differs = query[place] in "01" and query[place] != result[place]
            assert (sign == "^") == differs
        await pilot.press("x")
        await until(pilot, lambda: "bits differ" not in text_of(app))

    drive(script, tmp_path / "runs", tmp_path, (80, 24))


def test_a_picture_of_ones_own_is_typed_or_chosen(run: RunFolder, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "notes.txt", ".hidden.png"):
        (folder / name).write_bytes(b"x")

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, PictureChoice))
        line = app.screen.query_one(Input)
        line.value = str(folder / "missing.jpg")
        await pilot.press("enter")
        problem = app.screen.query_one("#problem", Static)
        await until(pilot, lambda: "missing.jpg: no such file" in str(problem.visual))
        line.value = str(folder)
        line.focus()
        await pilot.press("enter")  # a folder opens
        await until(pilot, lambda: "a.jpg" in text_of(app))
        assert "notes.txt" not in text_of(app)
        assert ".hidden.png" not in text_of(app)
        tree = app.screen.query_one(PictureTree)
        while "a.jpg" not in str(getattr(tree.cursor_node, "label", "")):
            await pilot.press("down")
        await pilot.press("enter")
        await until(pilot, lambda: "a.jpg i2t 32" in text_of(app))
        assert "a picture of your own has no labels" in text_of(app)
        await pilot.press("d", "d")
        asked = ("i2t", "i2i", "i2t")
        await until(pilot, lambda: directions_of_pictures() == asked)
        await pilot.press("down")
        await until(pilot, lambda: "result of 1 i2t" in text_of(app))

    drive(script, tmp_path / "runs", tmp_path, (160, 48))


def directions_of_pictures() -> tuple[str, ...]:
    asked = [one["direction"] for one in Server.asked if one["ask"] == "picture query"]
    return tuple(name for name, _ in itertools.groupby(asked))


def test_the_confusion_of_classes_needs_no_colour(run: RunFolder, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pilot.press("c")
        await until(pilot, lambda: "sea: 7 queries find" in text_of(app))
        text = text_of(app)
        assert text.index("2 sea") < text.index("1 dog")  # worst first
        assert "sky" not in text.split("queries find")[0]  # no query has it
        assert "dog               62%" in text
        assert "by chance 50%" in text
        await pilot.press("o")
        await until(pilot, lambda: "dog: 5 queries find" in text_of(app))
        await pilot.press("t", "d", "b")
        await until(pilot, lambda: "first 200 hits" in text_of(app))
        assert {key: Server.asked[-1][key] for key in ("direction", "bits", "top")} == {
            "direction": "t2i", "bits": 16, "top": 200,
        }  # fmt: skip
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Retrieval))

    drive(script, tmp_path / "runs", tmp_path, (80, 24))
