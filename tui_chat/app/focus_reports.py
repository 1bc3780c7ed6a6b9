"""Reports of a terminal that its window has gained or lost the focus, as many as the screen bears.

Each changes how everything looks, which takes the screen 25 ms. Terminals and multiplexers that
change the focus quickly, or a window manager that cannot make up its mind, send hundreds a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from textual import events
from textual.message import Message

__all__ = ["EVERY", "FocusReports"]

EVERY: Final = 0.25
"""Seconds from one report that is passed on to the next."""


class FocusReports:
    """Passes a report on at once, and of those that follow closely the latest one. No clock."""

    def __init__(self) -> None:
        self._held: Message | None = None
        self._next = float("-inf")

    def sift(self, found: Iterable[Message], now: float) -> Iterator[Message]:
        """Yield what is to be dealt with now; call it when idle, too.

        Args:
            found: what came from the terminal, in its order.
            now: seconds of a monotonic clock.
        """
        for message in found:
            if isinstance(message, (events.AppFocus, events.AppBlur)):
                self._held = message
            else:
                yield from self._release(now)  # a key belongs to the state it was pressed in
                yield message
        if now >= self._next:
            yield from self._release(now)

    def _release(self, now: float) -> Iterator[Message]:
        held, self._held = self._held, None
        if held is not None:
            self._next = now + EVERY
            yield held
