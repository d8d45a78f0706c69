"""Prompts: every class with all of its tokens, the context of each position, what pools where."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hashbench.nn.prompts import FAINT, PromptLearner, Sentence, strongest

WIDTH = 4
LENGTHS = (1, 3, 2, 1)  # tokens of the names of four classes


def learner_of(lengths: tuple[int, ...] = LENGTHS, **more: int) -> PromptLearner:
    torch.manual_seed(0)
    return PromptLearner(
        Sentence(
            torch.randn(3, WIDTH), [torch.randn(k, WIDTH) for k in lengths], torch.randn(2, WIDTH)
        ),
        **more,  # type: ignore[arg-type]
    )


def naive(learner: PromptLearner, weights: list[float], end: int | None) -> tuple[list, list, int]:
    """Tokens, weights and the pooled column of one item's prompt, built token by token."""
    names, start = [], 0
    for length in LENGTHS:
        names.append(learner.class_tokens[start : start + length])
        start += length
    order = sorted(range(len(weights)), key=lambda c: -weights[c])
    tokens = [(row, 1.0) for row in learner.before]
    for c in order:
        if weights[c] > 0:
            tokens += [(row, weights[c]) for row in names[c]]
    tokens += [(row, 1.0) for row in learner.after]
    shifted = [row + learner.context[min(i, 76)] for i, (row, _) in enumerate(tokens)]
    return shifted, [weight for _, weight in tokens], len(tokens) - 1 if end is None else end


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), min_size=4, max_size=4),
        min_size=1,
        max_size=4,
    ),
    st.integers(-1, 80),
)
def test_a_prompt_is_its_sentence_whatever_else_is_in_the_batch(
    rows: list[list[float]], end: int
) -> None:
    learner = learner_of()
    ends = torch.full((len(rows),), end)
    with torch.no_grad():
        prompt = learner(torch.tensor(rows), ends=ends)
    for i, weights in enumerate(rows):
        tokens, kept, at = naive(learner, weights, None if end < 0 else end)
        real = prompt.weights[i] > 0
        torch.testing.assert_close(prompt.tokens[i][real], torch.stack(tokens))
        torch.testing.assert_close(prompt.weights[i][real], torch.tensor(kept))
        pooled = prompt.tokens[i, prompt.pooled_at[i]]
        beyond = learner.context[min(at, 76)]  # nothing but context where the prompt is shorter
        torch.testing.assert_close(pooled, tokens[at] if at < len(tokens) else beyond)


def test_true_labels_are_not_cut() -> None:
    many = tuple([2] * 30)
    learner = learner_of(many)
    prompt = learner(torch.ones(1, 30))
    assert int((prompt.weights > 0).sum()) == 3 + 2 * 30 + 2
    assert torch.equal(
        (prompt.tokens[0, 3:63] - learner.context[3:63]).detach().round(decimals=4),
        learner.class_tokens.round(decimals=4),
    )


def test_predicted_classes_are_the_strongest_and_never_faint() -> None:
    probabilities = torch.tensor([[0.9, 0.3, 0.5, FAINT / 2], [0.05, 0.04, 0.03, 0.02]])
    assert strongest(probabilities, 2).tolist() == [
        [pytest.approx(0.9), 0.0, 0.5, 0.0],
        [0.0, 0.0, 0.0, 0.0],
    ]
    assert torch.equal(strongest(probabilities, 99)[0] > 0, torch.tensor([True, True, True, False]))


def test_a_sample_shifts_all_of_its_prompt() -> None:
    learner = learner_of(sample_width=5)
    weights, sample = torch.ones(2, 4), torch.randn(2, 5)
    assert torch.equal(learner(weights, sample).tokens, learner(weights).tokens)  # starts at zero
    assert learner.sample is not None
    torch.nn.init.normal_(learner.sample[-1].weight)  # type: ignore[arg-type]
    shift = learner(weights, sample).tokens - learner(weights).tokens
    torch.testing.assert_close(shift, shift[:, :1].expand_as(shift))
    assert not torch.allclose(shift[0], shift[1])
