"""How long to wait before the next attempt, and how often attempts may reach a server.

Everything here is pure arithmetic on the boot clock: no waiting, no I/O.
"""

from __future__ import annotations

import random
from typing import Final, Literal

__all__ = ["AuthCircuit", "Backoff", "Failure", "HandshakeBudget"]

Failure = Literal["nobody", "server", "restarting"]
"""``nobody``: nothing answered, which costs the server nothing. ``server``: it answered and
failed, or accepted and closed. ``restarting``: it said that it restarts or is overloaded (close
codes 1012, 1013)."""

CAP: Final = 30.0
"""No delay drawn here is longer, in seconds."""
STABLE_AFTER: Final = 30.0
"""Seconds of a talking connection after which past failures no longer count."""

# Nobody answers: quick at first, because a restart takes seconds, then gentler.
_EAGER_UNTIL: Final = 30.0
_EAGER: Final = (0.1, 1.0)
_PATIENT_UNTIL: Final = 120.0
_PATIENT: Final = (0.2, 2.0)
# The server answers and fails: exponential with full jitter.
_BASE: Final = 0.5
_RESTARTING: Final = (1.0, 5.0)


class Backoff:
    """Draws delays at two speeds.

    Args:
        rng: the source of jitter.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._outage_since: float | None = None
        self._nobody_late = 0
        self._server_failures = 0

    def reset(self) -> None:
        """Forget past failures, after a stable connection or when the user insists."""
        self._outage_since = None
        self._nobody_late = 0
        self._server_failures = 0

    def recovered(self) -> None:
        """A session is ready: the outage is over. Whether it lasts, :meth:`reset` is told."""
        self._outage_since = None
        self._nobody_late = 0

    def next_delay(self, failure: Failure, now: float) -> float:
        """Return the seconds to wait after a failure at ``now`` (boot clock)."""
        if self._outage_since is None:
            self._outage_since = now
        if failure == "nobody":
            # Nobody at all: the server is down, and what comes back has been started afresh. What
            # the one before it did does not count against it, or a few restarts in a row, as
            # whoever works on a server makes them, would end in waits of half a minute.
            self._server_failures = 0
            return self._after_nobody(now - self._outage_since)
        self._nobody_late = 0
        first = self._server_failures == 0
        ceiling = min(CAP, _BASE * 2.0 ** min(self._server_failures, 16))
        self._server_failures += 1
        if failure == "restarting" and first:
            return self._rng.uniform(*_RESTARTING)
        return self._rng.uniform(0.0, ceiling)

    def _after_nobody(self, outage: float) -> float:
        if outage < _EAGER_UNTIL:
            return self._rng.uniform(*_EAGER)
        if outage < _PATIENT_UNTIL:
            return self._rng.uniform(*_PATIENT)
        self._nobody_late += 1
        ceiling = min(CAP, _PATIENT[1] * 2.0 ** min(self._nobody_late, 16))
        # From half the ceiling up: full jitter would now and then hammer a dead address.
        return self._rng.uniform(ceiling / 2, ceiling)


class HandshakeBudget:
    """A token bucket over handshakes that reached a server: 20 a minute, 5 at once.

    It bounds them whatever the server does, also when it accepts and closes at once.
    """

    PER_SECOND: Final = 20 / 60
    BURST: Final = 5

    def __init__(self, now: float) -> None:
        self._burst = float(self.BURST)
        self._tokens = self._burst
        self._at = now

    def widen(self, by: int) -> None:
        """More connections share it: as many more may come at once, none more a minute.

        Args:
            by: how many more; negative when some have gone, so that coming and going earns nothing.
        """
        self._burst += by
        self._tokens += by

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(now - self._at, 0.0) * self.PER_SECOND)
        self._at = now

    def wait(self, now: float, *, reserved: int = 0) -> float:
        """Return the seconds until a handshake may start; 0 if it may start now.

        Args:
            now: on the boot clock.
            reserved: handshakes that are about to start and not counted yet.
        """
        self._refill(now)
        # The tolerance keeps a wait of exactly this long from falling short by a rounding error.
        missing = 1.0 + reserved - self._tokens
        return 0.0 if missing <= 1e-9 else missing / self.PER_SECOND

    def take(self, now: float) -> None:
        """Spend one token, before an attempt."""
        self._refill(now)
        self._tokens -= 1.0

    def give_back(self) -> None:
        """Return a token after an attempt that reached nobody."""
        self._tokens = min(self._burst, self._tokens + 1.0)


class AuthCircuit:
    """Opens after three fresh tickets in a row were refused.

    Open for 60 s the first time, then twice as long each time, up to 15 minutes; closed again by
    the first handshake that is accepted.
    """

    THRESHOLD: Final = 3
    FIRST: Final = 60.0
    LONGEST: Final = 900.0

    def __init__(self) -> None:
        self._rejections = 0
        self._openings = 0

    @property
    def rejections(self) -> int:
        """Fresh tickets refused in a row."""
        return self._rejections

    def rejected(self) -> float | None:
        """Count one refusal; return the seconds to stay away if that opens the circuit."""
        self._rejections += 1
        if self._rejections < self.THRESHOLD:
            return None
        # After the pause a single further refusal opens it again.
        self._rejections = self.THRESHOLD - 1
        pause = min(self.LONGEST, self.FIRST * 2.0 ** min(self._openings, 8))
        self._openings += 1
        return pause

    def accepted(self) -> None:
        """A handshake was accepted: start from nothing."""
        self._rejections = 0
        self._openings = 0
