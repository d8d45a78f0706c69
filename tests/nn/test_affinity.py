"""Affinity prompting computes what is read alone, and reads what the definition says."""

from __future__ import annotations

import pytest
import torch

from hashbench.nn.affinity import AffinityPrompt, PromptState
from hashbench.nn.blocks import Block
from hashbench.nn.prompts import Prompt
from hashbench.nn.tokens import padding_bias
from tests.methods.prompted import WIDTH, items, tower


def test_some_positions_of_a_block_are_those_of_the_whole() -> None:
    torch.manual_seed(0)
    block, x = Block(8, 2), torch.randn(3, 6, 8)
    bias = padding_bias(torch.tensor([6, 2, 4]), 6)[:, None, None]
    at = torch.tensor([[0, 5], [1, 1], [3, 2]])
    whole = block(x, bias)
    torch.testing.assert_close(block(x, bias, at), whole[torch.arange(3)[:, None], at])


@pytest.mark.parametrize("state", ["caption-end", "mean"])
def test_text_and_prompt_meet_as_defined(state: PromptState) -> None:
    torch.manual_seed(0)
    end, (_, texts, _) = tower(2, causal=True), items(5)
    affinity = AffinityPrompt(end, layers=2, eta=0.7, eta_trained=True, state=state)
    for parameter in affinity.blocks.parameters():  # the identity at the start hides mistakes
        torch.nn.init.normal_(parameter, std=0.3)
    at = torch.tensor([0, 1, 0, 2, 1])
    weights = torch.tensor([1.0, 0.6, 0.0]).expand(5, 3)
    prompt = Prompt(torch.randn(5, 3, WIDTH), weights, pooled_at=at)
    hidden = end.hidden(texts)
    available = torch.tensor([True, True, False, True, True])
    prompted = affinity(end, texts, hidden, prompt, available)
    for i in range(5):
        length = int(texts.lengths[i]) if available[i] else 0
        # one item at a time, without padding: its text, then its prompt
        own = hidden[i, : int(texts.lengths[i])]
        states = torch.cat([own, prompt.tokens[i]])[None]
        bias = torch.zeros(states.shape[1])
        bias[length : len(own)] = -torch.inf
        bias[len(own) :] = torch.log(weights[i])
        for block in affinity.blocks:
            states = block(states, bias)
        z = end.norm(states[0])
        z_e = z[len(own) - 1]
        mean = (z[len(own)] + 0.6 * z[len(own) + 1]) / 1.6
        z_p = mean if state == "mean" else z[len(own) + int(at[i])]
        torch.testing.assert_close(prompted.text[i], end.project(z_e * (1 + 0.7 * z_p)))
        torch.testing.assert_close(prompted.prompt[i], end.project(z_p))
        torch.testing.assert_close(prompted.tokens[i], end.project(z[len(own) :]))


def test_eta_is_learned_unless_it_is_constant() -> None:
    end = tower(2, causal=True)
    for trained in (True, False):
        affinity = AffinityPrompt(end, 2, eta=0.5, eta_trained=trained, state="mean")
        assert affinity.eta.item() == 0.5
        assert affinity.eta.requires_grad is trained
