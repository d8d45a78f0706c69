"""Metrics as values: a name says every convention, parses into a `Metric`, and prints back.

    [direction:]kind@cut[/hits][(option=value,...)]

    mAP@all                     mean average precision of the whole ranking
    mAP@50                      of the first 50 ranks, divided by min(50, R)
    mAP@50/hits                 ... divided by the relevant items among those 50
    mAP@first50                 mean precision at the first 50 relevant items, wherever they rank
    P@100  R@100                precision and recall of the first 100 ranks
    P@r2   R@r2                 precision and recall within Hamming radius 2
    nDCG@100  nDCG@all          graded by the number of shared labels

R is the number of relevant database items of a query. Options, the default first:

    tie=expected|index|best|worst   how items at one distance are ordered: the mean over all orders,
                                    database order, or the order that helps or hurts the value most
    empty=exclude|zero              queries without relevant items: left out and counted, or 0
    gain=linear|exp                 nDCG only: a gain of s, or 2^s - 1, for s shared labels
    distance=hamming|adsh           adsh: the byte table of the ADSH release, which counts 7 where
                                    all 8 bits of a byte differ

The direction (i2t, t2i, i2i, t2t, mm) only labels the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Literal

from hashbench.errors import InputError, UnknownNameError

Kind = Literal["mAP", "P", "R", "nDCG"]
CutKind = Literal["all", "rank", "first", "radius"]
Denominator = Literal["relevant", "hits"]
Tie = Literal["expected", "index", "best", "worst"]
Empty = Literal["exclude", "zero"]
Gain = Literal["linear", "exp"]
Distance = Literal["hamming", "adsh"]

KINDS: tuple[Kind, ...] = ("mAP", "P", "R", "nDCG")
DIRECTIONS = ("i2t", "t2i", "i2i", "t2t", "mm")
OPTIONS: dict[str, tuple[str, ...]] = {
    "tie": ("expected", "index", "best", "worst"),
    "empty": ("exclude", "zero"),
    "gain": ("linear", "exp"),
    "distance": ("hamming", "adsh"),
}
EXAMPLES = (
    "mAP@all", "mAP@50", "mAP@50/hits", "mAP@first50", "P@100", "R@100", "P@r2", "R@r2",
    "nDCG@100", "nDCG@all",
)  # fmt: skip
_CUTS: dict[str, tuple[CutKind, ...]] = {
    "mAP": ("all", "rank", "first"),
    "P": ("rank", "radius"),
    "R": ("rank", "radius"),
    "nDCG": ("all", "rank"),
}
_NAME = re.compile(
    r"(?:(?P<direction>\w+):)?(?P<kind>[A-Za-z]+)@(?P<cut>[A-Za-z]*)(?P<number>\d*)"
    r"(?P<hits>/hits)?(?:\((?P<options>[^()]*)\))?"
)
_BETWEEN_NAMES = re.compile(r"[,\s]+(?![^()]*\))")


@dataclass(frozen=True)
class Metric:
    """One metric with all its conventions; `str(metric)` is its name, `parse_metric` the inverse.

    `number` is K or the radius, 0 for the whole ranking. Raises InputError where conventions
    contradict each other.
    """

    kind: Kind
    cut: CutKind = "all"
    number: int = 0
    denominator: Denominator = "relevant"
    tie: Tie = "expected"
    empty: Empty = "exclude"
    gain: Gain = "linear"
    distance: Distance = "hamming"
    direction: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownNameError("metric", self.kind, KINDS)
        for option, values in OPTIONS.items():
            if getattr(self, option) not in values:
                raise UnknownNameError(f"{option} rule", getattr(self, option), values)
        if self.direction and self.direction not in DIRECTIONS:
            raise UnknownNameError("direction", self.direction, DIRECTIONS)
        if self.cut not in _CUTS[self.kind]:
            raise InputError(
                f"{self.kind} has no cut-off {self._cut_text()!r}",
                remedy="valid: " + ", ".join(e for e in EXAMPLES if e.startswith(f"{self.kind}@")),
            )
        if (self.cut in ("rank", "first") and self.number < 1) or self.number < 0:
            raise InputError(f"{self}: the cut-off must be at least 1")
        if self.cut == "all" and self.number:
            raise InputError(f"{self.kind}@all takes no number, got {self.number}")
        if self.denominator == "hits" and (self.kind, self.cut) != ("mAP", "rank"):
            raise InputError(
                f"{self}: only mAP@K can be divided by the hits", remedy="write mAP@50/hits"
            )
        if self.gain != "linear" and self.kind != "nDCG":
            raise InputError(f"{self}: gain belongs to nDCG only")
        if self.tie != "expected" and self.cut == "radius":
            raise InputError(f"{self}: within a radius no order matters, so there is no tie rule")

    def __str__(self) -> str:
        given = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if field.name in OPTIONS and getattr(self, field.name) != field.default
        ]
        return (
            (f"{self.direction}:" if self.direction else "")
            + f"{self.kind}@{self._cut_text()}"
            + ("/hits" if self.denominator == "hits" else "")
            + (f"({','.join(given)})" if given else "")
        )

    def _cut_text(self) -> str:
        prefix = {"all": "all", "rank": "", "first": "first", "radius": "r"}[self.cut]
        return prefix if self.cut == "all" else f"{prefix}{self.number}"

    @property
    def has_ties(self) -> bool:
        """Whether the order within ties can change the value."""
        return self.cut != "radius"

    def with_tie(self, tie: Tie) -> Metric:
        """The same metric under another tie rule."""
        return replace(self, tie=tie)


def parse_metric(name: str) -> Metric:
    """The metric that `name` says; InputError or UnknownNameError with the nearest valid name."""
    match = _NAME.fullmatch(name.strip())
    if match is None:
        raise UnknownNameError("metric", name, EXAMPLES)
    by_lower = {kind.lower(): kind for kind in KINDS}
    kind = by_lower.get(match["kind"].lower())
    cut: CutKind | None = {"all": "all", "": "rank", "first": "first", "r": "radius"}.get(
        match["cut"].lower()
    )  # type: ignore[assignment]
    if kind is None or cut is None or (cut != "all") != bool(match["number"]):
        raise UnknownNameError("metric", name, EXAMPLES)
    options: dict[str, str] = {}
    for part in filter(None, (text.strip() for text in (match["options"] or "").split(","))):
        option, _, value = (text.strip() for text in part.partition("="))
        if option not in OPTIONS:
            raise UnknownNameError("metric option", option, OPTIONS, where=name)
        if option in options:
            raise InputError(f"{option} is given twice", where=name)
        if value not in OPTIONS[option]:
            raise UnknownNameError(f"{option} rule", value, OPTIONS[option], where=name)
        options[option] = value
    return Metric(
        kind=kind,
        cut=cut,
        number=int(match["number"] or 0),
        denominator="hits" if match["hits"] else "relevant",
        direction=match["direction"] or "",
        **options,  # type: ignore[arg-type]
    )


def parse_metrics(names: str) -> list[Metric]:
    """Metrics from a list separated by commas or spaces; commas inside parentheses do not split."""
    parts = [part for part in _BETWEEN_NAMES.split(names.strip()) if part]
    if not parts:
        raise InputError("no metric given", remedy="for example: " + ", ".join(EXAMPLES))
    return [parse_metric(part) for part in parts]
