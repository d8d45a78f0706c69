"""PGHMH: prompt-guided hierarchical multi-modal hashing, one fused code an item.

Only the abstract and the code (github vindahi/PGHMH) are public. The losses, weights and lengths
are the code's; the context-aware prompt and the attention over the item's parts follow the
abstract, since the code has the one commented out and the other reduced to an affine map. The
release prompts every item, queries too, with its true labels (published protocol); in the strict
one the classes are predicted from what an item has of image and text.

Symbols: v, t, p are features of image, text and prompt (n, d), f the fused one, h codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hashbench.errors import InputError
from hashbench.methods.base import Batch, Role, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.pghmh.availability import complete, drawn_per_item, dropped
from hashbench.methods.pghmh.fusion import AnchorFusion
from hashbench.methods.prompted import PromptedMethod
from hashbench.nn.affinity import Prompted
from hashbench.nn.contrastive_losses import info_nce
from hashbench.nn.multi_length import RelaxedCodes
from hashbench.nn.pairwise_losses import similarity
from hashbench.nn.tokens import Tokens

WATCHED = ("fused-to-plain norm", "prompt share", "text-prompt cosine", "missing")


@dataclass(frozen=True)
class Fused:
    """Features of a batch after fusion: image, text, prompt and their sum, (n, d) each.

    `ratio` (n) is watched: how long what the fusion adds is, next to the plain features.
    """

    v: Tensor
    t: Tensor
    p: Tensor
    f: Tensor
    ratio: Tensor


class Pghmh(PromptedMethod):
    """Tuned towers, context-aware prompts, attention among parts, heads for all lengths."""

    def __init__(self, context: MethodContext) -> None:
        self._check_missing(context)
        super().__init__(
            context,
            streams=("mm",),
            watched=WATCHED,
            sample_context=context.flag("sample_context"),
        )
        numbers = context.train.item_numbers()
        in_training = context.text("missing_in") != "encoding"
        self._available = (
            self._drawn(numbers) if in_training else complete(len(numbers), numbers.device)
        )

    @staticmethod
    def _check_missing(context: MethodContext) -> None:
        """Raises InputError where the release's encoder would meet an item that lacks something."""
        missing = context.real("missing_image") + context.real("missing_text") > 0.0
        at_encoding = missing and context.text("missing_in") != "training"
        if context.protocol == "published" and at_encoding:
            raise InputError(
                "the release encodes whole items",
                where="--set missing_image",
                remedy="--protocol strict for items that lack a modality, or "
                "--set missing_in=training",
            )

    def make_fusion(self, width: int) -> nn.Module | None:
        """Attention among the parts, or none."""
        fusion = self.context.text("fusion")
        return None if fusion == "none" else AnchorFusion(width, guided=fusion == "anchors")

    def _drawn(self, numbers: Tensor) -> Tensor:
        real = self.context.real
        return drawn_per_item(
            numbers, self.context.seed, real("missing_image"), real("missing_text")
        )

    def available(self) -> Tensor:
        """(n, 2) what training items have, the same in every epoch."""
        return self._available

    def availability(self, items: Tensor, role: Role) -> Tensor:
        """What items have when they are encoded; `queries` may leave queries one modality."""
        if role == "query" and self.context.text("queries") != "both":
            image = self.context.text("queries") == "image"
            return torch.tensor([image, not image], device=items.device).expand(len(items), 2)
        if self.context.text("missing_in") == "training":
            return complete(len(items), items.device)
        return self._drawn(items)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """Alignment between modalities, with the anchor, and of structured binary codes."""
        train, real = self.context.train, self.context.real
        images, texts = batch.tokens()
        available = self._available[batch.index]
        if real("modality_dropout"):
            available = dropped(available, real("modality_dropout"))
        weights = self._weights(
            self.train_source, images, texts, available, batch.labels, batch.index
        )
        fused, prompted = self._fused(images, texts, available, weights)
        self._watch(fused, prompted, available)
        h = self.heads(fused.f)
        self.memories.remember("mm", batch.index, h)
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)
        target = self.memories.target("mm", self.heads.auxiliary)[batch.index]
        tau = real("temperature")
        terms = {
            "inter-modal": Term(_aligned(fused, available.all(1), tau), real("inter_modal")),
            "anchor": Term(info_nce(self.mlp(fused.f), fused.p, tau), real("anchor")),
            "pairwise": Term(self.memories.likelihood("mm", h, S), real("pairwise")),
            "reconstruction": Term(
                self.heads.reconstruction(h, target), real("mu") * real("delta")
            ),
        }
        return {name: term for name, term in terms.items() if term.weight}

    def _weights(
        self,
        source: str,
        images: Tokens,
        texts: Tokens,
        available: Tensor,
        labels: Tensor | None = None,
        index: Tensor | None = None,
    ) -> Tensor:
        """(n, C) weights of the classes in the prompts: means over the modalities of an item."""
        image, text = (
            self.class_weights(predictor, items.pooled, source=source, labels=labels, index=index)
            for predictor, items in ((self.image_classes, images), (self.text_classes, texts))
        )
        share = _shares(available, image.dtype)
        return share[:, :1] * image + share[:, 1:] * text

    def _fused(
        self, images: Tokens, texts: Tokens, available: Tensor, weights: Tensor
    ) -> tuple[Fused, Prompted]:
        """Items of which `available` (n, 2) says whether they have an image and a text."""
        image, text = available[:, :1], available[:, 1:]
        share = _shares(available, images.pooled.dtype)
        sample = share[:, :1] * images.pooled + share[:, 1:] * texts.pooled
        prompted = self.towers.text(texts, weights, sample, available[:, 1])
        v, t, p = self.towers.image(images) * image, prompted.text * text, prompted.prompt
        ratio = p.new_zeros(len(p))
        if self.fusion is not None:
            parts = torch.stack([v, t, p], dim=1)
            # the prompt exists for every item, since it is made of whatever the item has
            exists = torch.cat([available, torch.ones_like(image)], dim=1)
            mixed = self.fusion(self.fusion(parts, exists), exists)
            ratio = mixed.flatten(1).norm(dim=1) / parts.flatten(1).norm(dim=1).clamp_min(1e-6)
            v, t, p = (0.5 * parts + 0.5 * mixed).unbind(1)
        f = 2.0 * (share[:, :1] * v + share[:, 1:] * t)  # their sum, where both exist
        return Fused(v, t, p, f, ratio), prompted

    def _watch(self, fused: Fused, prompted: Prompted, available: Tensor) -> None:
        cosine = torch.cosine_similarity(prompted.text, prompted.prompt, dim=1)
        self.watched.add(fused.ratio, prompted.share, cosine, 1.0 - available.float().mean(1))

    def encode_mm(self, images: Tokens, texts: Tokens, available: Tensor) -> RelaxedCodes:
        """What is `available` (n, 2) of items -> {K: (n, K)}; classes are predicted from it."""
        weights = self._weights(self.source, images, texts, available)
        return self._codes(images, texts, available, weights)

    def encode_published(
        self, images: Tokens, texts: Tokens, labels: Tensor
    ) -> dict[str, RelaxedCodes]:
        """As the release does: prompted with the true labels of the item."""
        available = complete(len(images), labels.device)
        weights = self._weights(self.source, images, texts, available, labels)
        return {"mm": self._codes(images, texts, available, weights)}

    def _codes(
        self, images: Tokens, texts: Tokens, available: Tensor, weights: Tensor
    ) -> RelaxedCodes:
        fused, _ = self._fused(images, texts, available, weights)
        return self.asked_bits(self.heads(fused.f))


def _shares(available: Tensor, dtype: torch.dtype) -> Tensor:
    """(n, 2) weights of image and text in a mean over what an item has."""
    return available.to(dtype) / available.sum(1, keepdim=True)


def _aligned(fused: Fused, whole: Tensor, temperature: float) -> Tensor:
    """InfoNCE between image and text of the items that have both."""
    if not bool(whole.any()):
        return 0.0 * fused.v.sum()
    return info_nce(fused.v[whole], fused.t[whole], temperature)
