"""The event log: one writer, any number of readers, and whatever a crash leaves behind."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.runs import events
from hashbench.runs.tailer import Tailer, read_all
from hashbench.runs.writer import EventWriter

NUMBERS = st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False))
EVENTS = st.one_of(
    st.builds(events.Loss, stage=st.text(), epoch=st.integers(0, 9), step=st.integers(0, 9),
              values=NUMBERS),
    st.builds(events.Note, level=st.just("info"), text=st.text()),
    st.builds(events.Progress, what=st.text(), done=st.integers(0, 9), total=st.integers(0, 9)),
    st.builds(events.Failed, reason=st.text()),
)  # fmt: skip


@given(EVENTS)
def test_an_event_survives_its_line(event: events.AnyEvent) -> None:
    line = events.encode(event)
    assert line.count(b"\n") == 1
    assert events.decode(line) == event


def test_numbers_that_are_not_finite_do_not_break_the_line() -> None:
    event = events.Loss(stage="s", epoch=0, step=0, values={"x": float("nan")})
    assert json.loads(events.encode(event))["values"] == {"x": None}


@given(st.lists(EVENTS, max_size=8), st.binary(max_size=40), st.data())
def test_a_reader_in_pieces_sees_what_a_reader_at_once_sees(
    tmp_path_factory, logged: list[events.AnyEvent], torn: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    whole = b"".join(events.encode(event) for event in logged) + torn.replace(b"\n", b"")
    tailer, seen, written = Tailer(path), [], 0
    while written < len(whole):
        step = data.draw(st.integers(1, len(whole) - written))
        with path.open("ab") as file:
            file.write(whole[written : written + step])
        written += step
        seen += tailer.poll(limit=data.draw(st.integers(1, 64)))
    while fresh := tailer.poll():
        seen += fresh
    assert seen == logged
    assert tailer.skipped == 0


def test_a_torn_line_is_closed_and_numbers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as writer:
        writer.write(events.Note(level="info", text="one"))
        writer.write(events.Note(level="info", text="two"))
    with path.open("ab") as file:
        file.write(b'{"kind":"note","le')
    with EventWriter(path) as writer:
        writer.write(events.Note(level="info", text="three"))
    tailer = Tailer(path)
    polled = tailer.poll()
    assert [event.seq for event in polled] == [0, 1, 2]
    assert tailer.skipped == 1


@settings(max_examples=25)
@given(st.binary(max_size=400))
def test_foreign_bytes_are_skipped_and_counted(tmp_path_factory, junk: bytes) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    good = events.encode(events.Note(level="info", text="here"))
    path.write_bytes(junk + b"\n" + good)
    assert [event for event in read_all(path) if isinstance(event, events.Note)] == [
        events.Note(level="info", text="here")
    ]


def test_a_file_that_was_replaced_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = events.encode(events.Note(level="info", text="long enough"))
    path.write_bytes(line * 3)
    tailer = Tailer(path)
    assert len(tailer.poll()) == 3
    path.write_bytes(line)
    assert len(tailer.poll()) == 1


def test_threads_do_not_mix_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as writer:

        def write() -> None:
            for number in range(50):
                writer.write(events.Note(level="info", text="x" * number))

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    logged = read_all(path)
    assert sorted(event.seq for event in logged) == list(range(200))
