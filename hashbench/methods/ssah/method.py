"""SSAH (Li et al., CVPR 2018) on frozen features: the paper's losses, or the release's.

The release (github lelan-li/SSAH) repeats its sweeps over label, image and text network at rates
that fall by sqrt(10) a time. Since its label network learns nothing from the others, one stage each
whose rate falls along a cosine stands for them. Without local response normalisation and the text
network's scales, which frozen features of a sentence do not have.

Its code departs from the paper in the loss of pairs, which is squared, and in the signs that codes
are drawn to. Its discriminators are fed from placeholders, so that the adversarial term moves no
image or text network. `--ablate released` has all three.

The adversary works by gradient reversal, and discriminators win early: on the built-in pictures (32
bits, seed 0) validation mAP is 0.9180 with it, 0.9188 at ten times its weight, 0.9198 without, and
0.8897 as released.

Symbols: f features, h codes, l^ predicted labels; F, H memories of them; B signs; _l of labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.frozen import FrozenHeads
from hashbench.methods.ssah.networks import (
    Discriminator,
    Outputs,
    SemanticNetwork,
    reversed_gradient,
)
from hashbench.nn import monitors
from hashbench.nn.heads import scaled
from hashbench.nn.pairwise_losses import Similarity, likelihood, per_pair, similarity

SIMILAR = 0.999  # what the release takes for 1 in its squared loss
MODALITIES = ("image", "text")


class Ssah(FrozenHeads):
    """A network for labels, one for images, one for texts, and two discriminators."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        n, classes, feature = len(context.train), len(context.class_names), context.whole("feature")
        self.label_net = self.make_head(classes, "label")
        self.discriminators = nn.ModuleDict({m: Discriminator(feature) for m in MODALITIES})
        self.F_l: Tensor
        self.B: Tensor
        self.register_buffer("F_l", torch.zeros(n, feature))
        for name in ("H_label", "H_image", "H_text", "B"):
            self.register_buffer(name, torch.zeros(n, self.K))

    def make_head(self, width: int, modality: str) -> nn.Module:  # noqa: ARG002
        """A network with two layers below feature, code and classes."""
        whole = self.context.whole
        classes = len(self.context.class_names)
        return SemanticNetwork(width, whole("hidden"), whole("feature"), self.K, classes)

    def stages(self) -> Sequence[Stage]:
        """The label network, then those that learn from it."""
        whole, size = self.context.whole, self.context.whole("batch_size")
        return [
            Stage("labels", "Label network", whole("label_epochs"), size, selects=False),
            Stage("hash", "Image and text networks", whole("epochs"), size),
        ]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Fills the label network's memories with what it makes of all training labels."""
        with torch.no_grad():
            out: Outputs = self.label_net(self.context.train.labels)
        self.F_l.copy_(out.feature)
        self.get_buffer("H_label").copy_(out.code)
        self._refresh()

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:
        """Adam over the networks of the stage; discriminators learn along with images and texts."""
        trained = [self.label_net]
        if stage.name == "hash":
            trained = [self.image_head, self.text_head, self.discriminators]
        parameters = [p for network in trained for p in network.parameters()]
        return torch.optim.Adam(parameters, lr=self.context.real("lr"), fused=True)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:
        """Pairs of features and of codes, signs and labels; with adversaries in stage 2."""
        train = self.context.train
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)
        if stage.name == "labels":
            out: Outputs = self.label_net(batch.labels)
            self.F_l[batch.index] = out.feature.detach()
            return self._supervised({"label": out}, batch, S)
        outputs: dict[str, Outputs] = {
            "image": self.image_head(scaled(batch.images)),
            "text": self.text_head(scaled(batch.texts)),
        }
        terms = self._supervised(outputs, batch, S)
        if self.context.real("adversary"):
            adversary = self._adversary(outputs, self.F_l[batch.index])
            terms["adversary"] = Term(adversary, self.context.real("adversary"))
        return terms

    def _supervised(
        self, outputs: Mapping[str, Outputs], batch: Batch, S: Similarity
    ) -> dict[str, Term]:
        """What all three networks have, summed over those of the stage.

        Means over pairs, bits and labels, weighted so that their ratios are those of sums.
        """
        real, n, classes = self.context.real, len(self.B), batch.labels.shape[1]
        pairs = likelihood if self.context.text("pairs") == "likelihood" else squared_pairs
        own = self.context.text("targets") == "specific"
        H_l = self.get_buffer("H_label")
        counted = batch.known.to(batch.labels.dtype) if S.weight is not None else None
        sums: dict[str, list[Tensor]] = {"features": [], "codes": [], "signs": [], "labels": []}
        for name, out in outputs.items():
            self.get_buffer(f"H_{name}")[batch.index] = out.code.detach()
            B = monitors.signs(out.code.detach()) if own else self.B[batch.index]
            if real("feature_pairs"):
                sums["features"].append(pairs(self.F_l, out.feature, S))
            sums["codes"].append(pairs(H_l, out.code, S))
            sums["signs"].append(0.5 * F.mse_loss(out.code, B))
            sums["labels"].append(classification(out.classes, batch.labels, counted))
        weights = {
            "features": real("feature_pairs"),
            "codes": 1.0,
            "signs": real("quantisation") * per_pair(self.K, n),
            "labels": real("classification") * per_pair(classes, n),
        }
        return {
            name: Term(torch.stack(values).sum(), weights[name])
            for name, values in sums.items()
            if weights[name]
        }

    def _adversary(self, outputs: Mapping[str, Outputs], label_features: Tensor) -> Tensor:
        """Cross entropies of the discriminators; networks get the gradient that raises them.

        Those that tell well give a large gradient, which draws features to the label network's.
        """
        losses = []
        for name, out in outputs.items():
            discriminator = self.discriminators[name]
            of_labels = discriminator(label_features)
            of_network = discriminator(reversed_gradient(out.feature))
            # softplus(-x) is the cross entropy of "from labels", softplus(x) of "from the network"
            losses += [F.softplus(-of_labels).mean(), F.softplus(of_network).mean()]
        return 0.5 * torch.stack(losses).sum()

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:
        """Refreshes B; watches the codes of the stage."""
        self._refresh()
        codes = self.get_buffer("H_label" if stage.name == "labels" else "H_image")
        return {
            "sign disagreement": monitors.sign_disagreement(codes, self.B),
            "bit balance": monitors.bit_balance(codes),
            "distinct codes": monitors.distinct_codes(codes),
        }

    def _refresh(self) -> None:
        """B = sign(H_l + H_v + H_t); images and texts have no codes yet in stage 1."""
        codes = [self.get_buffer(f"H_{name}") for name in ("label", *MODALITIES)]
        self.B.copy_(monitors.signs(torch.stack(codes).sum(0)))

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        out: Outputs = self.image_head(scaled(images))
        return {self.K: out.code}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        out: Outputs = self.text_head(scaled(texts))
        return {self.K: out.code}


def squared_pairs(A: Tensor, h: Tensor, similar: Similarity) -> Tensor:
    """mean_ij 1/2 (S'_ij theta_ij - softplus(theta_ij))^2, theta = 1/2 A h^T, S' = 0.999 S.

    The release's loss, where the paper has the likelihood of `nn.pairwise_losses.likelihood`.
    """
    theta = 0.5 * A @ h.T
    each = 0.5 * (SIMILAR * similar.S * theta - F.softplus(theta)).square()
    if similar.weight is not None:
        each = each * similar.weight
    return each.mean()


def classification(predicted: Tensor, labels: Tensor, counted: Tensor | None) -> Tensor:
    """mean 1/2 (L - l^)^2 over (n, C), unknown labels left out where `counted` (n, C) is 0."""
    each = 0.5 * (labels - predicted).square()
    return (each if counted is None else each * counted).mean()
