"""UCCH (Hu et al., TPAMI 2023) on frozen features.

Weights are those of the release's README for MIRFlickr features (github penghu-cs/UCCH). Its
networks are wider, its batches of 256 items and its learning rate 1e-4, with which the built-in
pictures, far fewer items, hardly move in 20 epochs. The release chooses its epoch by labels of
database items; here the validation queries do, or nothing (`--select last`).

Symbols: h are unit relaxed codes (n, K), M the memory (N, K), tau the temperature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.methods.base import Batch, Stage, Term, constant
from hashbench.methods.context import MethodContext
from hashbench.methods.frozen import FrozenHeads
from hashbench.nn.heads import HashHead
from hashbench.nn.monitors import signs
from hashbench.nn.optim import ClippedAdam


class Ucch(FrozenHeads):
    """Both modalities against one memory of unit codes, of which the signs count."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        self.M: Tensor
        self.epochs: Tensor
        self.register_buffer("M", torch.zeros(len(context.train), self.K))
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))

    def make_head(self, width: int, modality: str) -> nn.Module:
        """Hidden layers of one width, more of them for images."""
        depth = self.context.whole(f"{modality}_depth")
        return HashHead(width, (self.context.whole("hidden"),) * depth, self.K)

    def stages(self) -> Sequence[Stage]:
        """One stage; the release's first fall of the learning rate is after 30 epochs."""
        epochs, size = self.context.whole("epochs"), self.context.whole("batch_size")
        return [Stage("hash", "Hash heads", epochs, size, constant)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Random signs of length 1 in the memory."""
        draw = torch.randn(self.M.shape).to(self.M.device)
        self.M.copy_(F.normalize(signs(draw), dim=1))

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """Adam, the gradient clipped to norm 1."""
        lr, decay = self.context.real("lr"), self.context.real("weight_decay")
        return ClippedAdam(self.parameters(), lr=lr, weight_decay=decay, fused=True)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """alpha L_c + (1 - alpha) L_r, after which the memory takes the batch's codes."""
        real = self.context.real
        h_v, h_t = (
            F.normalize(h, dim=1)
            for h in (self.image_head(batch.images), self.text_head(batch.texts))
        )
        middle = F.normalize(0.5 * (h_v + h_t).detach(), dim=1)
        warm = int(self.epochs) < self.context.whole("warm_up")
        tau = real("temperature") * self.K**0.5
        if warm:
            own = torch.arange(len(middle), device=middle.device)
            contrast = batch_contrast(h_v, middle, own, tau) + batch_contrast(h_t, middle, own, tau)
        else:
            others = torch.randint(
                len(self.M), (len(middle), self.context.whole("negatives")), device=middle.device
            )
            candidates = torch.cat([batch.index[:, None], others], dim=1)
            contrast = memory_contrast(h_v, self.M, candidates, tau)
            contrast = contrast + memory_contrast(h_t, self.M, candidates, tau)
        kept = 0.0 if warm else real("momentum")
        self.M[batch.index] = F.normalize(kept * self.M[batch.index] + (1.0 - kept) * middle, dim=1)
        ranking = ranking_loss(h_v @ h_t.T, real("margin"), real("shift"))
        return {
            "contrast": Term(contrast, real("alpha")),
            "ranking": Term(ranking, 1.0 - real("alpha")),
        }

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Counts epochs, for the warm-up."""
        self.epochs += 1
        return self.code_monitors()


def batch_contrast(h: Tensor, others: Tensor, own: Tensor, tau: float) -> Tensor:
    """mean_i -log softmax_j(sign(others_j) . h_i / tau) at j = own_i, (n, K) and (m, K)."""
    return F.cross_entropy(h @ signs(others).T / tau, own)


def memory_contrast(h: Tensor, M: Tensor, candidates: Tensor, tau: float) -> Tensor:
    """mean_i -log softmax_j(sign(M_j) . h_i / tau) over an item's candidates, the first its own.

    `candidates` (n, m) are rows of M, possibly with repetitions. All N products are computed and
    the candidates' picked, which is faster than to gather m rows of M for each item.
    """
    logits = (h @ signs(M).T / tau).gather(1, candidates)
    return F.cross_entropy(logits, torch.zeros(len(h), dtype=torch.int64, device=h.device))


def ranking_loss(similarity: Tensor, margin: float, shift: float) -> Tensor:
    """mean_i [-s'_ii + log sum_j exp s'_ij + margin] over rows, plus the same over columns.

    s'_ij = s_ij where s_ij >= s_ii - margin, else s_ij - shift: pairs that are far enough below
    their item's own count less. `similarity` (n, n) are cosines, pairs in the diagonal.
    """
    own = torch.arange(len(similarity), device=similarity.device)

    def over_rows(s: Tensor) -> Tensor:
        hard = s >= s.diagonal()[:, None] - margin
        return F.cross_entropy(torch.where(hard, s, s - shift), own) + margin

    return over_rows(similarity) + over_rows(similarity.T)
