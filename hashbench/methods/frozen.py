"""What methods share that train one head a modality on frozen, pooled features.

Released code of these methods tunes CLIP along with the heads; here the heads are all that is
trained. A method makes its head in `make_head` and its loss in `losses`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from hashbench.methods.base import Batch, Method, MethodContext, Stage
from hashbench.nn.optim import BertAdamWithSgd, grouped, warm_cosine
from hashbench.nn.pairwise import Similarity, similarity

WARM_UP = 0.1  # share of training over which the released schedules warm up


class FrozenHeads(Method):
    """One head on images and one on texts, trained together in one stage by BertAdam."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        self.image_head = self.make_head(context.train.images.shape[1], "image")
        self.text_head = self.make_head(context.train.texts.shape[1], "text")

    @abstractmethod
    def make_head(self, width: int, modality: str) -> nn.Module:
        """A module from features (n, width) of a modality to what `losses` works on."""

    def stages(self) -> Sequence[Stage]:
        """One stage; the learning rate warms up over its first tenth."""
        size, schedule = self.context.whole("batch_size"), partial(warm_cosine, warm_up=WARM_UP)
        return [Stage("hash", "Hash heads", self.context.whole("epochs"), size, schedule)]

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """BertAdam over all that requires a gradient."""
        lr, decay = self.context.real("lr"), self.context.real("weight_decay")
        return grouped(self, (), lr, decay, "bertadam")

    def optimiser_with_proxies(
        self, proxies: nn.Parameter, lr: float, momentum: float = 0.0, decay: float = 0.0
    ) -> torch.optim.Optimizer:
        """BertAdam for both heads, SGD at a constant rate `lr` for class proxies (C, K)."""
        heads = [*self.image_head.parameters(), *self.text_head.parameters()]
        groups = [
            {"params": heads, "weight_decay": self.context.real("weight_decay")},
            {"params": [proxies], "sgd_lr": lr, "momentum": momentum, "weight_decay": decay},
        ]
        return BertAdamWithSgd(groups, lr=self.context.real("lr"))

    def counted_labels(self, batch: Batch) -> Tensor:
        """(n, C) bool, which labels of a batch enter losses over items and classes: all, with
        unknown ones as negatives, or only the known ones.
        """
        return batch.known if self.context.unknown == "ignore" else torch.ones_like(batch.known)

    def batch_similarity(self, batch: Batch) -> Similarity:
        """S (n, n) of the items of a batch with each other, and which of its pairs count."""
        return similarity(
            batch.labels, batch.known, batch.labels, batch.known, self.context.unknown
        )

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: self.image_head(images)}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: self.text_head(texts)}
