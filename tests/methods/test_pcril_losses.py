"""Anchors and negatives, similarity of incomplete labels, complementary mixing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hashbench.methods.pcril import augmentation
from hashbench.methods.pcril.recovery import negatives
from hashbench.methods.pcril.similarity import (
    continuous_similarity,
    known_dissimilar,
    mixed_similarity,
    pair_mask,
    uncertain_share,
)

STATES = hnp.arrays(np.int8, (6, 5), elements=st.sampled_from([-1, 0, 1]))  # -1: unknown
COST = torch.tensor([1, 1, 2, 1, 3])


def sides(state: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(state == 1), torch.from_numpy(state == 0)


@settings(max_examples=40, deadline=None)
@given(STATES, st.integers(0, 1000), st.sampled_from([8, 5, 4]), st.booleans())
def test_negatives_differ_from_the_anchor_by_one_class(
    state: np.ndarray, seed: int, room: int, deletes_last: bool
) -> None:
    positive, negative = sides(state)
    torch.manual_seed(seed)
    drawn = negatives.draw(positive, negative, COST, room, deletes_last=deletes_last)
    deletion, addition, replacement = drawn.negatives
    for i in range(len(state)):
        anchor = set(drawn.anchor[i].nonzero()[:, 0].tolist())
        assert anchor <= set(positive[i].nonzero()[:, 0].tolist())
        assert sum(int(COST[c]) for c in anchor) + int(COST.max()) <= room or not anchor
        has_negative = bool(negative[i].any())
        assert drawn.exists[:, i].tolist() == [
            bool(anchor),
            bool(anchor) and has_negative,
            bool(anchor) and has_negative,
        ]
        if not anchor:
            continue
        gone = anchor - set(deletion[i].nonzero()[:, 0].tolist())
        assert len(gone) == 1
        if deletes_last:
            assert gone == {max(anchor)}
        if has_negative:
            came = set(addition[i].nonzero()[:, 0].tolist()) - anchor
            assert len(came) == 1
            assert bool(negative[i, came.pop()])
            replaced = set(replacement[i].nonzero()[:, 0].tolist())
            assert len(replaced - anchor) == len(anchor - replaced) == 1


def test_size_of_an_anchor_and_its_members_are_uniform() -> None:
    torch.manual_seed(0)
    positive = torch.tensor([[True, True, True, False]]).repeat(6_000, 1)
    drawn = negatives.draw(positive, ~positive, torch.ones(4, dtype=torch.long), 10)
    sizes = drawn.anchor.sum(1).bincount().double() / 6_000
    torch.testing.assert_close(
        sizes, torch.tensor([0, 1 / 3, 1 / 3, 1 / 3]).double(), atol=0.025, rtol=0
    )
    shares = drawn.anchor.double().mean(0)
    torch.testing.assert_close(shares[:3], torch.full((3,), 2 / 3).double(), atol=0.025, rtol=0)
    gone = (drawn.anchor & ~drawn.negatives[0]).double().mean(0)
    torch.testing.assert_close(gone[:3], torch.full((3,), 1 / 3).double(), atol=0.025, rtol=0)


def test_a_hinge_is_the_missing_margin() -> None:
    anchor, others = torch.tensor([5.0, 5.0, 5.0]), torch.tensor([[4.5, 1.0, 6.0]])
    hinges = negatives.hinges(anchor, others, 1.0)
    assert hinges.tolist() == [[0.5, 0.0, 2.0]]


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.float32, (4, 3), elements=st.sampled_from([0.0, 1.0, 0.25, 0.5])),
    hnp.arrays(np.float32, (5, 3), elements=st.floats(0, 1, width=32)),
    st.booleans(),
)
def test_continuous_similarity_is_one_minus_the_product(
    left: np.ndarray, right: np.ndarray, hard: bool
) -> None:
    left = np.round(left) if hard else left
    S = continuous_similarity(torch.from_numpy(left), torch.from_numpy(right))
    for i in range(4):
        for j in range(5):
            wanted = 1 - math.prod(1 - float(left[i, c]) * float(right[j, c]) for c in range(3))
            assert float(S[i, j]) == pytest.approx(wanted, abs=1e-5)


def test_continuous_similarity_of_hard_labels_is_sharing_one_exactly() -> None:
    labels = (torch.rand(20, 6, generator=torch.Generator().manual_seed(0)) > 0.6).float()
    S = continuous_similarity(labels, labels)
    assert torch.equal(S > 0, labels @ labels.T > 0)
    assert torch.all((S == 0) | (S > 0.999999))


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.float64, (4, 3), elements=st.sampled_from([0.0, 1.0, 0.25, 0.5])),
    hnp.arrays(np.bool_, (2, 5, 3)),
    st.sampled_from([0.1, 0.5, 0.8]),
)
def test_mixed_similarity_is_that_of_mixed_labels(
    labels: np.ndarray, sides: np.ndarray, share: float
) -> None:
    own, partner = torch.from_numpy(sides).double()
    mixed = augmentation.mix(own, partner, torch.tensor(share, dtype=torch.double))
    S = mixed_similarity(
        torch.from_numpy(labels), own, partner, torch.tensor(share, dtype=torch.double)
    )
    wanted = continuous_similarity(torch.from_numpy(labels), mixed)
    torch.testing.assert_close(S, wanted, atol=1e-9, rtol=1e-9)
    assert torch.equal(S == 0, wanted == 0)  # which pairs share nothing is decided exactly


@pytest.mark.parametrize("a", [1.0, 0.9])
def test_mixed_similarity_has_a_gradient_into_the_share(a: float) -> None:
    labels = torch.tensor([[a, 0.0, a], [0.0, 0.0, a]])
    share = torch.tensor(0.7, requires_grad=True)
    own, partner = torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[0.0, 1.0, 1.0]])
    mixed_similarity(labels, own, partner, share).sum().backward()
    # d/ds of (1 - (1-as)(1-a(1-s))) + a(1-s)
    wanted = a * (1 - a * 0.3) - a * (1 - a * 0.7) - a
    assert share.grad is not None
    assert float(share.grad) == pytest.approx(wanted, rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(STATES, STATES)
def test_ternary_similarity_follows_its_definition(left: np.ndarray, right: np.ndarray) -> None:
    dissimilar = known_dissimilar(sides(left)[1], sides(right)[1])
    for i in range(6):
        for j in range(6):
            pairs = zip(left[i], right[j], strict=True)
            assert bool(dissimilar[i, j]) == all(0 in (a, b) for a, b in pairs)


@settings(max_examples=40, deadline=None)
@given(STATES, STATES, st.sampled_from([0.0, 0.1, 0.5, 1.0, 5.0]), st.integers(0, 99))
def test_negatives_are_masked_until_the_ratio_is_reached(
    left: np.ndarray, right: np.ndarray, ratio: float, seed: int
) -> None:
    (positive, zero), (other, other_zero) = sides(left), sides(right)
    S = continuous_similarity(positive.float(), other.float())
    dissimilar = known_dissimilar(zero, other_zero)
    torch.manual_seed(seed)
    masked = pair_mask(S > 0, dissimilar, "anm", ratio)
    ignored = pair_mask(S > 0, dissimilar, "ignore", ratio)
    assert masked is not None
    assert ignored is not None
    assert pair_mask(S > 0, dissimilar, "negative", ratio) is None
    assert torch.equal(ignored > 0, (S > 0) | dissimilar)
    assert torch.all(masked >= ignored)
    positives, certain = int((S > 0).sum()), int(((S == 0) & dissimilar).sum())
    negatives = int(((S == 0) & (masked > 0)).sum())
    room = S.numel() - positives
    assert negatives == max(certain, min(int(ratio * positives), room))


@settings(max_examples=20, deadline=None)
@given(STATES, st.integers(1, 5))
def test_partners_have_the_largest_overlap(state: np.ndarray, top: int) -> None:
    unknown, positive = state == -1, state == 1
    tensors = torch.from_numpy(unknown), torch.from_numpy(positive)
    partners = augmentation.complementary_partners(*tensors, top)
    inverted = augmentation.complementary_partners(*tensors, top, smallest=True)
    assert partners.shape == inverted.shape == (6, top)
    for i in range(6):
        others = [j for j in range(6) if j != i]
        overlap = {j: int((unknown[i] & positive[j]).sum()) for j in others}
        best = sorted(others, key=lambda j: (-overlap[j], j))[:top]
        # who knows nothing of what is unknown is no partner: the item stands in its place
        assert partners[i].tolist() == [j if overlap[j] else i for j in best]
        assert inverted[i].tolist() == sorted(others, key=lambda j: (overlap[j], j))[:top]


def test_partners_in_blocks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    unknown, positive = (torch.rand(30, 8, generator=generator) > 0.5 for _ in range(2))
    whole = augmentation.complementary_partners(unknown, positive, 4)
    monkeypatch.setattr(augmentation, "_BLOCK", 7)
    assert torch.equal(augmentation.complementary_partners(unknown, positive, 4), whole)


def test_a_lone_item_is_its_own_partner() -> None:
    alone = torch.ones(1, 3, dtype=torch.bool)
    assert augmentation.complementary_partners(alone, alone, 10).tolist() == [[0]]


@settings(max_examples=20, deadline=None)
@given(STATES, st.sampled_from([1, 4, 100]))
def test_uncertain_pairs_are_those_that_a_loop_cannot_settle(state: np.ndarray, block: int) -> None:
    uncertain = 0
    for a in state.tolist():
        for b in state.tolist():
            pairs = list(zip(a, b, strict=True))
            uncertain += (1, 1) not in pairs and not all(0 in pair for pair in pairs)
    assert uncertain_share(*sides(state), block=block) == pytest.approx(uncertain / 36)
