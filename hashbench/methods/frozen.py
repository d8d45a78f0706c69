"""What methods share that train one head a modality, mostly on frozen, pooled features.

Released code of these methods tunes CLIP along with the heads; here the heads are all that is
trained, unless the card has `tuned_blocks` and the run asks for some. A method makes its head in
`make_head` and its loss in `losses`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from hashbench.methods.base import Batch, Method, Stage, constant
from hashbench.methods.context import MethodContext
from hashbench.nn import monitors
from hashbench.nn.heads import AnnealedHead
from hashbench.nn.optim import BertAdamWithSgd, grouped, warm_cosine
from hashbench.nn.pairwise_losses import Similarity, similarity
from hashbench.nn.tokens import Tokens
from hashbench.nn.tuned_towers import TunedTowers

WARM_UP = 0.1  # share of training over which the released schedules warm up
TOKENS_AT_ONCE = 64  # items whose tokens go through the last blocks at once at encoding


def towers_to_tune(context: MethodContext) -> TunedTowers | None:
    """The ends of both towers where the run tunes blocks; None on pooled features."""
    if "tuned_blocks" not in context.params or not context.whole("tuned_blocks"):
        return None
    return TunedTowers(context.towers())


def without_single_item(items: int, batch_size: int) -> int:
    """The batch size, made larger as long as an epoch's last batch would be a single item, of which
    a batch norm can make nothing.
    """
    while items > 1 and items % batch_size == 1:
        batch_size += 1
    return batch_size


def tuned_rates(
    towers: TunedTowers | None, context: MethodContext
) -> list[tuple[list[nn.Parameter], float]]:
    """The tuned blocks at their own rate, for `nn.optim.grouped`; blocks at rate 0 are frozen."""
    if towers is None:
        return []
    rate = context.real("backbone_lr")
    if not rate:
        towers.requires_grad_(requires_grad=False)
    return [(towers.tuned(), rate)]


def image_features(towers: TunedTowers | None, images: Tensor | Tokens) -> Tensor:
    """(n, d) what a head reads: pooled features as they are, or those of the tuned tower."""
    return images if isinstance(images, Tensor) else _needed(towers).image(images)


def text_features(towers: TunedTowers | None, texts: Tensor | Tokens) -> Tensor:
    """(n, d) as `image_features`."""
    return texts if isinstance(texts, Tensor) else _needed(towers).captions(texts)


def _needed(towers: TunedTowers | None) -> TunedTowers:
    if towers is None:
        raise TypeError("tokens were given to a method that tunes no blocks")
    return towers


class FrozenHeads(Method):
    """One head on images and one on texts, trained together in one stage by BertAdam."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        self.image_head = self.make_head(context.train.images.shape[1], "image")
        self.text_head = self.make_head(context.train.texts.shape[1], "text")
        self.towers = towers_to_tune(context)
        if self.towers is not None:
            self.encoding_batch = TOKENS_AT_ONCE

    @abstractmethod
    def make_head(self, width: int, modality: str) -> nn.Module:
        """A module from features (n, width) of a modality to what `losses` works on."""

    def stages(self) -> Sequence[Stage]:
        """One stage; the learning rate warms up over its first tenth."""
        size, schedule = self.context.whole("batch_size"), partial(warm_cosine, warm_up=WARM_UP)
        return [Stage("hash", "Hash heads", self.context.whole("epochs"), size, schedule)]

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """BertAdam over all that requires a gradient, tuned blocks at a rate of their own."""
        lr, decay = self.context.real("lr"), self.context.real("weight_decay")
        return grouped(self, tuned_rates(self.towers, self.context), lr, decay, "bertadam")

    def batch_features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(n, d) of a batch's images and of its texts."""
        images, texts = batch.inputs(tuned=self.towers is not None)
        return image_features(self.towers, images), text_features(self.towers, texts)

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

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Watches the signs of the training items, where that needs no tokens of all of them."""
        return {} if self.towers is not None else self.code_monitors()

    @torch.no_grad()
    def code_monitors(self) -> dict[str, float]:
        """Balance and number of the training images' codes, and how far texts' differ from them.

        Without dropout; the trainer returns to training mode with the next epoch.
        """
        self.eval()
        images = self.encode_image(self.context.train.images)[self.K]
        texts = self.encode_text(self.context.train.texts)[self.K]
        return {
            "sign disagreement": monitors.sign_disagreement(images, texts),
            "bit balance": monitors.bit_balance(images),
            "distinct codes": monitors.distinct_codes(images),
        }

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: self.image_head(images)}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: self.text_head(texts)}


class AnnealedHeads(FrozenHeads):
    """Heads whose tanh steepens from epoch to epoch, trained by SGD with momentum.

    What unsupervised methods share that reconstruct a similarity (DJSRH, JDSH). Their `hidden`,
    `depth` and `annealed` are parameters.
    """

    image_head: AnnealedHead
    text_head: AnnealedHead

    def make_head(self, width: int, modality: str) -> nn.Module:  # noqa: ARG002
        """Hidden layers of one width."""
        hidden = (self.context.whole("hidden"),) * self.context.whole("depth")
        return AnnealedHead(width, hidden, self.K)

    def stages(self) -> Sequence[Stage]:
        """One stage; the learning rate does not change."""
        epochs, size = self.context.whole("epochs"), self.context.whole("batch_size")
        return [Stage("hash", "Hash heads", epochs, size, constant)]

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """SGD with momentum 0.9."""
        lr, decay = self.context.real("lr"), self.context.real("weight_decay")
        return torch.optim.SGD(self.parameters(), lr=lr, momentum=0.9, weight_decay=decay)

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Steepens the tanh; watches the signs of the training items."""
        if self.context.flag("annealed"):
            self.image_head.epochs += 1
            self.text_head.epochs += 1
        return self.code_monitors()
