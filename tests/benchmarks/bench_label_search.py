"""Times the label search against a plain one, in one run, on the training items of picturebook.

    python tests/benchmarks/bench_label_search.py [--known-ratio 0.3] [--plain-items 60]

The plain search does what a direct reading of the method does: item by item and step by step, it
embeds every candidate set anew, as texts of the full 77 tokens. It runs on a random part of the
items and its time is scaled to all of them; the fast search runs on all. Both must find the same.
Times are of the clock and of the processor; on a machine that does other things, too, the second is
the one to believe.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.backbones import registry
from hashbench.backbones.feature_store import FeatureStore
from hashbench.backbones.text_tower import FrozenTextTower
from hashbench.datasets.masks import visible_labels
from hashbench.engine import data as inputs
from hashbench.methods.pcril.recovery.prompts import LearnedPrompts
from hashbench.methods.pcril.recovery.search import search
from hashbench.plan.request import Request, expand

THRESHOLD = 0.5


@torch.no_grad()
def plain_features(text: Any, prompts: LearnedPrompts, sets: Tensor) -> Tensor:
    """Features of sets (b, C) through the model's own text tower, in the full context."""
    rows, ends = prompts.layout(sets)
    table = prompts._table()
    whole = torch.full((len(sets), text.context_length), len(table) - 1)
    whole[:, : rows.shape[1]] = rows
    hidden = F.embedding(whole, table) + text.positional_embedding
    hidden = text.transformer(hidden, attn_mask=text.attn_mask)
    pooled = text.ln_final(hidden[torch.arange(len(sets)), ends])
    return F.normalize(pooled @ text.text_projection, dim=1)


def plain_search(
    text: Any, prompts: LearnedPrompts, item: Tensor, positive: Tensor, candidates: Tensor
) -> Tensor:
    """(C) bool, the classes that one item's search adds; all candidates of a step in one batch."""
    members = positive.clone()
    score = float(plain_features(text, prompts, members[None])[0] @ item)
    while True:
        used = int(prompts.costs(members[None])[0])
        left = candidates & ~members & (prompts.cost + used <= prompts.room)
        classes = left.nonzero()[:, 0]
        if not len(classes):
            break
        larger = members.repeat(len(classes), 1)
        larger[torch.arange(len(classes)), classes] = True
        scores = plain_features(text, prompts, larger) @ item
        best = int(scores.argmax())
        if float(scores[best]) - score < THRESHOLD:
            break
        members[classes[best]] = True
        score = float(scores[best])
    return members & ~positive


def main() -> None:
    """Prints both times, their ratio, and on how many items the two agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known-ratio", type=float, default=0.3)
    parser.add_argument("--plain-items", type=int, default=60)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch takes")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    (spec,) = expand(Request(method=["pcril"], known_ratio=[arguments.known_ratio]))
    dataset = inputs.load_dataset(spec.dataset, arguments.data_dir)
    split = inputs.split_of(spec, dataset)
    source = registry.resolve(spec.backbone, arguments.data_dir)
    device = torch.device("cpu")
    store = FeatureStore(arguments.data_dir / "cache", source, device, lambda *_: None)
    features = store.dataset(dataset)
    tower = FrozenTextTower(store.backbone)
    torch.manual_seed(0)
    prompts = LearnedPrompts(tower, dataset.class_names, 2, 2, 0.02)
    seen = visible_labels(dataset.labels[split.train_fit], spec.labels, spec.seed)
    positive, candidates = torch.from_numpy(seen.labels), ~torch.from_numpy(seen.known)
    images = torch.from_numpy(features.images[split.train_fit].copy())
    texts = torch.from_numpy(features.first_texts(split.train_fit).copy())
    items = tower.scale * (F.normalize(images, dim=1) + F.normalize(texts, dim=1)) / 2

    warm = slice(0, 8)
    search(
        prompts.embed, items[warm], positive[warm], candidates[warm], prompts.cost,
        prompts.room, THRESHOLD,
    )  # fmt: skip
    began, worked = time.perf_counter(), time.process_time()
    outcome = search(
        prompts.embed, items, positive, candidates, prompts.cost, prompts.room, THRESHOLD
    )
    fast, fast_worked = time.perf_counter() - began, time.process_time() - worked

    drawn = torch.randperm(len(items), generator=torch.Generator().manual_seed(0))
    drawn = drawn[: arguments.plain_items].tolist()
    began, worked = time.perf_counter(), time.process_time()
    text = store.backbone.model
    plain = [plain_search(text, prompts, items[i], positive[i], candidates[i]) for i in drawn]
    scale = len(items) / len(drawn)
    slow = (time.perf_counter() - began) * scale
    slow_worked = (time.process_time() - worked) * scale
    agree = sum(
        bool(torch.equal(added, outcome.added[i])) for added, i in zip(plain, drawn, strict=True)
    )
    print(
        json.dumps(
            {
                "items": len(items),
                "known ratio": arguments.known_ratio,
                "threads": torch.get_num_threads(),
                "added": int(outcome.added.sum()),
                "fast seconds": round(fast, 3),
                "plain seconds, scaled": round(slow, 1),
                "plain items timed": len(drawn),
                "times faster": round(slow / fast, 1),
                "fast processor seconds": round(fast_worked, 3),
                "plain processor seconds, scaled": round(slow_worked, 1),
                "times faster by processor time": round(slow_worked / fast_worked, 1),
                "items that agree": f"{agree} of {len(drawn)}",
            },
            indent=1,
        )
    )
    if agree < len(drawn):
        raise SystemExit("the two searches differ")


if __name__ == "__main__":
    main()
