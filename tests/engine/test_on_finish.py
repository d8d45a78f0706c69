"""What happens when a run ends: a command, a webhook, a bell; once, and never to the run's harm."""

from __future__ import annotations

import json
import os
import pty
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hashbench.engine import on_finish as carrying
from hashbench.errors import InputError
from hashbench.launch.start_mode import StartMode
from hashbench.report.narration import narrate
from hashbench.runs import events, on_finish
from hashbench.runs.layout import RunFolder
from hashbench.runs.on_finish import OnFinish, arrange
from hashbench.runs.state import Status, fold
from hashbench.runs.state_reader import read_ended_state
from hashbench.runs.status import status
from hashbench.runs.tailer import read_all
from tests.engine.conftest import Make

Here = Callable[[RunFolder], int]

DUMP = """import json, os, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([sys.argv[2:], dict(os.environ)]) + "\\n")
"""


def dump_command(path: Path, *words: str) -> str:
    """A command that writes its words and its environment into a file."""
    script = path.with_suffix(".py")
    script.write_text(DUMP)
    return " ".join([sys.executable, str(script), str(path), *words])


def notified(run: RunFolder) -> list[events.Notified]:
    return [event for event in read_all(run.events) if isinstance(event, events.Notified)]


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted; answers with the status in the path."""

    posted: list[dict[str, object]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append(json.loads(body))
        self.send_response(int(self.path.strip("/").partition("?")[0]))
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """The address of a server, and what was posted to it."""
    Hook.posted = []
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Hook.posted
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_finished_run_tells_whoever_asked_once_and_harm_stays_outside(
    make: Make,
    here: Here,
    tmp_path: Path,
    hook: tuple[str, list[dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, posted = hook
    monkeypatch.setenv(on_finish.VARIABLE, "hashbench run")
    told = tmp_path / "told"
    actions = [
        f"{sys.executable} -c 'raise SystemExit(3)'",
        dump_command(told, "'$(touch", "pwned)'", ";", "$HASHBENCH_RUN"),
        f"webhook={url}/500",
        f"webhook={url}/302",
        f"webhook={url}/200?token=secret",
        "webhook=http://127.0.0.1:9/",
    ]
    run = make(method=["lsh"])
    StartMode(on_finish=arrange(actions)).prepare(run)
    assert here(run) == 0
    ((words, environment),) = map(json.loads, told.read_text().splitlines())
    assert words == ["$(touch pwned)", ";", "$HASHBENCH_RUN"]  # no shell has read them
    assert environment["HASHBENCH_RUN"] == run.id
    assert environment["HASHBENCH_STATUS"] == "finished"
    assert 0 < float(environment["HASHBENCH_MAP"]) < 1
    assert on_finish.VARIABLE not in environment  # a run that it starts must not start it again
    assert [body["status"] for body in posted] == ["finished"] * 3  # no redirection, no second try
    problems = [event.problem for event in notified(run)]
    assert [bool(problem) for problem in problems] == [True, False, True, True, False, True]
    assert "code 3" in problems[0]
    assert "500" in problems[2]
    assert "secret" not in run.events.read_text()
    assert status(run).state is Status.FINISHED
    assert read_ended_state(run.events) is not None  # what follows the end hides it from no list
    state = fold(read_all(run.events))
    lines = [line for event in notified(run) for line in narrate(event, state)]
    assert lines[0].level == "warning"
    assert lines[1].text.startswith("on finish: ")
    assert (run.path / on_finish.FILE).stat().st_mode & 0o077 == 0


def test_a_failed_run_is_told_of_each_time(
    make: Make, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    run = make(method=["soda"], set={"lr": 1.0}, backbone=["no-such-model"])
    StartMode(on_finish=arrange([dump_command(told)])).prepare(run)
    assert here(run) != 0
    ((_, environment),) = map(json.loads, told.read_text().splitlines())
    assert environment["HASHBENCH_STATUS"] == "failed"
    assert environment["HASHBENCH_REASON"]
    assert here(run) != 0  # the same when it is tried again, without being asked again
    assert len(told.read_text().splitlines()) == 2


def test_a_command_without_end_is_ended(
    make: Make, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "COMMAND_SECONDS", 0.2)
    run = make(method=["lsh"])
    StartMode(on_finish=arrange(["sleep 1000"])).prepare(run)
    assert here(run) == 0
    assert "was ended" in notified(run)[0].problem


def test_the_bell_rings_in_the_terminal_and_nowhere_else(make: Make, here: Here) -> None:
    ours, theirs = pty.openpty()
    run = make(method=["lsh"])
    on_finish.write(run, OnFinish(("bell",), os.ttyname(theirs)))
    assert here(run) == 0
    assert os.read(ours, 10) == b"\a"
    victim = run.path / "victim"
    victim.write_text("kept")
    on_finish.write(run, OnFinish(("bell",), str(victim)))
    (run.path / "result.json").unlink()  # so that it is evaluated again
    assert here(run) == 0
    assert victim.read_text() == "kept"
    assert [bool(event.problem) for event in notified(run)] == [False, True]
    os.close(ours)
    os.close(theirs)


def test_damaged_wishes_are_told_of_and_no_more(make: Make, here: Here) -> None:
    run = make(method=["lsh"])
    (run.path / on_finish.FILE).write_bytes(b"\xff{")
    assert here(run) == 0
    assert status(run).state is Status.FINISHED
    assert "on-finish.json" in notified(run)[0].problem


@pytest.mark.parametrize(
    ("action", "word"),
    [
        ("no-such-command now", "no-such-command"),
        ("echo 'open", "quot"),
        ("  ", "empty"),
        ("webhook=ftp://example.org", "http"),
        ("webhook=", "http"),
        ("webhook=http://[", "http"),
    ],
)
def test_what_cannot_work_is_refused_before_a_run_is_made(action: str, word: str) -> None:
    with pytest.raises(InputError, match=word) as caught:
        arrange([action])
    assert "--on-finish" in str(caught.value)
    assert caught.value.exit_code == 2
