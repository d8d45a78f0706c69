"""How values are put into few letters."""

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
    """`███▌  62%` in `width` letters; empty where the share is not known."""
    if share is None:
        return ""
    share = min(1.0, max(0.0, share))
    room = width - 5
    eighths = round(share * room * 8)
    full, part = divmod(eighths, 8)
    drawn = "█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")
    return f"{drawn:<{room}} {int(share * 100):>3}%"


def short_time(seconds: float | None) -> str:
    """`42s`, `3m20`, `2h05`, `3d04`; empty where it is not known."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}"


def nth(place: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th`."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(place % 10 if place % 100 not in (11, 12, 13) else 0)
    return f"{place:,}{ending or 'th'}"


def many(count: int, one: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"
