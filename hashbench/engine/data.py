"""From a spec to what a method trains on: dataset, split, features, training set, batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hashbench.backbones.block_inputs import BlockInputs, StoredCaptions
from hashbench.backbones.blocks import HalfArray
from hashbench.backbones.feature_store import Features, Report
from hashbench.datasets import masks, named_splits, splits
from hashbench.datasets.base import BoolArray, Dataset, FloatArray, IntArray
from hashbench.datasets.captions import corrupted_captions
from hashbench.datasets.masks import VisibleLabels
from hashbench.datasets.splits import Split
from hashbench.engine import augmentation, randomness
from hashbench.errors import InputError
from hashbench.methods.base import Batch, Stage
from hashbench.methods.context import TrainingSet
from hashbench.nn.tokens import Tokens
from hashbench.plan import catalog
from hashbench.plan.card import MethodCard
from hashbench.plan.spec import DatasetSpec, RunSpec

NAMED = 20
"""Broken pictures that a run names; all are in the description of the cached features."""


def load_dataset(spec: DatasetSpec, data_dir: Path) -> Dataset:
    """The dataset of a spec. Raises InputError where its files are missing or damaged."""
    loaded: Dataset = catalog.load(catalog.dataset(spec.name, data_dir).entry)(
        data_dir, spec.params
    )
    return loaded


def split_of(spec: RunSpec, dataset: Dataset) -> Split:
    """The split of a run. Raises InputError when the dataset is too small for sizes asked for;
    the usual sizes of a dataset shrink where it is smaller than usual.
    """
    part = spec.dataset
    usual, seed = part.usual_sizes, part.split_seed
    if part.folds:
        split = named_splits.choose_fold(
            dataset, part.fold, part.folds, part.train, seed, usual_sizes=usual
        )
    else:
        split = named_splits.choose(
            dataset, part.split, part.query, part.train, seed, usual_sizes=usual
        )
    return split if spec.holdout else splits.fit_all(split, dataset.ids)


def require_encoders(dataset: Dataset, who: str) -> None:
    """Raises InputError for a feature set: the encoders that made its features are not known."""
    if dataset.features is not None:
        raise InputError(
            f"{who} cannot work on {dataset.name}, a set of features: the encoders that made them"
            " are needed",
            remedy="a method that takes features as they are, such as soda or lsh",
        )


def require_joint_space(card: MethodCard, features: Features) -> None:
    """Raises InputError for features of different widths where a method compares them directly."""
    image, text = features.images.shape[1], features.texts.shape[1]
    if card.needs_joint_space and image != text:
        raise InputError(
            f"{card.name} needs images and texts in one space, but images have {image} features "
            f"and texts {text}",
            where="--method",
            remedy="a method that reads each modality by itself, such as cvh, cca-itq or dcmh",
        )


def readable(split: Split, dataset: Dataset, features: Features) -> Split:
    """The split without the items whose pictures could not be read. All others stay where the
    split has them. Raises InputError where nothing is left of a part.
    """
    return splits.without(split, dataset.ids, [broken.item for broken in features.broken])


def left_out(split: Split, features: Features) -> list[str]:
    """What `readable` leaves out of a split, and why, as lines for a person."""
    if not features.broken:
        return []
    items = [broken.item for broken in features.broken]
    parts = {"queries": split.query, "database": split.database, "training items": split.train}
    among = ", ".join(f"{int(np.isin(items, part).sum()):,} {name}" for name, part in parts.items())
    shown = [f"{broken.file}: {broken.problem}" for broken in features.broken[:NAMED]]
    more = [f"and {len(items) - NAMED:,} more"] if len(items) > NAMED else []
    whole = f"left out {len(items):,} items whose pictures cannot be read (of them {among})"
    return [whole, *shown, *more]


def visible_labels(path: Path, spec: RunSpec, dataset: Dataset, split: Split) -> VisibleLabels:
    """What the run leaves of the labels of all training items, validation queries among them.

    Drawn once and kept in the run's folder at `path`; a resumed run reads it there. Raises
    InputError when the file holds labels of other items, DamagedFileError when it holds none.
    """
    source = f"{dataset.name} {dataset.fingerprint} {split.hash}"
    full = dataset.labels[split.train]
    if path.is_file():
        labels = VisibleLabels.load(path)
        labels.check(source, full.shape, where=path)
        return labels
    drawn = masks.visible_labels(full, spec.labels, spec.seed, source)
    drawn.save(path)
    return drawn


def no_report(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Data:
    """A dataset with its split and features, and the part of it that is fitted, on the device.

    `visible` is what training may know of the labels of `split.train`. `captions` are features of
    all captions of the fitted items, row by row those in `caption_rows` of all captions; `blocks`
    are the inputs of tuned blocks, for methods that tune the towers. Where training reads other
    captions than those that are encoded at the end, `caption_tokens` are such inputs of theirs.
    `augmented` says that batches hold views of pictures, drawn anew in each epoch; `report` is told
    how far long work on the data is.
    """

    dataset: Dataset
    split: Split
    visible: VisibleLabels
    features: Features
    device: torch.device
    train: TrainingSet
    captions: Tensor
    caption_rows: IntArray
    caption_range: tuple[Tensor, Tensor]
    blocks: BlockInputs | None = None
    caption_tokens: StoredCaptions | None = None
    augmented: bool = False
    report: Report = no_report

    def batches(
        self, seed: int, stage: Stage, epoch: int, skip: int
    ) -> Iterator[tuple[int, Batch]]:
        """(step, batch) over an epoch, from step `skip` on; the last one may be smaller.

        The order of items, or the draw with replacement, the caption of each, and the view of its
        picture where these are augmented, are those of (seed, stage, epoch).
        """
        first, count = self.caption_range
        n, size = len(self.train), stage.batch_size
        if stage.replacement:
            generator = randomness.generator(seed, "order", stage.name, epoch)
            order = torch.randint(n, (n,), generator=generator).to(self.device)
        else:
            order = randomness.shuffled(n, seed, "order", stage.name, epoch).to(self.device)
        draw = torch.rand(n, generator=randomness.generator(seed, "caption", stage.name, epoch))
        chosen = first + (draw.to(self.device) * count).long()
        indices = [order[start : start + size] for start in range(0, n, size)][skip:]
        pictures = self._pictures(seed, stage, epoch, indices)
        for step, (index, images) in enumerate(zip(indices, pictures, strict=True), skip):
            rows = chosen[index]
            batch = Batch(
                index=index,
                images=images.pooled if isinstance(images, Tokens) else images,
                texts=self.captions[rows],
                labels=self.train.labels[index],
                known=self.train.known[index],
            )
            if self.blocks is not None and isinstance(images, Tokens):
                texts = self._caption_tokens(self.blocks, rows.cpu().numpy(), batch.texts)
                batch = replace(batch, image_tokens=images, text_tokens=texts)
            yield step, batch

    def _pictures(
        self, seed: int, stage: Stage, epoch: int, batches: Sequence[Tensor]
    ) -> Iterator[Tensor | Tokens]:
        """What training reads of the pictures of each batch of fitted items, given by their rows.

        The frozen part of the tower runs once more where views of pictures are drawn.
        """
        if self.augmented and self.blocks is not None:
            items = [self.split.train_fit[index.cpu()] for index in batches]
            drawn = [augmentation.views(seed, stage.name, epoch, some) for some in items]
            for values, features in self.blocks.live.views(items, drawn):
                # rounded as cached features are, so that a view of the whole picture equals these
                pooled = self._to_device(features.astype(self.features.images.dtype))
                yield self._image_tokens(values, pooled)
            return
        for index in batches:
            pooled = self.train.images[index]
            if self.blocks is None:
                yield pooled
            else:
                values = self.blocks.images(self.split.train_fit[index.cpu()])
                yield self._image_tokens(values, pooled)

    def _image_tokens(self, values: HalfArray, pooled: Tensor) -> Tokens:
        tokens = self._to_device(values)
        return Tokens(pooled, tokens, torch.full((len(tokens),), tokens.shape[1]).to(self.device))

    def _caption_tokens(self, blocks: BlockInputs, rows: IntArray, pooled: Tensor) -> Tokens:
        """What training reads of captions of fitted items, given by their rows."""
        if self.caption_tokens is None:
            return self._text_tokens(blocks.captions(self.caption_rows[rows]), pooled)
        return self._text_tokens(self.caption_tokens.captions(rows), pooled)

    def _text_tokens(self, tokens: tuple[HalfArray, IntArray], pooled: Tensor) -> Tokens:
        values, lengths = tokens
        return Tokens(pooled, self._to_device(values), torch.from_numpy(lengths).to(self.device))

    def known_positives(self, items: IntArray) -> BoolArray:
        """(n, C) what training may know to be positive, of training items."""
        return self.visible.labels[np.searchsorted(self.split.train, items)]

    def prefetch(self, items: IntArray) -> None:
        """Begins to read what `images` will be asked for next, where it is not in memory."""
        if self.blocks is not None:
            self.blocks.prefetch(items)

    def held_out(self) -> TrainingSet | None:
        """The validation queries, if any, as training may see them: without hidden labels."""
        items = self.split.validation
        if not len(items):
            return None
        visible = self.visible.rows(np.searchsorted(self.split.train, items))
        return TrainingSet(
            images=self._to_device(self.features.images[items]),
            texts=self._to_device(self.features.first_texts(items)),
            labels=torch.from_numpy(visible.labels.astype(np.float32)).to(self.device),
            known=torch.from_numpy(visible.known).to(self.device),
        )

    def images(self, items: IntArray) -> Tensor | Tokens:
        """What image encoders read of items, on the device: features (n, d), or tokens."""
        pooled = self._to_device(self.features.images[items])
        return (
            pooled if self.blocks is None else self._image_tokens(self.blocks.images(items), pooled)
        )

    def texts(self, items: IntArray) -> Tensor | Tokens:
        """The same of the first caption of items."""
        pooled = self._to_device(self.features.first_texts(items))
        if self.blocks is None:
            return pooled
        return self._text_tokens(self.blocks.captions(self.features.offsets[items]), pooled)

    def _to_device(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(rows, np.float32)).to(self.device)


def assemble(
    dataset: Dataset,
    split: Split,
    visible: VisibleLabels,
    features: Features,
    device: torch.device,
    blocks: BlockInputs | None = None,
    captions: FloatArray | None = None,
    caption_tokens: StoredCaptions | None = None,
) -> Data:
    """Puts what is fitted on the device: one caption matrix, one row range of it per item.

    `captions` are features of the fitted items' captions, and `caption_tokens` inputs of tuned
    blocks, where training reads other ones than those that are encoded at the end.
    """
    fit = split.train_fit
    fitted = visible.rows(np.searchsorted(split.train, fit))
    counts = np.diff(features.offsets)[fit]
    rows = np.concatenate([np.arange(features.offsets[i], features.offsets[i + 1]) for i in fit])
    read = features.texts[rows] if captions is None else captions
    caption_matrix = torch.from_numpy(np.array(read, np.float32)).to(device)
    first = torch.from_numpy(np.concatenate([[0], np.cumsum(counts)[:-1]])).to(device)
    train = TrainingSet(
        images=torch.from_numpy(np.array(features.images[fit], np.float32)).to(device),
        texts=caption_matrix[first],
        labels=torch.from_numpy(fitted.labels.astype(np.float32)).to(device),
        known=torch.from_numpy(fitted.known).to(device),
        numbers=torch.from_numpy(fit).to(device),
    )
    caption_range = (first, torch.from_numpy(counts).to(device))
    return Data(
        dataset,
        split,
        visible,
        features,
        device,
        train,
        caption_matrix,
        rows,
        caption_range,
        blocks,
        caption_tokens,
    )


def is_noisy(spec: DatasetSpec) -> bool:
    """Whether training reads other captions than those that are encoded at the end."""
    return bool(spec.caption_noise or spec.caption_drop)


def training_captions(
    spec: RunSpec, dataset: Dataset, split: Split
) -> Mapping[int, tuple[str, ...]]:
    """The captions that training reads of each fitted item, noisy ones where these are asked for.

    Raises InputError for noise in a set of features.
    """
    items = split.train_fit.tolist()
    captions = [dataset.captions[item] for item in items]
    if is_noisy(spec.dataset):
        require_encoders(dataset, "caption noise")
        noise, drop = spec.dataset.caption_noise, spec.dataset.caption_drop
        captions = corrupted_captions(captions, noise, drop, spec.seed)
    return dict(zip(items, captions, strict=True))
