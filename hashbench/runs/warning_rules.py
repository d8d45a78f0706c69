"""How a training that fails looks: one rule a signature, each with the figure that it reads.

A rule reads one figure of one stage, epoch by epoch, and nothing else but the latest values beside
it. The thresholds were set so that no rule speaks in the default runs of the four prompt-guided
methods, and that each does in a run that really fails (tests/engine/test_warnings.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

PATIENCE = 3  # epochs that a bad value must last, where one alone may be an accident
CHANCE_PHI1 = math.log(2)  # of a pair about which the codes say nothing
VALIDATION_MAP = "validation mAP"
RECOVERY_PRECISION = "recovery precision"
RECOVERY_FIGURES = {"precision": RECOVERY_PRECISION}
"""Values of a recovery event -> their figures, where a name alone would say too little."""
LABEL_MAP = "image-to-label mAP"


@dataclass(frozen=True)
class Reading:
    """A figure so far: its values by epoch in one stage of `epochs`, the newest last, and the
    latest values of all figures of that stage.
    """

    values: Sequence[float]
    epochs: int
    latest: Mapping[str, float]

    @property
    def now(self) -> float:
        """The newest value."""
        return self.values[-1]

    def past(self, share: float) -> bool:
        """Whether so large a share of the stage is over, and PATIENCE epochs at least."""
        return len(self.values) >= max(PATIENCE, math.ceil(share * self.epochs))

    def lasts(self, bad: Callable[[float], bool]) -> bool:
        """Whether the last PATIENCE values are all bad."""
        return len(self.values) >= PATIENCE and all(map(bad, self.values[-PATIENCE:]))


Measure = Callable[[Reading], float | None]
"""The number that is held against the threshold; None while it is too early to tell."""


@dataclass(frozen=True)
class Rule:
    """Speaks where what `measure` makes of one of the `figures` is on the wrong side of
    `threshold`: above it, or below it where `below`. `sentence` has {now}, {measured}
    in it; `advice` says what to try. Stages in `not_in` are left out.
    """

    name: str
    figures: tuple[str, ...]
    threshold: float
    sentence: str
    advice: str
    measure: Measure
    below: bool = False
    not_in: tuple[str, ...] = ()

    def broken(self, measured: float) -> bool:
        """Whether a measured value is on the wrong side."""
        return measured < self.threshold if self.below else measured > self.threshold


def _plateau(reading: Reading) -> float | None:
    """The largest fall so far, in units of the first value, while Phi1 is still at chance."""
    first = reading.values[0]
    if not reading.past(0.25) or reading.now < 0.9 * CHANCE_PHI1 or first <= 0:
        return None
    return 1.0 - min(reading.values) / first


def _above_chance(reading: Reading) -> float | None:
    """How much of the way from random codes to perfect ones was gone."""
    floor = reading.latest.get(f"{LABEL_MAP} (random)")
    return None if floor is None or floor >= 1 else (reading.now - floor) / (1.0 - floor)


def _lost_of_best(reading: Reading) -> float | None:
    """What the values of the last tenth of a stage, all of them, have lost of the best before,
    relative to it: few validation queries make single epochs jump.
    """
    lately = max(PATIENCE, math.ceil(0.1 * reading.epochs))
    if len(reading.values) <= lately:
        return None
    best = max(reading.values[:-lately])
    return 1.0 - max(reading.values[-lately:]) / best if best > 0 else None


def _lost(reading: Reading) -> float | None:
    """What the newest value has lost of the best one."""
    return max(reading.values) - reading.now if len(reading.values) > 1 else None


def _share_of_fusion(reading: Reading) -> float | None:
    """The gradient of the state space block next to that of the whole fusion."""
    whole = reading.latest.get("gradient norm of fusion")
    if whole is None or not reading.past(0.0):
        return None
    return max(reading.values[-PATIENCE:]) / whole if whole else 0.0


def _moved(reading: Reading) -> float | None:
    """How far the gate was from its first value, in the half of a stage; None without a fusion."""
    if not reading.past(0.5) or "gradient norm of fusion" not in reading.latest:
        return None
    return max(abs(value - reading.values[0]) for value in reading.values)


def _least_lately(share: float) -> Measure:
    """The least of the last PATIENCE values, so that all of them are large, once a share of the
    stage is over.
    """

    def measure(reading: Reading) -> float | None:
        return min(reading.values[-PATIENCE:]) if reading.past(share) else None

    return measure


RULES = (
    Rule(
        "phi1-plateau",
        ("Phi1", "Phi1 teacher", "Phi1 student"),
        0.05,
        "Phi1 stands at {now:.3f}: it has fallen by {measured:.1%} at most since its first epoch, "
        "and 0.693 is what codes without any information have",
        "a smaller or larger lr; less weight of Phi2 (--set alpha, --set beta); more epochs",
        _plateau,
        below=True,
    ),
    Rule(
        "weak-teacher",
        (f"{LABEL_MAP} (validation)", f"{LABEL_MAP} (fitted)"),
        0.3,
        "image codes find the label prompts of their classes at mAP {now:.3f} only: {measured:.0%} "
        "of the way from random to perfect, so that texts will learn from poor codes",
        "more --set teacher_epochs; a smaller --set alpha; another prompt or backbone",
        _above_chance,
        below=True,
    ),
    Rule(
        "text-not-following",
        ("sign disagreement",),
        0.42,
        "text codes differ from the image codes they should follow in {now:.0%} of the bits; "
        "chance is 50 %",
        "a larger lr or more epochs for the text side; a smaller weight of quantisation; "
        "`hashbench datasets preview` shows whether captions fit their pictures",
        _least_lately(0.5),
        not_in=("teacher",),
    ),
    Rule(
        "semantic-drift",
        (VALIDATION_MAP,),
        0.10,
        "validation mAP is {now:.4f}: it has lost {measured:.0%} of its best while training went "
        "on, so that codes move away from what the labels mean",
        "fewer epochs or --set patience; a smaller lr; label and caption noise are learned last. "
        "The best epoch is kept unless --select last",
        _lost_of_best,
    ),
    Rule(
        "code-collapse",
        ("equal code pairs",),
        0.5,
        "{now:.0%} of all pairs of items have one and the same code",
        "a smaller lr; a smaller weight of quantisation; check that positives are not nearly all "
        "pairs (`hashbench datasets show`)",
        _least_lately(0.0),
    ),
    Rule(
        "constant-bits",
        ("constant bits",),
        0.5,
        "{now:.0%} of the bits are the same for every item, so that they cost space and tell "
        "nothing",
        "a smaller lr; a smaller weight of quantisation; fewer --bits",
        _least_lately(0.0),
    ),
    Rule(
        "recovery-precision-falling",
        (RECOVERY_PRECISION,),
        0.10,
        "recovered labels are right in {now:.1%} of the cases, {measured:.1%} points less than in "
        "the best epoch",
        "fewer --set prompt_epochs; a smaller --set prompt_lr; a larger --set margin",
        _lost,
    ),
    Rule(
        "prompt-drift",
        ("prompt drift",),
        3.0,
        "the learned prompts have moved {now:.3g} times their own length away from where they "
        "began, so that class names mean little in them",
        "a smaller --set prompt_lr; fewer --set prompt_epochs",
        lambda reading: reading.now,
        not_in=("search",),  # which only repeats it
    ),
    Rule(
        "vanishing-state-space",
        ("gradient norm of state space",),
        1e-4,
        "the gradient of the state space block is {now:.1e}, {measured:.1e} of that of the whole "
        "fusion: the block does not learn",
        "a larger --set fused_share or --set fusion_lr; `--ablate` shows what the block adds",
        _share_of_fusion,
        below=True,
    ),
    Rule(
        "gate-stuck",
        ("mean gate",),
        2e-3,
        "the fusion's gate stands at {now:.3f}: it has moved by {measured:.4f} at most since the "
        "first epoch, so that it does not learn what to let through",
        "a larger --set fusion_lr or --set fused_share; `--ablate` shows what fusion adds",
        _moved,
        below=True,
    ),
)
"""Each name is a word of its own: tables and `--json` show it."""
