"""PGHMH: prompt-guided hierarchical multi-modal hashing, one fused code an item.

Only the abstract and the code (github vindahi/PGHMH) are public. The losses, weights and lengths
are the code's; the context-aware prompt and the attention over the item's parts follow the
abstract, since the code has the one commented out and the other reduced to an affine map. The
release prompts every item, queries too, with its true labels (published protocol); in the strict
one the classes are predicted from what is there of the item.

Symbols: v, t, p are features of image, text and prompt (n, d), f the fused one, h codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hashbench.errors import InputError
from hashbench.methods.base import Batch, Method, MethodContext, Role, Stage, Term
from hashbench.methods.pghmh.fusion import AnchorFusion
from hashbench.nn import monitors
from hashbench.nn.contrastive import info_nce
from hashbench.nn.monitors import Running
from hashbench.nn.multi_length import JointHeads, Memories, RelaxedCodes, ResidualMLP
from hashbench.nn.optim import grouped, warm_cosine
from hashbench.nn.pairwise import similarity
from hashbench.nn.prompted_towers import PromptedTowers
from hashbench.nn.prompts import Prompted
from hashbench.nn.tokens import Tokens

TEMPLATE = "an image showing"
ZERO_SHOT = "a photo of a {}."
DROPOUT = 0.5
ENCODE_AT_ONCE = 64
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


class Pghmh(Method):
    """Tuned towers, context-aware prompts, attention among parts, heads for all lengths."""

    encoding_batch = ENCODE_AT_ONCE

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        if context.protocol == "published" and context.real("missing_test"):
            raise InputError(
                "the release encodes whole items",
                where="--set missing_test",
                remedy="--protocol strict for items that lack a modality",
            )
        train = context.train
        width = train.images.shape[1]
        self.towers = PromptedTowers(
            context.towers(),
            context.word_rows(TEMPLATE),
            [context.word_rows(name) for name in context.class_names],
            slots=context.whole("slots"),
            eta=context.real("eta"),
            context_trained=context.flag("context"),
            by_sample=context.flag("sample_context"),
        )
        fusion = context.text("fusion")
        self.fusion = None if fusion == "none" else AnchorFusion(width, guided=fusion == "anchors")
        self.mlp = ResidualMLP(width, DROPOUT)
        auxiliary, mu = context.whole("auxiliary_bits"), context.real("mu")
        self.heads = JointHeads(width, context.bits, auxiliary, mu)
        self.memories = Memories(len(train), self.heads.weights, ("mm",))
        self.watched = Running(WATCHED)
        self._source = context.text("prompt")
        in_training = context.text("train_prompt")
        self._train_source = self._source if in_training == "as-encoded" else in_training

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
        """Alignment between modalities, with the anchor, and of structured binary codes."""
        train, real = self.context.train, self.context.real
        images, texts = batch.tokens()
        there = _drawn(len(images), real("missing_train")).to(batch.index.device)
        fused, prompted = self._fused(images, texts, there, self._train_source, batch.labels)
        self._watch(fused, prompted, there)
        h = self.heads(fused.f)
        self.memories.remember("mm", batch.index, h)
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)
        target = self.memories.of("B", self.heads.auxiliary)[batch.index]
        tau = real("temperature")
        terms = {
            "inter-modal": Term(_aligned(fused, there.all(1), tau), real("inter_modal")),
            "anchor": Term(info_nce(self.mlp(fused.f), fused.p, tau), real("anchor")),
            "pairwise": Term(self.memories.likelihood("mm", h, S), real("pairwise")),
            "reconstruction": Term(
                self.heads.reconstruction(h, target), real("mu") * real("delta")
            ),
        }
        return {name: term for name, term in terms.items() if term.weight}

    def _fused(
        self, images: Tokens, texts: Tokens, there: Tensor, source: str, labels: Tensor
    ) -> tuple[Fused, Prompted]:
        """Items of which `there` (n, 2) tells whether image and text exist."""
        image, text = there[:, :1], there[:, 1:]
        share = there.to(images.pooled.dtype) / there.sum(1, keepdim=True)
        sample = share[:, :1] * images.pooled + share[:, 1:] * texts.pooled
        if source == "ground-truth":
            weights = labels.to(sample.dtype)
        elif source == "none":
            weights = torch.zeros(len(labels), len(self.context.class_names), device=labels.device)
        else:
            weights = share[:, :1] * self.towers.image_classes(images.pooled)
            weights = weights + share[:, 1:] * self.towers.text_classes(texts.pooled)
        prompted = self.towers.text(texts, weights, sample, there[:, 1])
        v, t, p = self.towers.image(images) * image, prompted.text * text, prompted.prompt
        ratio = p.new_zeros(len(p))
        if self.fusion is not None:
            parts = torch.stack([v, t, p], dim=1)
            all_there = torch.cat([there, torch.ones_like(image)], dim=1)
            mixed = self.fusion(self.fusion(parts, all_there), all_there)
            ratio = mixed.flatten(1).norm(dim=1) / parts.flatten(1).norm(dim=1).clamp_min(1e-6)
            v, t, p = (0.5 * parts + 0.5 * mixed).unbind(1)
        f = 2.0 * (share[:, :1] * v + share[:, 1:] * t)  # their sum, where both exist
        return Fused(v, t, p, f, ratio), prompted

    def _watch(self, fused: Fused, prompted: Prompted, there: Tensor) -> None:
        cosine = torch.cosine_similarity(prompted.text, prompted.prompt, dim=1)
        self.watched.add(fused.ratio, prompted.share, cosine, 1.0 - there.float().mean(1))

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:
        """Refreshes B; tells norms, gradients, drift, balance and skipped steps."""
        self.memories.refresh()
        steps = stage.steps(len(self.context.train))
        found = {"skipped steps": float(steps - self.watched.steps), **self.watched.means()}
        found["gradient norm of context"] = monitors.gradient_norm([self.towers.learner.context])
        if self.fusion is not None:
            found["gradient norm of fusion"] = monitors.gradient_norm(self.fusion.parameters())
        for K in self.bits:
            found[f"bit balance @{K}"] = monitors.bit_balance(self.memories.of("mm", K))
        return found

    def present(self, items: Tensor, role: Role) -> Tensor:
        """What queries are made of, and whether a share of all items lacks one modality."""
        there = _lacking(items, self.context.seed, self.context.real("missing_test"))
        if role == "query" and self.context.text("queries") != "both":
            only = self.context.text("queries") == "image"
            there = torch.tensor([only, not only], device=items.device).expand(len(items), 2)
        return there

    def encode_mm(self, images: Tokens, texts: Tokens, there: Tensor) -> RelaxedCodes:
        """What is `there` (n, 2) of items -> {K: (n, K)}; classes are predicted from it."""
        nobody = torch.zeros(len(images), 0, device=there.device)
        return self._codes(self._fused(images, texts, there, self._source, nobody)[0])

    def encode_published(
        self, images: Tokens, texts: Tokens, labels: Tensor
    ) -> dict[str, RelaxedCodes]:
        """As the release does: prompted with the true labels of the item."""
        whole = torch.ones(len(images), 2, dtype=torch.bool, device=labels.device)
        return {"mm": self._codes(self._fused(images, texts, whole, self._source, labels)[0])}

    def _codes(self, fused: Fused) -> RelaxedCodes:
        codes = self.heads(fused.f)
        return {K: codes[K] for K in self.bits}


def _aligned(fused: Fused, whole: Tensor, temperature: float) -> Tensor:
    """InfoNCE between image and text of the items that have both."""
    if not bool(whole.any()):
        return 0.0 * fused.v.sum()
    return info_nce(fused.v[whole], fused.t[whole], temperature)


def _drawn(count: int, missing: float) -> Tensor:
    """(count, 2) whether image and text exist, drawn from torch's global generator."""
    return _one_of_two(torch.rand(count), missing)


def _lacking(items: Tensor, seed: int, missing: float) -> Tensor:
    """(n, 2) whether image and text of items exist: a function of the item's number alone, so that
    neither the batch nor the order matters.
    """
    mixed = items * 0x9E3779B1 + seed * 0x85EBCA77 + 0x2545F491
    for shift in (15, 13, 16):
        mixed = ((mixed ^ (mixed >> shift)) * 0x2C1B3C6D) & 0x7FFFFFFF
    return _one_of_two(mixed.double() / 2**31, missing)


def _one_of_two(draw: Tensor, missing: float) -> Tensor:
    """Uniform draws (n) -> (n, 2): a share of `missing` lacks its image or, as often, its text."""
    no_image, no_text = draw < missing / 2, (draw >= missing / 2) & (draw < missing)
    return ~torch.stack([no_image, no_text], dim=1)
