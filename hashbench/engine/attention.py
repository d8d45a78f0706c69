"""What a run's method attends to in pictures, before and after training, for a person to look at.

`python -m hashbench.engine.attention` answers one question, a JSON object on stdin with `run`,
`data_dir`, `items` (how many queries) and `seed` (which ones), with one JSON object on stdout.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hashbench.backbones.block_inputs import LiveEncoder
from hashbench.backbones.blocks import TunableClip
from hashbench.datasets.base import FloatArray, IntArray
from hashbench.engine import checkpoint
from hashbench.engine.build import Prepared, build_method, prepare, tower_ends
from hashbench.engine.data import require_encoders
from hashbench.errors import HashbenchError, InputError
from hashbench.methods.base import Patches
from hashbench.nn.tokens import Tokens
from hashbench.plan import spec as specs
from hashbench.runs.layout import RunFolder


@torch.inference_mode()
def attention(run: RunFolder, data_dir: Path, count: int, seed: int) -> dict[str, Any]:
    """For each of `count` queries its id, caption, labels, picture, and what patches weigh before
    and after training, as rows of the grid of patches.

    Raises InputError for a method that weighs no patches, and for a run without a checkpoint.
    """
    spec = specs.read(run.spec)
    saved = checkpoint.load(run, spec.hash)
    if saved is None:
        raise InputError("the run has no checkpoint to look into", where=run.checkpoint)
    prepared = prepare(spec, data_dir, run.labels, torch.device("cpu"))
    data = prepared.data
    require_encoders(data.dataset, "an attention map")
    query = data.split.query
    items = np.sort(np.random.default_rng(seed).permutation(query)[:count])
    patches = _patches(prepared, items)
    method = build_method(prepared)
    method.eval()
    before = method.patch_weights(patches)
    if before is None:
        raise InputError(
            f"{spec.method} weighs no patches of pictures",
            where=run.id,
            remedy="a run of pcril, prompthash or pghmh",
        )
    method.load_state_dict(saved.best.model or saved.model)
    after = method.patch_weights(patches)
    assert after is not None  # noqa: S101 - as before
    grids = [_grids(weights) for weights in (before, after)]
    names = data.dataset.class_names
    return {
        "items": [
            {
                "id": data.dataset.ids[item],
                "caption": data.dataset.captions[item][0],
                "labels": [names[c] for c in np.flatnonzero(data.dataset.labels[item])],
                "picture": _picture(prepared, item),
                "before": grids[0][place],
                "after": grids[1][place],
            }
            for place, item in enumerate(items.tolist())
        ]
    }


def _patches(prepared: Prepared, items: IntArray) -> Patches:
    """Features of the patches from the whole frozen tower, and what a tuned tower begins with."""
    data, store = prepared.data, prepared.store
    tunable = TunableClip(store.backbone, store.source.name, 1)
    live = LiveEncoder(lambda: store.backbone, lambda: tunable, data.dataset)
    values = torch.from_numpy(live.images(items)).float()
    pooled = torch.from_numpy(np.array(data.features.images[items], np.float32))
    lengths = torch.full((len(items),), values.shape[1])
    tower = tower_ends(store.tails(1)).image
    hidden = tower.hidden(Tokens(pooled, values, lengths))
    tuned = data.images(items) if prepared.tuned else None
    labels = torch.from_numpy(data.dataset.labels[items].astype(np.float32))
    return Patches(
        tower.finish(hidden[:, 1:]), labels, tuned if isinstance(tuned, Tokens) else None
    )


def _grids(weights: Tensor) -> list[list[list[float]]]:
    """(n, P) as rows of square grids. Raises InputError where the patches form none."""
    side = math.isqrt(weights.shape[1])
    if side * side != weights.shape[1]:
        raise InputError(f"{weights.shape[1]} patches form no square", where="--backbone")
    grids: list[list[list[float]]] = weights.reshape(-1, side, side).tolist()
    return grids


def _picture(prepared: Prepared, item: int) -> str:
    """PNG in base 64 of what the tower sees, in the range of its own values."""
    pixels: FloatArray = prepared.store.backbone.pixels(prepared.data.dataset.pictures.read(item))
    low, high = float(pixels.min()), float(pixels.max())
    scaled = (255 * (pixels - low) / max(high - low, 1e-6)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(scaled.transpose(1, 2, 0)).save(out, "png")
    return base64.b64encode(out.getvalue()).decode()


def main() -> int:
    """One question, one answer; an error of ours is an answer, too."""
    # whatever a library prints must not stand before the answer
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asked = json.load(sys.stdin)
    try:
        reply = attention(
            RunFolder(Path(asked["run"])), Path(asked["data_dir"]), asked["items"], asked["seed"]
        )
    except HashbenchError as error:
        reply = {"error": error.problem, "where": error.where, "remedy": error.remedy}
    with out:
        json.dump(reply, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
