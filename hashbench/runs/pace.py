"""How fast a worker gets on, from which the time left follows."""

from __future__ import annotations

SHORTEST_SECONDS = 0.5  # less is no measurement


class Pace:
    """Seconds a unit of work takes, for each activity: a stage's steps, a preparation's items.

    Only the time between two reports of one activity counts, so that neither loading nor pauses
    nor what another worker did come in.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._units: dict[str, int] = {}
        self._last: tuple[str, float, int] | None = None

    def restart(self) -> None:
        """Another worker, perhaps on another device: nothing is known of its pace."""
        self._seconds.clear()
        self._units.clear()
        self._last = None

    def interrupt(self) -> None:
        """What comes next does not follow on the last report."""
        self._last = None

    def report(self, activity: str, elapsed: float, done: int) -> None:
        """`done` units of `activity` are done after `elapsed` seconds of work."""
        if self._last is not None:
            before, since, units = self._last
            # no time between them: a clock that was set, a machine that slept
            if before == activity and done > units and elapsed > since:
                self._seconds[activity] = self._seconds.get(activity, 0.0) + elapsed - since
                self._units[activity] = self._units.get(activity, 0) + done - units
        self._last = (activity, elapsed, done)

    def seconds_per_unit(self, activity: str) -> float | None:
        """None while too little was measured."""
        seconds = self._seconds.get(activity, 0.0)
        return seconds / self._units[activity] if seconds >= SHORTEST_SECONDS else None
