"""A metric fed batch by batch, in the manner of torchmetrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hashbench.api import distributed
from hashbench.api.arrays import GIVEN, CodesLike, LabelsLike, in_python, to_numpy
from hashbench.api.evaluation import Evaluation, evaluated, named_metrics
from hashbench.codefiles.convert import Zero
from hashbench.codefiles.load import RetrievalTask
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks

Role = Literal["query", "database"]
ROLES: tuple[Role, ...] = ("query", "database")
_WITHOUT_IDS, _WITH_IDS = 1, 2


@dataclass
class _Side:
    """The rows of one side so far, as bytes: 8 of the id, then the packed code, then the label
    set. `numbered` once ids were given.
    """

    rows: list[NDArray[np.uint8]] = field(default_factory=list)
    numbered: bool | None = None


class RetrievalMetric:
    """Collects codes and labels over batches and processes, and scores them exactly.

    `metrics` are names as `evaluate` takes them. `update` keeps a batch in packed form, a few dozen
    bytes an item; `compute` scores all of it, gathered over the processes of `torch.distributed`
    where a group is initialised (`sync=False` leaves that out); `reset` forgets it; `merge_state`
    takes over what another metric collected. Items that carry `ids` count once, however often they
    were seen, and stand in the order of their ids: padding of a distributed sampler changes
    nothing. Without ids items stand in the order of ranks and calls.

    >>> import hashbench
    >>> metric = hashbench.RetrievalMetric(["mAP@all"])
    >>> metric.update([[1, -1], [-1, -1]], [[1, 0], [0, 1]], role="database")
    >>> metric.update([[1, -1]], [[1, 0]], role="query")
    >>> metric.compute().value
    1.0
    """

    def __init__(
        self,
        metrics: Sequence[str] | str = ("mAP@all",),
        *,
        binarize: Literal["", "sign"] = "",
        zero: Zero = "refuse",
        sync: bool = True,
        threads: int | None = None,
    ) -> None:
        self.metrics = tuple(str(metric) for metric in named_metrics(metrics))
        if binarize not in ("", "sign"):
            raise InputError(
                f"{binarize!r} needs all codes at once",
                where="binarize",
                remedy='binarize="sign", or evaluate() on all codes',
            )
        self.binarize, self.zero, self.sync, self.threads = binarize, zero, sync, threads
        self.reset()

    def reset(self) -> None:
        """Forgets everything that was collected."""
        self._sides: dict[Role, _Side] = {role: _Side() for role in ROLES}
        self._widths: tuple[int, int] | None = None

    def update(
        self,
        codes: CodesLike,
        labels: LabelsLike,
        role: Role,
        ids: Sequence[int] | NDArray[np.integer[Any]] | None = None,
    ) -> None:
        """Adds a batch of queries or database items.

        `codes` (n, bits) of -1/+1, 0/1, booleans, or real values with `binarize`; `labels`
        (n, classes) of 0/1; `ids` (n,) whole numbers that tell items of one side apart. Raises
        InputError where they do not fit each other or earlier batches; nothing is added then.
        """
        if role not in ROLES:
            raise InputError(f"{role!r} is no role", where="role", remedy="query or database")
        with in_python():
            array = codes.to_bools() if isinstance(codes, Codes) else to_numpy(codes, "codes")
            if self.binarize:
                array = array >= 0
            packed = Codes.from_signs(array, zero=self.zero, where="codes")
            masks = labels
            if not isinstance(masks, LabelMasks):
                masks = LabelMasks.from_multi_hot(to_numpy(labels, "labels"), where="labels")
        if len(packed) != len(masks):
            raise InputError(f"{len(packed)} codes, but {len(masks)} rows of labels")
        widths = packed.bits, masks.classes
        if self._widths not in (None, widths):
            raise InputError(
                f"codes of {widths[0]} bits with {widths[1]} classes follow batches of "
                f"{self._widths[0]} bits with {self._widths[1]}",
                remedy="reset() begins anew",
            )
        side = self._sides[role]
        if side.rows and side.numbered != (ids is not None):
            raise InputError("some batches have ids and others have none", where="ids")
        self._widths, side.numbered = widths, ids is not None
        numbers = _numbers(ids, len(packed))
        parts = (numbers[:, None], packed.words, masks.words)
        side.rows.append(np.concatenate([_as_bytes(part) for part in parts], axis=1))

    def merge_state(self, other: RetrievalMetric) -> RetrievalMetric:
        """Adds what another metric collected, behind what is here; returns itself."""
        if None not in (self._widths, other._widths) and self._widths != other._widths:
            raise InputError(f"{other._widths} bits and classes do not fit {self._widths}")
        for role in ROLES:
            mine, theirs = self._sides[role], other._sides[role]
            if mine.rows and theirs.rows and mine.numbered != theirs.numbered:
                raise InputError("one of the metrics has ids and the other has none", where="ids")
        self._widths = self._widths or other._widths
        for role in ROLES:
            mine, theirs = self._sides[role], other._sides[role]
            mine.rows += theirs.rows
            mine.numbered = theirs.numbered if mine.numbered is None else mine.numbered
        return self

    def compute(self) -> Evaluation:
        """The scores of all that was collected, by every process. Raises InputError where there
        are no queries, no database, or no query with a relevant item.
        """
        bits, classes, *numbered = self._agreed()
        sides = [
            self._collected(role, bits, classes, numbered=known == _WITH_IDS)
            for role, known in zip(ROLES, numbered, strict=True)
        ]
        (query, query_labels), (database, database_labels) = sides
        task = RetrievalTask(GIVEN, "given", "", query, database, query_labels, database_labels)
        return evaluated(task, self.metrics, self.threads)

    def _agreed(self) -> list[int]:
        """Bits, classes, and whether queries and database have ids, as all processes say; 0 where
        none has seen an item. Raises InputError where they differ.
        """
        ids = (self._sides[role].numbered for role in ROLES)
        flags = [0 if known is None else _WITH_IDS if known else _WITHOUT_IDS for known in ids]
        mine = np.array([[*(self._widths or (0, 0)), *flags]], "<i8").view(np.uint8)
        said = np.concatenate(self._gathered(mine)).view("<i8")
        agreed = said.max(axis=0)
        if bool(((said != 0) & (said != agreed)).any()):
            raise InputError("processes hold codes of other lengths, other classes, or without ids")
        return [int(value) for value in agreed]

    def _gathered(self, rows: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        return distributed.gathered(rows) if self.sync else [rows]

    def _collected(
        self, role: Role, bits: int, classes: int, *, numbered: bool
    ) -> tuple[Codes, LabelMasks]:
        words = -(-bits // 64), -(-classes // 64)
        empty = np.zeros((0, 8 * (1 + sum(words))), np.uint8)
        mine = np.concatenate([empty, *self._sides[role].rows])
        rows = np.concatenate(self._gathered(mine))
        if not len(rows):
            raise InputError(f"no {role} items were given", remedy=f'update(..., role="{role}")')
        whole = np.ascontiguousarray(rows).view("<u8")
        if numbered:
            _, first = np.unique(whole[:, 0].view(np.int64), return_index=True)
            whole = whole[first]
        codes, labels = whole[:, 1 : 1 + words[0]], whole[:, 1 + words[0] :]
        return (
            Codes(np.ascontiguousarray(codes, np.uint64), bits),
            LabelMasks(np.ascontiguousarray(labels, np.uint64), classes),
        )

    def __call__(self, *batch: Any, **options: Any) -> None:
        """The same as `update`."""
        self.update(*batch, **options)

    def __repr__(self) -> str:
        counts = {role: sum(map(len, side.rows)) for role, side in self._sides.items()}
        return f"RetrievalMetric({', '.join(self.metrics)}; {counts})"


def _numbers(ids: Any, count: int) -> NDArray[np.int64]:
    """(count,) ids, zeros where there are none. Raises InputError."""
    if ids is None:
        return np.zeros(count, np.int64)
    numbers = to_numpy(ids, "ids")
    if numbers.shape != (count,) or numbers.dtype.kind not in "iu":
        raise InputError(
            f"{numbers.dtype} of shape {numbers.shape}; {count} whole numbers are expected",
            where="ids",
        )
    return numbers.astype(np.int64)


def _as_bytes(words: NDArray[Any]) -> NDArray[np.uint8]:
    little = np.ascontiguousarray(words.astype(words.dtype.newbyteorder("<")))
    return little.view(np.uint8).reshape(len(words), -1)
