"""A token bucket per key."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["RateLimit"]


class RateLimit:
    """Allows ``burst`` requests at once and ``per_minute`` in the long run, for each key.

    Args:
        per_minute: how fast a bucket fills; 0 allows everything.
        burst: how much it holds.
        now: returns the time in seconds, from any beginning.
    """

    def __init__(self, per_minute: float, burst: int, now: Callable[[], float]) -> None:
        self._per_second = per_minute / 60
        self._burst = float(burst)
        self._now = now
        # Key -> (what the bucket holds, when that was computed). One entry per user: bounded.
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> float:
        """Take one request out of the bucket.

        Returns:
            0.0 if the request may go on, else the seconds until the next one may. A refused
            request takes nothing, so that asking too often does not lengthen the wait.
        """
        if self._per_second == 0:
            return 0.0
        now = self._now()
        level, since = self._buckets.get(key, (self._burst, now))
        level = min(level + (now - since) * self._per_second, self._burst)
        if level < 1:
            self._buckets[key] = (level, now)
            return (1 - level) / self._per_second
        self._buckets[key] = (level - 1, now)
        return 0.0
