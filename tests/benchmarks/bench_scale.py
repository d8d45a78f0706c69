"""How a dataset of NUS-WIDE's size is taken: time and memory of its index, and picture decoding.

    python tests/benchmarks/bench_scale.py [--images 269648] [--pictures 600] [--tags1k]

Writes NUS-WIDE's official files with random content and empty pictures into a temporary folder
and loads them in a process of its own; then decodes drawn JPEGs of Flickr's usual size as the
feature store does, by one thread and by all of its threads, in turn and several times over. Times
are of the clock and of the processor; where a machine does other things, too, the second is the one
to believe, and the ratio of decoding rates says little.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from hashbench.datasets.nuswide.dataset import CLASSES, load
from hashbench.datasets.pictures import FilePictures
from hashbench.datasets.splits import own_split
from hashbench.plan.card import Value

SIZE = (500, 375)
ROUNDS = 3


def write_nuswide(root: Path, images: int, *, tags1k: bool) -> None:
    """The official files; three of four images have one of the 21 concepts, about two each."""
    rng = np.random.default_rng(0)
    numbers = rng.permutation(10**9 + np.arange(images))
    folders = [f"concept{number % 700:03}" for number in range(images)]
    names = [f"{folder}/{row:06}_{number}.jpg" for row, (folder, number) in
             enumerate(zip(folders, numbers, strict=True))]  # fmt: skip
    (root / "ImageList").mkdir(parents=True)
    (root / "ImageList" / "Imagelist.txt").write_text("\r\n".join(names).replace("/", "\\"))
    (root / "Groundtruth" / "AllLabels").mkdir(parents=True)
    labels = rng.random((images, len(CLASSES))) < rng.uniform(0.02, 0.2, len(CLASSES))
    labels[rng.random(images) < 0.27] = False
    for column, name in enumerate(CLASSES):
        lines = np.where(labels[:, column], "1", "0")
        (root / "Groundtruth" / "AllLabels" / f"Labels_{name}.txt").write_text("\n".join(lines))
    (root / "NUS_WID_Tags").mkdir()
    words = np.array([f"word{number}" for number in range(5000)])
    tags = words[rng.integers(0, len(words), (images, 8))]
    rows = (f"{number} {' '.join(row)}" for number, row in zip(numbers, tags, strict=True))
    (root / "NUS_WID_Tags" / "All_Tags.txt").write_text("\n".join(rows))
    if tags1k:
        (root / "NUS_WID_Tags" / "TagList1k.txt").write_text("\n".join(words[:1000]))
        with (root / "NUS_WID_Tags" / "AllTags1k.txt").open("wb") as file:
            for start in range(0, images, 5000):
                block = np.full((min(5000, images - start), 2000), ord(" "), np.uint8)
                block[:, ::2] = ord("0") + (rng.random((len(block), 1000)) < 0.007)
                block[:, -1] = ord("\n")
                file.write(block.tobytes())
    for folder in sorted(set(folders)):
        (root / "Flickr" / folder).mkdir(parents=True)
    for name in names:
        (root / "Flickr" / name).touch()


def peak_mb() -> float:
    """The most memory that this process has held (Linux)."""
    (line,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


def time_index(root: Path, tags: str) -> None:
    params: dict[str, Value] = {"concepts": 21, "tags": tags}
    before = peak_mb()
    clock, processor = time.perf_counter(), time.process_time()
    dataset = load(root, params)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    began = time.process_time()
    own_split(dataset, 2100, 10500, 0)
    print(
        f"index, tags {tags}: {len(dataset):,} items in {clock:.1f} s ({processor:.1f} s of the"
        f" processor), split in {time.process_time() - began:.1f} s of the processor,"
        f" peak memory {before:.0f} -> {peak_mb():.0f} MB",
        flush=True,
    )


def time_decoding(folder: Path, count: int) -> None:
    """Pictures a second from file to the array that the vision tower takes."""
    import torch  # here, so that the memory of the index is measured without it

    from hashbench.backbones import feature_store, picturebook_clip
    from hashbench.backbones.clip import ClipBackbone

    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 255, (count, 12, 16, 3), dtype=np.uint8)
    names = [f"{number}.jpg" for number in range(count)]
    for name, pixels in zip(names, coarse, strict=True):
        Image.fromarray(pixels).resize(SIZE, Image.Resampling.BICUBIC).save(folder / name)
    pictures = FilePictures(folder, names)
    model = picturebook_clip.untrained(0)
    model.visual.preprocess_cfg = {"size": 224}  # only pictures are prepared here
    backbone = ClipBackbone(model, torch.device("cpu"))

    def read(item: int) -> None:
        backbone.pixels(pictures.read(item))

    rates: dict[int, list[float]] = {1: [], feature_store.READERS: []}
    for _ in range(ROUNDS):
        for threads, measured in rates.items():
            began = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(read, range(count)))
            measured.append(count / (time.perf_counter() - began))
    best = {threads: max(measured) for threads, measured in rates.items()}
    ratios = [many / one for one, many in zip(rates[1], rates[feature_store.READERS], strict=True)]
    print(
        f"decoding {SIZE[0]} x {SIZE[1]} JPEGs to 224 x 224: {best[1]:.0f} a second by one thread,"
        f" {best[feature_store.READERS]:.0f} by {feature_store.READERS}; ratio, round by round,"
        f" {', '.join(f'{ratio:.2f}' for ratio in ratios)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=269_648)
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--tags1k", action="store_true", help="also the 0.5 GB matrix of tags")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        began = time.perf_counter()
        write_nuswide(root / "nuswide", given.images, tags1k=given.tags1k)
        print(f"wrote {given.images:,} images' files in {time.perf_counter() - began:.0f} s")
        for tags in ("all", "1k") if given.tags1k else ("all",):
            child = multiprocessing.get_context("spawn").Process(
                target=time_index, args=(root, tags)
            )
            child.start()
            child.join()
        (root / "jpegs").mkdir()
        time_decoding(root / "jpegs", given.pictures)


if __name__ == "__main__":
    main()
