"""The server's clock: the machine's, or one that is deliberately wrong."""

from __future__ import annotations

from tui_chat.clock import Clock

__all__ = ["SkewedClock"]


class SkewedClock:
    """A clock whose wall time is off by a fixed amount.

    Everything the server says about the time (``Date``, ``expiresAt``, timestamps) follows the wall
    clock and is therefore off too; how long things last follows the boot clock and is not. That is
    what a server with a wrong clock looks like to its clients.

    Args:
        clock: the clock underneath.
        skew: seconds to add to its wall time; negative means that the server is behind.
    """

    def __init__(self, clock: Clock, skew: float = 0.0) -> None:
        self._clock = clock
        self._skew = skew

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC, as this server believes."""
        return self._clock.wall() + self._skew

    def boot(self) -> float:
        """Seconds since some fixed point, suspend included."""
        return self._clock.boot()

    def monotonic(self) -> float:
        """Seconds on the clock that the event loop's timers use."""
        return self._clock.monotonic()
