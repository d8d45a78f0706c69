"""The contract of a method, tried end to end on the small built-in dataset."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hashbench.codefiles.native import CodeSet, read_codes
from hashbench.methods.base import Method
from hashbench.plan import catalog
from hashbench.plan.card_rules import broken_method_rules
from hashbench.runs import events, result
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import Result
from hashbench.runs.tailer import read_all
from hashbench.testing import short_runs
from hashbench.testing.verdict import Checks, ContractBrokenError

EPOCHS = 2  # the fewest with a step after an epoch's end, where a run is interrupted
KNOWN = 0.3
STATE = (
    "all that a resumed run needs has to be a parameter or a buffer of the method, or follow from "
    "its context; random draws come from torch's global generator"
)
ENCODERS = (
    ("encode_image", ["self", "images"]),
    ("encode_text", ["self", "texts"]),
    ("encode_mm", ["self", "images", "texts", "available"]),
)


class MethodChecks(Checks):
    """Checks the method of that name. Runs are made below `folder`, features of the built-in data
    are kept below `data_dir`.
    """

    def __init__(self, name: str, folder: Path, data_dir: Path) -> None:
        self._card = catalog.method(name, where="methods check")
        self._folder, self._data_dir = folder, data_dir
        table = {
            "card": self._check_card,
            "encoders": self._check_encoders,
            "trains": self._check_training,
            "audit": self._check_audit,
            "batches": self._check_batches,
            "resumes": self._check_resuming,
            "unknown labels": self._check_unknown_labels,
        }
        needs = dict.fromkeys(("audit", "batches", "resumes", "unknown labels"), "trains")
        needs["trains"] = "encoders"
        source = catalog.source_of("method", name) or "built in"
        super().__init__(name, source, table, needs)

    def _check_card(self) -> str:
        if broken := broken_method_rules(self._card):
            raise ContractBrokenError("; ".join(broken), "the CARD is what has to be mended")
        return f"{len(self._card.params)} parameters, {len(self._card.ablations)} ablations"

    def _check_encoders(self) -> str:
        made = catalog.load(self._card.entry)
        if not (isinstance(made, type) and issubclass(made, Method)):
            raise ContractBrokenError(
                f"{self._card.entry} is no subclass of hashbench.methods.base.Method"
            )
        for name, wanted in ENCODERS:
            given = list(inspect.signature(getattr(made, name)).parameters)
            if given != wanted:
                raise ContractBrokenError(
                    f"{name} takes {', '.join(given)}, not {', '.join(wanted)}",
                    "an encoder sees nothing but the features of its items",
                )
        return "no argument for labels or the other modality"

    def _check_training(self) -> str:
        run = self._plain_run
        written = read_all(run.events)
        for problem in _reporting_problems(written):
            raise ContractBrokenError(problem)
        scored = self._result
        for direction in self._card.directions:
            scores = scored.scores[str(short_runs.BITS)][direction]
            worst, best = scores["mAP@all(tie=worst)"], scores["mAP@all(tie=best)"]
            if not 0 < worst <= scores["mAP@all"] <= best <= 1:
                raise ContractBrokenError(f"{direction}: mAP is {scores['mAP@all']}")
        (codes,) = read_codes(run.codes)
        for modality, one in codes.database.items():
            if one.bits != short_runs.BITS or len(one) != scored.split["database"]:
                raise ContractBrokenError(f"codes of {modality} are {len(one)} of {one.bits} bits")
        maps = {d: scored.scores[str(short_runs.BITS)][d]["mAP@all"] for d in self._card.directions}
        floor = scored.floors[str(short_runs.BITS)]["mAP@all"]
        listed = ", ".join(f"{direction} {value:.3f}" for direction, value in maps.items())
        return f"mAP@all {listed} after a short training; random codes {floor:.3f}"

    def _check_audit(self) -> str:
        audit = self._result.audit
        shares = {"labels": audit.labels, "the paired modality": audit.paired}
        leaks = [f"{share:.1%} with {name}" for name, share in shares.items() if share]
        if self._card.published_only:
            if not leaks:
                raise ContractBrokenError("its card says that it leaks, and no leak is found")
            return f"leaks as its card says: bits change {', '.join(leaks)}"
        if leaks:
            raise ContractBrokenError(
                f"bits of codes change {', '.join(leaks)}",
                "what training saw must not be looked up again when items are encoded",
            )
        return f"no bit of {audit.sample} items changes with labels or the paired modality"

    def _check_batches(self) -> str:
        audit = self._result.audit
        if audit.batch and not self._card.published_only:
            raise ContractBrokenError(
                f"{audit.batch:.1%} of the bits change with the batch that an item is encoded in",
                "no statistic of the batch at encoding: self.eval() ends those of batch norm",
            )
        return "codes are the same in another order and in batches of other sizes"

    def _check_resuming(self) -> str:
        run = self._make()
        moment = _Moment(trains=bool(self._card.epoch_params))
        if not short_runs.interrupt(run, self._data_dir, moment):
            raise ContractBrokenError("the run came to its end before it could be interrupted")
        short_runs.finish(run, self._data_dir)
        for problem in _differences(self._plain_run, run):
            raise ContractBrokenError(f"{problem} after a stop {moment.words}", STATE)
        return f"equal bytes after a stop {moment.words}"

    def _check_unknown_labels(self) -> str:
        conditions = ["negative"] if self._card.own_unknown else ["negative", "ignore"]
        for unknown in conditions:
            run = self._make(known_ratio=KNOWN, unknown=unknown)
            short_runs.finish(run, self._data_dir)
            for problem in _reporting_problems(read_all(run.events)):
                raise ContractBrokenError(f"{problem} with --unknown {unknown}")
        seen = f"{KNOWN:.0%} of the labels known"
        return f"trains with {seen}, unknown pairs {' or '.join(map(_taken, conditions))}"

    def _make(self, **request: Any) -> RunFolder:
        return short_runs.make(
            self._folder,
            method=[self.name],
            epochs=EPOCHS if self._card.epoch_params else None,
            protocol="published" if self._card.published_only else "strict",
            **request,
        )

    @functools.cached_property
    def _plain_run(self) -> RunFolder:
        run = self._make()
        short_runs.finish(run, self._data_dir)
        return run

    @functools.cached_property
    def _result(self) -> Result:
        return result.read(self._plain_run.result)


def _taken(unknown: str) -> str:
    return {"negative": "taken for dissimilar", "ignore": "left out"}[unknown]


class _Moment:
    """When a run is interrupted: in the midst of the second epoch, or, where nothing is trained,
    after the first checkpoint.
    """

    def __init__(self, *, trains: bool) -> None:
        self._trains = trains
        self._over = False
        self.words = "in the second epoch" if trains else "after the first checkpoint"

    def __call__(self, event: events.AnyEvent) -> str:
        kind = events.EpochEnded if self._trains else events.Saved
        if self._over or not isinstance(event, kind):
            return ""
        self._over = True
        return "stop" if self._trains else "kill"


def _reporting_problems(written: Sequence[events.AnyEvent]) -> Iterator[str]:
    """What is wrong with the events of a finished run: losses, epochs, and when test was scored."""
    if not (written and isinstance(written[-1], events.Finished)):
        yield "the run did not finish"
    epochs = [event for event in written if isinstance(event, events.EpochEnded)]
    for planned in (event for event in written if isinstance(event, events.Planned)):
        for stage in planned.stages:
            done = [epoch for epoch in epochs if epoch.stage == stage.name]
            if len(done) != stage.epochs:
                yield f"stage {stage.name} planned {stage.epochs} epochs and did {len(done)}"
    for epoch in epochs:
        for name, value in epoch.values.items():
            if value is None or not math.isfinite(value):
                yield f"the loss {name} of epoch {epoch.epoch} is not finite"
        if "total" not in epoch.values:
            yield f"epoch {epoch.epoch} has no total loss"
    tests = [e for e in written if isinstance(e, events.Scores) and e.on == "test"]
    last = max(e.seq for e in written if isinstance(e, events.EpochEnded | events.StageBegan))
    if len(tests) != 1 or tests[0].seq < last:
        yield "test queries were not scored once, at the end"


def _differences(plain: RunFolder, resumed: RunFolder) -> Iterator[str]:
    """How the code files of two runs differ."""
    digests = [result.read(run.result).code_digests for run in (plain, resumed)]
    if digests[0] == digests[1]:
        return
    for before, after in zip(read_codes(plain.codes), read_codes(resumed.codes), strict=True):
        changed, of = _changed_bits(before, after)
        yield f"{changed:,} of {of:,} bits of codes differ"


def _changed_bits(before: CodeSet, after: CodeSet) -> tuple[int, int]:
    sides = ((before.query, after.query), (before.database, after.database))
    pairs = [
        (one.to_bools(), second[modality].to_bools())
        for first, second in sides
        for modality, one in first.items()
    ]
    return sum(int(np.sum(a != b)) for a, b in pairs), sum(a.size for a, _ in pairs)
