"""Three clocks, and the watch that notices when they part.

* the **wall** clock is what the user sees; it can be wrong and can be set;
* the **boot** clock counts seconds and goes on while the machine is suspended; deadlines live on
  it (``CLOCK_BOOTTIME`` on Linux, the monotonic clock where there is none);
* the **monotonic** clock drives the event loop's timers and, on Linux, stands still in suspend.

Comparing them tells a suspend (boot against monotonic) from a change of the wall clock (wall
against boot). Everything that takes time asks a :class:`Clock`, so that tests can drive each of
the three by hand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

__all__ = ["Clock", "ClockJump", "ClockWatch", "SystemClock"]

TICK: Final = 1.0
"""Seconds between two looks at the clocks."""

LATE_TICK: Final = 5.0
"""A tick that comes this many seconds late means the process did not run (stopped, or suspended
on a system without a boot clock)."""

SUSPEND_SLACK: Final = 2.0
"""Seconds by which boot and monotonic clock may part before it counts as a suspend."""

WALL_SLACK: Final = 2.0
"""Seconds by which wall and boot clock may part within one tick before it counts as a jump; time
servers slew more gently than that."""


class Clock(Protocol):
    """What the library asks the time."""

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC, as far as this machine knows."""
        ...

    def boot(self) -> float:
        """Seconds since some fixed point, suspend included."""
        ...

    def monotonic(self) -> float:
        """Seconds on the clock that the event loop's timers use."""
        ...


class SystemClock:
    """The real clocks of this machine."""

    def __init__(self) -> None:
        self._boot_id: int | None = getattr(time, "CLOCK_BOOTTIME", None)

    def wall(self) -> float:
        """Return ``time.time()``."""
        return time.time()

    def boot(self) -> float:
        """Return ``CLOCK_BOOTTIME``, or the monotonic clock where there is none."""
        if self._boot_id is None:
            return time.monotonic()
        return time.clock_gettime(self._boot_id)

    def monotonic(self) -> float:
        """Return ``time.monotonic()``."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class ClockJump:
    """The clocks parted.

    Attributes:
        kind: ``"suspend"`` when the process did not run for a while, ``"wall"`` when the wall
            clock was set.
        seconds: how far; for ``"wall"`` negative means it was set back.
    """

    kind: Literal["suspend", "wall"]
    seconds: float


class ClockWatch:
    """Compares the three clocks once per tick.

    :meth:`look` is the whole logic, free of waiting, so that a caller with a timer of its own can
    use it; :meth:`run` is that timer.
    """

    def __init__(self, clock: Clock, *, tick: float = TICK) -> None:
        self._clock = clock
        self._tick = tick
        self._remember()

    def _remember(self) -> None:
        self._wall = self._clock.wall()
        self._boot = self._clock.boot()
        self._monotonic = self._clock.monotonic()

    def look(self, expected: float | None = None) -> list[ClockJump]:
        """Return the jumps since the last look (none, one, or one of each kind).

        Args:
            expected: seconds that should have passed since the last look; a look that comes more
                than :data:`LATE_TICK` later than that counts as a suspend. None skips that test.
        """
        wall, boot, monotonic = self._wall, self._boot, self._monotonic
        self._remember()
        boot_passed = self._boot - boot
        asleep = boot_passed - (self._monotonic - monotonic)
        jumps: list[ClockJump] = []
        if asleep > SUSPEND_SLACK:
            jumps.append(ClockJump("suspend", asleep))
        elif expected is not None and boot_passed - expected > LATE_TICK:
            jumps.append(ClockJump("suspend", boot_passed - expected))
        set_by = (self._wall - wall) - boot_passed
        if abs(set_by) > WALL_SLACK:
            jumps.append(ClockJump("wall", set_by))
        return jumps

    async def run(
        self, on_jump: Callable[[ClockJump], None], on_tick: Callable[[], None] | None = None
    ) -> None:
        """Look once per tick until cancelled; call back for each jump, then for the tick."""
        self._remember()
        while True:
            await asyncio.sleep(self._tick)
            for jump in self.look(self._tick):
                on_jump(jump)
            if on_tick is not None:
                on_tick()
