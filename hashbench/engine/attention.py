"""What a run's method attends to in pictures and words, before and after training, for a person to
look at.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hashbench.backbones.block_inputs import LiveEncoder, encode_captions
from hashbench.backbones.blocks import TunableClip
from hashbench.backbones.encoders import Encoders
from hashbench.datasets.base import FloatArray, IntArray
from hashbench.engine import checkpoint
from hashbench.engine.build import Prepared, build_method, prepare, tower_ends
from hashbench.engine.data import require_encoders
from hashbench.errors import HashbenchError, InputError
from hashbench.methods.base import Method, Parts
from hashbench.nn.tokens import Tokens
from hashbench.plan import spec as specs
from hashbench.runs.layout import RunFolder


@torch.inference_mode()
def attention(run: RunFolder, data_dir: Path, count: int, seed: int) -> dict[str, Any]:
    """For each of `count` queries its id, caption, labels, picture and words, and what patches and
    words weigh before and after training: `before` and `after` hold rows of the grid of patches,
    `words_before` and `words_after` a weight for each of `words`, the mean over its tokens.

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
    sentences = [_sentence(prepared, item) for item in items.tolist()]
    method = build_method(prepared)
    method.eval()
    before = _weights(method, patches, sentences, run)
    method.load_state_dict(saved.best.model or saved.model)
    after = _weights(method, patches, sentences, run)
    names = data.dataset.class_names
    return {
        "items": [
            {
                "id": data.dataset.ids[item],
                "caption": data.dataset.captions[item][0],
                "labels": [names[c] for c in np.flatnonzero(data.dataset.labels[item])],
                "picture": _picture(prepared, item),
                "before": before[0][place],
                "after": after[0][place],
                "words": sentences[place].words,
                "words_before": before[1][place],
                "words_after": after[1][place],
            }
            for place, item in enumerate(items.tolist())
        ]
    }


@dataclass(frozen=True)
class _Sentence:
    """A caption as `parts`, its tokens between start and end; `ends` says behind which of them each
    of `words` ends.
    """

    words: list[str]
    ends: list[int]
    parts: Parts


def _weights(
    method: Method, patches: Parts, sentences: list[_Sentence], run: RunFolder
) -> tuple[list[list[list[float]]], list[list[float]]]:
    """What the patches of each item weigh, as rows of its grid, and its words. Raises InputError
    for a method that weighs none.
    """
    grids = method.patch_weights(patches)
    if grids is None:
        raise InputError(
            f"{specs.read(run.spec).method} weighs no patches of pictures",
            where=run.id,
            remedy="a run of pcril, prompthash or pghmh",
        )
    words = []
    for sentence in sentences:
        weights = method.word_weights(sentence.parts) if sentence.words else None
        words.append([] if weights is None else _of_words(weights[0], sentence.ends))
    return _grids(grids), words


def _of_words(weights: Tensor, ends: list[int]) -> list[float]:
    """The mean weight of the tokens of each word."""
    starts = [0, *ends[:-1]]
    return [float(weights[a:b].mean()) for a, b in zip(starts, ends, strict=True)]


def _sentence(prepared: Prepared, item: int) -> _Sentence:
    """The first caption of an item, as far as the tower's context reaches."""
    dataset, store = prepared.data.dataset, prepared.store
    caption = dataset.captions[item][0]
    tokens = store.backbone.tokenise([caption])
    lengths = store.backbone.lengths(tokens)
    words, ends = _words(store.backbone, caption, tokens[0, 1 : int(lengths[0]) - 1])
    pooled = torch.from_numpy(store.backbone.encode_tokens(tokens))

    def inputs(last: int) -> Tokens:
        tunable = TunableClip(store.backbone, store.source.name, last)
        (values,) = encode_captions(tunable, tokens, lengths.numpy())
        return Tokens(pooled, torch.from_numpy(values).float()[None], lengths)

    tower = tower_ends(store.tails(1)).text
    features = tower.finish(tower.hidden(inputs(1))[:, 1:-1])
    labels = torch.from_numpy(dataset.labels[[item]].astype(np.float32))
    tuned = inputs(prepared.tuned) if prepared.tuned else None
    return _Sentence(words, ends, Parts(features, labels, tuned))


def _words(backbone: Encoders, caption: str, tokens: Tensor) -> tuple[list[str], list[int]]:
    """The words that `tokens` of a caption spell, and behind which token each ends.

    Towers read a caption word by word, so that a word has the same tokens by itself. From one on
    that has others in its sentence, or that is cut, words are left out.
    """
    written = caption.split()
    alone = backbone.tokenise(written or [""])
    counts = backbone.lengths(alone) - 2
    words: list[str] = []
    ends: list[int] = []
    end = 0
    for word, ids, count in zip(written, alone, counts.tolist(), strict=False):
        if not torch.equal(ids[1 : count + 1], tokens[end : end + count]):
            break
        if count:
            end += count
            words.append(word)
            ends.append(end)
    return words, ends


def _patches(prepared: Prepared, items: IntArray) -> Parts:
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
    return Parts(tower.finish(hidden[:, 1:]), labels, tuned if isinstance(tuned, Tokens) else None)


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
