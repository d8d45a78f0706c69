"""A finding in words: one sentence that holds all that its answer depends on."""

from __future__ import annotations

from hashbench.report.text import plural
from hashbench.studies.findings import ALPHA, FEWEST_SEEDS, Finding, Reading, Scale


def verdict(finding: Finding) -> str:
    """The whole answer in one sentence: effect, interval, p, seeds, what was equal, what would
    change it.
    """
    effect = finding.effect
    if effect is None:
        return f"{finding.claim}: {finding.reading}; {plural(finding.missing, 'run')} to finish."
    head = f"{finding.claim}: {_read(finding)}"
    facts = [numbers(finding), plural(effect.seeds, "seed")]
    facts += [plural(effect.queries, "query").replace("querys", "queries")]
    facts = facts if effect.queries > 1 else facts[:-1]
    equal = f"; equal: {', '.join(finding.equal)}" if finding.equal else ""
    return f"{head}: {', '.join(facts)}{equal}; {change(finding)}."


def _read(finding: Finding) -> str:
    if finding.reading is Reading.NOT_SHOWN:
        return (
            "equality could not be shown"
            if finding.expect == "equal"
            else "no difference could be shown"
        )
    return str(finding.reading)


def numbers(finding: Finding) -> str:
    """The effect, its interval and its p-value."""
    effect, scale = finding.effect, finding.scale
    if effect is None:
        return "no effect yet"
    unit = {
        Scale.POINTS: f" points of {finding.outcome}",
        Scale.PLAIN: f" of {finding.outcome}",
        Scale.CORRELATION: f" {finding.outcome} of {finding.label}",
    }[scale]
    text = f"{scale.text(effect.difference)}{unit}"
    if effect.low is not None and effect.high is not None:
        text += f" (95 % interval {scale.text(effect.low)} to {scale.text(effect.high)}"
        if finding.adjusted is not None:
            text += f", {p_text(finding.adjusted)}"
            text += f" after Holm over {finding.family} claims" if finding.family > 1 else ""
        text += ")"
    return text


def p_text(p: float) -> str:
    """`p = 0.012`, `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def change(finding: Finding) -> str:
    """What would change the answer."""
    effect, scale = finding.effect, finding.scale
    if effect is None or effect.low is None or effect.seeds < FEWEST_SEEDS:
        return f"{FEWEST_SEEDS} seeds at least would tell more"
    unit = " points" if scale is Scale.POINTS else ""
    half = effect.difference - effect.low
    if finding.reading in (Reading.SHOWN, Reading.OPPOSITE):
        bound = finding.margin - half if finding.expect == "equal" else half
        how = "above" if finding.expect == "equal" else "below"
        limit = scale.text(max(bound, 0.0), signed=False)
        return f"an effect {how} {limit}{unit}, or another dataset or split, would change this"
    if finding.expect == "equal":
        reached = scale.text(max(abs(effect.low), abs(effect.high or 0.0)), signed=False)
        return f"differences of up to {reached}{unit} are not ruled out"
    # at the level that the smallest p-value of the family has to reach
    alpha = ALPHA / finding.family
    smallest = scale.text(effect.smallest(alpha=alpha), signed=False)
    needed = effect.seeds_needed(alpha=alpha)
    if needed is None:
        more = "more queries, since no number of seeds would show an effect of this size"
    elif needed <= effect.seeds:
        more = "other seeds may well show an effect of this size"
    else:
        more = f"about {needed} seeds would show an effect of this size"
    return f"an effect of {smallest}{unit} would probably have been seen; {more}"
