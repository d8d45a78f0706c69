"""Runs in other programs' trackers, from their events: after the fact, or while they train."""
