"""The launch form: made from cards, checked in place, worth the command that it shows."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from hashbench.errors import InputError
from hashbench.launch import spawn
from hashbench.plan import catalog
from hashbench.plan.command import command_words
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request, options
from hashbench.plan.spec import RunSpec
from hashbench.runs import layout
from hashbench.tui.app import Workbench
from hashbench.tui.launch_form import LISTS, grid_text, request_of, typed_options
from hashbench.tui.screens import launch as launch_screen
from hashbench.tui.screens.dashboard import Dashboard
from hashbench.tui.screens.dialogs import Confirm
from hashbench.tui.screens.launch import Launch
from hashbench.tui.screens.launch_choices import dataset_items, method_items
from hashbench.tui.widgets.field import Choice, Field
from hashbench.tui.widgets.picklist import PickList
from hashbench.tui.widgets.row_table import RowTable
from tests.tui.cards import ALPHA, BETA, LARGE, SMALL
from tests.tui.driving import drive, send_at_once, text_of, until


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue that no new method changes."""
    methods, datasets = {"alpha": ALPHA, "beta": BETA}, {"large": LARGE, "small": SMALL}
    monkeypatch.setattr(catalog, "built_in_methods", lambda: methods)
    monkeypatch.setattr(catalog, "built_in_datasets", lambda: datasets)
    return iter(())


def launch(app: Workbench) -> Launch:
    assert isinstance(app.screen, Launch)
    return app.screen


def field(app: Workbench, key: str) -> Field:
    return next(one for one in app.screen.query(Field) if one.key == key)


async def opened(pilot: Pilot[None], app: Workbench) -> None:
    await pilot.press("n")
    await until(pilot, lambda: isinstance(app.screen, Launch) and app.screen.query("#plan"))
    await pilot.pause()


async def pick(pilot: Pilot[None], app: Workbench, which: str, name: str) -> None:
    picks = app.screen.query_one(f"#{which}", PickList)
    picks.focus()
    picks.move_to(name)
    await pilot.press("space")
    await pilot.pause()


async def write(pilot: Pilot[None], app: Workbench, key: str, text: str) -> None:
    editor = field(app, key)
    if editor.query(Choice):
        turns = editor.query_one(Choice)
        turns.focus()
        while turns.value != text:
            await pilot.press("right")
    else:
        editor.query_one(Input).value = text
    await until(pilot, lambda: editor.value == text)
    await pilot.pause()


def shown(app: Workbench, place: str) -> str:
    return str(app.screen.query_one(place, Static).visual)


def plan(app: Workbench) -> str:
    return shown(app, "#plan")


@pytest.mark.usefixtures("cards")
def test_the_form_is_made_from_the_cards(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pick(pilot, app, "method", "alpha")
        fields = {one.key: one for one in app.screen.query(Field)}
        assert {f"alpha.{param.name}" for param in ALPHA.params} <= set(fields)
        assert fields["alpha.rate"].value == "0.1"
        assert fields["alpha.brave"].query_one(Choice).value == "no"
        assert "epochs of the only stage; 1 <= x <= 100" in str(
            fields["alpha.epochs"].query_one(".hint", Static).visual
        )
        picks = app.screen.query_one("#dataset", PickList)
        assert [item.note.split()[0] for item in picks._rows] == ["here", "absent"]
        assert picks._rows[0].note.split() == ["here", "10", "20"]
        assert "large is missing" in picks._rows[1].text
        assert app.screen.query_one("#ablate", PickList)._keys == ["no-rate"]

    drive(script, tmp_path / "runs", tmp_path, (160, 60))


@pytest.mark.usefixtures("cards")
def test_changed_values_are_marked_and_wrong_ones_refused_in_place(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pick(pilot, app, "method", "alpha")
        await pick(pilot, app, "dataset", "small")
        rate = field(app, "alpha.rate")
        await write(pilot, app, "alpha.rate", "0.7")
        assert str(rate.query_one(".name", Static).visual) == "*rate"
        assert "(default 0.1)" in str(rate.query_one(".hint", Static).visual)
        assert plan(app) == "1 run: alpha × small × 32 bits × seed 0"
        for key, wrong, said in (
            ("alpha.rate", "7", "is not a number 0 <= x <= 1"),
            ("alpha.rate", "fast", "is not a number"),
            ("bits", "16,x", "is not a whole number"),
            ("bits", "9999", "out of range"),
            ("seed", "-1", "not a whole number"),
            ("known_ratio", "1.5", "out of range"),
            ("device", "gpu", "no device named 'gpu'"),
            ("label_noise", "2", "out of range"),
            ("threads", "", "is empty"),
            ("backbone", "nonsense", "no backbone named"),
        ):
            await write(pilot, app, key, wrong)
            shows = field(app, key)
            await until(pilot, lambda shows=shows, said=said: said in shows.problem)  # type: ignore[misc]
            assert "✗" in str(field(app, key).query_one(".hint", Static).visual)
            await until(pilot, lambda: plan(app).startswith("✗"))
            assert app.screen.query_one("#launch", Button).disabled
            shows.query_one(Input).value = shows.default
        await until(pilot, lambda: plan(app).startswith("1 run"))
        assert [one.problem for one in app.screen.query(Field) if one.problem] == []

    drive(script, tmp_path / "runs", tmp_path, (160, 60))


@pytest.mark.usefixtures("cards")
def test_the_preview_counts_runs_and_shows_the_command(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        for which, name in (("method", "alpha"), ("method", "beta"), ("dataset", "small"),
                            ("ablate", "no-rate")):  # fmt: skip
            await pick(pilot, app, which, name)
        await write(pilot, app, "bits", "16,32,64")
        await write(pilot, app, "seed", "0-3")
        await write(pilot, app, "alpha.brave", "yes")
        await write(pilot, app, "alpha.way", "right")
        # beta trains its lengths together: 3 x 4 runs of alpha, 4 of beta
        assert plan(app).startswith("16 runs: alpha, beta × small × 4 bit lengths × 4 seeds")
        command = shown(app, "#command")
        assert command.startswith(
            "$ hashbench run --method alpha,beta --dataset small --bits 16,32,64 --seed 0-3 "
            "--set alpha.way=right --set alpha.brave=yes --ablate no-rate"
        )
        await pilot.press("ctrl+y")
        await pilot.pause()
        assert f"$ {app.clipboard}" == command
        await pilot.press("ctrl+d")
        await pilot.pause()
        assert plan(app).startswith("2 runs: alpha, beta × small")
        assert field(app, "alpha.way").value == "left"

    drive(script, tmp_path / "runs", tmp_path, (160, 60))


@pytest.mark.usefixtures("cards")
def test_launching_makes_folders_and_starts_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    priorities: list[int] = []

    class Process:
        returncode = 0

        def poll(self) -> int:
            return 0

    def start(run: layout.RunFolder, data_dir: Path) -> Process:
        started.append(run.id)
        return Process()

    def enqueue(run: layout.RunFolder, data_dir: Path, priority: int = 0) -> Process:
        priorities.append(priority)
        return start(run, data_dir)

    monkeypatch.setattr(spawn, "start", start)
    monkeypatch.setattr(spawn, "enqueue", enqueue)

    async def filtered(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("slash", *"lsh", "enter")

    drive(filtered, tmp_path / "runs", tmp_path)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert isinstance(app.screen, Launch)  # nothing is picked, nothing is launched
        assert started == []
        await pick(pilot, app, "method", "alpha")
        await pick(pilot, app, "dataset", "small")
        await write(pilot, app, "seed", "0-5")
        assert " --queue " in shown(app, "#command")
        await pilot.press("ctrl+t", "ctrl+r")
        await pilot.pause()
        assert isinstance(app.screen, Confirm)  # six workers at once
        await pilot.press("n")
        await pilot.pause()
        assert started == []
        assert "--queue" not in shown(app, "#command")
        await write(pilot, app, "seed", "0,1")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(started) == 2)
        assert priorities == []
        assert isinstance(app.screen, Dashboard)
        await until(pilot, lambda: set(app.views) == set(started))
        runs = app.screen.query_one("#runs", RowTable)
        await until(pilot, lambda: runs.cursor_key == started[0])  # whatever the filter was
        await opened(pilot, app)
        assert field(app, "seed").value == "0,1"  # as it was left
        assert app.screen.query_one("#method", PickList).picked == ["alpha"]
        await pilot.press("ctrl+t")
        await write(pilot, app, "priority", "1000")
        assert "out of range" in plan(app)
        await write(pilot, app, "priority", "-3")
        assert " --queue --priority -3 " in shown(app, "#command")
        assert str(app.screen.query_one("#launch", Button).label) == "Queue 2 runs"
        await pilot.press("ctrl+r")
        await until(pilot, lambda: priorities == [-3, -3])
        await opened(pilot, app)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)

    drive(script, tmp_path / "runs", tmp_path, (100, 40))


@pytest.mark.usefixtures("cards")
def test_text_typed_just_before_a_key_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key of the form may be handled before the message of the letter that came first."""

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pick(pilot, app, "method", "alpha")
        await pick(pilot, app, "dataset", "small")
        started: list[RunSpec] = []
        monkeypatch.setattr(launch_screen, "start_runs", lambda _, specs, __: started.extend(specs))
        screen = launch(app)
        field(app, "seed").query_one(Input).insert_text_at_cursor(",4")
        field(app, "alpha.rate").query_one(Input).value = "0.7"
        screen.action_launch()  # in the same turn of the event loop: no message has been handled
        await until(pilot, lambda: len(started) == 2)
        assert [(spec.seed, spec.params["rate"]) for spec in started] == [(0, 0.7), (4, 0.7)]

    drive(script, tmp_path / "runs", tmp_path)


@pytest.mark.usefixtures("cards")
def test_keys_that_come_at_once_are_handled_in_their_order(tmp_path: Path) -> None:
    """Letters go to the field that the tab before them led to; ctrl+y does not overtake them."""

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        field(app, "bits").query_one(Input).focus()
        await pilot.pause()
        copied: list[str] = []
        app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
        send_at_once(app, "home", "ctrl+k", *"16", "tab", *"35", "ctrl+y")
        await until(pilot, lambda: copied)
        assert (field(app, "bits").value, field(app, "seed").value) == ("16", "35")
        assert "--bits 16 --seed 35 " in copied[0]

    drive(script, tmp_path / "runs", tmp_path)


@pytest.mark.usefixtures("cards")
def test_fields_stay_while_other_methods_come_and_go(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pick(pilot, app, "method", "alpha")
        rate = field(app, "alpha.rate")
        rate.query_one(Input).focus()
        picks = app.screen.query_one("#method", PickList)
        picks.move_to("beta")
        picks.action_select()
        rate.query_one(Input).value = "0.25"  # typed while the fields of beta are made
        await until(pilot, lambda: app.screen.query("#params-beta Field"))
        await pilot.pause()
        assert field(app, "alpha.rate") is rate
        assert app.focused is rate.query_one(Input)
        assert rate.value == "0.25"
        picks.action_select()
        await until(pilot, lambda: not app.screen.query("#params-beta"))
        assert [group.id for group in app.screen.query_one("#params").children] == ["params-alpha"]

    drive(script, tmp_path / "runs", tmp_path)


def test_runs_that_cannot_work_are_refused_as_the_command_refuses_them(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pick(pilot, app, "dataset", "picturebook")  # drops it
        for method, dataset, changes, refusal in (
            ("soda", "coco", {}, "✗ --dataset coco is missing (looked in "),
            ("pcril", "wikipedia", {}, "✗ --method pcril cannot work on wikipedia, a set of "),
            ("soda", "picturebook", {"backbone": "ViT-B-16"}, "✗ --pretrained ViT-B-16 needs we"),
            ("soda", "picturebook", {"pretrained": "no.pt"}, "✗ --pretrained picturebook-clip has"),
        ):
            app.screen.query_one("#method", PickList).offer(method_items(), [method])
            datasets = app.screen.query_one("#dataset", PickList)
            datasets.offer(dataset_items(app.data_dir), [dataset])
            for key, text in changes.items():
                await write(pilot, app, key, text)
            launch(app)._plan()
            assert plan(app).startswith(refusal), plan(app)
            assert app.screen.query_one("#launch", Button).disabled
            launch(app).action_defaults()
        assert plan(app).startswith("1 run: soda × picturebook")

    drive(script, tmp_path / "runs", tmp_path, (160, 60))


@pytest.mark.usefixtures("cards")
def test_several_values_of_a_parameter_make_a_grid(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pick(pilot, app, "method", "alpha")
        await pick(pilot, app, "dataset", "small")
        await write(pilot, app, "alpha.rate", "0.1,0.5")
        await write(pilot, app, "epochs", "3,4")
        assert plan(app).startswith("4 runs: alpha × small")
        command = shown(app, "#command")
        assert command.startswith(
            "$ hashbench run --method alpha --dataset small --set rate=0.1,0.5 --epochs 3,4 --queue"
        )
        await write(pilot, app, "alpha.rate", "0.1,5")
        assert "is not a number 0 <= x <= 1" in field(app, "alpha.rate").problem

    drive(script, tmp_path / "runs", tmp_path, (160, 60))


@pytest.mark.usefixtures("cards")
def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    runs_dir = tmp_path / "runs"

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        runs_dir.write_text("a file where a folder should be")
        await opened(pilot, app)
        await pick(pilot, app, "method", "alpha")
        await pick(pilot, app, "dataset", "small")
        await pilot.press("ctrl+r")
        notices = app._notifications
        await until(pilot, lambda: any("cannot make" in note.message for note in notices))

    drive(script, runs_dir, tmp_path)


@pytest.mark.usefixtures("cards")
def test_the_keyboard_reaches_every_field(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        await pick(pilot, app, "method", "alpha")
        chain = app.screen.focus_chain  # what tab goes along
        wanted = {one.query_one("TypedValue, Choice") for one in app.screen.query(Field)}
        assert wanted <= set(chain)
        await pilot.press("tab", "tab")
        assert app.focused is chain[(chain.index(app.screen.query_one("#method")) + 2) % len(chain)]
        field(app, "seed").query_one(Input).focus()
        await pilot.press("up")
        assert app.focused is field(app, "bits").query_one(Input)
        await pilot.press("down", "down")
        assert app.focused is field(app, "epochs").query_one(Input)

    drive(script, tmp_path / "runs", tmp_path)


def test_every_key_of_a_request_is_in_the_form() -> None:
    keys = {option.key for option in typed_options()} | set(LISTS) | {"set"}
    assert keys == {field.name for field in fields_of(Request)}


def test_defaults_of_the_form_are_those_of_a_request() -> None:
    defaults = Request()
    request = request_of({"method": ["soda"], "dataset": ["picturebook"]}, {}, {})
    for key, option in options().items():
        assert option.values(getattr(request, key)) == option.values(getattr(defaults, key)), key


requests = st.fixed_dictionaries(
    {},
    optional={
        "method": st.lists(st.sampled_from(["soda", "lsh"]), min_size=1, max_size=2, unique=True),
        "dataset": st.lists(
            st.sampled_from(["picturebook", "picturebook-tiny"]), min_size=1, unique=True
        ),
        "bits": st.lists(st.integers(1, 128), min_size=1, max_size=4, unique=True),
        "seed": st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True),
        "known_ratio": st.lists(st.sampled_from([0.3, 0.5, 1.0]), min_size=1, unique=True),
        "select": st.sampled_from(["validation", "last", "test"]),
        "device": st.sampled_from(["auto", "cpu", "cuda:1"]),
        "threads": st.integers(0, 8),
        "epochs": st.integers(1, 9),
        "query_size": st.integers(1, 50),
        "label_noise": st.floats(0, 1),
        "unknown": st.sampled_from(["negative", "ignore"]),
        "split_seed": st.integers(0, 9),
    },
)


@settings(max_examples=40)
@given(requests, st.sampled_from([{}, {"centre": False}, {"lr": 0.25}]))
def test_the_command_means_what_the_form_means(
    asked: dict[str, Any], params: dict[str, Any]
) -> None:
    wanted = Request(**asked, set=params)
    try:
        specs = expand(wanted)
    except InputError:
        return  # such as a parameter of a method that was not asked for
    assert expand(_parsed(command_words(wanted))) == specs


def _parsed(words: list[str]) -> Request:
    """What `hashbench run` makes of the words, up to the point where it would start workers."""
    import typer.main

    from hashbench.cli import main as cli

    assert shlex.split(shlex.join(words)) == words
    command = typer.main.get_command(cli.app)
    caught: list[Request] = []
    from hashbench.plan import request as planning

    def catch(request: Request, *_: object) -> list[Any]:
        caught.append(request)
        raise KeyboardInterrupt

    original = planning.expand
    planning.expand = catch  # type: ignore[assignment]
    try:
        command.main(words[1:], standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        pass
    except BaseException as error:
        if type(error).__name__ != "Abort":
            raise
    finally:
        planning.expand = original
    return caught[0]


def test_grid_text_names_what_there_is_one_of() -> None:
    specs = expand(Request(bits=(16, 32), seed=(0, 1, 2, 3, 4)))
    assert grid_text(specs) == "10 runs: soda × picturebook × 16 bits, 32 bits × 5 seeds"


def test_help_of_fields_and_lists_is_on_the_screen(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)
        seen = text_of(app)
        for said in ("soda", "picturebook", "16,32,64 for several", "1 run: soda"):
            assert said in seen
        await pilot.press("question_mark")
        await pilot.pause()
        assert "keys of new run" in text_of(app)

    drive(script, tmp_path / "runs", tmp_path, (160, 48))


def test_the_form_shows_the_preset_in_force_and_its_values(tmp_path: Path) -> None:
    """Fields that nobody changed follow the preset; typed values stay, whatever it is."""

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await opened(pilot, app)

        def values(*keys: str) -> list[str]:
            return [field(app, key).value for key in keys]

        assert values("preset", "bits", "select", "backbone") == [
            "built-in", "32", "validation", "picturebook-clip",
        ]  # fmt: skip
        await pick(pilot, app, "method", "soda")  # drops it
        await pick(pilot, app, "method", "prompthash")
        assert values("preset", "prompthash.epochs") == ["built-in", "8"]
        await write(pilot, app, "prompthash.epochs", "9")
        await pick(pilot, app, "dataset", "picturebook")  # drops it
        await pick(pilot, app, "dataset", "coco")
        assert values("preset", "bits", "select", "backbone", "pretrained") == [
            "paper", "16,32,64", "test", "ViT-B-16-quickgelu", "metaclip_fullcc",
        ]  # fmt: skip
        assert values("prompthash.inter", "prompthash.epochs") == ["20.0", "9"]
        assert not any(field(app, key).changed for key in ("preset", "bits", "prompthash.inter"))
        form = app.settings.launch
        request = request_of(form.picked, form.typed, {"prompthash.epochs": "9"})
        assert command_words(request)[2:] == [
            "--method", "prompthash", "--dataset", "coco", "--set", "epochs=9",
        ]  # fmt: skip
        field(app, "preset").query_one(Choice).action_turn(1)
        await until(pilot, lambda: values("bits") == ["32"])
        assert field(app, "preset").changed
        assert values("prompthash.inter", "prompthash.epochs") == ["5.0", "9"]
        await pick(pilot, app, "dataset", "coco")
        await pick(pilot, app, "dataset", "picturebook")
        field(app, "preset").query_one(Choice).action_turn(1)
        await until(pilot, lambda: values("bits") == ["16,32,64"])
        await until(pilot, lambda: "16+32+64 bits × paper preset" in plan(app))
        assert "--preset paper" in shown(app, "#command")

    drive(script, tmp_path / "runs", tmp_path, (160, 60))
