"""Backbones that are trained from nothing on the visible labels of a run's fitted items.

What do hash codes owe to a pre-trained backbone? `scratch-resnet18` and `scratch-resnet50` answer
it: a residual network (He et al., arXiv 1512.03385) for pictures and an MLP on a bag of words for
captions, each under one linear classifier of the labels, trained with binary cross-entropy on the
entries that are known. Their features are what goes into the classifier. Nothing but the fitted
items, their visible labels and the seed decides the weights, which are kept in the feature cache
under a key of all of these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hashbench.backbones.cache_entries import claimed
from hashbench.backbones.cache_writer import EntryWriter
from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.pictures import PictureReader
from hashbench.backbones.pretrained_config import SCRATCH, PretrainedConfig
from hashbench.backbones.registry import BackboneSource
from hashbench.datasets.base import BoolArray, Dataset, IntArray

DIM = 512
EPOCHS = 30
BATCH = 64
RATE = 1e-3
DECAY = 1e-4
FORMAT = 1

Report = Callable[[str, int, int], None]


class BagOfWords(nn.Module):
    """The mean of learned rows of a caption's byte pairs, then one hidden layer."""

    def __init__(self, tokens: int = 49408) -> None:
        super().__init__()
        self.rows = nn.Embedding(tokens, DIM)
        self.layers = nn.Sequential(nn.Linear(DIM, DIM), nn.ReLU(), nn.Linear(DIM, DIM))

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, L) ids, 0 behind the end -> (n, DIM)."""
        present = (tokens > 0).unsqueeze(2)
        mean = (self.rows(tokens) * present).sum(1) / present.sum(1).clamp(min=1)
        features: Tensor = self.layers(mean)
        return features


class ScratchEncoder(nn.Module):
    """Both encoders with the face of an open_clip model, as `ClipBackbone` takes it."""

    context_length = 77

    def __init__(self, config: PretrainedConfig, network: str) -> None:
        super().__init__()
        open_clip()  # timm imports torchvision, which has to be prepared
        import timm

        visual: Any = timm.create_model(network, pretrained=False, num_classes=DIM)
        visual.image_size = config.size
        visual.preprocess_cfg = {"size": config.size, **config.preprocess}
        self.visual = visual
        self.words = BagOfWords()

    def encode_image(self, pixels: Tensor) -> Tensor:
        """(n, 3, height, width) -> (n, DIM)."""
        return torch.as_tensor(self.visual(pixels))

    def encode_text(self, tokens: Tensor) -> Tensor:
        """(n, 77) ids -> (n, DIM)."""
        return torch.as_tensor(self.words(tokens))


@dataclass(frozen=True)
class Fitted:
    """What the weights follow from: items (n) of a dataset, and what is known of their labels.

    `labels` and `known` are (n, C); `split` names the split that the items come from. `captions`
    are what training reads of an item's captions where it is not what the dataset has.
    """

    dataset: Dataset
    items: IntArray
    labels: BoolArray
    known: BoolArray
    split: str
    seed: int
    captions: Mapping[int, tuple[str, ...]] | None = None

    def identity(self, source: BackboneSource, device: torch.device) -> dict[str, object]:
        """All that decides the weights; kinds of devices round differently."""
        digest = hashlib.sha256()
        for part in (self.items, self.labels, self.known):
            digest.update(np.ascontiguousarray(part).tobytes())
        if self.captions is not None:
            digest.update(repr([self.captions[item] for item in self.items.tolist()]).encode())
        return {
            "format": FORMAT,
            "scratch": source.name,
            "transform": source.config.transform,
            "dataset": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "split": self.split,
            "fitted": digest.hexdigest()[:16],
            "seed": self.seed,
            "epochs": EPOCHS,
            "device": device.type,
        }


def trained(
    root: Path, source: BackboneSource, fitted: Fitted, device: torch.device, report: Report
) -> BackboneSource:
    """The source with weights that are trained now, or were trained before and are in the cache.

    Raises DamagedFileError for a picture that cannot be read.
    """
    identity = fitted.identity(source, device)
    digest = hashlib.sha256(repr(sorted(identity.items())).encode()).hexdigest()[:16]
    entry = root / f"{fitted.dataset.name}.{source.name}.weights.{digest}"
    if not entry.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        with claimed(root, entry.name) as building:
            if not entry.is_dir():  # else another worker was faster
                writer = EntryWriter(building, identity)
                model = _train(source, fitted, device, report)
                state = {name: value.cpu() for name, value in model.state_dict().items()}
                save_file(state, writer.folder / "weights.safetensors")
                writer.finish(entry, identity)
    return replace(source, weights=entry / "weights.safetensors", weights_hash=digest)


def load(source: BackboneSource, device: torch.device) -> ClipBackbone:
    """The trained encoders on a device."""
    model = ScratchEncoder(source.config, SCRATCH[source.name].network)
    model.load_state_dict(load_file(source.weights))
    return ClipBackbone(model, device, precision=source.encode_precision)


def _train(
    source: BackboneSource, fitted: Fitted, device: torch.device, report: Report
) -> ScratchEncoder:
    """Every draw (weights, order, captions) follows from the seed; the caller's are left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fitted.seed)
        model = ScratchEncoder(source.config, SCRATCH[source.name].network)
        heads = nn.ModuleList(nn.Linear(DIM, fitted.labels.shape[1]) for _ in range(2))
    backbone = ClipBackbone(model, device)  # which prepares pictures and captions
    model.requires_grad_(requires_grad=True)
    heads.to(device)
    parameters = [*model.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(parameters, RATE, weight_decay=DECAY, foreach=False)
    steps = EPOCHS * -(-len(fitted.items) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    target = torch.from_numpy(fitted.labels.astype(np.float32)).to(device)
    known = torch.from_numpy(fitted.known.astype(np.float32)).to(device)
    rng = np.random.default_rng([fitted.seed, 0x5C8A])
    reader = PictureReader(backbone, fitted.dataset, skip_broken=False)
    done = 0
    with closing(reader):
        for _ in range(EPOCHS):
            model.train()
            batches = np.array_split(rng.permutation(len(fitted.items)), steps // EPOCHS)
            pictures = reader.batches([fitted.items[rows] for rows in batches])
            for rows, pixels in zip(batches, pictures, strict=True):
                flipped = np.where(rng.random(len(rows)) < 0.5, -1, 1)
                turned = np.stack([p[:, :, ::f] for p, f in zip(pixels, flipped, strict=True)])
                texts = [_caption(fitted, int(fitted.items[row]), rng) for row in rows]
                features = (
                    model.encode_image(torch.from_numpy(turned).to(device)),
                    model.encode_text(backbone.tokenise(texts).to(device)),
                )
                index = torch.from_numpy(rows).to(device)
                loss = sum(
                    F.binary_cross_entropy_with_logits(
                        head(F.relu(each)), target[index], weight=known[index]
                    )
                    for head, each in zip(heads, features, strict=True)
                )
                optimiser.zero_grad(set_to_none=True)
                torch.as_tensor(loss).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                done += 1
                report(f"training {source.name}", done, steps)
    return model.eval()


def _caption(fitted: Fitted, item: int, rng: np.random.Generator) -> str:
    captions = (fitted.captions or fitted.dataset.captions)[item]
    return captions[rng.integers(len(captions))]
