"""What methods with label prompts share: tuned towers, class predictors, prompts, heads, one stage.

PromptHash and PGHMH differ in how they fuse features and in their losses. The releases prompt every
item, queries too, with its true labels. Here that is the published protocol; under the strict one
the classes are predicted from what an encoder may see.

Where both depart from the releases: training starts from the towers' own features (the prompt
transformer is the identity, the text feature keeps the state that the prompt multiplies); codes
in the memories start at zero; AdamW corrects its bias unless `optimiser` is bertadam; pictures are
flipped and cropped at random under `--augment-images flip-crop` alone, since their features are
cached otherwise. Class predictors are always made from the features of whole pictures.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from hashbench.methods.base import Method, Parts, Stage
from hashbench.methods.context import MethodContext
from hashbench.nn import monitors
from hashbench.nn.affinity import PromptState
from hashbench.nn.class_predictor import ClassPredictor
from hashbench.nn.monitors import Running
from hashbench.nn.multi_length import JointHeads, Memories, RelaxedCodes, ResidualMLP
from hashbench.nn.optim import grouped, warm_cosine
from hashbench.nn.prompted_towers import PromptedTowers
from hashbench.nn.prompts import PromptLearner, Sentence, strongest

ZERO_SHOT = "a photo of a {}."
ENCODING_BATCH = 64


class PromptedMethod(Method):
    """Tuned towers, prompts, fusion, and heads for all lengths at once.

    `streams` are the kinds of codes that have a memory, `unified` whether they share their signs B;
    `watched` names what is averaged over an epoch of batches.
    """

    encoding_batch = ENCODING_BATCH

    def __init__(
        self,
        context: MethodContext,
        *,
        streams: tuple[str, ...],
        watched: tuple[str, ...],
        unified: bool = True,
        affinity: bool = True,
        sample_context: bool = False,
    ) -> None:
        super().__init__(context)
        train, width = context.train, context.train.images.shape[1]
        ends = context.towers()
        learner = PromptLearner(
            sentence(context),
            trained=context.flag("context"),
            sample_width=ends.text.out if sample_context else 0,
        )
        self.towers = PromptedTowers(
            ends,
            learner,
            eta=context.real("eta"),
            eta_trained=context.flag("eta_trained"),
            state=cast("PromptState", context.text("prompt_state")),
            affinity=affinity,
        )
        self.image_classes, self.text_classes = (
            ClassPredictor(
                features.shape[1],
                len(context.class_names),
                len(train),
                context.whole("folds"),
                context.seed,
            )
            for features in (train.images, train.texts)
        )
        self.fusion = self.make_fusion(width)
        self.mlp = ResidualMLP(width, context.real("dropout"))
        auxiliary, mu = context.whole("auxiliary_bits"), context.real("mu")
        self.heads = JointHeads(width, context.bits, auxiliary, mu)
        self.memories = Memories(len(train), self.heads.weights, streams, unified=unified)
        self.watched = Running(watched)
        self.source = context.text("prompt")
        in_training = context.text("train_prompt")
        self.train_source = self.source if in_training == "as-encoded" else in_training

    @abstractmethod
    def make_fusion(self, width: int) -> nn.Module | None:
        """What fuses features of `width` d; None for an ablation without."""

    def available(self) -> Tensor:
        """(n, 2) bool: which training items have an image, and which a text."""
        return torch.ones(len(self.context.train), 2, dtype=torch.bool)

    def stages(self) -> Sequence[Stage]:
        """One stage."""
        whole = self.context.whole
        title, patience = "Prompts, fusion and codes", whole("patience")
        epochs, size = whole("epochs"), whole("batch_size")
        return [Stage("train", title, epochs, size, warm_cosine, patience=patience)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Draws B; makes the class predictors, one for each modality, of what items have of it."""
        self.memories.begin()
        train, context = self.context.train, self.context
        available = self.available().to(train.images.device)
        sides = (
            (self.image_classes, train.images, available[:, 0]),
            (self.text_classes, train.texts, available[:, 1]),
        )
        if context.text("predictor") == "trained":
            for predictor, features, rows in sides:
                predictor.fit(features, train.labels, train.known, context.real("ridge"), rows)
            return
        names = context.prompts(
            [ZERO_SHOT.format(name.replace("_", " ")) for name in context.class_names]
        )
        for predictor, features, rows in sides:
            predictor.from_names(names, features[rows])

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """Tuned blocks, prompt transformer, fusion and the rest, each at their own rate."""
        real = self.context.real
        own_rates = [
            (self.towers.tuned(), real("backbone_lr")),
            (list(self.towers.affinity.blocks.parameters()), real("prompt_lr")),
            (
                [] if self.fusion is None else list(self.fusion.parameters()),
                real("fusion_lr") * real("lr"),
            ),
        ]
        kind = self.context.text("optimiser")
        return grouped(self, own_rates, real("lr"), real("weight_decay"), kind)

    def class_weights(
        self,
        predictor: ClassPredictor,
        features: Tensor,
        *,
        source: str,
        labels: Tensor | None = None,
        index: Tensor | None = None,
    ) -> Tensor:
        """(n, C) weights of the classes in the prompts of items, by where classes come from.

        `features` (n, d) are those of the predictor's modality. `labels` are needed for true ones;
        `index` (n) says that these are training items, which get held-out predictions.
        """
        if source == "ground-truth":
            if labels is None:
                raise TypeError("true labels are not at hand in this protocol")
            return labels.to(features.dtype)
        if source == "none":
            return features.new_zeros(len(features), len(self.context.class_names))
        predicted = predictor(features) if index is None else predictor.held_out(features, index)
        return strongest(predicted, self.context.whole("slots"))

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:
        """Refreshes B; watches norms, gradients, eta, balance and skipped steps."""
        self.memories.refresh()
        steps = stage.steps(len(self.context.train))
        values = {"skipped steps": float(steps - self.watched.steps), **self.watched.means()}
        values["eta"] = float(self.towers.affinity.eta.detach())
        values["gradient norm of context"] = monitors.gradient_norm([self.towers.learner.context])
        if self.fusion is not None:
            values["gradient norm of fusion"] = monitors.gradient_norm(self.fusion.parameters())
        for K in self.bits:
            balances = [monitors.bit_balance(self.memories.of(s, K)) for s in self.memories.streams]
            values[f"bit balance @{K}"] = sum(balances) / len(balances)
        return values

    def patch_weights(self, patches: Parts) -> Tensor | None:
        """What the class token attends to in the image tower's last block."""
        if patches.tokens is None:
            return None
        return self.towers.image_tower.attention(patches.tokens)[:, 1:]

    def word_weights(self, words: Parts) -> Tensor | None:
        """What the end token attends to in the text tower's last block."""
        if words.tokens is None:
            return None
        return self.towers.text_tower.attention(words.tokens)[:, 1:-1]

    def asked_bits(self, codes: RelaxedCodes) -> RelaxedCodes:
        """The lengths that were asked for, without the auxiliary one."""
        return {K: codes[K] for K in self.bits}


def sentence(context: MethodContext) -> Sentence:
    """The tokens of the run's prompt template and of the class names, from the frozen table."""
    before, after = context.text("template").split("{}")
    tower = context.text_tower()
    start, end = (tower.embed(torch.tensor([token])) for token in (tower.start, tower.end))
    return Sentence(
        torch.cat([start, context.word_rows(before)]),
        [context.word_rows(name.replace("_", " ")) for name in context.class_names],
        torch.cat([context.word_rows(after), end]),
    )
