"""How good a joint encoder is on photographs that it never saw, before any hashing.

    python tests/benchmarks/bench_photo_clip.py --data-dir DIR [--backbone photo-clip]

Prints, for all items of a dataset: the average precision with which "a photo of a CLASS" ranks the
pictures, class by class and in the mean, beside chance (the class's share); and how often a
picture's own text stands among the 10 best of 1,000 texts. Nothing is chosen by these figures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from hashbench.backbones import registry
from hashbench.backbones.class_precision import class_average_precision
from hashbench.backbones.feature_store import FeatureStore
from hashbench.engine.data import load_dataset
from hashbench.files.paths import cache_root
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request

GALLERY = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--dataset", default="mirflickr25k-20015")
    parser.add_argument("--backbone", default="photo-clip")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    (spec,) = expand(Request(method=["lsh"], dataset=[a.dataset], bits=[16], backbone=a.backbone))
    dataset = load_dataset(spec.dataset, a.data_dir)
    source = registry.resolve(spec.backbone, a.data_dir)

    def report(what: str, done: int, total: int) -> None:
        print(f"\r{what} {done:,} of {total:,}", end="", flush=True)

    store = FeatureStore(cache_root(a.data_dir), source, torch.device("cpu"), report)
    features = store.dataset(dataset)
    images, texts = (
        each / np.linalg.norm(each, axis=1, keepdims=True).clip(1e-12)
        for each in (
            np.asarray(features.images, np.float32),
            np.asarray(features.first_texts(np.arange(len(dataset))), np.float32),
        )
    )
    prompts = np.asarray(store.prompts([f"a photo of a {name}" for name in dataset.class_names]))
    each = class_average_precision(images @ prompts.T, dataset.labels)
    chance = dataset.labels.mean(axis=0)
    drawn = np.random.default_rng(0).permutation(len(dataset))[:GALLERY]
    pairs = images[drawn] @ texts[drawn].T
    recall = float((np.sum(pairs > np.diag(pairs)[:, None], axis=1) < 10).mean())
    values = {
        "classes": dict(zip(dataset.class_names, each.round(3).tolist(), strict=True)),
        "zero_shot_ap": float(each.mean()),
        "chance": float(chance.mean()),
        "own_text_in_10": recall,
    }
    if a.json:
        print(json.dumps(values))
        return
    print()
    for name, value, share in zip(dataset.class_names, each, chance, strict=True):
        print(f"{name:20} {value:.3f}   chance {share:.3f}")
    print(f"{'mean':20} {each.mean():.3f}   chance {chance.mean():.3f}")
    print(f"own text among the 10 best of {GALLERY:,}: {recall:.3f}")


if __name__ == "__main__":
    main()
