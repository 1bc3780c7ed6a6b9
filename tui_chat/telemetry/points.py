"""Where numbers are kept: one cell per instrument and set of attributes. Bounded memory.

A cell is written by the event loop that owns the client and may be read from any thread: numbers
are replaced, never taken apart, so a reader gets what was true a moment ago.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from tui_chat.telemetry.instruments import Attributes

__all__ = ["CounterCell", "HistogramCell", "quantile", "upper_bound"]

PER_DOUBLING: Final = 4
"""Buckets from one power of two to the next. Each is 19 % wider than the one before, so that an
estimate from the middle of a bucket is at most 9.1 % off."""
MIDDLE: Final = math.sqrt(2 ** (1 / PER_DOUBLING))
LOWEST: Final = -20 * PER_DOUBLING
"""The bucket for everything up to 2**-20: a microsecond, or nothing at all."""
LARGEST: Final = 1e15
"""Larger values are recorded as this one, which keeps sums finite and buckets few."""
_NOTHING: Final[float] = 2.0 ** (LOWEST / PER_DOUBLING)
_ceil, _log2 = math.ceil, math.log2  # looked up once: this is done for every value


class CounterCell:
    """A number that grows.

    Where a method call costs too much (once per frame) write ``cell.value += 1``.
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, amount: int = 1) -> None:
        """Add ``amount``, which must not be negative."""
        self.value += amount


class HistogramCell:
    """Count, sum, smallest, largest and exponential buckets of the values recorded.

    Attributes:
        attributes: what tells this cell from the instrument's others.
        count: how many.
        total: their sum.
        smallest: infinity before the first.
        largest: negative infinity before the first.
        buckets: how many by number of bucket; at most 281 entries.
    """

    __slots__ = ("attributes", "buckets", "count", "largest", "smallest", "total")

    def __init__(self, attributes: Attributes = ()) -> None:
        self.attributes = attributes
        self.count = 0
        self.total = 0.0
        self.smallest = math.inf
        self.largest = -math.inf
        self.buckets: dict[int, int] = {}

    def record(self, value: float) -> float | None:
        """Take in one value and return it as recorded; None if it is not finite and left out.

        Durations below zero, which only a clock that was set back can make, count as zero.
        """
        if not 0.0 <= value <= LARGEST:
            if not math.isfinite(value):
                return None
            value = 0.0 if value < 0 else LARGEST
        # Bucket n holds what is above 2 ** ((n - 1) / 4), up to and including 2 ** (n / 4).
        bucket = _ceil(_log2(value) * PER_DOUBLING) if value > _NOTHING else LOWEST
        try:
            self.buckets[bucket] += 1
        except KeyError:
            self.buckets[bucket] = 1
        self.total += value
        # Comparisons, because calls of min() and max() cost as much as all the rest.
        if value < self.smallest:  # noqa: PLR1730 - see above
            self.smallest = value
        if value > self.largest:  # noqa: PLR1730 - see above
            self.largest = value
        self.count += 1
        return value


def upper_bound(bucket: int) -> float:
    """Return the largest value that belongs into a bucket."""
    return float(2.0 ** (bucket / PER_DOUBLING))


def quantile(q: float, buckets: Mapping[int, int], smallest: float, largest: float) -> float:
    """Return an estimate of the value that a share ``q`` of all values do not exceed.

    Args:
        q: from 0 to 1.
        buckets: how many by number of bucket; at least one value.
        smallest: the smallest value, which no estimate falls below.
        largest: the largest value, which no estimate exceeds.
    """
    rank = q * sum(buckets.values())
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= rank:
            # The middle by ratio: as far off, in per cent, from one end as from the other.
            middle = upper_bound(bucket) / MIDDLE
            return min(max(middle, smallest), largest)
    return largest
