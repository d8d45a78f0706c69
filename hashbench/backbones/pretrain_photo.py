"""Pre-trains `photo-clip` on Flickr8k and Corel5k.

    python -m hashbench.backbones.pretrain_photo --photos DIR --work DIR --out FILE

1. The frozen trunk encodes several views of each photograph, and the sentence encoder MiniLM all
   texts; both are kept in `--work`, so that a second call starts behind them.
2. The text tower learns to give what MiniLM gives, projected on the 256 directions in which its
   features vary most, with captions, tags, bags of words and single words.
3. The picture tower learns to meet the texts of its photographs, contrastively as in CLIP (arXiv
   2103.00020, section 2.3), and weakly to say what the trunk's classifier knows: the mixture of
   its classes' names (as ConSE, arXiv 1312.5650). A linear map of the texts is learned with it.
4. With pictures fixed, the text tower is tuned to meet them, without leaving MiniLM far behind.

Settings were chosen, and `quality` is measured, on photographs of both sources that are held out.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hashbench.backbones import own_weights, photo_clip
from hashbench.backbones import photo_pretraining_data as data
from hashbench.backbones import photo_pretraining_features as features
from hashbench.backbones.class_precision import class_average_precision
from hashbench.backbones.photo_clip import CELLS, DIM
from hashbench.backbones.pretrain_picturebook import text_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]

log = logging.getLogger(__name__)

Group = tuple[Sequence[Tensor], float, float]
"""Parameters, their weight decay and their highest rate."""

VIEWS = 4
TEXT_EPOCHS, TEXT_BATCH, TEXT_RATE = 5, 512, 2e-3
IMAGE_EPOCHS, IMAGE_BATCH, IMAGE_RATE = 12, 256, 1e-3
KEPT_CELLS = 16  # of 49, as in FLIP (arXiv 2212.00794), but for the last epoch
POOLED_DROPOUT = 0.2
CLASS_WEIGHT = 1.0  # of agreeing with the mixture of ImageNet's class names
WEIGHT_DECAY = 0.1
TUNING_EPOCHS, TUNING_RATE = 2, 2e-4
TEACHER_SCALE, START_SCALE = 20.0, 15.0


@dataclass(frozen=True)
class Evidence:
    """What never changes: photographs and texts, and what the frozen encoders make of them.

    `classes` (n, 256) are the photographs' mixtures of class names, `words` (w, 256) the prompts of
    Corel5k's words. Text m of photograph i < len(captioned) is number 5 i + m; that of a photograph
    with words comes behind all captions.
    """

    photos: data.Photos
    views: features.Views
    table: features.TokenTable
    targets: Tensor
    classes: Tensor

    def texts_of(self, photos: Rows, rng: np.random.Generator) -> Rows:
        """The number of one text of each photograph."""
        captioned = len(self.photos.captioned)
        drawn = photos * data.CAPTIONS + rng.integers(0, data.CAPTIONS, len(photos))
        tagged = captioned * data.CAPTIONS + photos - captioned
        return np.where(photos < captioned, drawn, tagged)


def gather(photos: data.Photos, work: Path, seed: int) -> Evidence:
    """Encodes what is not in `work` yet."""
    names = data.imagenet_names()
    texts = data.draw_texts(photos, names, seed).all
    views = features.encode_views(photos, VIEWS, work)
    log.info("%d photographs in %d views", len(photos.paths), VIEWS)
    teacher = features.Teacher(texts, work, seed)
    log.info("%d texts; %.3f of MiniLM's features is kept", len(texts), teacher.kept)
    named = teacher.of([", ".join(each) for each in names])
    known = torch.tensor(views.logits).softmax(1)
    classes = F.normalize(known @ named, dim=1)
    return Evidence(photos, views, features.token_table(texts), teacher.targets, classes)


class Training:
    """The parts that are learned, on the photographs `chosen`; the seed decides everything."""

    def __init__(self, evidence: Evidence, chosen: Rows, seed: int) -> None:
        self.evidence = evidence
        self.chosen = chosen
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.model: Any = photo_clip.untrained(seed)
        rows = torch.from_numpy(own_weights.untrained_rows(photo_clip.WIDTH)[evidence.table.ids])
        self.model.token_embedding = nn.Embedding(len(rows), rows.shape[1], _weight=rows)
        self.map = torch.eye(DIM).requires_grad_()
        """Of the texts' targets to the common space."""
        self.scale = torch.tensor(math.log(START_SCALE)).requires_grad_()

    def texts(self, numbers: Rows) -> Tensor:
        """(n, 256) unit features of texts, before the common space's map."""
        tokens = self.evidence.table.batch(numbers)
        with torch.autocast("cpu", torch.bfloat16):
            values = text_features(self.model, tokens)
        return F.normalize(values.float(), dim=1)

    def pictures(self, photos: Rows, views: Rows, kept: int) -> Tensor:
        """(n, 256) unit features of views, of which `kept` cells are looked at."""
        values = self.evidence.views.of(views, photos)
        values = values._replace(pooled=F.dropout(values.pooled, POOLED_DROPOUT))
        cells = None
        if kept < CELLS:
            order = self.rng.random((len(photos), CELLS)).argsort(axis=1)
            cells = torch.from_numpy(order[:, :kept])
        with torch.autocast("cpu", torch.bfloat16):
            out = self.model.visual.of_features(values, cells)
        return F.normalize(out.float(), dim=1)

    def _begin(self, step: int) -> None:
        """Each step draws anew, so that it does not matter whether the one before was read."""
        self.rng = np.random.default_rng([self.seed, step])
        torch.manual_seed(self.seed + step)  # dropout

    def read_texts(self, file: Path) -> None:
        """Step 2 from a file, which it writes where there is none."""
        if not file.is_file():
            self.learn_texts()
            save_file(dict(self.model.state_dict()), file)
        self.model.load_state_dict(load_file(file))

    def learn_texts(self) -> None:
        """Step 2: as MiniLM, by cosine and by contrast with the other texts of the batch."""
        self._begin(2)
        everything = np.arange(len(self.evidence.targets))
        learned = [p for name, p in self.model.named_parameters() if not _of_pictures(name)]
        steps = TEXT_EPOCHS * (len(everything) // TEXT_BATCH)
        optimiser = Optimiser([(learned, 0.02, TEXT_RATE)], steps)
        ends = self.evidence.table.ends
        for _ in range(TEXT_EPOCHS):
            for batch in self._batches_by_length(everything, ends, TEXT_BATCH):
                values, targets = self.texts(batch), self.evidence.targets[batch]
                cosines = (values * targets).sum(1)
                contrast = F.cross_entropy(
                    TEACHER_SCALE * values @ targets.T, torch.arange(len(batch))
                )
                optimiser.step(5 * (1 - cosines).mean() + contrast)
                optimiser.report("texts", cosine=cosines.mean())

    def learn_pictures(self) -> None:
        """Step 3, against the targets of the photographs' texts."""
        self._begin(3)
        visual = self.model.visual
        matrices = [p for p in visual.parameters() if p.ndim > 1]
        vectors = [p for p in visual.parameters() if p.ndim < 2]
        steps = IMAGE_EPOCHS * (len(self.chosen) // IMAGE_BATCH)
        groups: list[Group] = [
            (matrices, WEIGHT_DECAY, IMAGE_RATE),
            (vectors, 0.0, IMAGE_RATE),
            ([self.map], 0.0, 0.3 * IMAGE_RATE),
            ([self.scale], 0.0, IMAGE_RATE),
        ]
        optimiser = Optimiser(groups, steps)
        for epoch in range(IMAGE_EPOCHS):
            kept = CELLS if epoch == IMAGE_EPOCHS - 1 else KEPT_CELLS
            for photos in self._batches(self.chosen, IMAGE_BATCH):
                views = self.rng.integers(0, VIEWS, len(photos))
                seen = self.pictures(photos, views, kept)
                texts = self.evidence.targets[self.evidence.texts_of(photos, self.rng)]
                classes = F.normalize(self.evidence.classes[photos] @ self.map, dim=1)
                contrast = self._contrast(seen, F.normalize(texts @ self.map, dim=1))
                optimiser.step(contrast + CLASS_WEIGHT * (1 - (seen * classes).sum(1)).mean())
                optimiser.report("pictures", contrast=contrast)

    def tune_texts(self) -> None:
        """Step 4, of which photographs' texts are one half, and all texts the other."""
        self._begin(4)
        views = [self.encode(self.chosen, view) for view in range(VIEWS)]
        place = {photo: row for row, photo in enumerate(self.chosen.tolist())}
        learned = [p for name, p in self.model.named_parameters() if not _of_pictures(name)]
        steps = TUNING_EPOCHS * (5 * len(self.chosen) // TEXT_BATCH)
        optimiser = Optimiser([(learned, 0.02, TUNING_RATE), ([self.map], 0.0, 1e-4)], steps)
        everything = np.arange(len(self.evidence.targets))
        for _ in range(5 * TUNING_EPOCHS):
            for photos in self._batches(self.chosen, TEXT_BATCH):
                rows = [place[photo] for photo in photos.tolist()]
                seen = views[int(self.rng.integers(0, VIEWS))][rows]
                own = self.texts(self.evidence.texts_of(photos, self.rng))
                others = self.rng.choice(everything, TEXT_BATCH)
                cosines = (self.texts(others) * self.evidence.targets[others]).sum(1)
                contrast = self._contrast(seen, F.normalize(own @ self.map, dim=1))
                optimiser.step(contrast + 5 * (1 - cosines).mean())
                optimiser.report("tuning", contrast=contrast, cosine=cosines.mean())

    def finish(self) -> None:
        """Puts the map of the common space into the text tower's projection."""
        with torch.no_grad():
            self.model.text_projection.copy_(self.model.text_projection @ self.map)
            self.model.logit_scale.copy_(self.scale)

    @torch.inference_mode()
    def encode(self, photos: Rows, view: int = 0) -> Tensor:
        """(n, 256) unit features of one view of photographs, by the whole tower."""
        self.model.eval()
        parts = [
            self.model.visual.of_features(self.evidence.views.of(np.full(len(part), view), part))
            for part in np.array_split(photos, math.ceil(len(photos) / IMAGE_BATCH))
        ]
        self.model.train()
        return F.normalize(torch.cat(parts), dim=1).clone()

    @torch.inference_mode()
    def encode_new(self, texts: list[str]) -> Tensor:
        """(n, 256) unit features of any texts, once the tower is finished."""
        self.model.eval()
        tokens = features.token_table(texts)
        known = np.searchsorted(self.evidence.table.ids, tokens.ids[tokens.rows])
        values = text_features(self.model, torch.from_numpy(known[:, : tokens.ends.max() + 1]))
        self.model.train()
        return F.normalize(values, dim=1)

    def _contrast(self, pictures: Tensor, texts: Tensor) -> Tensor:
        logits = self.scale.exp() * pictures @ texts.T
        own = torch.arange(len(logits))
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2

    def _batches(self, rows: Rows, size: int) -> Iterator[Rows]:
        order = self.rng.permutation(rows)
        for start in range(0, len(order) - size + 1, size):
            yield np.sort(order[start : start + size])

    def _batches_by_length(self, rows: Rows, ends: Rows, size: int) -> Iterator[Rows]:
        """Batches of texts of about one length, in any order."""
        order = self.rng.permutation(rows)
        order = order[np.argsort(ends[order] + self.rng.integers(0, 2, len(order)), kind="stable")]
        for start in self.rng.permutation(np.arange(0, len(order) - size + 1, size)).tolist():
            yield order[start : start + size]


class Optimiser:
    """AdamW with warm-up and a cosine of all rates."""

    def __init__(self, groups: Sequence[Group], steps: int) -> None:
        listed = [{"params": p, "weight_decay": decay, "lr": rate} for p, decay, rate in groups]
        self._parameters = [p for parameters, _, _ in groups for p in parameters]
        self._adam = torch.optim.AdamW(listed, betas=(0.9, 0.98), fused=True)
        self._rates = [rate for _, _, rate in groups]
        self._steps, self._done, self._begun = steps, 0, time.monotonic()

    def step(self, loss: Tensor) -> None:
        """One step downhill."""
        cosine = 0.51 + 0.49 * math.cos(math.pi * min(1.0, self._done / self._steps))
        factor = min(1.0, (self._done + 1) / 100) * cosine
        for group, rate in zip(self._adam.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._adam.step()
        self._done += 1

    def report(self, what: str, **values: Tensor) -> None:
        """A line each 50 steps."""
        if self._done % 50 == 0:
            shown = ", ".join(f"{name} {value.item():.3f}" for name, value in values.items())
            left = (time.monotonic() - self._begun) / self._done * (self._steps - self._done)
            log.info("%s %d of %d, %s, %.0f s left", what, self._done, self._steps, shown, left)


def _of_pictures(name: str) -> bool:
    return name.startswith(("visual.", "logit_scale"))


def quality(training: Training, held: Rows) -> dict[str, float]:
    """Of held-out photographs: mean average precision with which "a photo of a WORD" ranks the
    tagged ones, over words of at least four, and the share of captioned ones that stand among the
    ten best of their first caption.
    """
    photos, captioned = training.evidence.photos, len(training.evidence.photos.captioned)
    tagged, told = held[held >= captioned], held[held < captioned]
    labels = data.words_of(photos, tagged - captioned)
    prompts = [f"a photo of a {word}" for word in photos.words]
    scores = training.encode(tagged) @ training.encode_new(prompts).T
    enough = labels.sum(axis=0) >= 4
    average = class_average_precision(scores.numpy()[:, enough], labels[:, enough])
    captions = [photos.captioned[row][1][0] for row in told.tolist()]
    pairs = training.encode_new(captions) @ training.encode(told).T
    better = (pairs > pairs.diag()[:, None]).sum(1)
    return {
        "words_ap": float(average.mean()),
        "caption_r10": float((better < 10).float().mean()),
    }


def pretrain(photos: Path, work: Path, out: Path, seed: int) -> None:
    """All steps, and the weights file; facts of how it went stand in its header."""
    begun = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    kept = ", ".join(sorted(file.stem for file in work.iterdir())) or "nothing"
    read = data.read_photos(photos)
    evidence = gather(read, work, seed)
    held = read.held_out()
    training = Training(evidence, np.flatnonzero(~held), seed)
    training.read_texts(work / "texts.safetensors")
    training.learn_pictures()
    training.tune_texts()
    training.finish()
    scores = quality(training, np.flatnonzero(held))
    minutes = (time.monotonic() - begun) / 60
    facts = {
        "seed": str(seed),
        "data": f"{len(training.chosen)} photographs of Flickr8k and Corel5k",
        "cost": f"{minutes:.0f} minutes on {torch.get_num_threads()} cores, from kept {kept}",
        "quality": ", ".join(f"{name} {value:.3f}" for name, value in scores.items()),
        "held_out": f"{int(held.sum())} photographs",
    }
    log.info("%s", facts)
    own_weights.save(out, training.model.state_dict(), evidence.table.ids, facts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=Path, required=True, help="the folder of both sources")
    parser.add_argument("--work", type=Path, required=True, help="where features are kept, 2 GB")
    parser.add_argument("--out", type=Path, required=True, help="the weights file to write")
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    pretrain(a.photos, a.work, a.out, a.seed)


if __name__ == "__main__":
    main()
