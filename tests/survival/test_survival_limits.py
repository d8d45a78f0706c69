"""Files that are too large or nested too deeply, names that lead elsewhere, letters that steer."""

from __future__ import annotations

import contextlib
import datetime
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hashbench.cli.main import app
from hashbench.datasets import custom
from hashbench.datasets.coco.annotations import Captions, read_json
from hashbench.datasets.custom_table import read_table
from hashbench.datasets.named_splits import read_split
from hashbench.datasets.text_files import read_bytes
from hashbench.errors import DamagedFileError, HashbenchError, InputError
from hashbench.files.bounded_read import read_bounded
from hashbench.plan import custom_registry, spec
from hashbench.plan.request import Request, expand, read_config
from hashbench.plan.sweep import read_sweep
from hashbench.runs import events, layout, result, tags
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import Tailer, read_all
from hashbench.runs.writer import EventWriter
from hashbench.tui import settings

DEEP = 100_000
HUGE = 100 << 20

READERS: dict[str, Callable[[Path], object]] = {
    "spec.toml": spec.read,
    "config.toml": read_config,
    "sweep.toml": read_sweep,
    "hashbench.toml": custom_registry.read,
    "result.json": result.read,
    "split.json": lambda path: read_split(path, None),  # type: ignore[arg-type]
    "captions.json": lambda path: read_json(path, Captions),
    "table.jsonl": read_table,
}


def make(tmp_path: Path) -> RunFolder:
    (one,) = expand(Request())
    return layout.create(tmp_path / "runs", one, datetime.datetime.now(datetime.UTC))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ("{a=", "}")])
def test_deep_nesting_is_one_clear_error(
    tmp_path: Path, name: str, opening: str, closing: str
) -> None:
    path = tmp_path / name
    before = "x = " if name.endswith(".toml") else ""
    path.write_text(before + opening * DEEP + "1" + closing * DEEP)
    with pytest.raises(DamagedFileError, match=name):
        READERS[name](path)


@pytest.mark.parametrize("name", [name for name in READERS if name.endswith(".toml")])
@pytest.mark.parametrize("key", ["a." * 15_000, "a . " * 15_000, "0.1." * 15_000])
def test_keys_without_end_are_one_clear_error(tmp_path: Path, name: str, key: str) -> None:
    path = tmp_path / name
    for text in (f"{key}a = 1", f"[{key}a]", f"x = {{{key}a = 1}}"):
        path.write_text(text)
        with pytest.raises(DamagedFileError, match="more than 64 parts"):
            READERS[name](path)


@pytest.mark.parametrize("name", READERS)
def test_a_hundred_megabytes_are_one_clear_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(HUGE)  # takes no space
    with pytest.raises(HashbenchError, match=name):
        READERS[name](path)


@pytest.mark.parametrize("content", ["[" * DEEP, '{"a":' * DEEP, "\0" * (1 << 20), "nonsense"])
def test_what_only_decorates_is_left_out(tmp_path: Path, content: str) -> None:
    run = make(tmp_path)
    (run.path / tags.FILE).write_text(content)
    assert tags.read(run) == tags.Tags()
    (tmp_path / "settings.json").write_text(content)
    assert settings.load(tmp_path / "settings.json") == settings.Settings()


def test_lines_that_are_no_events_are_counted(tmp_path: Path) -> None:
    run = make(tmp_path)
    nested = '{"kind":"fact","name":"a","value":' + "[" * 900 + "]" * 900 + "}"
    too_far = '{"kind":"beat","seq":' + "9" * 30 + "}"
    no_time = '{"kind":"beat","t":1e300}'
    run.events.write_text(
        "\n".join([nested, too_far, no_time, "[" * DEEP, '{"kind":"beat","seq":4}', ""])
    )
    tailer = Tailer(run.events)
    assert [event.seq for event in tailer.poll()] == [4]
    assert tailer.skipped == 4
    with EventWriter(run.events) as writer:
        writer.write(events.Beat())
    assert [event.seq for event in read_all(run.events)] == [4, 5]


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path, 10, "a thing")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DamagedFileError, match="not an ordinary file"):
            read_bounded(path, 10, "a thing")
    (tmp_path / "exact").write_bytes(bytes(10))
    assert read_bounded(tmp_path / "exact", 10, "a thing") == bytes(10)
    with pytest.raises(DamagedFileError, match="too large to be a thing"):
        read_bounded(tmp_path / "exact", 9, "a thing")
    with pytest.raises(DamagedFileError, match="not an ordinary file"):
        read_bytes(tmp_path / "pipe", "")


@pytest.mark.parametrize("name", ["../outside", "/etc", "..", ".", "a/b", "", "a\0b"])
def test_a_dataset_of_a_spec_stays_in_the_data_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").mkdir()
    registration = custom_registry.Registration(
        kind="table", title="x", query=1, train=2, table="t.csv"
    )
    (tmp_path / "outside" / custom_registry.FILE).write_bytes(msgspec.toml.encode(registration))
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match="not a name for a dataset"):
        custom.load(tmp_path / "data", {"name": name})


def test_links_among_the_runs_are_no_runs(tmp_path: Path) -> None:
    run = make(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    run.path.rename(elsewhere)
    run.path.symlink_to(elsewhere)
    assert layout.find(tmp_path / "runs") == []
    for name in (run.id, f"..{os.sep}elsewhere", "..", "last"):
        with pytest.raises(InputError):
            layout.pick(tmp_path / "runs", name)


STEERING = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egpj[/nonsense][red]"


def shown(*words: object) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        app([str(word) for word in words], standalone_mode=False)
    return out.getvalue()


@pytest.mark.parametrize(
    "words",
    [
        ["ls"],
        ["show", "last"],
        ["show", "last", "--recovery"],
        ["show", "last", "--class"],
        ["compare"],
        ["queue"],
    ],
)
def test_nothing_that_steers_reaches_the_screen(tmp_path: Path, words: list[str]) -> None:
    run = make(tmp_path)
    logged: list[Any] = [
        events.Started(pid=1, since=0.0, host=STEERING, facts={STEERING: STEERING}),
        events.Planned(stages=(events.StagePlan(STEERING, STEERING, 2, 2),)),
        events.StageBegan(stage=STEERING),
        events.Loss(stage=STEERING, epoch=0, step=1, values={STEERING: 1.0}),
        events.Scores(stage=STEERING, epoch=0, on="validation", values={STEERING: 0.5}),
        events.Monitors(stage=STEERING, epoch=0, values={STEERING: 0.5}),
        events.Recovery(
            stage=STEERING,
            epoch=0,
            values={STEERING: 0.5},
            classes={STEERING: {STEERING: 0.5}},
            examples=(
                events.RecoveryExample(STEERING, (STEERING,), (STEERING,), 0.1, ((STEERING, 0.4),)),
            ),
        ),
        events.Note(level="warning", text=STEERING),
        events.Failed(reason=STEERING, remedy=STEERING, detail=STEERING),
    ]
    with EventWriter(run.events) as writer:
        for event in logged:
            writer.write(event)
    run.log.write_text(STEERING)
    out = shown(*words, "--runs-dir", run.path.parent)
    assert not {letter for letter in out if letter in "\x1b\x07\x9b\u202e"}
    assert "owned" in out or words[0] != "show"
