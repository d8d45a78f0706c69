"""CIRH's graph network, and its hash functions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class GraphCodes:
    """Relaxed codes (n, K) of images, texts and both, and the reconstructed features."""

    image: Tensor
    text: Tensor
    joint: Tensor
    images: Tensor
    texts: Tensor


class GraphNetwork(nn.Module):
    """Features of a batch and its similarity -> codes that image and text share."""

    def __init__(self, image_width: int, text_width: int, hidden: int, bits: int) -> None:
        super().__init__()
        self.image_encoder, self.text_encoder = (
            nn.Sequential(nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
            for width in (image_width, text_width)
        )
        self.image_graph, self.text_graph, self.joint_graph = (
            nn.Linear(hidden, hidden) for _ in range(3)
        )
        self.image_norm, self.text_norm, self.joint_norm = (
            nn.BatchNorm1d(hidden) for _ in range(3)
        )
        self.image_head, self.text_head = (
            nn.Sequential(nn.Linear(2 * hidden, bits), nn.BatchNorm1d(bits)) for _ in range(2)
        )
        self.both_head = nn.Sequential(nn.Linear(hidden, bits), nn.BatchNorm1d(bits))
        self.joint_head = nn.Sequential(nn.Linear(3 * bits, bits), nn.BatchNorm1d(bits), nn.Tanh())
        self.image_decoder, self.text_decoder = (
            nn.Sequential(
                nn.Linear(bits, hidden),
                nn.BatchNorm1d(hidden),
                nn.ReLU(),
                nn.Linear(hidden, width),
                nn.BatchNorm1d(width),
            )
            for width in (image_width, text_width)
        )

    def forward(self, images: Tensor, texts: Tensor, S: Tensor) -> GraphCodes:
        """(n, d), (n, e), (n, n)."""
        n = len(images)
        e_v = F.normalize(self.image_encoder(images), dim=1)
        e_t = F.normalize(self.text_encoder(texts), dim=1)
        # one graph for each modality, and one in which an item's image and text are neighbours
        g_v = F.relu(self.image_norm(S @ self.image_graph(e_v)))
        g_t = F.relu(self.text_norm(S @ self.text_graph(e_t)))
        w_v, w_t = self.joint_graph(torch.cat([e_v, e_t])).split(n)
        across = self.joint_norm(torch.cat([S @ w_v + w_t, w_v + S @ w_t]))
        both = F.relu(across[:n] + across[n:])
        h_v = self.image_head(torch.cat([g_v, both], dim=1))
        h_t = self.text_head(torch.cat([both, g_t], dim=1))
        joint = self.joint_head(torch.cat([h_v, self.both_head(both), h_t], dim=1))
        return GraphCodes(
            h_v,
            h_t,
            joint,
            self.image_decoder(joint + torch.tanh(h_v)),
            self.text_decoder(joint + torch.tanh(h_t)),
        )


class HashFunction(nn.Module):
    """h = tanh(W2 dropout(ReLU(W1 x))) of unit features; W2 starts at N(0, 1)."""

    def __init__(self, width: int, hidden: int, bits: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.bits = nn.Linear(hidden, bits)
        nn.init.normal_(self.bits.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, K)."""
        hidden = F.relu(self.hidden(F.normalize(features, dim=1)))
        return torch.tanh(self.bits(self.dropout(hidden)))
