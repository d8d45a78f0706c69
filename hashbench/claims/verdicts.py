"""Whether what a run claims is true: everything in its result is computed again.

A person who edits a number can compute new digests, too, so digests are only the first check: each
score is recomputed from the codes; where the dataset is at hand, the items and labels of the codes
are compared with its split; where the encoder is, it makes the codes anew and is audited again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hashbench.claims.bundle_format import SPLIT
from hashbench.codefiles.native import CodeSet, read_codes
from hashbench.errors import DamagedFileError, InputError
from hashbench.metrics.codes import code_facts
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.random_floor import random_floors
from hashbench.metrics.ranking import evaluate
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.runs import result as results
from hashbench.runs import seal
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import Result

if TYPE_CHECKING:
    from hashbench.engine.verification import Progress

TOLERANCE = 1e-9
"""Machines may add in another order; whoever edits a score changes more."""
SHOWN = 3  # differences that a verdict names; the number of the others is said


@dataclass(frozen=True)
class Verdict:
    """One thing that was checked: whether it holds (None: it could not be checked), and a
    sentence that says what was found.
    """

    check: str
    holds: bool | None
    text: str


@dataclass(frozen=True)
class Verified:
    """The verdicts on one run."""

    run: str
    verdicts: tuple[Verdict, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether nothing that could be checked is wrong."""
        return all(verdict.holds is not False for verdict in self.verdicts)


def verify(
    run: RunFolder,
    data_dir: Path,
    *,
    listed: Sequence[str] = (),
    encoder: bool = True,
    progress: Progress | None = None,
) -> Verified:
    """Checks a finished run: files, digests, scores, codes, split, and the encoder's audit.

    `listed` are problems that the list of a bundle's files showed already. Without `encoder` the
    codes are not made anew, which can take as long as encoding the dataset did. Raises InputError
    for a run that has no result.
    """
    if not (listed or run.result.is_file()):
        raise InputError(
            "has no result, so it claims nothing",
            where=run.id,
            remedy="only a finished run can be verified",
        )
    try:
        spec, result = specs.read(run.spec), results.read(run.result)
    except DamagedFileError as error:
        return Verified(run.id, (_verdict("files", [*listed, _in_a_line(error)], ""),))
    digests = _digests(run, spec, result, listed)
    try:
        codes = read_codes(run.codes)
    except InputError as error:
        missing = Verdict("scores", False, f"no score can be recomputed: codes {error.problem}")
        return Verified(run.id, (digests, missing))
    verdicts = (
        digests,
        _scores(spec, result, codes),
        _codes(spec, result, codes),
        _split(with_own_split(spec, run), result, codes, data_dir),
        _encoder(run, spec, result, codes, data_dir, progress)
        if encoder
        else Verdict("encoder", None, "not asked for"),
    )
    return Verified(run.id, verdicts)


def with_own_split(spec: RunSpec, run: RunFolder) -> RunSpec:
    """The spec, its split being the file that a bundle has beside it, if any."""
    beside = run.path / SPLIT
    if spec.dataset.split != SPLIT or not beside.is_file():
        return spec
    dataset = msgspec.structs.replace(spec.dataset, split=str(beside))
    return msgspec.structs.replace(spec, dataset=dataset)


def _in_a_line(error: Exception) -> str:
    return str(error).replace("\n", ";")


def _verdict(check: str, problems: Sequence[str], otherwise: str) -> Verdict:
    """What is wrong, or else that the check holds."""
    more = f"; and {len(problems) - SHOWN:,} more" if len(problems) > SHOWN else ""
    text = "; ".join(problems[:SHOWN]) + more if problems else otherwise
    return Verdict(check, not problems, text)


def _digests(run: RunFolder, spec: RunSpec, result: Result, listed: Sequence[str]) -> Verdict:
    problems = [*listed, *seal.changes(run, spec, result)]
    if result.run != run.id:
        problems.append(f"the result is that of {result.run}")
    if not problems and not result.digest:
        return Verdict("digests", None, "an earlier version wrote the result, without digests")
    return _verdict("digests", problems, "spec, result and codes are those that were scored")


def _scores(spec: RunSpec, result: Result, codes: Sequence[CodeSet]) -> Verdict:
    """Every number of the result that follows from the codes, computed again."""
    lengths = {str(one.bits) for one in codes}
    problems = [
        f"there are scores or codes of {bits} bits, but not both"
        for bits in sorted({*map(str, spec.bits), *result.scores} ^ lengths)
    ]
    count = 0
    for one in codes:
        claimed = dict(_claimed(result, str(one.bits)))
        count += len(claimed)
        try:
            real = dict(_recomputed(result, one))
        except (InputError, KeyError) as error:
            problems.append(f"{one.bits} bits: {_in_a_line(error)}")
            continue
        problems += [
            f"{name} at {one.bits} bits is {real.get(name, math.nan):.6g}, not {value:.6g}"
            for name, value in claimed.items()
            if not _equal(value, real.get(name))
        ]
    return _verdict("scores", problems, f"{count:,} numbers recomputed from the codes are equal")


def _claimed(result: Result, bits: str) -> Iterator[tuple[str, float]]:
    """Each number of a bit length under a name of its own."""
    for direction, metrics in result.scores.get(bits, {}).items():
        yield from ((f"{direction} {metric}", value) for metric, value in metrics.items())
    for metric, value in result.floors.get(bits, {}).items():
        yield f"floor of {metric}", value
    for modality, facts in result.codes.get(bits, {}).items():
        yield from ((f"{fact} of {modality} codes", value) for fact, value in facts.items())
    yield "number of queries without a relevant item", float(result.without_relevant)


def _recomputed(result: Result, codes: CodeSet) -> Iterator[tuple[str, float]]:
    """The same numbers from the codes. Raises InputError, KeyError for what codes cannot give."""
    bits, labels = str(codes.bits), (codes.query_labels, codes.database_labels)
    metrics = [parse_metric(name) for name in next(iter(result.scores.get(bits, {}).values()), {})]
    for direction in result.directions:
        scores = evaluate(*codes.sides(direction), *labels, metrics)
        yield from ((f"{direction} {score.metric}", score.value) for score in scores)
        without = scores[0].without_relevant
        yield "number of queries without a relevant item", float(without)
    with_floors = [parse_metric(name) for name in result.floors.get(bits, {})]
    for metric, floor in random_floors(with_floors, *labels, codes.bits).items():
        if floor is not None:
            yield f"floor of {metric}", floor
    for modality, part in codes.database.items():
        facts = code_facts(part)
        for fact in ("distinct", "balance", "constant"):
            yield f"{fact} of {modality} codes", float(getattr(facts, fact))


def _equal(claimed: float, real: float | None) -> bool:
    return real is not None and math.isclose(claimed, real, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _codes(spec: RunSpec, result: Result, codes: Sequence[CodeSet]) -> Verdict:
    """Whether the codes are of the split's size, each item once and no query in the database."""
    problems: list[str] = []
    for one in codes:
        for side, ids, labels in (
            ("query", one.query_ids, one.query_labels),
            ("database", one.database_ids, one.database_labels),
        ):
            if len(labels) != result.split[side]:
                sizes = f"{len(labels):,} {side} items, the split says {result.split[side]:,}"
                problems.append(f"{one.bits} bits: {sizes}")
            if len(set(ids)) != len(ids):
                problems.append(f"{one.bits} bits: a {side} item is there twice")
        if both := set(one.query_ids) & set(one.database_ids):
            problems.append(f"{one.bits} bits: query {min(both)} is in the database, too")
    if (spec.protocol, spec.select) != (result.protocol, result.selected["by"]):
        problems.append("the result is of another protocol, or of an epoch chosen otherwise")
    return _verdict("codes", problems, "the items of the codes are those of a split of their size")


def _split(spec: RunSpec, result: Result, codes: Sequence[CodeSet], data_dir: Path) -> Verdict:
    from hashbench.engine.verification import split_problems  # torch, only for what needs it

    try:
        problems = split_problems(spec, result, codes, data_dir)
    except InputError as error:
        return Verdict("split", None, f"the dataset is not at hand: {error.problem}")
    return _verdict("split", problems, "items and labels are those of the dataset's split")


def _encoder(
    run: RunFolder,
    spec: RunSpec,
    result: Result,
    codes: Sequence[CodeSet],
    data_dir: Path,
    progress: Progress | None,
) -> Verdict:
    if spec.imported:
        return Verdict("encoder", None, "imported codes have no encoder")
    if not run.checkpoint.is_dir():
        text = "the encoder is not at hand; `hashbench run --from` trains it again"
        return Verdict("encoder", None, text)
    from hashbench.engine.verification import encoder_problems

    try:
        problems = encoder_problems(run, spec, result, codes, data_dir, progress)
    except DamagedFileError as error:
        return Verdict("encoder", False, _in_a_line(error))
    except InputError as error:
        return Verdict("encoder", None, f"cannot encode here: {error.problem}")
    audit = result.audit.verdict
    return _verdict("encoder", problems, f"it makes these codes again; audited again: {audit}")
