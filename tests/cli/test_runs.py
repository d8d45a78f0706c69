"""`ls`, `show`, `kill`, `rm` and `tag`, and that all views say the same of a run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hashbench.report.queue import overview
from hashbench.runs import events, queue, slots, tags
from hashbench.runs.layout import RunFolder
from hashbench.tui.reader import Reader, Update
from tests.cli.conftest import Command
from tests.tui import fixtures


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HASHBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv(slots.VARIABLE, "cpu=1")
    return tmp_path / "runs"


@pytest.fixture
def command(runs_dir: Path, run_main: Command) -> Command:
    """Runs the command line in this process: exit code, stdout, stderr."""

    return run_main


@pytest.fixture
def made(runs_dir: Path) -> dict[str, RunFolder]:
    return fixtures.one_of_each(runs_dir)


def test_ls_is_a_line_a_run_with_what_is_not_usual(
    command: Command, made: dict[str, RunFolder]
) -> None:
    tags.write(made["lsh"], "the floor", ["paper"])
    code, out, err = command("ls")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert len(lines) == 1 + len(made)
    assert lines[made["finished"].id].split()[1:3] == ["finished", "100%"]
    assert lines[made["failed"].id].endswith("no-prompt")
    assert lines[made["running"].id].endswith("known 0.3 AN")
    assert lines[made["lsh"].id].endswith('"the floor"  paper')
    (lost,) = command("ls", "--status", "lost")[1].splitlines()[1:]
    assert lost.split() == lines[made["lost"].id].split()
    assert command("ls", "--status", "nowhere")[0] == 2


def test_ls_folds_no_row_in_a_terminal(
    command: Command, made: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = command("ls")[1].splitlines()
    assert max(map(len, lines)) <= 80
    row = next(n for n, line in enumerate(lines) if line.startswith(made["running"].id))
    assert lines[row + 1].strip() == "known 0.3 AN"


def test_a_lost_run_says_why_and_what_to_do(command: Command, made: dict[str, RunFolder]) -> None:
    code, out, _ = command("show", made["lost"].id)
    assert code == 0
    assert "its worker ended unexpectedly" in out
    assert f"hashbench resume {made['lost'].id}" in " ".join(out.split())


def extracting(run: RunFolder) -> None:
    """A worker that is in the middle of the features."""
    steps = [events.Progress(what="features", done=i, total=100) for i in range(10, 50, 10)]
    fixtures.write_events(run, [fixtures.started(alive=True), *steps])


def resumed(run: RunFolder) -> None:
    """A worker that went on from a checkpoint in the middle of a stage."""
    fixtures.write_events(run, [fixtures.started(alive=False), *fixtures.training(5)])
    fixtures.write_events(run, [events.Saved(stage="teacher", epoch=3, step=0)])
    again = [fixtures.started(alive=True, resumed=True), events.StageBegan(stage="teacher")]
    losses = [
        events.Loss(stage="teacher", epoch=3, step=step, values={"total": 1.0})
        for step in range(1, 8)
    ]
    fixtures.write_events(run, [*again, *losses], every=2.0)


@pytest.mark.parametrize("write", [extracting, resumed])
def test_all_views_agree_on_share_and_time_left(
    command: Command, runs_dir: Path, write: Callable[[RunFolder], None]
) -> None:
    run = fixtures.folder(runs_dir, fixtures.spec())
    write(run)
    slot = queue.of(runs_dir).take_now(run.id, "cpu")
    assert slot is not None
    try:
        occupied = overview(runs_dir)["slots"][0]
    finally:
        slot.close()
    (listed,) = json.loads(command("ls", "--json")[1])
    shown = json.loads(command("show", run.id, "--json")[1])
    updates: list[Update] = []
    reader = Reader(runs_dir, updates.append)
    while reader.step():
        pass
    view = updates[-1].views[run.id]
    seen = {
        "queue": (occupied["doing"], occupied["done"], occupied["seconds left"]),
        "ls": (listed["doing"], listed["done"], listed["seconds left"]),
        "show": (shown["doing"], shown["done"], shown["seconds left"]),
        "workbench": (view.doing, view.done, view.left),
    }
    assert len(set(seen.values())) == 1, seen
    doing, done, left = seen["ls"]
    assert doing
    assert 0 < done < 1
    assert left > 0


def test_the_queue_says_that_a_paused_run_keeps_its_slot(
    command: Command, made: dict[str, RunFolder], runs_dir: Path
) -> None:
    run = made["paused"]
    slot = queue.of(runs_dir).take_now(run.id, "cpu")
    assert slot is not None
    try:
        code, out, _ = command("queue")
    finally:
        slot.close()
    words = " ".join(out.split())
    assert code == 0
    assert "is paused and keeps its slot cpu.0" in words
    assert f"hashbench stop {run.id}" in words


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for a worker."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_kill_asks_or_is_given_yes(
    command: Command, runs_dir: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    run = fixtures.folder(runs_dir, fixtures.spec())
    since = psutil.Process(sleeper.pid).create_time()
    worker = fixtures.started(alive=True)
    fixtures.write_events(
        run, [events.Started(pid=sleeper.pid, since=since, host=worker.host, facts={})]
    )
    code, _, err = command("kill", run.id)  # nobody can answer
    assert code == 2
    assert "--yes" in err
    assert sleeper.poll() is None
    code, _, err = command("rm", run.id, "--yes")
    assert code == 3
    assert "still running" in err
    code, out, _ = command("kill", "--all", "--yes", "--json")
    assert code == 0
    assert [result["run"] for result in json.loads(out)] == [run.id]
    assert sleeper.wait(10) != 0
    assert command("kill", run.id, "--yes")[0] == 2


def test_rm_removes_all_or_nothing_and_frees_tickets(
    command: Command, made: dict[str, RunFolder], runs_dir: Path
) -> None:
    # a ticket whose worker has died without leaving the queue
    line = queue.of(runs_dir)
    line.enter(made["lsh"].id, "cpu", 0).close()
    code, _, err = command("rm", made["lsh"].id, made["running"].id, "--yes")
    assert code == 3
    assert made["running"].id in err
    assert made["lsh"].path.is_dir()
    code, _, err = command("rm", made["lsh"].id)
    assert (code, made["lsh"].path.is_dir()) == (2, True)
    assert command("rm", "--failed", made["lsh"].id)[0] == 2
    code, out, _ = command("rm", made["lsh"].id, "--yes")
    assert code == 0
    assert out.startswith(f"{made['lsh'].id}: deleted; `hashbench rm --undo")
    assert not made["lsh"].path.exists()
    assert not list(line.folder.glob(f"tickets/*{made['lsh'].id}"))
    assert command("rm", "--failed", "--yes")[0] == 0
    assert not made["failed"].path.exists()
    assert made["finished"].path.is_dir()


def test_tags_are_given_taken_and_shown(command: Command, made: dict[str, RunFolder]) -> None:
    one, two = made["finished"].id, made["lsh"].id
    assert command("tag", one, two, "--add", "paper", "-a", "good")[0] == 0
    assert command("tag", one, "--name", "the good one", "--remove", "good")[0] == 0
    assert tags.read(made["finished"]) == tags.Tags("the good one", ("paper",))
    code, out, _ = command("tag", one, two)
    assert code == 0
    assert out.splitlines() == [f'{one}: "the good one" paper', f"{two}: no name paper good"]
    (entry,) = json.loads(command("tag", one, "--json")[1])
    assert entry == {"run": one, "name": "the good one", "tags": ["paper"]}
    assert command("tag", one, two, "--name", "both")[0] == 2
    assert command("tag", one, "--add", "two words")[0] == 2
    assert command("tag", one, "--name", "")[0] == 0
    assert tags.read(made["finished"]).name == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("retry --failed last", "either names or --failed"),
        ("stop --all last", "either names or --all"),
        ("retry", "--failed"),
        ("pause", "--all"),
        ("rm", "--failed"),
        ("tag", "names no run"),
    ],
)
def test_messages_recommend_options_that_exist(
    command: Command, made: dict[str, RunFolder], words: str, message: str
) -> None:
    code, _, err = command(*words.split())
    assert code == 2
    assert message in err
