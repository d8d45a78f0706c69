"""What `new` writes works as it stands, whatever it is copied from, and overwrites nothing."""

from __future__ import annotations

import ast
import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hashbench.errors import InputError
from hashbench.plan import card_file, catalog
from hashbench.plan.card_rules import broken_method_rules
from hashbench.scaffold.write import Kind, check_name, new_files, write_files

Command = Callable[..., tuple[int, str, str]]
TOO_LARGE = {"pcril"}


@pytest.mark.parametrize("origin", list(catalog.built_in_methods()))
def test_a_copy_of_a_method_in_one_file_is_that_method(origin: str, tmp_path: Path) -> None:
    if origin in TOO_LARGE:
        with pytest.raises(InputError, match="cannot be merged"):
            new_files("method", "mine", origin, package=False)
        return
    write_files(tmp_path, new_files("method", "mine", origin, package=False))
    path = tmp_path / "mine.py"
    held = card_file.stored_value(path, ("CARD",))
    assert held is not None
    original = catalog.method(origin)
    copied = held[1]
    names = {"name": original.name, "title": original.title, "entry": original.entry}
    assert (copied.name, copied.title, copied.entry) == ("mine", "MINE", ":Mine")
    assert dataclasses.replace(copied, **names) == original
    module = card_file.import_file(path)
    assert {name for name in vars(catalog.load(original.entry)) if not name.startswith("__")} == {
        name for name in vars(module.Mine) if not name.startswith("__")
    }


@pytest.mark.parametrize("origin", ["dcmh", "pcril", "random", None])
def test_a_copy_of_a_method_as_a_package_imports_nothing_of_the_original(
    origin: str | None, tmp_path: Path
) -> None:
    texts = new_files("method", "my_own", origin, package=True)
    root = "hashbench-my-own"
    pyproject = texts.pop(f"{root}/pyproject.toml")
    assert 'my_own = "hashbench_my_own:CARD"' in pyproject
    assert ("hashbench_my_own.recovery" in pyproject) == (origin == "pcril")
    entry = None
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("hashbench_my_own"):
                module = str(node.module).replace(".", "/")
                assert {f"{root}/{module}.py", f"{root}/{module}/__init__.py"} & texts.keys()
        assert origin is None or f"hashbench.methods.{origin}" not in text, path
        entry = entry or ("hashbench_my_own.method:MyOwn" in text)
    assert entry


@pytest.mark.parametrize("kind", ["method", "dataset", "metric"])
@pytest.mark.parametrize("package", [False, True])
def test_what_is_written_keeps_the_style(kind: Kind, package: bool, tmp_path: Path) -> None:
    write_files(tmp_path, new_files(kind, "mine", None, package=package))
    ruff = Path(sys.executable).with_name("ruff")
    for words in (
        ["check", "--isolated", "--select", "E,F,UP,B,W"],
        ["format", "--isolated", "--check"],
    ):
        done = subprocess.run(
            [ruff, *words, "--line-length", "100", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten(tmp_path: Path, run_main: Command) -> None:
    into = ("--into", str(tmp_path))
    code, out, _ = run_main("methods", "new", "mine", "--from", "lsh", *into)
    assert code == 0
    assert f"hashbench run --methods {tmp_path} -m mine" in out
    (tmp_path / "mine.py").unlink()
    (tmp_path / "test_mine.py").write_text("precious")
    code, _, err = run_main("methods", "new", "mine", *into)
    assert code == 2
    assert "test_mine.py: exists, and nothing was written" in err
    assert (tmp_path / "test_mine.py").read_text() == "precious"
    assert not (tmp_path / "mine.py").exists()


@pytest.mark.parametrize("name", ["a-b", "1st", "class", "", "../up", "test_x", "soda", "LSH"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_name("method", name, catalog.built_in_methods())


@pytest.mark.parametrize("name", list(catalog.built_in_methods()))
def test_built_in_cards_keep_the_rules_that_others_are_asked_to(name: str) -> None:
    assert broken_method_rules(catalog.method(name)) == []


def test_broken_rules_are_told() -> None:
    card = catalog.method("dcmh")
    first = dataclasses.replace(card.params[0], default=0)
    broken = dataclasses.replace(
        card, summary="", entry="nowhere", params=(first, first), epoch_params=("eras",)
    )
    text = " ".join(broken_method_rules(broken))
    for problem in ("no summary", "module:name", "twice", "epochs = 0", "sets gamma", "names eras"):
        assert problem in text
