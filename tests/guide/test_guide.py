"""The guide is true: its commands and options are those of the command line."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from hashbench.cli.main import COMMANDS, app
from hashbench.guide import Chapter, chapters

README = Path(__file__).resolve().parents[2] / "README.md"
TEXTS = [*chapters(), Chapter("README", "README", README.read_text(encoding="utf-8"))]
RUNNER = CliRunner()
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")


def commands_in(text: str) -> list[str]:
    """Every `hashbench ...` of the shell blocks and of inline code."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    # a shell line may put the command behind others, as the README's first line does
    shell = [part for line in lines for part in line.partition(" #")[0].split("&&")]
    inline = [
        " ".join(code.split())
        for code in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    ]
    candidates = (re.sub(r"^\S*/hashbench\b", "hashbench", part.strip()) for part in shell + inline)
    return [one for one in candidates if re.match(r"hashbench( |$)", one)]


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and the words after it."""
    command: click.Command = typer.main.get_command(app)
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        context = command.make_context("hashbench", [], resilient_parsing=True)
        inner = command.get_command(context, words[0])
        assert inner is not None, f"there is no command {words[0]}"
        command, words = inner, words[1:]
    return command, words


def options_of(command: click.Command) -> set[str]:
    names = {name for param in command.params for name in [*param.opts, *param.secondary_opts]}
    return names | {"--help", "-h"}


@pytest.mark.parametrize("chapter", TEXTS, ids=lambda chapter: chapter.name)
def test_commands_and_options_exist(chapter: Chapter) -> None:
    for line in commands_in(chapter.text):
        command, rest = resolved(shlex.split(line)[1:])
        used = {word.partition("=")[0] for word in rest if re.match(r"--?[a-zA-Z]", word)}
        unknown = used - options_of(command)
        assert not unknown, f"{line}: {unknown}"


@pytest.mark.parametrize("chapter", TEXTS, ids=lambda chapter: chapter.name)
def test_options_named_alone_belong_to_some_command(chapter: Chapter) -> None:
    known = {"--quick"} | options_of(resolved([])[0])  # of a benchmark, and of hashbench itself
    for name in COMMANDS:
        command, _ = resolved([name])
        known |= options_of(command)
        for inner in getattr(command, "commands", {}):
            known |= options_of(resolved([name, inner])[0])
    prose = re.sub(r"```.*?```", "", chapter.text, flags=re.DOTALL)
    named = {option for code in re.findall(r"`([^`]+)`", prose) for option in OPTION.findall(code)}
    assert named <= known, named - known


def test_every_command_is_explained() -> None:
    text = "\n".join(chapter.text for chapter in TEXTS)
    missing = [name for name in COMMANDS if f"hashbench {name}" not in text]
    assert not missing


def test_chapters_named_in_texts_exist() -> None:
    names = {chapter.name for chapter in chapters()}
    for chapter in TEXTS:
        for line in commands_in(chapter.text):
            words = line.split()
            if words[1:2] == ["guide"] and len(words) > 2:
                assert words[2] in names | {"CHAPTER", "[CHAPTER]"}, line


def test_files_named_in_texts_exist() -> None:
    root = README.parent
    for chapter in TEXTS:
        for name in re.findall(r"(?:hashbench|tests)/[\w/.-]*\w", chapter.text):
            assert (root / name).exists(), f"{chapter.name}: {name}"


def test_the_readme_is_a_front_door() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


def test_the_terminal_shows_chapters() -> None:
    listing = RUNNER.invoke(app, ["guide"])
    assert listing.exit_code == 0
    for chapter in chapters():
        assert f"{chapter.name} " in listing.output
        assert chapter.title in listing.output
    page = RUNNER.invoke(app, ["guide", "data"])
    assert page.exit_code == 0
    assert "hashbench datasets add birds" in page.output


def test_an_unknown_chapter_is_answered_with_the_nearest() -> None:
    from hashbench.errors import UnknownNameError

    result = RUNNER.invoke(app, ["guide", "dada"])
    assert isinstance(result.exception, UnknownNameError)
    assert "data" in str(result.exception)


def test_the_map_of_the_code_is_that_of_the_import_rules() -> None:
    text = next(chapter.text for chapter in chapters() if chapter.name == "extending")
    table = text.partition("| room | what is in it |\n|---|---|\n")[2].partition("\n\n")[0]
    drawn = [set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in table.splitlines()]
    rules = tomllib.loads((README.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = rules["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert drawn == [set(re.findall(r"hashbench\.(\w+)", layer)) for layer in layers]
