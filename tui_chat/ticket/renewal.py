"""The proactive renewal: a timer that sees to it that the next handshake finds a fresh ticket.

One look per second at the clocks and the ticket, sooner when something is due sooner; so a look
cannot step over the window in which a ticket has to be replaced, and the check interval is kept as
an upper bound. It is a timer, not a task: there is nothing to cancel and nothing to await.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from tui_chat.clock import TICK, Clock, ClockJump, ClockWatch

__all__ = ["ProactiveRenewal"]

SHORTEST_WAIT: Final = 0.001
"""Seconds; keeps a rounding error from becoming a busy loop."""


class ProactiveRenewal:
    """Looks at the ticket, asks for another when that is due, backs off when that fails.

    Args:
        clock: tells the time.
        rng: draws the jitter of the backoff.
        check_interval: longest wait between two tries, in seconds.
        base_delay: the backoff's base, in seconds.
        due: returns the moment on the boot clock at which a refresh is due, None for never.
        next_change: returns the next moment at which something about the ticket changes.
        notice: called at each look, for what else is to be noticed in time.
        refresh: called to start a refresh.
        jumped: called for each jump of the clocks.

    Attributes:
        running: whether it is on.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        check_interval: float,
        base_delay: float,
        due: Callable[[], float | None],
        next_change: Callable[[], float | None],
        notice: Callable[[], None],
        refresh: Callable[[], None],
        jumped: Callable[[ClockJump], None],
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._check_interval = check_interval
        self._base_delay = max(base_delay, 1.0)
        self._due = due
        self._next_change = next_change
        self._notice = notice
        self._refresh = refresh
        self._jumped = jumped
        self._timer: asyncio.TimerHandle | None = None
        self._watch: ClockWatch | None = None
        self._expected = 0.0
        self._failures = 0
        self._not_before = float("-inf")
        self.running = False

    def start(self) -> None:
        """Begin; starting twice is starting once.

        Raises:
            RuntimeError: outside of a running event loop.
        """
        loop = asyncio.get_running_loop()
        if self.running:
            return
        self.running = True
        self._watch = ClockWatch(self._clock)
        # Not at once: whoever starts a connection in the same breath gets to ask first, so that
        # the request carries the id of that attempt to connect.
        self._arm(loop, SHORTEST_WAIT)

    def stop(self) -> None:
        """End; nothing is looked at from now on."""
        self.running = False
        self._watch = None
        self.reset()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def reset(self) -> None:
        """Forget earlier failures: what is due may be tried at once."""
        self._failures = 0
        self._not_before = float("-inf")

    def poke(self) -> None:
        """Look soon: something has changed."""
        if self.running:
            self._arm(asyncio.get_running_loop(), SHORTEST_WAIT)

    def failed(self, gate: float | None) -> float | None:
        """A refresh failed; return when the next is due by itself, None if none is.

        Args:
            gate: the moment before which the server wants no request, None without one.
        """
        if not self.running:
            return None
        bound = min(self._check_interval, self._base_delay * 2.0 ** min(self._failures, 16))
        self._failures += 1
        now = self._clock.boot()
        self._not_before = max(now + bound * self._rng.uniform(0.5, 1.0), gate or now)
        due = self._due()
        self.poke()
        return None if due is None else max(due, self._not_before)

    def _look(self) -> None:
        self._timer = None
        if not self.running or self._watch is None:
            return
        try:
            for jump in self._watch.look(self._expected):
                # Whatever stood in the way before the machine slept may be gone.
                self.reset()
                self._jumped(jump)
            self._notice()
            due = self._due()
            if due is not None and max(due, self._not_before) <= self._clock.boot():
                self._refresh()
        finally:
            self._arm_again()

    def _until_next_look(self) -> float:
        now = self._clock.boot()
        wait = min(TICK, self._check_interval)
        due = self._due()
        if due is not None and (due := max(due, self._not_before)) > now:
            wait = min(wait, due - now)
        change = self._next_change()
        if change is not None and change > now:
            wait = min(wait, change - now)
        return max(wait, SHORTEST_WAIT)

    def _arm_again(self) -> None:
        # A listener may have stopped it, or poked it and so armed it already.
        if self.running and self._timer is None:
            self._arm(asyncio.get_running_loop(), self._until_next_look())

    def _arm(self, loop: asyncio.AbstractEventLoop, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._expected = delay
        self._timer = loop.call_later(delay, self._look)
