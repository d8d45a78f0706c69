"""Label-set prompts: what stands where, for any subset of the classes, and what is learned."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.errors import InputError
from hashbench.methods.pcril.recovery.prompts import (
    ConventionalPrompts,
    LearnedPrompts,
    PhrasalPrompts,
)
from tests.methods.pcril_tower import WordTower

NAMES = ("car", "plant life", "sky", "bull frog pond", "sea")
TOWER = WordTower()


def learned(agnostic: int = 2, specific: int = 2) -> LearnedPrompts:
    torch.manual_seed(1)
    return LearnedPrompts(TOWER, NAMES, agnostic, specific, 0.5).double()


def naive(prompts: LearnedPrompts, members: list[int]) -> torch.Tensor:
    """(L, width): the prompt put together row by row, as the paper writes it."""
    half, own = len(prompts.agnostic) // 2, prompts.specific.shape[1] // 2
    rows = [TOWER.table[TOWER.start], *prompts.agnostic[:half]]
    for c in members:
        rows += [
            *prompts.specific[c][:own],
            *TOWER.table[TOWER.token_ids(NAMES[c])],
            *prompts.specific[c][own:],
        ]
    rows += [*prompts.agnostic[half:], TOWER.table[TOWER.end]]
    return torch.stack(rows)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=6),
    st.permutations(range(5)),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_tokens_positions_and_end_are_right_for_any_subsets_in_any_order(
    subsets: list[set[int]], order: list[int], agnostic: int, specific: int
) -> None:
    prompts = learned(agnostic, specific)
    sets = torch.zeros(len(subsets), 5, dtype=torch.bool)
    for row, subset in enumerate(subsets):
        sets[row, list(subset)] = True
    rows, ends = prompts.layout(sets, torch.tensor(order))
    table = prompts._table()
    for row, subset in enumerate(subsets):
        wanted = naive(prompts, [c for c in order if c in subset])
        assert int(ends[row]) == len(wanted) - 1
        assert torch.equal(table[rows[row, : len(wanted)]], wanted)
        assert prompts.base + int(prompts.costs(sets[row : row + 1])[0]) == len(wanted)
        assert torch.all(table[rows[row, len(wanted) :]] == 0)


def test_all_32_sets_at_once_are_each_what_they_are_alone() -> None:
    prompts = learned()
    sets = torch.tensor(list(itertools.product([False, True], repeat=5)))
    together = prompts.embed(sets)
    for row in range(32):
        tokens = naive(prompts, sets[row].nonzero()[:, 0].tolist())
        whole = torch.zeros(1, TOWER.context, TOWER.width, dtype=torch.double)
        whole[0, : len(tokens)] = tokens  # in the full context, without any cut
        alone = F.normalize(TOWER(whole, torch.tensor([len(tokens) - 1])), dim=1)
        torch.testing.assert_close(together[row : row + 1], alone)


def test_without_learned_tokens_a_prompt_is_the_names_alone() -> None:
    prompts = learned(0, 0)
    sets = torch.tensor([[True, True, False, False, True]])
    ids = [TOWER.start, *TOWER.token_ids("car plant life sea"), TOWER.end]
    wanted = TOWER(TOWER.embed(torch.tensor([ids])), torch.tensor([len(ids) - 1]))
    torch.testing.assert_close(prompts(sets), F.normalize(wanted, dim=1))


def test_gradient_reaches_the_tokens_of_the_set_and_nothing_else() -> None:
    prompts = learned()
    prompts(torch.tensor([[True, False, True, False, False]])).sum().backward()
    assert prompts.agnostic.grad is not None
    assert prompts.specific.grad is not None
    assert torch.all(prompts.agnostic.grad.abs().sum(1) > 0)
    touched = prompts.specific.grad.abs().sum((1, 2)) > 0
    assert touched.tolist() == [True, False, True, False, False]
    assert {name for name, _ in prompts.named_parameters()} == {"agnostic", "specific"}


def test_a_search_batch_is_cut_by_tokens_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prompts = learned()
    sets = torch.rand(50, 5, generator=torch.Generator().manual_seed(0)) > 0.5
    at_once = prompts.embed(sets)
    monkeypatch.setattr("hashbench.methods.pcril.recovery.prompts.TOKENS_A_BATCH", 90)
    before = TOWER.calls
    torch.testing.assert_close(prompts.embed(sets), at_once)
    assert TOWER.calls - before > 10
    monkeypatch.setattr("hashbench.methods.pcril.recovery.prompts.TOKENS_A_BATCH", 1)
    torch.testing.assert_close(prompts.embed(sets), at_once)  # one row at a time at the least


def test_conventional_prompts_are_means_of_one_class_prompts() -> None:
    torch.manual_seed(1)
    prompts = ConventionalPrompts(TOWER, NAMES, 2, 2, 0.5).double()
    one = learned()
    single = one(torch.eye(5, dtype=torch.bool))
    features = prompts(torch.tensor([[True, False, True, True, False], [False] * 5]))
    mean = F.normalize((single[0] + single[2] + single[3])[None] / 3, dim=1)
    torch.testing.assert_close(features[:1], mean)
    torch.testing.assert_close(features[1:], one(torch.zeros(1, 5, dtype=torch.bool)))


def test_phrasal_prompts_are_sentences() -> None:
    prompts = PhrasalPrompts(TOWER, NAMES)
    everything = list(range(5))
    assert prompts.sentence([], everything) == "A photo."
    assert prompts.sentence([2], everything) == "A photo of sky."
    assert prompts.sentence([0, 4], everything) == "A photo of car, and sea."
    assert prompts.sentence([1, 0, 4], everything) == "A photo of car, plant life, and sea."
    ids = [TOWER.start, *TOWER.token_ids("A photo of car, and sea."), TOWER.end]
    wanted = TOWER(TOWER.embed(torch.tensor([ids])), torch.tensor([len(ids) - 1]))
    sets = torch.tensor([[False] * 5, [True, False, False, False, True]])
    torch.testing.assert_close(prompts.embed(sets)[1:], F.normalize(wanted, dim=1))
    assert not list(prompts.parameters())


@pytest.mark.parametrize("kind", ["learned", "phrasal"])
def test_a_class_name_longer_than_the_context_is_refused(kind: str) -> None:
    names = ("car", "word " * 50)
    settings_of = {"learned": (LearnedPrompts, (2, 2, 0.5)), "phrasal": (PhrasalPrompts, ())}
    made, arguments = settings_of[kind]
    with pytest.raises(InputError, match="takes 5[01234] tokens.*room for 3") as caught:
        made(TOWER, names, *arguments)
    assert "shorter name" in str(caught.value)


def test_drift_is_measured_from_the_first_tokens() -> None:
    prompts = learned()
    assert prompts.drift == 0.0
    with torch.no_grad():
        prompts.agnostic.mul_(2.0)
        prompts.specific.mul_(2.0)
    assert prompts.drift == pytest.approx(1.0)
