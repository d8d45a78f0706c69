"""The hash networks of paper and release, against arithmetic written out."""

from __future__ import annotations

import copy

import torch
from torch import nn

from hashbench.methods.pcril import CARD
from hashbench.methods.pcril.networks import LocalResponseNorm, PaperHead


def linears(head: PaperHead) -> list[nn.Linear]:
    return [module for module in head.modules() if isinstance(module, nn.Linear)]


def test_layers_and_their_first_values() -> None:
    torch.manual_seed(0)
    head = PaperHead(20, 16)
    assert [layer.out_features for layer in linears(head)] == [1024, 2048, 512, 16]
    for parameter in head.parameters():
        tolerance = 0.05 / parameter.numel() ** 0.5  # five standard errors
        values = parameter.detach()
        assert abs(float(values.mean())) < tolerance
        assert abs(float(values.std()) - 0.01) < tolerance


def test_texts_are_normalised_by_their_neighbouring_channels() -> None:
    torch.manual_seed(0)
    plain = PaperHead(6, 8).double()
    with torch.no_grad():
        for layer in linears(plain):
            layer.weight.mul_(40)  # channels large enough for the norm to matter
        head = copy.deepcopy(plain)
        head.layers.insert(len(head.layers) - 1, LocalResponseNorm())
        features = torch.randn(3, 6, dtype=torch.float64)
        z = features
        for layer in linears(head)[:-1]:
            z = (z @ layer.weight.T + layer.bias).clamp_min(0)
        wanted = torch.empty_like(z)
        for c in range(z.shape[1]):
            squares = z[:, max(0, c - 2) : c + 2].square().sum(1) / 4
            wanted[:, c] = z[:, c] / (2 + 1e-4 * squares) ** 0.75
        last = linears(head)[-1]
        for network, channels in ((head, wanted), (plain, z)):
            codes = torch.tanh(channels @ last.weight.T + last.bias)
            torch.testing.assert_close(network(features), codes)
        assert not torch.allclose(head(features), plain(features))


def test_the_ablation_of_that_name_takes_them() -> None:
    assert CARD.ablation("released-networks").settings == {
        "networks": "paper",
        "local_response": True,
    }
