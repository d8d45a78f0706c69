"""The texts of new plug-ins. Each works as it stands, so that its test passes before it is changed.

$name is the plug-in's name, $title what tables call it, $cls the name of a class, $year this year,
$entry where the code behind a card is, up to the colon.
"""

METHOD = '''"""$title: heads on frozen features; pairs that share a label get similar codes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.frozen import FrozenHeads
from hashbench.methods.frozen_params import training_params
from hashbench.nn.heads import HashHead
from hashbench.nn.pairwise_losses import pair_mean
from hashbench.plan.card import Ablation, MethodCard, Param

# Commands read the card alone, and run no more of this file than the names in it need.
CARD = MethodCard(
    name="$name",
    title="$title",
    summary="Heads on frozen features; pairs that share a label get similar codes.",
    paper="not published",
    year=$year,
    entry="$entry:$cls",
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=20, batch_size=128, lr=1e-3, weight_decay=0.01),
        Param("hidden", 512, "width of the hidden layer", low=1, high=65536),
        Param("quantisation", 0.1, "weight of the distance to signs", low=0.0, high=1e4),
    ),
    ablations=(Ablation("no-quantisation", "pairs alone", {"quantisation": 0.0}),),
)


class $cls(FrozenHeads):
    """All that a resumed run needs is a parameter or a buffer."""

    def make_head(self, width: int, modality: str) -> nn.Module:
        """From features (n, width) of a modality to relaxed codes (n, K)."""
        return HashHead(width, (self.context.whole("hidden"),), self.K)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:
        """The named terms of the loss; their weighted sum is minimised."""
        f, g = self.image_head(batch.images), self.text_head(batch.texts)
        # 1 where two items share a known label; `weight` leaves pairs out that are not known
        similar = self.batch_similarity(batch)
        theta = 0.5 * f @ g.T
        pairs = pair_mean(F.softplus(theta) - similar.S * theta, similar.weight)
        quantisation = (f.abs() - 1).square().mean() + (g.abs() - 1).square().mean()
        return {
            "pairs": Term(pairs),
            "quantisation": Term(quantisation, self.context.real("quantisation")),
        }
'''

DATASET = '''"""$title: pictures with captions and labels, listed in a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hashbench.datasets import availability
from hashbench.datasets.base import Dataset
from hashbench.datasets.fingerprint import content_fingerprint
from hashbench.datasets.pictures import FilePictures
from hashbench.plan.card import DatasetCard, Part, SplitSizes, Value

# Commands read the card alone, and run no more of this file than the names in it need.
CARD = DatasetCard(
    name="$name",
    title="$title",
    summary="pictures with captions and labels of one's own",
    entry="$entry:load",
    sizes={"$name": SplitSizes(query=60, train=200)},
    layout="$name/items.csv, $name/images/",
    folders=("$name",),
    parts=(Part("the table of items", ("items.csv",)),),
    pictures=(Part("the pictures", ("images",)),),
    remedy="put items.csv (file,caption,labels) and images/ into $name below the data folder",
)


def load(data_dir: Path, params: Mapping[str, Value]) -> Dataset:
    """Reads items.csv; labels are separated by semicolons."""
    folder = availability.require_folder(CARD, data_dir, params)
    with (folder / "items.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    ids = [row["file"] for row in rows]
    captions = [(row["caption"],) for row in rows]
    sets = [set(filter(None, row["labels"].split(";"))) for row in rows]
    names = tuple(sorted(set().union(*sets)))
    labels = np.array([[name in each for name in names] for each in sets], dtype=bool)
    # the fingerprint changes with whatever a run depends on: sizes of files stand for pictures
    sizes = [(folder / "images" / name).stat().st_size for name in ids]
    return Dataset(
        name="$name",
        ids=ids,
        labels=labels,
        captions=captions,
        class_names=names,
        pictures=FilePictures(folder / "images", ids),
        fingerprint=content_fingerprint("$name", ids, labels, captions, names, sizes),
    )
'''

METRIC = '''"""$title: the harmonic mean of precision and recall of the first K ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.metrics.measure import Measure

if TYPE_CHECKING:
    from hashbench.metrics.histograms import DatabaseWalk, Histograms
    from hashbench.metrics.measure import Values
    from hashbench.metrics.metric import Metric


def per_query(histograms: Histograms, metric: Metric, walk: DatabaseWalk | None) -> Values:
    """(Q,) values, 0 for a query without relevant items.

    `histograms` counts a query's items and relevant items by distance; the order within a distance
    is that of the metric's tie rule, which `hits_at_rank` follows.
    """
    # imported here: names of metrics are read where numpy is not loaded
    from hashbench.metrics.cutoffs import depth_in_ranks, hits_at_rank, ratio

    relevant = histograms.relevant.sum(axis=1)
    depth = depth_in_ranks(histograms.items, metric)
    return ratio(2 * hits_at_rank(histograms, metric, walk), depth + relevant)


MEASURE = Measure(
    name="$name",
    title="$title",
    cuts=("rank",),
    per_query=per_query,
    examples=("$name@50",),
    reported=("$name@50",),
)
'''

METHOD_TEST = '''"""The contract that every method keeps: `python -m pytest`."""

$imports

class Test$cls(MethodContract):
    """The checks of `hashbench methods check`."""

    method = $what
'''

METRIC_TEST = '''"""The contract that every metric keeps: `python -m pytest`."""

$imports

class Test$cls(MetricContract):
    """The checks of `hashbench metrics check`."""

    metric = $what
'''

DATASET_TEST = '''"""The contract that every dataset keeps, on a sample: `python -m pytest`."""

$imports

class Test$cls(DatasetContract):
    """The checks of `hashbench datasets check`."""

    dataset = $what

    @classmethod
    def setup_class(cls) -> None:
        """Makes a sample of the dataset: 300 plain pictures, named by their colours."""
        cls.sample = tempfile.TemporaryDirectory()
        cls.data_dir = Path(cls.sample.name)
        images = cls.data_dir / "$name" / "images"
        images.mkdir(parents=True)
        lines = ["file,caption,labels"]
        for number in range(300):
            red, green = number % 2, number // 2 % 2
            colour = (255 * red, 255 * green, number % 256)
            Image.new("RGB", (64, 64), colour).save(images / f"{number:03}.png")
            labels = [name for name, held in (("red", red), ("green", green)) if held] or ["dark"]
            lines.append(f"{number:03}.png,a {' '.join(labels)} picture,{';'.join(labels)}")
        (images.parent / "items.csv").write_text("\\n".join(lines) + "\\n")

    @classmethod
    def teardown_class(cls) -> None:
        """Removes the sample."""
        super().teardown_class()
        cls.sample.cleanup()
'''

PYPROJECT = """[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "hashbench-$dashed"
version = "0.1.0"
description = "$title, a $kind for hashbench"
requires-python = ">=3.11"
dependencies = ["hashbench"]

[project.entry-points."hashbench.${kind}s"]
$name = "$package:$attribute"

[tool.setuptools]
packages = [$packages]
"""
