"""What training sees of the labels: incomplete, noisy and sparse labels, as explicit masks.

Only training labels are ever touched, those of validation queries among them; relevance on test
queries uses the full ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from hashbench.datasets.base import BoolArray, IntArray
from hashbench.errors import DamagedFileError, InputError
from hashbench.files import npz
from hashbench.files.atomic import write_atomically
from hashbench.files.memory_budget import Budget
from hashbench.plan.spec import LabelSpec


@dataclass(frozen=True)
class VisibleLabels:
    """`labels` (n, C) bool where they are `known` (n, C) bool; unknown entries are False in both.

    `source` names their items and classes, so that they cannot be confused with others.
    """

    labels: BoolArray
    known: BoolArray
    source: str

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, index: IntArray) -> VisibleLabels:
        """Those of some of the items."""
        return VisibleLabels(self.labels[index], self.known[index], self.source)

    def check(self, source: str, shape: tuple[int, ...], *, where: object = None) -> None:
        """Raises InputError unless these are labels of what `source` names."""
        if self.labels.shape != shape or self.known.shape != shape or self.source != source:
            raise InputError(
                f"holds labels {self.labels.shape} of {self.source}, where the training items are "
                f"{shape} of {source}",
                where=where,
                remedy="the dataset has changed since: start a new run",
            )

    def save(self, path: Path) -> None:
        """Writes an .npz of plain arrays, whole or not at all, into a folder that exists."""

        def write(stream: IO[bytes]) -> None:
            np.savez_compressed(
                stream, labels=self.labels, known=self.known, source=np.array([self.source])
            )

        write_atomically(path, write, make_folder=False)

    @classmethod
    def load(cls, path: Path) -> VisibleLabels:
        """What `save` wrote. Raises DamagedFileError."""
        arrays_by_name = npz.read(path, Budget(path))
        labels, known, source = (arrays_by_name.get(name) for name in ("labels", "known", "source"))
        arrays = [part for part in (labels, known) if isinstance(part, np.ndarray)]
        if (
            len(arrays) != 2
            or not isinstance(source, list)
            or [part.dtype.kind for part in arrays] != ["b", "b"]
            or arrays[0].shape != arrays[1].shape
            or bool((arrays[0] & ~arrays[1]).any())
        ):
            raise DamagedFileError("does not hold visible labels", where=path)
        return cls(arrays[0], arrays[1], str(source[0]))


def visible_labels(
    labels: BoolArray, spec: LabelSpec, seed: int, source: str = ""
) -> VisibleLabels:
    """What is left of the full `labels` (n, C), and where.

    In this order: `sparsity` drops that share of the positives (they read as negatives), `noise`
    flips that share of all entries, and all but `known_ratio` of the entries become unknown, drawn
    uniformly over the grid (PCRIL, section 4.1: exactly int(n C (1 - ratio)) of them). Each draw is
    of a stream of its own, so that runs which differ in one of the three share the others.
    Raises InputError for a share that is none, and where no entry would be left.
    """
    _check(spec)
    dropping, flipping, hiding = np.random.default_rng([seed, 0x1ABE1]).spawn(3)
    seen = labels.copy()
    positives = np.flatnonzero(seen)
    dropped = dropping.permutation(positives)[: share_of(len(positives), spec.sparsity)]
    seen.flat[dropped] = False
    flipped = flipping.permutation(seen.size)[: share_of(seen.size, spec.noise)]
    seen.flat[flipped] = ~seen.flat[flipped]
    known = np.ones_like(seen)
    hidden = hiding.permutation(seen.size)[: share_of(seen.size, 1.0 - spec.known_ratio)]
    known.flat[hidden] = False
    if not known.any():
        raise InputError(
            f"a known ratio of {spec.known_ratio:g} hides all {seen.size:,} training labels",
            where="--known-ratio",
            remedy="a larger ratio, or a method that uses no labels with all of them known",
        )
    return VisibleLabels(seen & known, known, source)


def share_of(count: int, share: float) -> int:
    """int(count * share), where 0.3 + 0.7 is 1 also in floating point."""
    return int(count * share + 1e-9)


def _check(spec: LabelSpec) -> None:
    if not 0 < spec.known_ratio <= 1:
        raise InputError(
            f"{spec.known_ratio} is not a share of labels",
            where="--known-ratio",
            remedy="a number above 0 and up to 1, such as 0.3",
        )
    for option, share in (("--label-noise", spec.noise), ("--label-sparsity", spec.sparsity)):
        if not 0 <= share <= 1:
            raise InputError(f"{share} is not a share of labels", where=option)
