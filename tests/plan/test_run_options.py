"""The table of run options: one row is an option of the command line, the form and the files."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from typer.testing import CliRunner

from hashbench.cli.main import app
from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import request as requests
from hashbench.plan import run_options
from hashbench.plan.command import command_words
from hashbench.plan.option_kinds import RunOption
from hashbench.plan.request import expand, overridden, read_config, repeated
from hashbench.plan.run_options import OneOrMore, Request, options
from hashbench.plan.spec import LabelSpec, to_toml
from hashbench.plan.sweep import read_sweep
from hashbench.tui.app import Workbench
from hashbench.tui.widgets.field import Field
from tests.tui.driving import drive, until


@dataclass(frozen=True)
class Longer(Request):
    """The table with one row more."""

    label_colour: Annotated[
        OneOrMore[str],
        RunOption("Colour of labels.", choices=("red", "blue"), spec="labels.colour"),
    ] = "red"


class ColouredLabels(LabelSpec, frozen=True):
    """The part of the spec with one field more: the place that uses the value."""

    colour: str = "red"


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both edits that a new option takes; the command is then made anew, as in a new process."""
    monkeypatch.setattr(run_options, "Request", Longer)
    monkeypatch.setattr(requests, "LabelSpec", ColouredLabels)
    monkeypatch.delitem(sys.modules, "hashbench.cli.run", raising=False)
    yield
    sys.modules.pop("hashbench.cli.run", None)


@pytest.mark.usefixtures("added")
def test_a_row_is_all_that_a_new_option_takes(tmp_path: Path) -> None:
    # the command line: help, choices, refusals
    runner = CliRunner(env={"COLUMNS": "200"})
    shown = runner.invoke(app, ["run", "--help"]).output
    assert re.search(r"--label-colour red\|blue +Colour of labels. \[default: red\]", shown)
    refused = runner.invoke(app, ["run", "--label-colour", "bleu"])
    assert isinstance(refused.exception, UnknownNameError)
    assert str(refused.exception).startswith("--label-colour: there is no label colour")
    # config and sweep files, grids and conditions
    config = tmp_path / "config.toml"
    config.write_text('label_colour = "blue"')
    (spec,) = expand(run_options.request(read_config(config)))
    assert spec.labels.colour == "blue"  # type: ignore[attr-defined]
    assert repeated(spec)["label_colour"] == "blue"
    sweep = tmp_path / "sweep.toml"
    sweep.write_text('[base]\nlabel_colour = ["red", "blue"]\n[[skip]]\nlabel_colour = "red"')
    assert [one.labels.colour for one in read_sweep(sweep)] == ["blue"]  # type: ignore[attr-defined]
    # the command line that is shown to be copied
    words = command_words(run_options.request({"label_colour": ["red", "blue"]}))
    assert words[-2:] == ["--label-colour", "red,blue"]


@pytest.mark.usefixtures("added")
def test_a_row_is_a_field_of_the_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHBENCH_CONFIG", str(tmp_path / "config"))

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("n")
        await until(pilot, lambda: app.screen.query("Field"))
        (field,) = (one for one in app.screen.query(Field) if one.key == "label_colour")
        assert (field.label, field.default, field.hint) == (
            "label colour", "red", "Colour of labels.",
        )  # fmt: skip

    drive(script, tmp_path / "runs", tmp_path)


VALUES: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(0, 300),
    float: st.floats(0, 1),
    str: st.text(st.characters(codec="ascii", exclude_characters=",\n"), min_size=1)
    .map(str.strip)
    .filter(bool),
}


@given(st.data())
def test_what_a_command_says_is_what_was_meant(data: st.DataObject) -> None:
    """Typed words of every option read back as its values, through a shell as well."""
    option = data.draw(st.sampled_from([row for row in options().values() if not row.picked]))
    one = st.sampled_from(option.choices) if option.choices else VALUES[option.item]
    many = st.lists(one, min_size=1, max_size=4 if option.grid else 1, unique=True)
    values = data.draw(many)
    words = shlex.split(shlex.join(option.words(values)))
    if not words:
        assert values in ([], option.values(option.default))
        return
    assert set(words[::2]) == {option.flag}
    assert option.values(option.parse(words[1::2])) == values


@given(st.lists(st.integers(0, 60), min_size=1, max_size=9))
def test_whole_numbers_survive_lists_and_ranges(values: list[int]) -> None:
    option = options()["seed"]
    words = option.words(values)
    read = option.parse(words[1:]) if words else option.default
    assert option.values(read) == list(dict.fromkeys(values))


@pytest.mark.parametrize("key", ["bits", "seed", "epochs", "query_size"])
@pytest.mark.parametrize(
    "text", ["0-99999999999999999999", "1-1000000000000", "9" * 30, "9" * 6000, "16,x", "1-2-3"]
)
def test_numbers_beyond_reason_are_one_message(key: str, text: str) -> None:
    option = options()[key]
    with pytest.raises(InputError, match=f"^{option.flag}: ") as refused:
        option.check(option.parse([text]))
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("label_noise", float("nan")),
        ("known_ratio", 0.0),
        ("known_ratio", [0.5, float("inf")]),
        ("protocol", "Strict"),
        ("threads", -1),
        ("bits", []),
    ],
)
def test_wrong_values_are_refused_by_the_row(key: str, value: object) -> None:
    with pytest.raises(InputError) as refused:
        options()[key].check(value)
    assert refused.value.where == options()[key].flag


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("bits", True), ("bits", "16"), ("seed", 1.0), ("device", ["cpu"]), ("threads", [1, 2]),
        ("ablate", [["a", 1]]), ("set", {"alpha": {}}), ("set", {"alpha": []}), ("epochs", []),
    ],
)  # fmt: skip
def test_values_of_another_type_are_refused_with_their_place(key: str, raw: object) -> None:
    with pytest.raises(InputError) as refused:
        options()[key].convert(raw, "here")
    assert str(refused.value.where).startswith(f"here: {key}")


def test_every_option_may_be_a_list() -> None:
    request = Request(
        dataset=["picturebook", "picturebook-tiny"],
        label_noise=[0.0, 0.1],
        epochs=[2, 3],
        select=["last", "test"],
        split=["own", "mith"],
        query_size=[50, 60],
    )
    specs = expand(request)
    assert len(specs) == len({spec.hash for spec in specs}) == 2**6


def test_parameters_and_ablations_make_grids_for_the_methods_that_have_them() -> None:
    request = Request(
        method=["soda", "lsh"],
        set={"alpha": "0.01,0.1,1", "prompt": "context,sentence", "lsh.centre": "yes,no"},
        ablate=[[], ["no-prompt"]],
    )
    specs = expand(request)
    soda = [spec for spec in specs if spec.method == "soda"]
    assert {spec.params["alpha"] for spec in soda} == {0.01, 0.1, 1.0}
    assert len(soda) == 3 * 2 * 2
    assert len([spec for spec in specs if spec.method == "lsh"]) == 2
    assert len({spec.hash for spec in specs}) == len(specs)
    words = command_words(request)
    assert words[-6:] == ["--set", "lsh.centre=yes,no", "--ablate", "none", "--ablate", "no-prompt"]
    assert options()["ablate"].parse(["none", "no-prompt"]) == [[], ["no-prompt"]]
    assert options()["ablate"].values(["a", "b"]) == [("a", "b")]


def test_a_grid_is_counted_before_it_is_made() -> None:
    many = list(range(10_000))
    with pytest.raises(InputError, match="the grid has 1,000,000,000,000 runs"):
        expand(Request(seed=many, split_seed=many, query_size=[n + 1 for n in many]))


@pytest.mark.parametrize(
    "request_",
    [
        Request(),
        Request(bits=16, seed=3, epochs=2, known_ratio=0.3, device="cpu", threads=2),
        Request(method="pghmh", bits=[16, 32], protocol="published"),
        Request(ablate=["no-prompt"], set={"student_epochs": 7, "alpha": 0.5}),
        Request(method="lsh", dataset="picturebook-tiny", query_size=50, set={"centre": False}),
        Request(method="lsh", split="mith", split_seed=4, on_bad_image="skip"),
        Request(backbone="ViT-B-16", pretrained="openai", feature_precision="fp16"),
    ],
    ids=str,
)
def test_the_spec_of_a_run_repeats_it(request_: Request) -> None:
    (spec,) = expand(request_)
    assert expand(run_options.request(repeated(spec))) == [spec]


def test_a_run_on_a_dataset_that_has_changed_is_not_repeated_as_another(tmp_path: Path) -> None:
    (spec,) = expand(Request(dataset="picturebook-tiny"))
    changed = msgspec.structs.replace(spec.dataset, params={**spec.dataset.params, "items": 150})
    file = tmp_path / "spec.toml"
    file.write_text(to_toml(msgspec.structs.replace(spec, dataset=changed)))
    with pytest.raises(InputError, match="had items 150 in this run, and has 460 now") as error:
        read_config(file)
    assert "hashbench resume" in str(error.value.remedy)


def test_typed_options_win_over_those_of_a_file() -> None:
    (spec,) = expand(Request(set={"teacher_epochs": 7, "alpha": 0.5}))
    (again,) = expand(run_options.request(overridden(repeated(spec), {"epochs": 2, "seed": 1})))
    assert (again.params["teacher_epochs"], again.params["student_epochs"]) == (2, 2)
    assert (again.params["alpha"], again.seed) == (0.5, 1)
    values = overridden({"set": {"alpha": 1.0, "beta": 2.0}}, {"set": {"alpha": "3"}})
    assert values["set"] == {"alpha": "3", "beta": 2.0}


def test_methods_that_need_encoders_are_refused_on_a_set_of_features() -> None:
    for method in ("pcril", "prompthash", "pghmh"):
        with pytest.raises(InputError, match=f"{method} cannot work on wikipedia") as refused:
            expand(Request(method=["lsh", method], dataset="wikipedia"))
        remedy, _, able = str(refused.value.remedy).partition(": ")
        assert remedy == "a method that takes features as they are"
        assert {"lsh", "soda"} <= set(able.split(", "))
        assert method not in able.split(", ")
    assert expand(Request(method=["lsh", "soda"], dataset="wikipedia"))
