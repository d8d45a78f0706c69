"""Commands in odd environments, a lean share of them always; what each mend was for."""

from __future__ import annotations

import resource

import pytest

from hashbench.errors import HashbenchError
from hashbench.files import os_errors
from hashbench.files.memory_budget import require_address_space
from tests.survival import environments, null_data
from tests.survival.environments import ENVIRONMENTS

LEAN = {
    "ASCII": "compare",
    "no variables": "show",
    "reader leaves": "compare",
    "reader never reads": "version",
    "all closed": "ls",
    "full output": "guide",
    "32 files": "eval",
    "no file may grow": "eval",
    "300 MiB of memory": "eval",
    "no HOME": "eval odd name",
}


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environments.place(tmp_path_factory.mktemp("place")).commands


@pytest.mark.parametrize(("environment", "command"), LEAN.items())
def test_an_odd_environment_is_plain_work_or_one_message(
    commands: dict[str, str], environment: str, command: str
) -> None:
    result, seen = environments.outcome(ENVIRONMENTS[environment], commands[command])
    assert result != "wrong", seen
    assert (result == "worked") or not ENVIRONMENTS[environment].must_work


@pytest.mark.slow  # some 260 processes
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_command_in_every_environment(commands: dict[str, str], environment: str) -> None:
    wrong = {
        name: seen
        for name, line in commands.items()
        for result, seen in [environments.outcome(ENVIRONMENTS[environment], line)]
        if result == "wrong"
    }
    assert wrong == {}


def test_the_campaign_sees_a_traceback_a_hang_and_a_wrong_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = ENVIRONMENTS["usual"]
    assert environments.outcome(usual, "true") == ("worked", "")
    for line in ("echo Traceback", "exit 3", "exit 1"):
        assert environments.outcome(usual, line)[0] == "wrong"
    lenient = ENVIRONMENTS["full output"]
    assert environments.outcome(lenient, "echo error: no >&2; exit 2")[0] == "refused"
    assert environments.outcome(lenient, "exit 2")[0] == "wrong"
    monkeypatch.setattr(environments, "SECONDS", 0.1)
    assert "hangs" in environments.outcome(usual, "sleep 5")[1]


def test_limits_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, word in (
        (MemoryError(), "memory"),
        (RuntimeError("can't start new thread"), "thread"),
        (ImportError("x.so: cannot open shared object file: Too many open files"), "files"),
        (ImportError("x.so: failed to map segment from shared object"), "memory"),
    ):
        limit = os_errors.limit_reached(error)
        assert limit is not None
        assert word in limit.problem
        assert "ulimit" in (limit.remedy or "")
    assert os_errors.limit_reached(RuntimeError("a defect")) is None
    monkeypatch.setattr(resource, "getrlimit", lambda _: (300 << 20, 300 << 20))
    with pytest.raises(HashbenchError, match="limited to 300 MB, and scoring needs 1,024 MB"):
        require_address_space(1 << 30, "scoring")
    require_address_space(100 << 20, "scoring")


def test_intervals_and_tests_hold_on_a_few_samples() -> None:
    """The figures of the guide are of 1,000 samples: `python tests/survival/null_data.py`."""
    found = null_data.figures(simulations=150, draws=600, queries=(60,))
    assert 0.88 <= found["coverage of bca"][60] <= 0.995  # type: ignore[index]
    assert found["false alarms"][60] <= 0.11  # type: ignore[index]
