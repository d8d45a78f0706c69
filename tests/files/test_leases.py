"""Claims by lease: one holder at a time, whoever dies, sleeps or is late."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hashbench.errors import ClaimLostError, InputError, StorageError
from hashbench.files import batons, disk_clock, fence, leases, locks, process_marks, renewing
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.locks import Lock
from tests.files import claim_crowd

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(locks.VARIABLE, "lease")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(leases, "_watched", {})
    lasting(monkeypatch, 1.5)


def lasting(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(batons, "LEASE_SECONDS", seconds)
    monkeypatch.setattr(leases, "RENEW_SECONDS", seconds / 10)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who claims in this process is on a host of its own: no pid tells whether it lives."""
    monkeypatch.setattr(process_marks, "pid_space", lambda: "another")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.lock"


def taken(path: Path) -> leases.Lease:
    lock = locks.take(path)
    assert isinstance(lock, leases.Lease)
    return lock


def until(reached: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def fall_silent(lease: leases.Lease) -> None:
    """As a holder does that is stopped, or whose host has died."""
    renewing.end(lease)


def test_fifty_at_once_are_never_two_holders(tmp_path: Path) -> None:
    tally = claim_crowd.crowd(tmp_path, 50, 8.0, kills=1, lease=3.0)
    assert tally.violations == tally.silent == 0
    assert tally.killed_holding == 1
    assert tally.claims >= 10
    assert not batons.exists(tmp_path / "l.lock")


def test_with_file_locks_there_are_two_holders_on_such_a_disk(tmp_path: Path) -> None:
    assert claim_crowd.crowd(tmp_path, 4, 1.0, trust_flock=True).violations


def test_one_holds_it_until_it_is_given_back(path: Path) -> None:
    lock = taken(path)
    lock.check()
    assert locks.is_held(path)
    assert locks.take(path) is None
    with locks.held(path, 0) as second:
        assert second is None
    lock.note(b"run-1")
    assert path.read_bytes() == b"run-1"
    lock.close()
    assert not locks.is_held(path)
    assert [one.name for one in path.parent.iterdir()] == ["a.lock"]
    with pytest.raises(ClaimLostError):
        lock.check()
    with locks.held(path) as third:
        assert third is not None


@pytest.mark.parametrize("first", ["lease", "flock"])
def test_processes_of_one_host_that_disagree_exclude_each_other(
    path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.setenv(locks.VARIABLE, first)
    lock = locks.take(path)
    assert lock is not None
    monkeypatch.setenv(locks.VARIABLE, "flock" if first == "lease" else "lease")
    assert locks.take(path) is None
    assert locks.is_held(path)
    lock.close()
    second = locks.take(path)
    assert second is not None
    second.close()


def test_a_variable_that_names_no_way_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(locks.VARIABLE, "mkdir")
    with pytest.raises(InputError, match="HASHBENCH_LOCKS"):
        locks.take(path)


@pytest.mark.usefixtures("elsewhere")
def test_a_silent_holder_is_replaced_after_its_lease_and_notices(path: Path) -> None:
    first = taken(path)
    fall_silent(first)
    with locks.held(path, 0) as second:
        assert second is None  # it may live
    time.sleep(batons.LEASE_SECONDS + 0.2)
    leases._watched.clear()
    began = time.monotonic()
    with locks.held(path, 0) as second:  # it seems to be dead, and is watched for a lease
        assert second is not None
        assert time.monotonic() - began >= batons.LEASE_SECONDS
        with pytest.raises(ClaimLostError, match="another process"):
            first.check()
        first.close()  # gives back nothing that is another's
        second.check()
        assert locks.take(path) is None


def test_a_holder_of_this_host_that_was_killed_is_replaced_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting(monkeypatch, 60.0)
    code = (
        "import sys, time; from pathlib import Path; from hashbench.files import locks\n"
        "with locks.held(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert locks.take(path) is None
        holder.kill()
        until(lambda: not locks.is_held(path))  # a zombie is dead, too
        lock = locks.take(path)
        assert lock is not None
        lock.close()


@pytest.mark.usefixtures("elsewhere")
def test_who_decided_long_ago_takes_nothing_from_a_later_holder(path: Path) -> None:
    first = taken(path)
    fall_silent(first)
    decided = batons.look(path)
    assert decided is not None
    with locks.held(path) as second:
        assert second is not None
        assert not batons.take_over(path, decided.token, "0" * 16)
        second.check()
        claim = batons.look(path)
        assert claim is not None
        assert claim.token != decided.token
        assert claim.beat


@pytest.mark.usefixtures("elsewhere")
def test_a_late_renewal_decides_by_a_rename(path: Path) -> None:
    late = taken(path)
    fall_silent(late)
    seen = batons.look(path)
    assert seen is not None
    time.sleep(batons.LEASE_SECONDS)
    late.check()  # nobody has taken it: it goes on under another token
    assert not batons.take_over(path, seen.token, "0" * 16)  # who was about to is too late
    late.check()
    late.close()
    assert not batons.exists(path)


def test_it_is_renewed_while_the_process_works(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lasting(monkeypatch, 3.0)
    monkeypatch.setattr(process_marks, "pid_space", lambda: "another")
    lock = taken(path)
    took: list[Lock | None] = []

    def observe() -> None:
        until = time.monotonic() + 4.5
        while time.monotonic() < until:
            took.append(locks.take(path))
            time.sleep(0.1)

    observer = threading.Thread(target=observe)
    observer.start()
    while observer.is_alive():
        sum(range(200_000))  # holds the interpreter's lock as much as a thread can
    assert len(took) > 5
    assert set(took) == {None}
    lock.check()
    lock.close()


HOLDER = """
import sys, time
from pathlib import Path
from hashbench.errors import ClaimLostError
from hashbench.files import fence, leases, locks
from hashbench.files.atomic import write_bytes_atomically
from hashbench.runs import events
from hashbench.runs.writer import EventWriter
from tests.files.claim_crowd import on_a_lock_free_disk
folder = Path(sys.argv[1])
on_a_lock_free_disk("other", 1.5, 0.15)
try:
    with locks.held(folder / "worker.lock") as lock, fence.around(folder, lock.check):
        with EventWriter(folder / "events.jsonl") as writer:
            for number in range(2_000):
                writer.write(events.Note(level="info", text="first"))
                write_bytes_atomically(folder / "checkpoint" / "last", b"first")
                print(number, flush=True)
                time.sleep(0.01)
except ClaimLostError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def test_a_holder_that_was_stopped_beyond_its_lease_never_writes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, saved = tmp_path / "events.jsonl", tmp_path / "checkpoint" / "last"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stderr is not None
        while holder.stdout.readline() != "20\n":
            pass
        holder.send_signal(signal.SIGSTOP)
        with locks.held(tmp_path / "worker.lock") as lock:
            assert lock is not None
            written = log.read_bytes()
            assert written
            write_bytes_atomically(saved, b"second")
            (tmp_path / ".reserve").write_bytes(b"second's")
            holder.send_signal(signal.SIGCONT)
            holder.stdout.read()
            assert "lost its claim" in holder.stderr.read()
            assert holder.wait(30) == ClaimLostError.exit_code
            lock.check()
        assert log.read_bytes() == written
        assert saved.read_bytes() == b"second"
        assert (tmp_path / ".reserve").read_bytes() == b"second's"
        assert not list(tmp_path.glob("**/*.part"))


def test_a_claim_is_handed_over_to_a_child_and_ends_with_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting(monkeypatch, 60.0)
    code = (
        "import sys, time; from pathlib import Path; from hashbench.files import locks\n"
        "sys.stdin.readline()\n"
        "lock = locks.adopt(Path(sys.argv[1]), sys.argv[2])\n"
        "print(lock is not None, flush=True); sys.stdin.read()"
    )
    lock = taken(path)
    with subprocess.Popen(
        [sys.executable, "-c", code, path, lock.handle],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        lock.hand_over(child.pid)
        claim = batons.look(path)
        assert claim is not None
        assert claim.holder.pid == child.pid
        assert locks.is_held(path)
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"True\n"
        assert locks.is_held(path)
        assert locks.adopt(path, lock.handle) is None  # once only
        child.kill()
        until(lambda: not locks.is_held(path))
    assert locks.adopt(path, "lease:../x") is None


@pytest.mark.usefixtures("elsewhere")
def test_what_is_left_of_a_claim_is_cleared(path: Path) -> None:
    folder = Path(batons.folder_of(path))
    for left in ([], ["0" * 16 + ".beat"], ["1" * 16], ["2" * 16, "2" * 16 + ".beat"]):
        folder.mkdir()
        for name in left:
            (folder / name).write_bytes(b"\xff nonsense" if name.endswith(".beat") else b"")
        leases._watched.clear()
        before = batons.LEASE_SECONDS
        began = time.monotonic()
        with locks.held(path) as lock:
            assert lock is not None
            lapsed = time.monotonic() - began >= before
            assert lapsed == any(not name.endswith(".beat") for name in left)
        assert not folder.exists()
    abandoned = path.with_name("a.lock.claim.0123.new")
    abandoned.mkdir()
    os.utime(abandoned, (1.0, 1.0))
    with locks.held(path):
        pass
    assert not abandoned.exists()


@pytest.mark.parametrize("way", ["flock", "lease"])
def test_what_is_no_claim_is_named_and_not_followed(
    path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv(locks.VARIABLE, way)
    folder = Path(batons.folder_of(path))
    elsewhere = path.with_name("elsewhere")
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="no claim"):
        locks.take(path)
    folder.unlink()
    folder.mkdir()
    (folder / ("0" * 16)).touch()
    os.mkfifo(folder / ("0" * 16 + ".beat"))  # a pipe that nobody writes
    assert locks.take(path) is None
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("hours", [-7.0, 7.0])
def test_clocks_that_differ_do_not_matter(
    path: Path, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    monkeypatch.setattr(process_marks, "pid_space", lambda: "another")
    lasting(monkeypatch, 60.0)
    true = time.time
    lock = taken(path)
    monkeypatch.setattr(time, "time", lambda: true() + hours * 3600)
    monkeypatch.setattr(disk_clock, "_kept", {})
    assert abs(disk_clock.now(path.parent) - true()) < 5
    assert locks.is_held(path)
    fall_silent(lock)
    claim = batons.look(path)
    assert claim is not None
    beat = Path(batons.folder_of(path)) / f"{claim.token}.beat"
    os.utime(beat, (true() - 61, true() - 61))
    assert not locks.is_held(path)  # by the disk's clock
    assert locks.take(path) is None  # which is never enough to take it
    lock.close()


# fences


def test_nothing_is_written_behind_a_fence_that_is_closed(tmp_path: Path) -> None:
    def refuse() -> None:
        raise ClaimLostError("gone")

    inside, outside = tmp_path / "run", tmp_path / "running"
    with fence.around(inside, refuse):
        with pytest.raises(ClaimLostError):
            write_bytes_atomically(inside / "checkpoint" / "last", b"x")
        write_bytes_atomically(outside, b"x")
    assert not inside.exists()
    write_bytes_atomically(inside / "checkpoint" / "last", b"x")


def test_a_fence_that_closes_during_a_write_keeps_what_was_there(tmp_path: Path) -> None:
    asked = []

    def refuse_from_the_second_on() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise ClaimLostError("gone")

    path = tmp_path / "last"
    path.write_bytes(b"before")
    with fence.around(tmp_path, refuse_from_the_second_on), pytest.raises(ClaimLostError):
        write_bytes_atomically(path, b"after")
    assert [one.name for one in tmp_path.iterdir()] == ["last"]
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize("change", ["moved", "removed", "replaced"])
def test_a_file_lock_is_lost_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setenv(locks.VARIABLE, "flock")
    folder = tmp_path / "run"
    folder.mkdir()
    path = folder / "worker.lock"
    with locks.held(path) as lock:
        assert lock is not None
        lock.check()
        if change == "moved":
            folder.rename(tmp_path / "elsewhere")
        else:
            path.unlink()
        if change == "replaced":
            path.touch()
        with pytest.raises(ClaimLostError, match="moved or removed"):
            lock.check()
