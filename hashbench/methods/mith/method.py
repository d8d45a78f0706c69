"""MITH (Liu et al., ACM MM 2023): its global branch on pooled features, or both branches.

The local branch gathers K concepts from patch and word tokens, which are 83 kB an item with
ViT-B/32: they are made from the cached inputs of the towers' last blocks, which may be tuned, too.
The release (github DarrenZZhang/MM23-MITH) encodes with the sum of both branches, signs of
h_g + h_l, though B, which codes are drawn to, has 0.99 of the one and 0.01 of the other.

Symbols: g are refined features (n, d), h codes (n, K), M their memories (N, K), z concepts; _l of
the local branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.errors import InputError
from hashbench.methods.base import Batch, Method, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.frozen import (
    TOKENS_AT_ONCE,
    image_features,
    text_features,
    towers_to_tune,
    tuned_rates,
)
from hashbench.methods.mith.concepts import LocalConcepts, concept_alignment, distillation
from hashbench.nn import monitors
from hashbench.nn.contrastive_losses import info_nce
from hashbench.nn.heads import scaled
from hashbench.nn.multi_length import ResidualMLP
from hashbench.nn.optim import grouped, warm_cosine
from hashbench.nn.pairwise_losses import likelihood, similarity
from hashbench.nn.tokens import Tokens
from hashbench.nn.tuned_towers import Described

GLOBAL_SHARE = 0.99  # of the codes whose signs are B, where there are two branches


@dataclass(frozen=True)
class Coded:
    """A modality's items: refined `g` (n, d), codes `h` (n, K), and what the local branch has of
    them, codes `local` (n, K) and concepts `z` (n, K, d).
    """

    g: Tensor
    h: Tensor
    local: Tensor | None = None
    z: Tensor | None = None

    @property
    def relaxed(self) -> Tensor:
        """The code whose signs are the item's: of one branch, or of both with equal weights."""
        return self.h if self.local is None else self.h + self.local

    @property
    def drawn(self) -> Tensor:
        """What is drawn to B: the code, or the mean of both branches'."""
        return self.h if self.local is None else 0.5 * (self.h + self.local)

    @property
    def target(self) -> Tensor:
        """What an item's modality gives to B."""
        if self.local is None:
            return self.h
        return GLOBAL_SHARE * self.h + (1.0 - GLOBAL_SHARE) * self.local


class Mith(Method):
    """One residual network and one linear head for both modalities; local concepts for each."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        width = context.train.images.shape[1]
        self.refine = ResidualMLP(width, dropout=0.0)
        self.head = nn.Linear(width, self.K, bias=False)
        self.towers = towers_to_tune(context)
        self.local: nn.ModuleDict | None = None
        streams = ["M_v", "M_t"]
        if context.text("branches") == "both":
            if self.towers is None:
                raise InputError(
                    "the local branch reads tokens, which pooled features do not have",
                    where="--set branches",
                    remedy="--set tuned_blocks=1 as well, or --ablate full",
                )
            strongest = context.whole("strongest")
            self.local = nn.ModuleDict(
                {m: LocalConcepts(width, self.K, strongest) for m in ("image", "text")}
            )
            streams += ["M_v_local", "M_t_local"]
        if self.towers is not None:
            self.encoding_batch = TOKENS_AT_ONCE
        for name in streams:
            self.register_buffer(name, torch.zeros(len(context.train), self.K))

    def stages(self) -> Sequence[Stage]:
        """One stage."""
        epochs, size = self.context.whole("epochs"), self.context.whole("batch_size")
        return [Stage("hash", "Refinement and codes", epochs, size, warm_cosine)]

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """BertAdam, as released, tuned blocks at their own rate."""
        lr, decay = self.context.real("lr"), self.context.real("weight_decay")
        return grouped(self, tuned_rates(self.towers, self.context), lr, decay, "bertadam")

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """J(M_v, h_t) + J(M_t, h_v), mean squared distances to B, NCE(g_v, g_t); of both branches
        J(M_v,l, h_v,l) + J(M_t,l, h_t,l), the concepts' alignment and distillation besides.

        B = sign of both modalities' sum is that of the batch and gets no gradient. Memories take
        the codes before they are used.
        """
        train, real = self.context.train, self.context.real
        images, texts = batch.inputs(tuned=self.towers is not None)
        v, t = self._pair(images, texts)
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)
        M_v, M_t = self._remember("M_v", batch, v.h), self._remember("M_t", batch, t.h)
        B = monitors.signs((v.target + t.target).detach())
        alignment, temperature = real("alignment"), real("temperature")
        terms = {
            "inter": Term(likelihood(M_v, t.h, S) + likelihood(M_t, v.h, S), real("inter")),
            "quantisation": Term(
                F.mse_loss(v.drawn, B) + F.mse_loss(t.drawn, B), real("quantisation")
            ),
            "alignment": Term(info_nce(v.g, t.g, temperature), alignment),
        }
        if v.local is not None and t.local is not None and v.z is not None and t.z is not None:
            M_vl = self._remember("M_v_local", batch, v.local)
            M_tl = self._remember("M_t_local", batch, t.local)
            intra = likelihood(M_vl, v.local, S) + likelihood(M_tl, t.local, S)
            terms["intra"] = Term(intra, real("intra"))
            matched = concept_alignment(v.z, t.z, temperature)
            terms["concepts"] = Term(matched, alignment * real("concepts"))
            learned = distillation(v.h, v.local) + distillation(t.h, t.local)
            terms["distillation"] = Term(learned, real("distillation"))
        return {name: term for name, term in terms.items() if term.weight}

    def _remember(self, name: str, batch: Batch, codes: Tensor) -> Tensor:
        """The memory (N, K) of that name, with the batch's codes in its rows."""
        memory = self.get_buffer(name)
        memory[batch.index] = codes.detach()
        return memory

    def _pair(self, images: Tensor | Tokens, texts: Tensor | Tokens) -> tuple[Coded, Coded]:
        """Both modalities of a batch, of the global branch at once: products of twice the rows make
        better use of the processor.
        """
        if self.local is not None:
            return self._images(images), self._texts(texts)
        v, t = image_features(self.towers, images), text_features(self.towers, texts)
        both = self._global(torch.cat([v, t]))
        n = len(v)
        return Coded(both.g[:n], both.h[:n]), Coded(both.g[n:], both.h[n:])

    def _images(self, images: Tensor | Tokens) -> Coded:
        if self.local is None or self.towers is None or isinstance(images, Tensor):
            return self._global(image_features(self.towers, images))
        return self._both(self.towers.described_images(images), self.local["image"])

    def _texts(self, texts: Tensor | Tokens) -> Coded:
        if self.local is None or self.towers is None or isinstance(texts, Tensor):
            return self._global(text_features(self.towers, texts))
        return self._both(self.towers.described_texts(texts), self.local["text"])

    def _global(self, pooled: Tensor) -> Coded:
        g = self.refine(scaled(pooled))
        return Coded(g, torch.tanh(self.head(g)))

    def _both(self, items: Described, concepts: nn.Module) -> Coded:
        """Both branches. Tokens go through the global one, which scores them for each concept."""
        whole = self._global(items.pooled)
        tokens = F.normalize(items.tokens, dim=2) * items.tokens.shape[2] ** 0.5
        with torch.no_grad():
            scores = torch.tanh(self.head(self.refine(tokens)))
        local, z = concepts(tokens, scores, items.content)
        return Coded(whole.g, whole.h, local, z)

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Watches the codes of the memories."""
        M_v, M_t = self.get_buffer("M_v"), self.get_buffer("M_t")
        return {
            "sign disagreement": monitors.sign_disagreement(M_v, M_t),
            "bit balance": monitors.bit_balance(M_v),
            "distinct codes": monitors.distinct_codes(M_v),
        }

    def encode_image(self, images: Tensor | Tokens) -> dict[int, Tensor]:
        """Images alone -> {K: (n, K)}."""
        return {self.K: self._images(images).relaxed}

    def encode_text(self, texts: Tensor | Tokens) -> dict[int, Tensor]:
        """Texts alone -> {K: (n, K)}."""
        return {self.K: self._texts(texts).relaxed}
