"""CIRH (Zhu et al., TKDE 2022) on frozen features.

The release (github XizeWu/CIRH) trains the graph network for an epoch and then the hash functions
on the codes it made. Neither needs the other's weights, and both see the same batches, so that here
every step trains both. Its N x N similarity is made for each batch, from one number an item.

Its hash functions train at 1e-4 for 60 epochs of 5,000 items; the built-in pictures are fewer. They
meet shuffled items with the similarity of the items at the batch's place in the training set, which
`shuffled-similarity` does too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.methods.base import Batch, Stage, Term, constant
from hashbench.methods.cirh.networks import GraphNetwork, HashFunction
from hashbench.methods.cirh.similarity import cut_offs, joint_similarity, with_neighbours
from hashbench.methods.context import MethodContext
from hashbench.methods.frozen import FrozenHeads, without_single_item
from hashbench.nn.feature_similarity import structure_loss
from hashbench.nn.monitors import signs


class Cirh(FrozenHeads):
    """A graph network that makes codes, and a hash function for each modality that learns them."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        train = context.train
        widths = train.images.shape[1], train.texts.shape[1]
        self.graph = GraphNetwork(*widths, context.whole("hidden"), self.K)
        self.cut: Tensor
        self.place: Tensor
        self.register_buffer("cut", torch.zeros(len(train)))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def make_head(self, width: int, modality: str) -> nn.Module:
        """A hash function."""
        hidden = self.context.whole("image_hidden") if modality == "image" else width
        return HashFunction(width, hidden, self.K, self.context.real("dropout"))

    def stages(self) -> Sequence[Stage]:
        """One stage; the learning rates do not change."""
        size = without_single_item(len(self.context.train), self.context.whole("batch_size"))
        return [Stage("hash", "Graph codes and hash", self.context.whole("epochs"), size, constant)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Finds where each training item's similarities are cut."""
        train, real = self.context.train, self.context.real
        self.cut.copy_(cut_offs(train.images, train.texts, real("images"), real("cut")))

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """Adam; the graph network has a learning rate of its own."""
        real = self.context.real
        heads = [*self.image_head.parameters(), *self.text_head.parameters()]
        groups = [
            {"params": list(self.graph.parameters()), "lr": real("graph_lr")},
            {"params": heads, "lr": real("lr")},
        ]
        return torch.optim.Adam(groups, weight_decay=real("weight_decay"), fused=True)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """The graph network's terms, and the hash functions' on the codes B = sign(H) it makes."""
        real = self.context.real
        S = self._similarity(batch.index)
        images, texts = with_neighbours(batch.images, S), with_neighbours(batch.texts, S)
        made = self.graph(images, texts, S)
        B = signs(made.joint.detach())
        structure = [structure_loss(h, h, S) for h in (made.image, made.text, made.joint)]
        h_v, h_t = self.image_head(batch.images), self.text_head(batch.texts)
        S_hash = S if self.context.text("rows") == "items" else self._similarity(self._rows(batch))
        hash_structure = [
            structure_loss(*pair, S_hash) for pair in ((h_v, h_t), (h_v, h_v), (h_t, h_t))
        ]
        self.place += len(batch.index)
        reconstruction = F.mse_loss(made.images, images) + F.mse_loss(made.texts, texts)
        terms = {
            "reconstruction": Term(reconstruction, real("reconstruction")),
            "structure": Term(torch.stack(structure).sum(), real("structure")),
            "quantisation": Term(F.mse_loss(made.joint, B)),
            "hash": Term(F.mse_loss(h_v, B) + F.mse_loss(h_t, B) + F.mse_loss(h_v, h_t)),
            "hash structure": Term(torch.stack(hash_structure).sum(), real("hash_structure")),
        }
        return {name: term for name, term in terms.items() if term.weight}

    def _similarity(self, rows: Tensor) -> Tensor:
        """S (n, n) of training items."""
        train, real = self.context.train, self.context.real
        images, texts = train.images[rows], train.texts[rows]
        return joint_similarity(images, texts, self.cut[rows], real("images"), real("direct"))

    def _rows(self, batch: Batch) -> Tensor:
        """The training items at the batch's place in an epoch, whatever the batch holds."""
        return int(self.place) + torch.arange(len(batch.index), device=batch.index.device)

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """The next epoch begins at the first place; watches the hash functions' codes."""
        self.place.zero_()
        return self.code_monitors()
