"""Maintenance: for a while the server is there and serves nobody, or not one of its users."""

from __future__ import annotations

import math

from tui_chat.clock import Clock
from tui_chat.server.answers import ApiError

__all__ = ["Maintenance"]


class Maintenance:
    """Says who is not served, and for how long.

    Args:
        clock: tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Owner -> end on the boot clock; None stands for everybody. One entry per user: bounded.
        self._until: dict[str | None, float] = {}

    def begin(self, seconds: float, owner: str | None = None) -> None:
        """Serve nobody, or not this owner, for so many ``seconds``."""
        self._until[owner] = self._clock.boot() + seconds

    def end(self, owner: str | None = None) -> None:
        """Serve again."""
        self._until.pop(owner, None)

    def check(self, owner: str | None = None) -> None:
        """Pass if requests are served, those of this owner if one is given.

        Raises:
            ApiError: 503 with ``Retry-After`` if they are not.
        """
        now = self._clock.boot()
        left = max(self._until.get(key, now) - now for key in (None, owner))
        if left > 0:
            raise ApiError(
                503,
                "The server is being looked after. Come back in a moment.",
                None,
                # Whole seconds, rounded up: a client that waits exactly that long is let in.
                {"Retry-After": str(math.ceil(left))},
            )
