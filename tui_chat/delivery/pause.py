"""A time in which nothing is sent, and one after which nothing is expected any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tui_chat.clock import Clock

__all__ = ["Patience", "Pause"]


class Pause:
    """Begins when somebody asks for it, grows, and ends by itself.

    Args:
        clock: its boot clock counts; a timer of the event loop only wakes.
        over: called when it may be over.
    """

    def __init__(self, clock: Clock, over: Callable[[], object]) -> None:
        self._clock = clock
        self._over = over
        self._until = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def extend(self, seconds: float) -> None:
        """Let it last for at least that long from now on."""
        self._until = max(self._until, self._clock.boot() + seconds)
        self.goes_on()

    def goes_on(self) -> bool:
        """Say whether it is not over yet; then its end is going to be told."""
        left = self._until - self._clock.boot()
        self.cancel()
        if left <= 0:
            return False
        # A millisecond at least: a rounding error must not turn this into a busy loop.
        self._timer = asyncio.get_running_loop().call_later(max(left, 0.001), self._over)
        return True

    def cancel(self) -> None:
        """Tell nobody about its end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Patience:
    """With one message at a time, for so long.

    Args:
        seconds: how long.
        lost: told of the message when nothing else has been waited for meanwhile.
    """

    def __init__(self, seconds: float, lost: Callable[[str], object]) -> None:
        self._seconds = seconds
        self._lost = lost
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, item_id: str | None) -> None:
        """Begin anew, with this message; None for nothing to wait for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if item_id is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._lost, item_id)
