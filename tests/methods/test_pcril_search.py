"""The search in lockstep over distinct sets against a plain search of each item by itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hashbench.methods.pcril.recovery.prompts import LearnedPrompts
from hashbench.methods.pcril.recovery.search import SetTable, search
from tests.methods.pcril_tower import WordTower

NAMES = ("car", "plant life", "sky", "bull frog pond", "sea", "dog", "night")
C = len(NAMES)


def plain(
    prompts: LearnedPrompts, item: Tensor, positive: Tensor, candidates: Tensor, threshold: float
) -> tuple[list[tuple[int, float]], float, tuple[int, float] | None]:
    """Steps, start score and refused class of one item, one prompt at a time."""

    def phi(members: set[int]) -> float:
        row = torch.zeros(1, C, dtype=torch.bool)
        row[0, sorted(members)] = True
        with torch.no_grad():
            return float(prompts(row)[0] @ item)

    def tokens(members: set[int]) -> int:
        return sum(int(prompts.cost[c]) for c in members)

    members = set(positive.nonzero()[:, 0].tolist())
    if tokens(members) > prompts.room:
        return [], 0.0, None
    start = score = phi(members)
    steps: list[tuple[int, float]] = []
    while True:
        best: tuple[int, float] | None = None
        for c in candidates.nonzero()[:, 0].tolist():
            if c in members or tokens(members | {c}) > prompts.room:
                continue
            reached = phi(members | {c})
            if best is None or reached > best[1]:
                best = (c, reached)
        if best is None or best[1] - score < threshold:
            return steps, start, best
        steps.append(best)
        members.add(best[0])
        score = best[1]


def problem(seed: int, n: int, context: int) -> tuple[LearnedPrompts, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    tower = WordTower(context=context, seed=seed)
    prompts = LearnedPrompts(tower, NAMES, 2, 2, 1.0).double()
    items = 10 * torch.randn(n, tower.width, dtype=torch.double, generator=generator)
    state = torch.rand(n, C, generator=generator)
    return prompts, items, state < 0.2, state > 0.4  # the rest is known to be negative


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([26, 33, 60]),
    st.floats(0.0, 3.0, allow_subnormal=False),
)
def test_it_equals_a_plain_search_of_each_item(seed: int, context: int, threshold: float) -> None:
    prompts, items, positive, candidates = problem(seed, 12, context)
    outcome = search(
        prompts.embed, items, positive, candidates, prompts.cost, prompts.room, threshold
    )
    for i in range(len(items)):
        steps, start, refused = plain(prompts, items[i], positive[i], candidates[i], threshold)
        assert outcome.added[i].nonzero()[:, 0].tolist() == sorted(c for c, _ in steps)
        assert float(outcome.start[i]) == pytest.approx(start)
        for number, (c, score) in enumerate(steps, 1):
            assert int(outcome.step[i, c]) == number
            assert float(outcome.score[i, c]) == pytest.approx(score)
        assert int(outcome.refused[i]) == (-1 if refused is None else refused[0])
        if refused is not None:
            assert float(outcome.refused_score[i]) == pytest.approx(refused[1])
        last = steps[-1][1] if steps else start
        for c in range(C):
            gain = float(outcome.gain[i, c])
            if gain > -torch.inf:
                assert gain < threshold
                assert candidates[i, c]
                assert not outcome.added[i, c]
        if refused is not None:
            assert float(outcome.gain[i, refused[0]]) == pytest.approx(refused[1] - last)


def test_most_items_really_gain_something_in_these_tests() -> None:
    prompts, items, positive, candidates = problem(3, 40, 60)
    outcome = search(prompts.embed, items, positive, candidates, prompts.cost, prompts.room, 0.5)
    assert int(outcome.step.max()) >= 3
    assert int((outcome.added.sum(1) > 0).sum()) > 20
    assert int((outcome.added.sum(1) == 0).sum()) > 0


def test_every_distinct_set_is_embedded_once() -> None:
    prompts, items, positive, candidates = problem(5, 60, 60)
    seen: list[bytes] = []

    def embed(sets: Tensor) -> Tensor:
        seen.extend(row.numpy().tobytes() for row in sets)
        return prompts.embed(sets)

    positive[:] = positive[:4].repeat(15, 1)  # sets repeat across items
    search(embed, items, positive, candidates, prompts.cost, prompts.room, 0.5)
    assert len(seen) == len(set(seen))
    assert len(seen) <= 2**C


def test_one_step_takes_every_class_that_gains_enough_by_itself() -> None:
    prompts, items, positive, candidates = problem(7, 30, 60)
    outcome = search(
        prompts.embed,
        items,
        positive,
        candidates,
        prompts.cost,
        prompts.room,
        0.5,
        recursive=False,
    )
    assert int(outcome.step.max()) == 1
    several = 0
    for i in range(len(items)):
        phi = prompts.embed(positive[i : i + 1])[0].detach() @ items[i]
        for c in (candidates[i] & ~positive[i]).nonzero()[:, 0].tolist():
            larger = positive[i : i + 1].clone()
            larger[0, c] = True
            gain = float(prompts.embed(larger)[0].detach() @ items[i] - phi)
            assert bool(outcome.added[i, c]) == (gain >= 0.5)
            if gain < 0.5:
                assert float(outcome.gain[i, c]) == pytest.approx(gain)
        several += int(outcome.added[i].sum() > 1)
    assert several > 0


def test_items_without_unknown_or_known_classes_and_sets_that_do_not_fit() -> None:
    prompts, items, positive, candidates = problem(9, 4, 26)
    positive[0], candidates[0] = False, True  # nothing known: from the empty set
    candidates[1] = False  # nothing unknown
    positive[2], candidates[2] = True, False  # all positive: too long for the context
    positive[2, 0], candidates[2, 0] = False, True
    outcome = search(prompts.embed, items, positive, candidates, prompts.cost, prompts.room, 0.0)
    steps, start, _ = plain(prompts, items[0], positive[0], candidates[0], 0.0)
    assert float(outcome.start[0]) == pytest.approx(start)
    assert int(outcome.added[0].sum()) == len(steps)
    assert not outcome.added[1].any()
    assert int(outcome.refused[1]) == -1
    assert not outcome.added[2].any()
    assert int(outcome.refused[2]) == -1
    assert int(((positive | outcome.added) * prompts.cost).sum(1)[[0, 1, 3]].max()) <= prompts.room


def test_no_items_at_all() -> None:
    prompts, items, positive, candidates = problem(1, 3, 40)
    outcome = search(
        prompts.embed, items[:0], positive[:0], candidates[:0], prompts.cost, prompts.room, 0.5
    )
    assert outcome.added.shape == (0, C)


@pytest.mark.parametrize("classes", [3, 62, 63, 130])
def test_set_keys_tell_any_two_sets_apart(classes: int) -> None:
    generator = torch.Generator().manual_seed(classes)
    sets = torch.rand(200, classes, generator=generator) > 0.5
    sets = torch.cat([sets, torch.eye(classes, dtype=torch.bool), sets[:50]])
    asked: list[int] = []

    def embed(new: Tensor) -> Tensor:
        asked.append(len(new))
        return new.double()

    table = SetTable(embed, classes, torch.device("cpu"))
    for part in sets.split(70):
        rows = table.rows(part)
        assert torch.equal(table.features[rows], part.double())
    assert sum(asked) == len(torch.unique(sets, dim=0)) == len(table)
