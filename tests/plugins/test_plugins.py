"""Plug-ins are found and named, built-in things win, and what is broken disturbs nobody else."""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hashbench.errors import InputError, UnknownNameError
from hashbench.launch import spawn
from hashbench.plan import card_file, catalog, plugins
from hashbench.plan.command import command_words
from hashbench.plan.request import expand, repeated
from hashbench.plan.run_options import Request
from hashbench.plan.spec import RunSpec
from hashbench.plan.sweep import read_sweep
from hashbench.report.naming import short_names, variant_name
from hashbench.runs import layout, plugin_folders
from hashbench.runs.layout import RunFolder
from hashbench.studies import catalog as studies
from hashbench.tui.screens.launch_choices import method_items
from tests.plugins.conftest import Package
from tests.tui import fixtures

Command = Callable[..., tuple[int, str, str]]

CARD = """
from hashbench.plan.card import MethodCard, Param
CARD = MethodCard(name="{name}", title="T", summary="s", paper="p", year=2026, entry="{entry}")
"""


def one_spec(**request: object) -> RunSpec:
    (spec,) = expand(Request(method=["mine"], **request))  # type: ignore[arg-type]
    return spec


def new_run(runs_dir: Path, spec: RunSpec) -> RunFolder:
    return layout.create(runs_dir, spec, datetime.datetime.now(datetime.UTC))


def test_a_method_of_one_file_is_known_wherever_methods_are(
    folder: Path, tmp_path: Path, run_main: Command
) -> None:
    assert catalog.method("mine").entry == f"{folder / 'mine.py'}:Mine"
    assert "mine" in [item.name for item in method_items()]
    sweep = tmp_path / "sweep.toml"
    sweep.write_text('[[grid]]\nmethod = ["lsh", "mine"]\nset = { hidden = [16, 32] }\n')
    assert [spec.method for spec in read_sweep(sweep)] == ["lsh", "mine", "mine"]
    os.environ[plugins.FOLDERS] = ""  # the fixture's is put back; the option alone must do
    code, out, err = run_main("methods", "list", "--methods", str(folder))
    assert (code, err) == (0, "")
    assert f"[plug-in: {folder / 'mine.py'}]" in out
    words = command_words(Request(method=["mine"]))
    assert words[2:4] == ["--methods", str(folder)]
    code, out, _ = run_main(*words[1:], "--dry-run")
    assert code == 0
    assert out.startswith("mine file ")


def test_the_content_of_the_file_is_part_of_the_spec_and_of_the_name(folder: Path) -> None:
    before = one_spec()
    assert before.file_hash == card_file.content_hash(folder / "mine.py")
    with (folder / "mine.py").open("a") as file:
        file.write("# another thought\n")
    after = one_spec()
    assert before.hash != after.hash
    assert variant_name(before) != variant_name(after)
    assert len(set(short_names([before, after]))) == 2
    assert expand(Request(**repeated(after))) == [after]
    (built_in,) = expand(Request(method=["lsh"]))
    assert built_in.file_hash == ""


BROKEN = {
    "syntax": ("CARD = (\n", "SyntaxError in line 1"),
    "imports": ("import nowhere\nCARD = nowhere.CARD\n", "No module named 'nowhere'"),
    "wrong_type": ("CARD = {}\n", "a dict, not a MethodCard"),
    "wrong_name": (CARD.format(name="other", entry=":M"), "its card 'other'"),
    "no_card": ("value = 1\n", "neither CARD nor MEASURE"),
    "raises": ("CARD = 1 / 0\n", "division by zero (raises.py:1)"),
    "ends": ("import sys\nCARD = sys.exit(3)\n", "SystemExit: 3"),
    "old": ("from hashbench.plan.card import MethodCard\nCARD = MethodCard(x=1)\n", "unexpected"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_and_breaks_only_what_asks_for_it(
    folder: Path, name: str, run_main: Command
) -> None:
    source, problem = BROKEN[name]
    (folder / f"{name}.py").write_text(source)
    with pytest.raises(InputError, match=name) as refused:
        catalog.method(name)
    assert problem in str(refused.value)
    code, out, err = run_main("methods", "list", "--methods", str(folder))
    assert code == 0
    assert "mine " in out
    assert f"left out: {name} ({folder / name}.py)" in err
    assert problem in err
    assert one_spec().method == "mine"
    code, _, err = run_main("run", "-m", name, "--methods", str(folder), "--dry-run")
    assert code == 2
    assert problem in err
    assert "Traceback" not in err


def test_code_that_cannot_be_imported_is_named_when_it_is_needed(folder: Path) -> None:
    path = folder / "mine.py"
    path.write_text(path.read_text().replace('entry=":Mine"', 'entry=":Yours"'))
    card = catalog.method("mine")
    with pytest.raises(InputError, match="has no attribute 'Yours'"):
        catalog.load(card.entry)
    path.write_text(path.read_text() + "\nimport nowhere\n")
    with pytest.raises(InputError, match=r"No module named 'nowhere' \(mine.py:\d+\)"):
        catalog.load(card.entry)


def test_built_in_methods_win(folder: Path, run_main: Command) -> None:
    (folder / "soda.py").write_text(CARD.format(name="soda", entry=":M"))
    assert catalog.method("soda").entry.startswith("hashbench.methods.soda")
    assert catalog.methods()["soda"] is catalog.method("soda")
    _, _, err = run_main("methods", "list", "--methods", str(folder))
    assert "the built-in method of this name is used instead" in err


def test_a_package_is_found_by_its_entry_point(package: Package) -> None:
    package("plug", "plugged", CARD.format(name="plug", entry="plugged_code:Code"))
    assert catalog.method("plug").title == "T"
    assert catalog.source_of("method", "plug") == "package plugged 1.0, plugged:CARD"
    (spec,) = expand(Request(method=["plug"]))
    assert spec.file_hash == ""
    with pytest.raises(InputError, match="No module named 'plugged_code'"):
        catalog.load(catalog.method("plug").entry)
    with pytest.raises(UnknownNameError, match="did you mean plug"):
        catalog.method("plugg")


def test_broken_packages_are_named(package: Package, folder: Path) -> None:
    package("absent", "plugged_a", "x = 1\n")
    package("failing", "plugged_b", "import nowhere\n")
    package("plug", "plugged_c", CARD.format(name="other", entry="a:b"))
    package("mine", "plugged_d", CARD.format(name="mine", entry="a:b"))
    package("twice", "plugged_e", CARD.format(name="twice", entry="a:b"))
    package("twice", "plugged_f", CARD.format(name="twice", entry="a:b"))
    left_out = "\n".join(catalog.left_out("method"))
    for name, problem in {
        "absent": "has no attribute 'CARD'",
        "failing": "No module named 'nowhere'",
        "plug": "its entry point is named 'plug', and its card 'other'",
        "mine": "several plug-ins have this name",
        "twice": "several plug-ins have this name",
    }.items():
        assert problem in left_out
        with pytest.raises(InputError, match=name) as refused:
            catalog.method(name)
        assert problem in str(refused.value)
        assert name not in catalog.methods()
    assert "soda" in catalog.methods()


def test_what_is_built_in_looks_for_no_plug_in(package: Package) -> None:
    path = package("failing", "plugged_marks", "raise AssertionError('imported')\n")
    path.with_name("mark").touch()
    plugins._all_points.cache_clear()
    expand(Request(method=["soda"]))
    assert plugins._all_points.cache_info().currsize == 0


def test_a_study_of_a_package_is_a_path(package: Package) -> None:
    source = "from pathlib import Path\nSTUDY = Path(__file__).with_name('fair.toml')\n"
    path = package("fair", "plugged_study", source, "studies")
    package("text", "plugged_text", "STUDY = 'fair.toml'\n", "studies")
    assert plugins.healthy(plugins.STUDIES) == {"fair": path.with_name("fair.toml")}
    assert studies.files()["fair"] == path.with_name("fair.toml")
    (problem,) = plugins.left_out(plugins.STUDIES, ())
    assert studies.left_out() == [problem]
    assert "its STUDY is a str, not a Path" in problem


def test_two_edits_within_a_second_are_two_modules(tmp_path: Path) -> None:
    path = tmp_path / "held.py"
    for value in range(5):
        path.write_text(f"value = {value}\n")
        assert card_file.import_file(path).value == value


def test_a_folder_that_no_run_could_note_makes_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange, runs = tmp_path / "m\udce9thods", tmp_path / "runs"
    strange.mkdir()
    (spec,) = expand(Request(method="lsh"))
    monkeypatch.setenv(plugins.FOLDERS, str(strange))
    with pytest.raises(InputError, match="not UTF-8"):
        layout.create(runs, spec, datetime.datetime.now(datetime.UTC))
    assert list(runs.iterdir()) == []


def test_of_two_folders_the_first_wins(folder: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copytree(folder, second)
    (second / "mine.py").write_text((second / "mine.py").read_text() + "# later\n")
    first = one_spec().file_hash
    plugins.use_folders([second, folder])
    assert one_spec().file_hash != first
    plugins.use_folders([folder, second])
    assert one_spec().file_hash == first
    plugins.use_folders([folder])
    with pytest.raises(InputError, match="--methods"):
        plugins.use_folders([tmp_path / "nowhere"])
    shutil.rmtree(second)
    assert catalog.left_out("method") == []
    shutil.rmtree(folder)
    assert catalog.left_out("method") == [f"{folder} (HASHBENCH_METHODS): is no folder"]


def test_only_what_a_card_is_made_from_is_run(tmp_path: Path) -> None:
    path = tmp_path / "held.py"
    path.write_text(
        "from __future__ import annotations\n"
        "import heavy_and_absent\n"
        "try:\n    import absent_too as one\nexcept ImportError:\n    one = 1\n"
        "def more(value):\n    return value + OTHER\n"
        "OTHER, UNUSED = 10, 5\n"
        "raise_here = heavy_and_absent.call if False else None\n"
        "CARD = [more(one)]\n"
        "class Code(heavy_and_absent.Base):\n    pass\n"
    )
    assert card_file.stored_value(path, ("CARD",)) == ("CARD", [11])
    assert card_file.stored_value(path, ("MEASURE",)) is None


def test_a_run_remembers_the_folder_and_refuses_a_changed_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Command
) -> None:
    runs = tmp_path / "runs"
    spec = one_spec()
    run = new_run(runs, spec)
    monkeypatch.setenv(plugins.FOLDERS, "")
    assert plugin_folders.read(run) == (folder,)
    spawn.check_startable(run)  # the folder that it noted has the file
    moved = tmp_path / "moved"
    folder.rename(moved)
    code, _, err = run_main("resume", run.id, "--runs-dir", str(runs))
    assert code == 2
    assert "in none of the folders of plug-ins" in err
    plugins.use_folders([moved])
    spawn.check_startable(run)
    assert plugin_folders.read(run) == (moved,)
    with (moved / "mine.py").open("a") as file:
        file.write("# another thought\n")
    code, _, err = run_main("resume", run.id, "--runs-dir", str(runs))
    assert code == 2
    assert f"{moved / 'mine.py'}, the file of its method, has changed since the run began" in err
    assert not run.events.exists()
    # the way out that the message names: the file as it was
    assert f"hashbench resume {run.id} --methods {run.kept_plugins}" in err
    plugins.use_folders([run.kept_plugins])
    spawn.check_startable(run)
    assert plugin_folders.read(run) == (run.kept_plugins,)


def test_a_worker_refuses_a_file_that_changed_while_it_waited(folder: Path, tmp_path: Path) -> None:
    run = new_run(tmp_path, one_spec())
    (folder / "mine.py").write_text((folder / "mine.py").read_text() + "# late\n")
    plugin_folders.use(run)
    with pytest.raises(InputError, match="has changed since the run began"):
        plugin_folders.require_same_files(run, one_spec_of(run))


def one_spec_of(run: RunFolder) -> RunSpec:
    from hashbench.plan import spec as specs

    return specs.read(run.spec)


def test_a_run_whose_plug_in_is_gone_is_listed_shown_and_compared(
    tmp_path: Path, run_main: Command
) -> None:
    for number, content in enumerate(("aaaa", "bbbb")):
        spec = msgspec.structs.replace(fixtures.spec("gone"), file_hash=content * 4)
        fixtures.finished(tmp_path, spec, number)
    for words in (["ls"], ["show", "last"], ["compare", "--format", "md"]):
        code, out, err = run_main(*words, "--runs-dir", str(tmp_path))
        assert code == 0, err
        assert "gone" in out
    assert "file aaaaaaaa" in out  # two files are two rows
    assert "file bbbbbbbb" in out
    lost = fixtures.folder(tmp_path, fixtures.spec("gone", seed=7), 9)
    code, _, err = run_main("resume", lost.id, "--runs-dir", str(tmp_path))
    assert code == 2
    assert "there is no method named 'gone'" in err
