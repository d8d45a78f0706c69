"""What a PromptHash run of NUS-WIDE's size takes: disk of the feature cache, and peak memory.

    python tests/benchmarks/bench_streaming.py [--scale 400] [--batch 64] [--steps 3]

Generates 195,834 / SCALE items with pictures drawn when they are read, and a backbone with the
token shape of ViT-B/16 (197 x 768 of a picture, up to 77 x 512 of a caption) and the two blocks
that the method tunes; so the towers cost little, and what is stored and held is of the real shape
(the weights of the other ten blocks are added to the memory). A process of its own extracts
features, trains some steps, and makes the codes of all queries and of the database. Disk is
compared with the estimate and then stated for the whole size, where the estimate has no unknown;
memory is stated as measured, and for the whole size with what each further item adds: its pooled
features, which are mapped, and its caption, id and labels.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import multiprocessing
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

ITEMS, QUERIES, TRAIN, CLASSES = 195_834, 2_100, 10_500, 21
NAME = "bench-vit-b-16"
BLOCKS, WHOLE = 2, 12  # of each tower: those here, all of them tuned, and those of ViT-B/16
MISSING = 4 * (WHOLE - BLOCKS) * sum(12 * w * w + 13 * w for w in (768, 512))  # bytes of weights
VISION = {"image_size": 224, "patch_size": 16, "layers": BLOCKS, "width": 768, "head_width": 64}
TEXT = {"context_length": 77, "vocab_size": 49408, "layers": BLOCKS, "width": 512, "heads": 8}
CONFIG = {"embed_dim": 512, "vision_cfg": VISION, "text_cfg": TEXT}
MANY = 50_000  # items whose captions, ids and labels show what each further one adds
DISK_LIMIT, MEMORY_LIMIT = 5e9, 4e9


@dataclass(frozen=True)
class DrawnPictures:
    """Item i is a smooth random picture, drawn when it is read."""

    def read(self, index: int) -> Image.Image:
        coarse = np.random.default_rng(index).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize((224, 224), Image.Resampling.BICUBIC)


def generated(items: int) -> object:
    from hashbench.datasets.base import Dataset

    rng = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(5000)])
    captions = [(" ".join(words[row]),) for row in rng.integers(0, len(words), (items, 8))]
    return Dataset(
        name="generated",
        ids=[f"{number:07}" for number in range(items)],
        labels=rng.random((items, CLASSES)) < 0.1,
        captions=captions,
        class_names=tuple(f"class {number}" for number in range(CLASSES)),
        pictures=DrawnPictures(),
        fingerprint=hashlib.sha256(f"{items}".encode()).hexdigest()[:16],
    )


def new_peak() -> None:
    """Forgets the peak so far (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def memory(kind: str) -> int:
    """Bytes of this process: VmHWM is the peak, VmRSS what it has now (Linux)."""
    (line,) = re.findall(rf"{kind}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) * 1024


def run(folder: Path, scale: int, batch: int, steps: int) -> None:
    import torch
    from safetensors.torch import save_file

    from hashbench.backbones import pretrained_config, registry
    from hashbench.backbones.cache_entries import entries
    from hashbench.backbones.disk_estimate import estimate
    from hashbench.backbones.openclip_import import open_clip
    from hashbench.engine import build
    from hashbench.engine.audit import audit
    from hashbench.engine.encoding import encode
    from hashbench.files.paths import cache_root
    from hashbench.methods.base import total
    from hashbench.plan.request import Request, expand

    torch.set_num_threads(1)
    (folder / f"{NAME}.json").write_text(json.dumps(CONFIG))
    open_clip().add_model_config(folder / f"{NAME}.json")
    pretrained_config.model_configs = registry.model_configs = lambda: folder
    torch.manual_seed(0)
    save_file(open_clip().create_model(NAME).state_dict(), folder / "weights.safetensors")
    items = -(-ITEMS // scale)
    queries = max(-(-QUERIES // scale), 256)  # as many as the audit takes
    items += queries
    # a whole batch must be there to be held in memory
    train = max(-(-TRAIN // scale), 2 * batch)
    items += train
    dataset, before = generated(items), memory("VmRSS")
    many = generated(MANY)
    per_item = max(0, memory("VmRSS") - before) / MANY
    del many
    request = Request(
        method=["prompthash"],
        dataset=["nuswide"],
        bits=[16],
        query_size=queries,
        train_size=train,
        backbone=NAME,
        pretrained=str(folder / "weights.safetensors"),
        set={"tuned_blocks": str(BLOCKS), "batch_size": str(batch), "auxiliary_bits": "16"},
    )
    (spec,) = expand(request)
    # the bound below which small data are kept whole would keep all of a scaled set
    with (
        mock.patch.object(build, "load_dataset", return_value=dataset),
        mock.patch("hashbench.backbones.disk_estimate.KEEP_ALL_BYTES", 0),
    ):
        began = time.perf_counter()
        prepared = build.prepare(spec, folder, folder / "labels.npz", torch.device("cpu"))
        print(f"features of {items:,} items in {time.perf_counter() - began:.0f} s", flush=True)
        blocks = prepared.data.blocks
        assert blocks is not None
        shape = prepared.store.source.config.shape
        expected, whole = (
            estimate(
                shape,
                "fp32",
                items=count,
                captions=count,
                train_items=fitted,
                train_captions=fitted,
                tunes_blocks=True,
                caption_tokens=float(np.diff(blocks.texts.starts).mean()),
            )
            for count, fitted in ((items, train), (ITEMS, TRAIN))
        )
    peaks = {"features": memory("VmHWM")}
    new_peak()
    on_disk = sum(entry.bytes for entry in entries(cache_root(folder)))
    print(f"cache: {on_disk:,} bytes, estimated {expected.total:,}")
    print(
        f"cache of {ITEMS:,} items: {whole.total / 1e9:.2f} GB"
        f" ({'within' if whole.total <= DISK_LIMIT else 'BEYOND'} {DISK_LIMIT / 1e9:.0f} GB)"
    )
    method = build.build_method(prepared)
    stage = method.stages()[-1]
    method.begin_stage(stage)
    optimiser = method.optimiser(stage)
    began = time.perf_counter()
    endless = itertools.chain.from_iterable(
        prepared.data.batches(0, stage, epoch, skip=0) for epoch in itertools.count()
    )
    for _, drawn in itertools.islice(endless, steps):
        optimiser.zero_grad(set_to_none=True)
        total(method.losses(stage, drawn).values()).backward()
        optimiser.step()
    print(f"{steps} steps of {batch} in {time.perf_counter() - began:.0f} s", flush=True)
    peaks["training"] = memory("VmHWM")
    print(f"peak so far: {max(peaks.values()) / 1e9:.2f} GB", flush=True)
    new_peak()
    del optimiser, drawn
    began = time.perf_counter()
    method.eval()
    for part, role in ((prepared.data.split.query, "query"),
                       (prepared.data.split.database, "database")):  # fmt: skip
        encode(method, prepared.data, part, role)
    audit(method, prepared.data, 0)
    print(f"codes of all items in {time.perf_counter() - began:.0f} s")
    peaks["codes"] = memory("VmHWM")
    print("peak memory: " + ", ".join(f"{peak / 1e9:.2f} GB of {at}" for at, peak in peaks.items()))
    # pooled features are mapped, and all of them are touched when codes are made
    mapped, held = 2 * 4 * shape.dim * (ITEMS - items), per_item * (ITEMS - items)
    peak = max(peaks["features"], peaks["training"], peaks["codes"] + mapped) + held + MISSING
    print(
        f"peak memory of {ITEMS:,} items: {peak / 1e9:.2f} GB"
        f" ({'within' if peak <= MEMORY_LIMIT else 'BEYOND'} {MEMORY_LIMIT / 1e9:.0f} GB)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=400)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        child = multiprocessing.get_context("spawn").Process(
            target=run, args=(Path(temporary), given.scale, given.batch, given.steps)
        )
        child.start()
        child.join()


if __name__ == "__main__":
    main()
