"""When the next request may go out: backoff, the request budget and a server's ``Retry-After``.

Nothing here waits; each answers with a number of seconds or a moment on the boot clock.
"""

from __future__ import annotations

import random
from typing import Final

from tui_chat.errors import RateLimited, ServerError, TuiChatError
from tui_chat.ticket.failures import detached

__all__ = ["MAX_BACKOFF", "RequestBudget", "RetryGate", "full_jitter"]

MAX_BACKOFF: Final = 30.0
"""Seconds: no wait between two tries of one refresh is longer, unless the server asks for it."""


def full_jitter(
    attempt: int, base: float, rng: random.Random, *, cap: float = MAX_BACKOFF
) -> float:
    """Return the seconds to wait after failed try number ``attempt`` (from 1).

    Anything between nothing and an exponentially growing bound ("full jitter": many clients that
    failed together do not come back together).
    """
    return rng.uniform(0.0, min(cap, base * 2.0 ** min(attempt - 1, 32)))


class RequestBudget:
    """A token bucket: a burst of ten requests, one more every two seconds.

    Whatever goes wrong, in any ``W`` seconds at most ``10 + W/2`` ticket requests leave.
    """

    BURST: Final = 10.0
    RATE: Final = 0.5
    """Requests per second."""

    def __init__(self, now: float) -> None:
        self._tokens = self.BURST
        self._at = now

    def wait(self, now: float) -> float:
        """Return the seconds until a request may leave; 0 when it may now."""
        self._refill(now)
        # A billionth is forgiven: sums of many small floats must not cost a round of waiting.
        return 0.0 if self._tokens >= 1.0 - 1e-9 else (1.0 - self._tokens) / self.RATE

    def spend(self, now: float) -> None:
        """Count one request; only after :meth:`wait` has returned 0."""
        self._refill(now)
        self._tokens -= 1.0

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self._at)
        self._tokens = min(self.BURST, self._tokens + passed * self.RATE)
        self._at = now


class RetryGate:
    """Remembers until when a server wants to be left alone.

    While a refresh waits its time out, the gate is merely closed and others wait along. Once a
    refresh has ended because of it, the gate *refuses*: callers get the same error at once instead
    of a long silence.
    """

    def __init__(self) -> None:
        self._until = float("-inf")
        self._error: TuiChatError | None = None
        self._refuses = False

    def close(self, error: TuiChatError, until: float) -> None:
        """The server asked for no request before ``until``; an earlier, longer wish stands."""
        if until > self._until:
            self._until, self._error = until, error

    def refuse(self) -> None:
        """From now on, fail fast."""
        self._refuses = True

    def lift(self) -> None:
        """Forget the wish."""
        self._until, self._error, self._refuses = float("-inf"), None, False

    def opens_at(self, now: float) -> float | None:
        """Return the moment requests are allowed again, None if they are now."""
        if self._until <= now:
            self.lift()
            return None
        return self._until

    def refusal(self, now: float) -> TuiChatError | None:
        """Return the error to fail fast with, its ``retry_after`` counted down; None to go on."""
        until = self.opens_at(now)
        if until is None or self._error is None or not self._refuses:
            return None
        error = detached(self._error)
        if isinstance(error, RateLimited | ServerError):
            error.retry_after = until - now
        return error
