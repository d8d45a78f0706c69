"""PromptHash (Zou et al., CVPR 2025, arXiv 2503.16064), each modality alone or as released.

The paper's equations are public in part; where this follows the released code (github
CCRG-XJU/PromptHash) instead, or neither, it says so. In the strict protocol an image is fused with
the prompt that was predicted from the image, a text with the one predicted from the text; in the
published one both are fused with each other, and the prompt says the item's true labels.

Symbols: v, t, p are features of image, text and prompt (n, d), h codes, F their memories, B signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hashbench.methods.base import Batch, Method, MethodContext, Stage, Term
from hashbench.methods.prompthash.fusion import Fusion
from hashbench.nn import monitors
from hashbench.nn.contrastive import adaptive_temperature, info_nce, matching, token_similarity
from hashbench.nn.monitors import Running
from hashbench.nn.multi_length import JointHeads, Memories, RelaxedCodes, ResidualMLP
from hashbench.nn.optim import grouped, warm_cosine
from hashbench.nn.pairwise import similarity
from hashbench.nn.prompted_towers import PromptedTowers
from hashbench.nn.prompts import ClassPredictor, Prompted
from hashbench.nn.state_space import scan_for
from hashbench.nn.tokens import Tokens

TEMPLATE = "this is an image containing"
ZERO_SHOT = "a photo of a {}."
FUSION_DROPOUT = 0.1
ENCODE_AT_ONCE = 64
WATCHED = ("mean gate", "fused-to-plain norm", "prompt share", "text-prompt cosine")


@dataclass(frozen=True)
class Streams:
    """Features of a batch on their way to codes: image, text, prompt (n, d), after fusion.

    `patches` (n, P, d) are the image's tokens where they were asked for; `gates` and `ratios` (n)
    are watched.
    """

    v: Tensor
    t: Tensor
    p: Tensor
    prompted: Prompted
    patches: Tensor | None
    gates: Tensor
    ratios: Tensor


class PromptHash(Method):
    """Tuned towers, prompts, fusion, and heads for all lengths at once."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        train = context.train
        width = train.images.shape[1]
        self.towers = PromptedTowers(
            context.towers(),
            context.word_rows(TEMPLATE),
            [context.word_rows(name) for name in context.class_names],
            slots=context.whole("slots"),
            eta=context.real("eta"),
            context_trained=context.flag("context"),
            affinity=context.flag("taap"),
        )
        over_batch = context.flag("batch_mixing")
        variant = context.text("fusion")
        self.fusion = (
            None
            if variant == "none"
            else Fusion(
                width,
                variant,
                over_batch=over_batch,
                released_norm=context.text("grn") == "released",
                dropout=FUSION_DROPOUT,
            )
        )
        self.mlp = ResidualMLP(width, context.real("dropout"))
        auxiliary, mu = context.whole("auxiliary_bits"), context.real("mu")
        self.heads = JointHeads(width, context.bits, auxiliary, mu)
        self.memories = Memories(len(train), self.heads.weights, ("image", "text"))
        self.watched = Running(WATCHED)
        self._source = context.text("prompt")
        in_training = context.text("train_prompt")
        self._train_source = self._source if in_training == "as-encoded" else in_training
        self.encoding_batch = context.whole("batch_size") if over_batch else ENCODE_AT_ONCE

    def facts(self) -> Mapping[str, str]:
        """Which scan runs, where one does."""
        if self.context.text("fusion") != "ssm":
            return {}
        return {"state space scan": scan_for(self.memories.of("B", self.heads.auxiliary).device)[1]}

    def stages(self) -> Sequence[Stage]:
        """One stage."""
        epochs, size = self.context.whole("epochs"), self.context.whole("batch_size")
        return [Stage("train", "Prompts, fusion and codes", epochs, size, warm_cosine)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Draws B; makes the class predictors, one for each modality."""
        self.memories.begin()
        train, context = self.context.train, self.context
        if context.text("predictor") == "trained":
            self.towers.learn_classes(
                train.images, train.texts, train.labels, train.known, context.real("ridge")
            )
        else:
            names = context.prompts([ZERO_SHOT.format(name) for name in context.class_names])
            self.towers.name_classes(names, train.images, train.texts)

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """Towers, fusion and the rest, each at their own rate."""
        real = self.context.real
        fusion = [] if self.fusion is None else list(self.fusion.parameters())
        apart = [
            (self.towers.tuned(), real("backbone_lr")),
            (fusion, real("fusion_lr") * real("lr")),
        ]
        return grouped(self, apart, real("lr"), real("weight_decay"))

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """Likelihoods within and across modalities, quantisation, reconstruction, alignments."""
        train, real = self.context.train, self.context.real
        images, texts = batch.tokens()
        streams = self._streams(
            images,
            texts,
            *self._class_weights(self._train_source, images, texts, batch.labels),
            patches=real("local_weight") > 0,
        )
        self._watch(streams)
        v, t, p = (self.mlp(x) for x in (streams.v, streams.t, streams.p))
        h_v, h_t = self.heads(v), self.heads(t)
        self.memories.remember("image", batch.index, h_v)
        self.memories.remember("text", batch.index, h_t)
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)

        def J(stream: str, codes: RelaxedCodes) -> Tensor:  # noqa: N802
            return self.memories.likelihood(stream, codes, S)

        def B(codes: RelaxedCodes) -> Tensor:  # noqa: N802
            return self.memories.quantisation(batch.index, codes)

        target = self.memories.of("B", self.heads.auxiliary)[batch.index]
        rebuilt = self.heads.reconstruction(h_v, target) + self.heads.reconstruction(h_t, target)
        terms = {
            "intra": Term(J("image", h_v) + J("text", h_t), real("intra")),
            "inter": Term(J("image", h_t) + J("text", h_v), real("inter")),
            "quantisation": Term(B(h_v) + B(h_t), real("sigma")),
            "reconstruction": Term(rebuilt, real("mu") * real("delta")),
            "global": Term(info_nce(v, t, real("temperature")), real("global_weight")),
        }
        if streams.patches is not None:
            terms["local"] = Term(self._local(streams, v, p), real("local_weight"))
        return {name: term for name, term in terms.items() if term.weight}

    def _local(self, streams: Streams, v: Tensor, p: Tensor) -> Tensor:
        """Image patches against prompt tokens, and the image against the prompt, half each.

        The paper aligns tokens and adapts the temperature to each pair by a Jensen-Shannon
        divergence; the release aligns the pooled features, which are kept here for the prompt's
        sake: its code is made of them.
        """
        tau = self.context.real("temperature")
        if streams.patches is None:
            raise TypeError("the patches were not asked for")
        adapted = adaptive_temperature(streams.patches.mean(1), streams.prompted.prompt, tau)
        weights = (streams.prompted.tokens.abs().sum(2) > 0).to(v.dtype)
        found = token_similarity(streams.patches, streams.prompted.tokens, weights)
        return 0.5 * matching(found, adapted) + 0.5 * info_nce(
            v, p, adaptive_temperature(v, p, tau)
        )

    def _streams(
        self,
        images: Tokens,
        texts: Tokens,
        image_weights: Tensor,
        text_weights: Tensor,
        *,
        patches: bool,
    ) -> Streams:
        """Both modalities of items; what reaches which feature, the protocol decides."""
        v, tokens = (
            self.towers.image_and_patches(images) if patches else (self.towers.image(images), None)
        )
        prompted = self.towers.text(texts, text_weights)
        if self.context.flag("pair"):
            return self._released(v, prompted, tokens)
        p_v = self.towers.prompt(image_weights)
        image, v_gate, v_ratio = self._fuse(v, p_v)
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
        t, p, alpha = prompted.text, prompted.prompt, self.context.real("alpha")
        if self.fusion is None:
            still = v.new_zeros(len(v))
            return Streams(v, t, p, prompted, patches, still, still)
        first = self.fusion(v, t)
        second = self.fusion(first.first, p)
        return Streams(
            v=(1 - alpha) * v + alpha * second.first,
            t=(1 - alpha) * t + alpha * first.second,
            p=(1 - alpha) * p + alpha * second.second,
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
        alpha = self.context.real("alpha")
        return (1 - alpha) * x + alpha * fused.first, fused.gate, _ratio(fused.first, x)

    def _class_weights(
        self, source: str, images: Tokens, texts: Tokens, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(n, C) weights of the classes in the prompts of images, and in those of texts."""
        if source == "ground-truth":
            return labels.to(images.pooled.dtype), labels.to(images.pooled.dtype)
        return (
            self._predicted(source, self.towers.image_classes, images),
            self._predicted(source, self.towers.text_classes, texts),
        )

    @staticmethod
    def _predicted(source: str, predictor: ClassPredictor, items: Tokens) -> Tensor:
        predicted: Tensor = predictor(items.pooled)
        return torch.zeros_like(predicted) if source == "none" else predicted

    def _watch(self, streams: Streams) -> None:
        cosine = torch.cosine_similarity(streams.prompted.text, streams.prompted.prompt, dim=1)
        self.watched.add(streams.gates, streams.ratios, streams.prompted.share, cosine)

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:
        """Refreshes B; tells gates, norms, gradients, drift, balance and skipped steps."""
        self.memories.refresh()
        steps = stage.steps(len(self.context.train))
        found = {"skipped steps": float(steps - self.watched.steps), **self.watched.means()}
        found["gradient norm of context"] = monitors.gradient_norm([self.towers.learner.context])
        if self.fusion is not None:
            found["gradient norm of mixer"] = monitors.gradient_norm(self.fusion.mix.parameters())
        for K in self.bits:
            image = self.memories.of("image", K)
            found[f"bit balance @{K}"] = monitors.bit_balance(image)
        return found

    def encode_image(self, images: Tokens) -> RelaxedCodes:
        """Images alone -> {K: (n, K)}; the prompt is what the image's own feature predicts."""
        weights = self._predicted(self._source, self.towers.image_classes, images)
        return self._codes(self._fuse(self.towers.image(images), self.towers.prompt(weights))[0])

    def encode_text(self, texts: Tokens) -> RelaxedCodes:
        """Texts alone -> {K: (n, K)}; the prompt is what the text's own feature predicts."""
        weights = self._predicted(self._source, self.towers.text_classes, texts)
        prompted = self.towers.text(texts, weights)
        return self._codes(self._fuse(prompted.text, prompted.prompt)[0])

    def encode_published(
        self, images: Tokens, texts: Tokens, labels: Tensor
    ) -> dict[str, RelaxedCodes]:
        """As the release does, with as much of the leak as the parameters leave."""
        streams = self._streams(
            images,
            texts,
            *self._class_weights(self._source, images, texts, labels),
            patches=False,
        )
        return {"image": self._codes(streams.v), "text": self._codes(streams.t)}

    def _codes(self, feature: Tensor) -> RelaxedCodes:
        codes = self.heads(self.mlp(feature))
        return {K: codes[K] for K in self.bits}


def _ratio(fused: Tensor, plain: Tensor) -> Tensor:
    ratio: Tensor = fused.norm(dim=1) / plain.norm(dim=1).clamp_min(1e-6)
    return ratio
