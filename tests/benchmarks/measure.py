"""What a measurement is: samples, targets, rows, and two things measured by turns.

Other programs share the machine, and its clock rate changes. So both sides of a ratio are measured
in short rounds that alternate, the ratio is taken round by round, and its median is what counts:
whatever slows both sides down cancels out, and a single disturbed round moves nothing.

Work that never waits is measured in CPU time, which stands still while other programs run; whatever
crosses a process or waits for a timer, in wall time.

The garbage collector stays on, as it is in a program that runs. Before each timed part it makes a
full collection, so that no part pays for what another has left behind.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = [
    "Benchmark",
    "Effort",
    "Paired",
    "Row",
    "Sample",
    "Target",
    "paired",
    "paired_async",
    "timed",
    "timed_async",
]


@dataclass(frozen=True)
class Sample:
    """The values of all rounds, in one unit.

    Raises:
        ValueError: if there is none.
    """

    values: tuple[float, ...]

    def __init__(self, values: Sequence[float]) -> None:
        if not values:
            raise ValueError("a sample needs at least one value")
        object.__setattr__(self, "values", tuple(float(value) for value in values))

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The smallest value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest value."""
        return max(self.values)

    @property
    def spread(self) -> float:
        """The distance between the quartiles, as a share of the median; 0 for one value."""
        if len(self.values) < 2 or not self.median:
            return 0.0
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return (third - first) / abs(self.median)

    def over(self, other: Sample) -> Sample:
        """Return the ratios to another sample, round by round.

        Raises:
            ValueError: if the other has not as many rounds.
        """
        return Sample([a / b for a, b in zip(self.values, other.values, strict=True)])


@dataclass(frozen=True)
class Target:
    """What a figure should be.

    Attributes:
        limit: the number.
        direction: on which side of it.
        of: which figure: the ``"ratio"``'s median, or our own ``"median"`` or ``"high"``. What is
            to be ``"exactly"`` so has to be it in every round, whichever is named here.
    """

    limit: float
    direction: Literal["at_most", "at_least", "exactly"]
    of: Literal["ratio", "median", "high"] = "ratio"

    def met_by(self, row: Row) -> bool:
        """Say whether a row keeps it.

        Raises:
            ValueError: if it is about a ratio and the row has no peer.
        """
        if self.of == "ratio":
            if row.ratio is None:
                raise ValueError(f"{row.name}: a target for a ratio, and no peer")
            figure = row.ratio.median
        else:
            figure = row.ours.median if self.of == "median" else row.ours.high
        match self.direction:
            case "at_most":
                return figure <= self.limit
            case "at_least":
                return figure >= self.limit
            case "exactly":
                return row.ours.low == row.ours.high == self.limit


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was measured.
        unit: of ``ours`` and ``peer``.
        ours: what it took us.
        peer: what it took the peer, None where there is nothing to compare with.
        peer_name: what the peer is, empty without one.
        target: None where a figure is only noted.
        note: what a reader must know.
    """

    name: str
    unit: str
    ours: Sample
    peer: Sample | None = None
    peer_name: str = ""
    target: Target | None = None
    note: str = ""

    @property
    def ratio(self) -> Sample | None:
        """Ours over the peer's, round by round; None without a peer."""
        return None if self.peer is None else self.ours.over(self.peer)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.target.met_by(self)


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Attributes:
        quick: as little as shows that it works; the figures mean nothing.
    """

    quick: bool = False

    def rounds(self, full: int) -> int:
        """Return how many rounds to make."""
        return min(full, 3) if self.quick else full

    def size(self, full: int) -> int:
        """Return how many items a round has."""
        return max(full // 100, 1) if self.quick else full


@dataclass(frozen=True)
class Benchmark:
    """One subject; gives one row or several.

    Attributes:
        name: what ``--only`` takes.
        about: one line.
        measure: makes the measurement. Runs in an event loop of its own.
        cheap: whether ``--quick`` runs it.
    """

    name: str
    about: str
    measure: Callable[[Effort], Awaitable[list[Row]]]
    cheap: bool = False


@dataclass
class Paired:
    """Two samples whose rounds alternated."""

    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)

    def samples(self, convert: Callable[[float], float] = float) -> tuple[Sample, Sample]:
        """Return both, each value converted."""
        return (
            Sample([convert(value) for value in self.ours]),
            Sample([convert(value) for value in self.peer]),
        )


_FINE: Final = 1e-6
"""Seconds; a clock that is coarser cannot time a round."""

_work_clock: Final = (
    time.process_time_ns
    if time.get_clock_info("process_time").resolution <= _FINE
    else time.perf_counter_ns
)
"""For work that never waits: this process's CPU time where the system counts it finely enough."""


def timed(work: Callable[[], object]) -> float:
    """Return the nanoseconds of work that a call takes, after a full collection."""
    gc.collect()
    began = _work_clock()
    work()
    return float(_work_clock() - began)


async def timed_async(work: Callable[[], Awaitable[object]]) -> float:
    """Like :func:`timed`, for a coroutine function that waits for nothing outside this process."""
    gc.collect()
    began = _work_clock()
    await work()
    return float(_work_clock() - began)


def paired(ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> Paired:
    """Measure by turns, after a round that does not count; who goes first changes each time."""
    ours(), peer()
    result = Paired()
    for number in range(rounds):
        for is_ours in (True, False) if number % 2 else (False, True):
            (result.ours if is_ours else result.peer).append(ours() if is_ours else peer())
    return result


async def paired_async(
    ours: Callable[[], Awaitable[float]], peer: Callable[[], Awaitable[float]], rounds: int
) -> Paired:
    """Like :func:`paired`, for coroutines."""
    await ours()
    await peer()
    result = Paired()
    for number in range(rounds):
        for is_ours in (True, False) if number % 2 else (False, True):
            value = await (ours() if is_ours else peer())
            (result.ours if is_ours else result.peer).append(value)
    return result
