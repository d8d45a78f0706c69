"""However those who claim interleave, one baton is there at most, and its holder is the last who
got it: nobody takes it by what they saw earlier.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.files import batons

ACTORS = 2
STEPS = st.lists(
    st.tuples(
        st.integers(0, ACTORS - 1),
        st.sampled_from(
            ["look", "install", "take over", "take over", "give back", "renew", "clear"]
        ),
    ),
    min_size=20,
    max_size=60,
)


def names_in(path: Path) -> list[str]:
    """What lies in the folder of a claim."""
    folder = Path(batons.folder_of(path))
    return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []


@settings(max_examples=60)
@given(STEPS)
def test_one_holder_whatever_was_seen_before(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]]
) -> None:
    path = tmp_path_factory.mktemp("claims") / "a.lock"
    seen: list[str | None] = [None] * ACTORS  # the token that an actor saw last, however long ago
    own: list[str | None] = [None] * ACTORS  # the token under which it thinks that it holds it
    holder: int | None = None  # the truth
    for number, (actor, step) in enumerate(steps):
        token = f"{number:016x}"
        mine = own[actor]
        if step == "look":
            claim = batons.look(path)
            seen[actor] = None if claim is None else claim.token
        elif step == "install":
            if batons.install(path, token):
                assert holder is None
                own[actor], holder = token, actor
        elif step == "take over" and (old := seen[actor]):
            present = holder is not None and own[holder] == old
            assert batons.take_over(path, old, token) is present
            if present:
                own[actor], holder = token, actor
        elif step == "give back" and mine:
            batons.give_back(path, mine)
            if holder == actor and own[actor] == mine:
                holder = None
            own[actor] = None
        elif step == "renew" and mine:
            if holder == actor:
                batons.count_up(path, mine, number)
            else:
                with pytest.raises(FileNotFoundError):
                    batons.count_up(path, mine, number)
        elif step == "clear":
            batons._clear(path)
        names = names_in(path)
        tokens = [name for name in names if batons.TOKEN.fullmatch(name)]
        assert tokens == ([] if holder is None else [own[holder]])
        assert len([name for name in names if name.endswith(".beat")]) == len(tokens)


def interrupted(monkeypatch: pytest.MonkeyPatch, call: str, instead: Callable[[], None]) -> None:
    """Lets something happen right before the next call of a function of `os`."""
    real = getattr(os, call)

    def first(*arguments: object, **more: object) -> object:
        monkeypatch.setattr(os, call, real)
        instead()
        return real(*arguments, **more)

    monkeypatch.setattr(os, call, first)


def test_of_two_who_take_over_in_the_same_moment_one_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.lock"
    assert batons.install(path, "0" * 16)
    interrupted(
        monkeypatch, "rename", lambda: took.append(batons.take_over(path, "0" * 16, "b" * 16))
    )
    took: list[bool] = []
    assert not batons.take_over(path, "0" * 16, "a" * 16)
    assert took == [True]
    assert names_in(path) == ["b" * 16, "b" * 16 + ".beat"]


def test_of_two_who_claim_in_the_same_moment_one_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.lock"
    took: list[bool] = []
    interrupted(monkeypatch, "rename", lambda: took.append(batons.install(path, "b" * 16)))
    assert not batons.install(path, "a" * 16)
    assert took == [True]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.lock.claim"]


def test_an_answer_that_was_lost_on_its_way_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over NFS a rename that was done may be repeated, and then finds nothing to rename."""
    path = tmp_path / "a.lock"
    real = os.rename

    def repeated(source: str, target: str) -> None:
        real(source, target)
        raise FileNotFoundError(2, "no such file", source)

    monkeypatch.setattr(os, "rename", repeated)
    assert batons.install(path, "a" * 16)
    assert batons.take_over(path, "a" * 16, "b" * 16)
    assert names_in(path) == ["b" * 16, "b" * 16 + ".beat"]
