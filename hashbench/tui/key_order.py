"""Keys are handled one after another, however fast they come.

Textual gives a key to the widget that has the focus when it arrives. A letter is taken in there at
once, while a key with a binding, such as tab, first travels up to the app, so that letters typed
right after it went to the field before, and keys that the app handles itself, such as ctrl+r,
overtook the letters before them.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.message import Message
from textual.widget import Widget

MOST_SECONDS = 1.0  # that a key is waited for, whose widget may be gone
ROUNDS = 4  # an enter: Input.Submitted, then PromptLine.Closed, then the focus moves


class KeyFollower(Message):
    """Follows a key on its way, from the widget with the focus up to the app, `rounds` times more:
    messages of a widget keep their order, so that it arrives after what the key has led to.
    """

    def __init__(self, target: Widget, rounds: int = ROUNDS) -> None:
        super().__init__()
        self.target, self.rounds = target, rounds
        self.set_sender(target)


class OrderedKeysApp(App[None]):
    """An app that gives out a key when what the one before does is done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting_keys: deque[events.Key] = deque()
        self._follower: KeyFollower | None = None  # of the key that is being handled

    async def on_event(self, event: events.Event) -> None:
        """Keys of the terminal wait for their turn; everything else is as ever."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            self._waiting_keys.append(event)
            if self._follower is None:
                await self._next_key()
        else:
            await super().on_event(event)

    async def _next_key(self) -> None:
        self._follower = None
        if self._waiting_keys:
            target = self.focused or self.screen
            await super().on_event(self._waiting_keys.popleft())
            self._follow(KeyFollower(target))

    def _follow(self, follower: KeyFollower) -> None:
        self._follower = follower
        if not follower.target.post_message(follower):
            self.call_later(self._arrived, follower)
        self.set_timer(MOST_SECONDS, partial(self._given_up, follower))

    def on_key_follower(self, event: KeyFollower) -> None:
        """What was asked to be done later, such as a move of the focus, comes first."""
        self.call_later(self._arrived, event)

    async def _arrived(self, follower: KeyFollower) -> None:
        if follower is not self._follower:
            return
        if follower.rounds:
            self._follow(KeyFollower(follower.target, follower.rounds - 1))
        else:
            await self._next_key()

    async def _given_up(self, follower: KeyFollower) -> None:
        if follower is self._follower:
            await self._next_key()
