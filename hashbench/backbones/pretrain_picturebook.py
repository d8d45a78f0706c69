"""Pre-trains `picturebook-clip` on scenes that no dataset preset contains.

    python -m hashbench.backbones.pretrain_picturebook --out FILE

Contrastive as in CLIP (arXiv 2103.00020, section 2.3), between pictures and texts of a batch. Two
thirds of the texts are captions; the others are prompts that name the scene's classes. Beside them
the batch's pictures are contrasted with one prompt of each class, so that zero-shot prompts mean
something to so small a model. A prompt is true of every scene in the batch that shows the classes
it names, and all of those count as its pairs: the pre-training does see the labels of its own
scenes. These come from another world seed than any dataset's, which may not exceed
`LARGEST_DATASET_SEED`.
"""

from __future__ import annotations

import argparse
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from hashbench.backbones import own_weights, picturebook_clip
from hashbench.backbones.class_precision import class_average_precision
from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.pretraining_data import (
    Batch,
    Pool,
    Vocabulary,
    batches,
    draw_pool,
    pictures,
)
from hashbench.datasets.picturebook import LARGEST_DATASET_SEED
from hashbench.datasets.picturebook.composition import CLASS_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

TRAINING_WORLD = LARGEST_DATASET_SEED + 1
UNSEEN_WORLD = LARGEST_DATASET_SEED + 2
UNSEEN = 2000  # scenes on which the zero-shot average precision is measured
SHORT = 24  # most captions are no longer; the others run through the text tower separately
CLASS_WEIGHT = 1.0  # of the contrast with one prompt of each class
DROPPED_PATCHES = 0.5  # of a picture, as in FLIP (arXiv 2212.00794): twice the speed ...
WITH_DROPPING = 0.75  # ... in this part of the steps


def text_features(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """encode_text for texts cut to the longest: attention is causal, padding changes nothing."""
    length = tokens.shape[1]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    ends = tokens.argmax(dim=-1)
    pooled = model.ln_final(x)[torch.arange(len(tokens)), ends]
    return torch.as_tensor(pooled @ model.text_projection)


def loss_of(model: Any, batch: Batch, vocabulary: Vocabulary) -> torch.Tensor:
    """Contrast of pictures and texts, and of pictures and class prompts."""
    image = functional.normalize(model.encode_image(batch.pictures).float(), dim=-1)
    texts = batch.texts + batch.class_texts
    lengths = np.array([len(text) for text in texts])
    groups = [np.flatnonzero(lengths <= SHORT), np.flatnonzero(lengths > SHORT)]
    parts = [
        text_features(model, vocabulary.matrix([texts[i] for i in group]))
        for group in groups
        if len(group)
    ]
    back = torch.from_numpy(np.argsort(np.concatenate(groups)))
    text = functional.normalize(torch.cat(parts).float(), dim=-1)[back]
    logits = model.logit_scale.exp() * image @ text.T
    own, classes = logits.split([len(batch.texts), len(batch.class_texts)], dim=1)
    return contrast(own, batch.true_of) + CLASS_WEIGHT * contrast(classes, batch.labels)


def contrast(logits: torch.Tensor, true_of: torch.Tensor) -> torch.Tensor:
    """Symmetric cross entropy against all true pairs of a row, each with the same share."""
    target = true_of.float()
    by_image = functional.cross_entropy(logits, target / target.sum(1, keepdim=True))
    # A class that the batch does not show has no pairs, and no share of the loss.
    by_text = functional.cross_entropy(logits.T, target.T / target.sum(0).clamp(min=1)[:, None])
    return (by_image + by_text) / 2


def zero_shot_ap(model: Any, pool: Pool) -> NDArray[np.float64]:
    """Average precision of each class when its prompt ranks the pool's pictures: shape (24,)."""
    tokens = open_clip().tokenizer.SimpleTokenizer()([f"a photo of {c}" for c in CLASS_NAMES])
    with torch.inference_mode():
        text = model.encode_text(tokens, normalize=True)
        image = torch.cat(
            [
                model.encode_image(pictures(pool.pictures[first : first + 500]), normalize=True)
                for first in range(0, len(pool.pictures), 500)
            ]
        )
    return class_average_precision((image @ text.T).numpy(), pool.labels)


def pretrain(out: Path, *, seed: int, steps: int, size: int, count: int, rate: float) -> None:
    """Trains for `steps` batches of `size` out of `count` scenes; saves and measures on the way."""
    begun = time.perf_counter()
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)  # which patches are dropped
    pool = draw_pool(TRAINING_WORLD, count, workers=2)
    unseen = draw_pool(UNSEEN_WORLD, UNSEEN)
    vocabulary = Vocabulary(pool)
    log.info("%d scenes, %.0f s", count, time.perf_counter() - begun)
    model: Any = picturebook_clip.untrained(seed)
    rows = torch.from_numpy(own_weights.untrained_rows(128)[vocabulary.ids])
    model.token_embedding = torch.nn.Embedding(len(rows), rows.shape[1], _weight=rows)
    named = dict(model.named_parameters())
    free = [name for name, p in named.items() if p.ndim < 2 or name == own_weights.TOKENS]
    groups = [
        {"params": [p for name, p in named.items() if name not in free], "weight_decay": 0.1},
        {"params": [named[name] for name in free], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.08)
    stream = batches(pool, size, rng)
    model.visual.patch_dropout = open_clip().transformer.PatchDropout(DROPPED_PATCHES)
    for step in range(1, steps + 1):
        if step == int(WITH_DROPPING * steps):
            model.visual.patch_dropout = torch.nn.Identity()
        # On CPUs the plain attention kernel is several times faster backwards than the fused one.
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            loss = loss_of(model, next(stream), vocabulary)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=float(np.log(100.0)))
        if step % 50 == 0:
            spent = time.perf_counter() - begun
            log.info("step %d of %d, loss %.4f, %.0f s", step, steps, loss.item(), spent)
        if step % 500 == 0 or step == steps:
            minutes = (time.perf_counter() - begun) / 60
            facts = {
                "seed": str(seed),
                "steps": f"{step} of {steps}",
                "batch": str(size),
                "scenes": f"{count} of world {TRAINING_WORLD}",
                "cost": f"{minutes:.1f} minutes on {torch.get_num_threads()} cores",
            }
            own_weights.save(out, model.state_dict(), vocabulary.ids, facts)
            weights = replace(picturebook_clip.WEIGHTS, path=out)
            scores = zero_shot_ap(picturebook_clip.build(weights), unseen)
            facts["zero_shot_ap"] = f"{scores.mean():.4f} on {UNSEEN} of world {UNSEEN_WORLD}"
            own_weights.save(out, model.state_dict(), vocabulary.ids, facts)
            log.info(
                "zero-shot AP %.4f: %s",
                scores.mean(),
                dict(zip(CLASS_NAMES, scores.round(2).tolist(), strict=True)),
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="the weights file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--scenes", type=int, default=120_000, help="scenes to draw in advance")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate")
    a = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    pretrain(a.out, seed=a.seed, steps=a.steps, size=a.batch, count=a.scenes, rate=a.rate)


if __name__ == "__main__":
    main()
