"""PromptHash (Zou et al., CVPR 2025, arXiv 2503.16064), each modality alone or as released.

The paper's equations are public in part; where this follows the released code (github
CCRG-XJU/PromptHash) instead, or neither, it says so. In the strict protocol an image is fused with
the prompt that was predicted from the image, a text with the one predicted from the text; in the
published one both are fused with each other, and the prompt names the item's true labels.

Symbols: v, t, p are features of image, text and prompt (n, d), h codes, F their memories, B signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.prompted import ENCODING_BATCH, PromptedMethod
from hashbench.methods.prompthash.fusion import Fusion
from hashbench.nn import monitors
from hashbench.nn.affinity import Prompted
from hashbench.nn.contrastive_losses import (
    adaptive_temperature,
    info_nce,
    matching,
    token_similarity,
)
from hashbench.nn.multi_length import RelaxedCodes
from hashbench.nn.pairwise_losses import similarity
from hashbench.nn.state_space import scan_for
from hashbench.nn.tokens import Tokens

FUSION_DROPOUT = 0.1
WATCHED = ("mean gate", "fused-to-plain norm", "prompt share", "text-prompt cosine")


@dataclass(frozen=True)
class Streams:
    """Features of a batch on their way to codes: image, text, prompt (n, d), after fusion.

    `patches` (n, P, d) are the image's tokens where they are needed; `gates` and `ratios` (n) are
    watched.
    """

    v: Tensor
    t: Tensor
    p: Tensor
    prompted: Prompted
    patches: Tensor | None
    gates: Tensor
    ratios: Tensor


class PromptHash(PromptedMethod):
    """Tuned towers, prompts, fusion, and heads for all lengths at once."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(
            context,
            streams=("image", "text"),
            watched=WATCHED,
            unified=context.text("targets") == "unified",
            affinity=context.flag("taap"),
        )
        # where codes depend on their batch, the batch is that of training, as in the release
        mixing = context.flag("batch_mixing")
        self.encoding_batch = context.whole("batch_size") if mixing else ENCODING_BATCH

    def make_fusion(self, width: int) -> nn.Module | None:
        """AGSF, or one of its variants."""
        variant = self.context.text("fusion")
        if variant == "none":
            return None
        return Fusion(
            width,
            variant,
            over_batch=self.context.flag("batch_mixing"),
            released_norm=self.context.text("grn") == "released",
            dropout=FUSION_DROPOUT,
        )

    def facts(self) -> Mapping[str, str]:
        """Which scan runs, where one does."""
        if self.context.text("fusion") != "ssm":
            return {}
        return {"state space scan": scan_for(next(self.parameters()).device)[1]}

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """Likelihoods within and across modalities, quantisation, reconstruction, alignments."""
        train, real, memories = self.context.train, self.context.real, self.memories
        images, texts = batch.tokens()
        streams = self._streams(
            images,
            texts,
            *self._both_weights(self.train_source, images, texts, batch.labels, batch.index),
            patches=real("token_weight") > 0,
        )
        self._watch(streams)
        v, t, p = (self.mlp(x) for x in (streams.v, streams.t, streams.p))

        # the memories take the batch's codes before the likelihoods are computed against them
        h_v, h_t = self.heads(v), self.heads(t)
        memories.remember("image", batch.index, h_v)
        memories.remember("text", batch.index, h_t)
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)

        def J(stream: str, codes: RelaxedCodes) -> Tensor:  # noqa: N802
            return memories.likelihood(stream, codes, S)

        coded = {"image": h_v, "text": h_t}
        quantisation = [memories.quantisation(s, batch.index, h) for s, h in coded.items()]
        longest = self.heads.auxiliary
        reconstruction = [
            self.heads.reconstruction(h, memories.target(s, longest)[batch.index])
            for s, h in coded.items()
        ]
        tau = real("temperature")
        terms = {
            "intra": Term(J("image", h_v) + J("text", h_t), real("intra")),
            "inter": Term(J("image", h_t) + J("text", h_v), real("inter")),
            "quantisation": Term(torch.stack(quantisation).sum(), real("sigma")),
            "reconstruction": Term(torch.stack(reconstruction).sum(), real("mu") * real("delta")),
            "global": Term(info_nce(v, t, tau), real("alpha")),
            "prompt": Term(info_nce(v, p, adaptive_temperature(v, p, tau)), real("prompt_weight")),
        }
        if streams.patches is not None:
            local = _token_alignment(streams.patches, streams.prompted, tau)
            terms["local"] = Term(local, real("token_weight"))
        return {name: term for name, term in terms.items() if term.weight}

    def _streams(
        self,
        images: Tokens,
        texts: Tokens,
        image_weights: Tensor,
        text_weights: Tensor,
        *,
        patches: bool,
    ) -> Streams:
        """Both modalities of items; the protocol decides what reaches which feature."""
        v, tokens = (
            self.towers.image_and_patches(images) if patches else (self.towers.image(images), None)
        )
        prompted = self.towers.text(texts, text_weights)
        if self.context.flag("pair"):
            return self._released(v, prompted, tokens)
        image, v_gate, v_ratio = self._fuse(v, self.towers.prompt(image_weights))
        text, t_gate, t_ratio = self._fuse(prompted.text, prompted.prompt)
        return Streams(
            v=image,
            t=text,
            p=prompted.prompt,
            prompted=prompted,
            patches=tokens,
            gates=0.5 * (v_gate + t_gate),
            ratios=0.5 * (v_ratio + t_ratio),
        )

    def _released(self, v: Tensor, prompted: Prompted, patches: Tensor | None) -> Streams:
        """The release: (v1, t1) = F(v, t), then (v2, p2) = F(v1, p)."""
        t, p, share = prompted.text, prompted.prompt, self.context.real("fused_share")
        if self.fusion is None:
            zeros = v.new_zeros(len(v))
            return Streams(v, t, p, prompted, patches, zeros, zeros)
        first = self.fusion(v, t)
        second = self.fusion(first.first, p)
        return Streams(
            v=(1 - share) * v + share * second.first,
            t=(1 - share) * t + share * first.second,
            p=(1 - share) * p + share * second.second,
            prompted=prompted,
            patches=patches,
            gates=0.5 * (first.gate + second.gate),
            ratios=_ratio(second.first, v),
        )

    def _fuse(self, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A modality's feature fused with the prompt of that modality; gate and norm ratio (n)."""
        if self.fusion is None:
            return x, x.new_zeros(len(x)), x.new_zeros(len(x))
        fused = self.fusion(x, p)
        share = self.context.real("fused_share")
        return (1 - share) * x + share * fused.first, fused.gate, _ratio(fused.first, x)

    def _both_weights(
        self,
        source: str,
        images: Tokens,
        texts: Tokens,
        labels: Tensor,
        index: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """(n, C) weights of the classes in the prompts of images, and in those of texts."""
        image, text = (
            self.class_weights(predictor, items.pooled, source=source, labels=labels, index=index)
            for predictor, items in ((self.image_classes, images), (self.text_classes, texts))
        )
        return image, text

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:
        """As all prompted methods; watches the gradient of the state space block, too."""
        values = dict(super().end_epoch(stage))
        if isinstance(self.fusion, Fusion) and self.context.text("fusion") == "ssm":
            mixer = self.fusion.mix.parameters()
            values["gradient norm of state space"] = monitors.gradient_norm(mixer)
        return values

    def _watch(self, streams: Streams) -> None:
        cosine = torch.cosine_similarity(streams.prompted.text, streams.prompted.prompt, dim=1)
        self.watched.add(streams.gates, streams.ratios, streams.prompted.share, cosine)

    def encode_image(self, images: Tokens) -> RelaxedCodes:
        """Images alone -> {K: (n, K)}; the prompt is what the image's own feature predicts."""
        weights = self.class_weights(self.image_classes, images.pooled, source=self.source)
        return self._codes(self._fuse(self.towers.image(images), self.towers.prompt(weights))[0])

    def encode_text(self, texts: Tokens) -> RelaxedCodes:
        """Texts alone -> {K: (n, K)}; the prompt is what the text's own feature predicts."""
        weights = self.class_weights(self.text_classes, texts.pooled, source=self.source)
        prompted = self.towers.text(texts, weights)
        return self._codes(self._fuse(prompted.text, prompted.prompt)[0])

    def encode_published(
        self, images: Tokens, texts: Tokens, labels: Tensor
    ) -> dict[str, RelaxedCodes]:
        """As the release does, with as much of the leak as the parameters leave."""
        weights = self._both_weights(self.source, images, texts, labels)
        streams = self._streams(images, texts, *weights, patches=False)
        return {"image": self._codes(streams.v), "text": self._codes(streams.t)}

    def _codes(self, feature: Tensor) -> RelaxedCodes:
        return self.asked_bits(self.heads(self.mlp(feature)))


def _token_alignment(patches: Tensor, prompted: Prompted, tau: float) -> Tensor:
    """Image patches against prompt tokens, the temperature of each pair adapted to how far the
    two differ (the paper's PACL; the release aligns the pooled features in its place).
    """
    adapted = adaptive_temperature(patches.mean(1), prompted.prompt, tau)
    return matching(token_similarity(patches, prompted.tokens, prompted.weights), adapted)


def _ratio(fused: Tensor, plain: Tensor) -> Tensor:
    ratio: Tensor = fused.norm(dim=1) / plain.norm(dim=1).clamp_min(1e-6)
    return ratio
