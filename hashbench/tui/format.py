"""Badges and bars: states and shares in a few cells."""

from __future__ import annotations

from hashbench.runs.state import Status

BADGES: dict[Status, tuple[str, str]] = {
    Status.QUEUED: ("◌ queued", "calm"),
    Status.RUNNING: ("● running", "busy"),
    Status.PAUSED: ("‖ paused", "warn"),
    Status.STOPPED: ("■ stopped", "warn"),
    Status.FINISHED: ("✓ finished", "good"),
    Status.FAILED: ("✗ failed", "bad"),
    Status.LOST: ("? lost", "bad"),
}
"""State -> its badge and the name of its style; the word is always there, colour or not."""


def badge(status: Status) -> tuple[str, str]:
    """The badge of a state, for tables."""
    return BADGES[status]


def bar(share: float | None, width: int) -> str:
    """`███▌  62%` in `width` cells; empty where the share is not known."""
    if share is None:
        return ""
    share = min(1.0, max(0.0, share))
    room = width - 5
    eighths = round(share * room * 8)
    full, part = divmod(eighths, 8)
    drawn = "█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")
    return f"{drawn:<{room}} {int(share * 100):>3}%"
