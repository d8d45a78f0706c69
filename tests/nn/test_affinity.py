"""Affinity prompting computes what is read alone, and reads what the definition says."""

from __future__ import annotations

import torch

from hashbench.nn.blocks import Block
from hashbench.nn.prompts import AffinityPrompt, Prompt
from hashbench.nn.tokens import padding_bias
from tests.methods.prompted import WIDTH, items, tower


def test_some_positions_of_a_block_are_those_of_the_whole() -> None:
    torch.manual_seed(0)
    block, x = Block(8, 2), torch.randn(3, 6, 8)
    bias = padding_bias(torch.tensor([6, 2, 4]), 6)[:, None, None]
    at = torch.tensor([[0, 5], [1, 1], [3, 2]])
    whole = block(x, bias)
    torch.testing.assert_close(block(x, bias, at), whole[torch.arange(3)[:, None], at])


def test_text_and_prompt_meet_as_defined() -> None:
    torch.manual_seed(0)
    end, (_, texts, _) = tower(2, causal=True), items(5)
    affinity = AffinityPrompt(end, layers=2, eta=0.7)
    for parameter in affinity.parameters():  # it starts as the identity, which hides mistakes
        torch.nn.init.normal_(parameter, std=0.3)
    prompt = Prompt(torch.randn(5, 3, WIDTH), torch.tensor([1.0, 0.6, 0.0]).expand(5, 3))
    hidden = end.hidden(texts)
    there = torch.tensor([True, True, False, True, True])
    found = affinity(end, texts, hidden, prompt, there)
    for i in range(5):
        length = int(texts.lengths[i]) if there[i] else 0
        # one item at a time, without padding: its text, then its prompt but for what weighs nothing
        own = hidden[i, : int(texts.lengths[i])]
        states = torch.cat([own, prompt.tokens[i]])[None]
        heard = torch.zeros(states.shape[1])
        heard[length : len(own)] = -torch.inf
        heard[len(own) :] = torch.log(prompt.weights[i])
        for block in affinity.blocks:
            states = block(states, heard)
        z = end.norm(states[0])
        z_e, z_p = z[len(own) - 1], (z[len(own)] + 0.6 * z[len(own) + 1]) / 1.6
        torch.testing.assert_close(found.text[i], end.project(z_e * (1 + 0.7 * z_p)))
        torch.testing.assert_close(found.prompt[i], end.project(z_p))
        torch.testing.assert_close(found.tokens[i], end.project(z[len(own) :]))
