"""CMCL (Zhang et al., TKDE 2024) on pooled, frozen features: its global branch.

The paper adds 64 concepts that attend to patch and word tokens, whose mean goes into the feature
that is hashed; tokens are not at hand here. What is left is PromptHash without prompts and fusion,
the control that its ablations lack. `--is-freeze-clip` of the release (github DarrenZZhang/CMCL)
freezes the towers likewise.

Symbols: v, t are refined features (n, d), h codes for each length, B the signs they are drawn to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hashbench.methods.base import Batch, Method, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.nn import monitors
from hashbench.nn.contrastive_losses import info_nce
from hashbench.nn.heads import scaled
from hashbench.nn.multi_length import JointHeads, Memories, RelaxedCodes, ResidualMLP
from hashbench.nn.optim import grouped, warm_cosine
from hashbench.nn.pairwise_losses import similarity


class Cmcl(Method):
    """One residual network and one set of heads for both modalities."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        train, width = context.train, context.train.images.shape[1]
        self.mlp = ResidualMLP(width, context.real("dropout"))
        auxiliary, mu = context.whole("auxiliary_bits"), context.real("mu")
        self.heads = JointHeads(width, context.bits, auxiliary, mu)
        self.memories = Memories(len(train), self.heads.weights, ("image", "text"))

    def stages(self) -> Sequence[Stage]:
        """One stage."""
        epochs, size = self.context.whole("epochs"), self.context.whole("batch_size")
        return [Stage("hash", "Codes of all lengths", epochs, size, warm_cosine)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Draws B."""
        self.memories.begin()

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """BertAdam, as released."""
        lr, decay = self.context.real("lr"), self.context.real("weight_decay")
        return grouped(self, (), lr, decay, "bertadam")

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """Likelihoods within and across modalities, quantisation, reconstruction, alignment.

        Each but the alignment is a sum over the lengths, weighted by w_K: mu for the auxiliary
        one, else 1.
        """
        train, real, memories = self.context.train, self.context.real, self.memories
        # both modalities at once: products of twice the rows make better use of the processor
        v, t = self.mlp(torch.cat([scaled(batch.images), scaled(batch.texts)])).chunk(2)
        coded = {"image": self.heads(v), "text": self.heads(t)}
        for stream, codes in coded.items():
            memories.remember(stream, batch.index, codes)
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)
        pairs = {(m, s): memories.likelihood(m, coded[s], S) for m in coded for s in coded}
        longest = memories.target("image", self.heads.auxiliary)[batch.index]
        quantisation, reconstruction = (
            torch.stack(values).sum()
            for values in (
                [memories.quantisation(s, batch.index, h) for s, h in coded.items()],
                [self.heads.reconstruction(h, longest) for h in coded.values()],
            )
        )
        intra = pairs["image", "image"] + pairs["text", "text"]
        inter = pairs["image", "text"] + pairs["text", "image"]
        terms = {
            "intra": Term(intra, real("intra")),
            "inter": Term(inter, real("inter")),
            "quantisation": Term(quantisation, real("quantisation")),
            "reconstruction": Term(reconstruction, real("mu") * real("delta")),
            "alignment": Term(info_nce(v, t, real("temperature")), real("alignment")),
        }
        return {name: term for name, term in terms.items() if term.weight}

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Refreshes B; watches the balance of the codes."""
        self.memories.refresh()
        return {
            f"bit balance @{K}": monitors.bit_balance(self.memories.of("image", K))
            for K in self.bits
        }

    def encode_image(self, images: Tensor) -> RelaxedCodes:
        """(n, d) -> {K: (n, K)}, the lengths that were asked for."""
        codes = self.heads(self.mlp(scaled(images)))
        return {K: codes[K] for K in self.bits}

    def encode_text(self, texts: Tensor) -> RelaxedCodes:
        """(n, d) -> {K: (n, K)}."""
        return self.encode_image(texts)
