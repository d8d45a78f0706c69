"""Metrics as values: a name says every convention, parses into a `Metric`, and prints back.

    [direction:]measure@cut[/value][(option=value,...)]

    mAP@all                     mean average precision of the whole ranking
    mAP@50                      of the first 50 ranks, divided by min(50, R)
    mAP@50/hits                 ... divided by the relevant items among those 50
    mAP@first50                 mean precision at the first 50 relevant items, wherever they rank
    P@100  R@100                precision and recall of the first 100 ranks
    P@r2   R@r2                 precision and recall within Hamming radius 2
    nDCG@100  nDCG@all          graded by the number of shared labels

R is the number of relevant database items of a query. The measures are the files of
`hashbench.metrics.measures`. Options of every measure, the default first:

    tie=expected|index|best|worst   how items at one distance are ordered: the mean over all orders,
                                    database order, or the order that helps or hurts the value most
    empty=exclude|zero              queries without relevant items: left out and counted, or 0
    distance=hamming|adsh           adsh: the byte table of the ADSH release, which counts 7 where
                                    all 8 bits of a byte differ

and of nDCG alone: gain=linear|exp, a gain of s, or 2^s - 1, for s shared labels.
The direction (i2t, t2i, i2i, t2t, mm) only labels the value. Names are read in any case of letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, cast

from hashbench.errors import InputError, UnknownNameError
from hashbench.metrics import catalog
from hashbench.metrics.measure import Cut, Measure, Option
from hashbench.plan.directions import DIRECTIONS

Tie = Literal["expected", "index", "best", "worst"]
Empty = Literal["exclude", "zero"]
Distance = Literal["hamming", "adsh"]

OPTIONS: dict[str, tuple[str, ...]] = {
    "tie": ("expected", "index", "best", "worst"),
    "empty": ("exclude", "zero"),
    "distance": ("hamming", "adsh"),
}
_CUT_PREFIXES: dict[Cut, str] = {"all": "all", "rank": "", "first": "first", "radius": "r"}
_NAME = re.compile(
    r"(?:(?P<direction>\w+):)?(?P<measure>[A-Za-z]\w*)@(?P<cut>[A-Za-z]*)(?P<number>\d*)"
    r"(?:/(?P<slash>\w+))?(?:\((?P<options>[^()]*)\))?"
)
_BETWEEN_NAMES = re.compile(r"[,\s]+(?![^()]*\))")


@dataclass(frozen=True)
class Metric:
    """One metric with all its conventions; `str(metric)` is its name, `parse_metric` the inverse.

    `number` is K or the radius, 0 for the whole ranking. `own` holds the options of the measure
    that are not at their defaults, as (name, value). Raises InputError where conventions
    contradict each other.
    """

    measure: str
    cut: Cut = "all"
    number: int = 0
    tie: Tie = "expected"
    empty: Empty = "exclude"
    distance: Distance = "hamming"
    own: tuple[tuple[str, str], ...] = ()
    direction: str = ""

    def __post_init__(self) -> None:
        card = self.card
        for option, values in OPTIONS.items():
            if getattr(self, option) not in values:
                raise UnknownNameError(f"{option} rule", getattr(self, option), values)
        if self.direction and self.direction not in DIRECTIONS:
            raise UnknownNameError("direction", self.direction, DIRECTIONS)
        if self.cut not in card.cuts:
            raise InputError(
                f"{self.measure} has no cut-off {self._cut_text()!r}",
                remedy="valid: " + ", ".join(card.examples),
            )
        if (self.cut in ("rank", "first") and self.number < 1) or self.number < 0:
            raise InputError(f"{self}: the cut-off must be at least 1")
        if self.cut == "all" and self.number:
            raise InputError(f"{self.measure}@all takes no number, got {self.number}")
        if self.tie != "expected" and self.cut == "radius":
            raise InputError(f"{self}: within a radius no order matters, so there is no tie rule")
        for name, value in self.own:
            _check_own(self, card, name, value)

    def __str__(self) -> str:
        slash = [f"/{self.option(option.name)}" for option in self.card.options
                 if option.slash and self._is_set(option)]  # fmt: skip
        given = [
            f"{name}={getattr(self, name)}"
            for name, values in OPTIONS.items()
            if getattr(self, name) != values[0]
        ]
        given += [
            f"{option.name}={self.option(option.name)}"
            for option in self.card.options
            if not option.slash and self._is_set(option)
        ]
        return (
            (f"{self.direction}:" if self.direction else "")
            + f"{self.measure}@{self._cut_text()}"
            + "".join(slash)
            + (f"({','.join(given)})" if given else "")
        )

    def _cut_text(self) -> str:
        prefix = _CUT_PREFIXES[self.cut]
        return prefix if self.cut == "all" else f"{prefix}{self.number}"

    def _is_set(self, option: Option) -> bool:
        return any(name == option.name for name, _ in self.own)

    @property
    def card(self) -> Measure:
        """The measure. Raises UnknownNameError."""
        return catalog.measure(self.measure)

    def option(self, name: str) -> str:
        """The value of an option that the measure has of its own."""
        option = self.card.option(name)
        if option is None:
            raise InputError(f"{self.measure} has no option {name}")
        return dict(self.own).get(name, option.values[0])

    @property
    def has_ties(self) -> bool:
        """Whether the order within ties can change the value."""
        return self.cut != "radius"

    def with_tie(self, tie: Tie) -> Metric:
        """The same metric under another tie rule."""
        return replace(self, tie=tie)


def _check_own(metric: Metric, card: Measure, name: str, value: str) -> None:
    """Raises InputError for an option that the measure lacks, or not at this cut-off."""
    option = card.option(name)
    if option is None or value not in option.values:
        raise InputError(f"{card.name} has no option {name}={value}")
    if value == option.values[0]:
        raise InputError(f"{name}={value} is the default of {card.name} and is not written")
    if metric.cut not in option.cuts:
        written = f"/{value}" if option.slash else f"{name}={value}"
        raise InputError(
            f"{metric}: {written} does not go with this cut-off",
            remedy=f"for example {card.name}@50{written}" if option.slash else None,
        )


def parse_metric(name: str, where: object = None) -> Metric:
    """The metric that `name` says. Raises InputError, or UnknownNameError with the nearest valid
    name; `where` is the option or key that it was given by.
    """
    match = _NAME.fullmatch(name.strip())
    if match is None:
        raise UnknownNameError("metric", name, catalog.examples(), where=where)
    card = catalog.find_measure(match["measure"])
    by_prefix = {prefix: cut for cut, prefix in _CUT_PREFIXES.items()}
    cut = by_prefix.get(match["cut"].lower())
    if card is None or cut is None or (cut != "all") != bool(match["number"]):
        raise UnknownNameError("metric", name, catalog.examples(), where=where)
    shared: dict[str, str] = {}
    own: dict[str, str] = {}
    if match["slash"]:
        own |= _slash_option(card, match["slash"].lower(), name)
    for part in filter(None, (text.strip() for text in (match["options"] or "").split(","))):
        option, _, value = (text.strip().lower() for text in part.partition("="))
        values = OPTIONS | {one.name: one.values for one in card.options if not one.slash}
        if option not in values:
            raise UnknownNameError(f"option of {card.name}", option, values, where=name)
        if option in shared or option in own:
            raise InputError(f"{option} is given twice", where=name)
        if value not in values[option]:
            raise UnknownNameError(f"{option} rule", value, values[option], where=name)
        (shared if option in OPTIONS else own)[option] = value
    written = tuple(
        (one.name, own[one.name]) for one in card.options
        if own.get(one.name, one.values[0]) != one.values[0]
    )  # fmt: skip
    return Metric(
        measure=card.name,
        cut=cut,
        number=int(match["number"] or 0),
        tie=cast("Tie", shared.get("tie", "expected")),
        empty=cast("Empty", shared.get("empty", "exclude")),
        distance=cast("Distance", shared.get("distance", "hamming")),
        own=written,
        direction=(match["direction"] or "").lower(),
    )


def _slash_option(card: Measure, value: str, where: str) -> dict[str, str]:
    """The option that is written `/value`. Raises InputError where the measure has none such."""
    for option in card.options:
        if option.slash and value in option.values:
            return {option.name: value}
    with_slash = [name for name in catalog.examples() if "/" in name]
    raise InputError(
        f"{card.name} has no /{value}", where=where, remedy=f"such as {', '.join(with_slash)}"
    )


def parse_metrics(names: str, where: object = None) -> list[Metric]:
    """Metrics from a list separated by commas or spaces; commas inside parentheses do not split."""
    parts = [part for part in _BETWEEN_NAMES.split(names.strip()) if part]
    if not parts:
        examples = ", ".join(catalog.examples())
        raise InputError("no metric given", where=where, remedy=f"for example: {examples}")
    return [parse_metric(part, where) for part in parts]
