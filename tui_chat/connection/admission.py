"""When a handshake with one server may start. Every connection to that server asks here.

One connection has it for itself. Where several share it, ten conversations do not make ten
storms: an outage is one outage, with one backoff, and a single connection tries while the others
wait for how that goes; after it has succeeded they follow, a few at a time.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Literal

from tui_chat.connection.backoff import AuthCircuit, Backoff, Failure, HandshakeBudget
from tui_chat.errors import TuiChatError

__all__ = ["Admission", "Obstacle", "Turn"]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps an attempt from starting.

    Attributes:
        kind: the handshake ``"budget"``; another connection's ``"turn"``; a ``"backoff"`` or a
            ``"pause"`` that another connection's failure has started.
        until: on the boot clock; None when it depends on how another attempt goes.
        cause: what failed, None for the budget and the turn.
    """

    kind: Literal["budget", "turn", "backoff", "pause"]
    until: float | None = None
    cause: TuiChatError | None = None


class Admission:
    """Backoff, handshake budget, circuit and turns, for one server.

    Not thread-safe; belongs to one event loop. Moments are on the boot clock.

    Args:
        rng: the source of jitter.
        now: the present moment.
        concurrency: how many attempts may be under way at the same time while all goes well.

    Attributes:
        backoff: draws delays.
        budget: spent by handshakes that reach the server.
        circuit: opens when fresh tickets are refused.
    """

    def __init__(self, rng: random.Random, now: float, *, concurrency: int = 1) -> None:
        self.backoff = Backoff(rng)
        self.budget = HandshakeBudget(now)
        self.circuit = AuthCircuit()
        self._concurrency = concurrency
        self._members = 1
        self._active = 0
        self._undialled = 0
        self._failing = False
        self._wave = 0
        self._wait: Obstacle | None = None
        self._known_refused = 0
        self._changed = asyncio.Event()

    @property
    def members(self) -> int:
        """How many connections share this."""
        return self._members

    @members.setter
    def members(self, count: int) -> None:
        # The first handshake of a further connection is no sign of trouble.
        self.budget.widen(max(count, 1) - max(self._members, 1))
        self._members = count

    def obstacle(self, now: float, *, overruled: frozenset[str] = frozenset()) -> Obstacle | None:
        """Return what keeps an attempt from starting now, None if nothing does.

        Args:
            now: the present moment.
            overruled: of ``"backoff"`` and ``"pause"``, what was cut short on purpose.
        """
        if self._active >= (1 if self._failing else self._concurrency):
            return Obstacle("turn")
        wait = self._wait
        if wait is not None and wait.kind not in overruled and _lies_ahead(wait, now):
            return wait
        delay = self.budget.wait(now, reserved=self._undialled)
        return Obstacle("budget", now + delay) if delay > 0 else None

    async def change(self) -> None:
        """Return when another attempt has ended or succeeded."""
        await self._changed.wait()

    def enter(self) -> Turn:
        """Start an attempt. Only when there is no obstacle; its :meth:`Turn.over` must follow."""
        self._active += 1
        self._undialled += 1
        return Turn(self, self._wave)

    def failed(self, turn: Turn, error: TuiChatError, failure: Failure, now: float) -> float:
        """Count a failure; return the moment from which the next attempt may start.

        Connections that fail together have met the same outage: it is counted once.
        """
        if self._same_outage(turn, now):
            assert self._wait is not None  # noqa: S101 - what makes it the same
            return self._wait.until or now
        self._failing = True
        self._wave += 1
        until = now + self.backoff.next_delay(failure, now)
        self._wait = Obstacle("backoff", until, error)
        return until

    def paused(self, error: TuiChatError, until: float) -> None:
        """The server asked, or an open circuit demands, to stay away until then."""
        self._failing = True
        self._wave += 1
        self._wait = Obstacle("pause", until, error)

    def ticket_refused(self, serial: int, newest: int) -> float | None:
        """Count a refused ticket; return the seconds to stay away if that opens the circuit.

        What counts is a ticket that was fetched after the last refusal: those fetched before it
        are all as dead as the first of them.

        Args:
            serial: the ticket's.
            newest: the serial of the newest ticket there is.
        """
        if serial <= self._known_refused:
            return None
        self._known_refused = max(newest, serial)
        return self.circuit.rejected()

    def _same_outage(self, turn: Turn, now: float) -> bool:
        wait = self._wait
        return turn.wave < self._wave and wait is not None and _lies_ahead(wait, now)

    # -- for turns ------------------------------------------------------------------------------

    def _dialled(self) -> None:
        self._undialled -= 1

    def _succeeded(self) -> None:
        self._failing = False
        self._wait = None
        self.backoff.recovered()

    def _ended(self) -> None:
        self._active -= 1
        self._changed.set()
        self._changed = asyncio.Event()


def _lies_ahead(wait: Obstacle, now: float) -> bool:
    # A millisecond: a timer that fires a rounding error early is no reason to wait once more.
    return wait.until is not None and wait.until - now > 0.001


class Turn:
    """One attempt, from its admission to the ready session or the failure.

    Attributes:
        wave: how many outages there had been when it began.
    """

    def __init__(self, admission: Admission, wave: int) -> None:
        self.wave = wave
        self._admission = admission
        self._dialled = False
        self._over = False

    def dialling(self, now: float) -> None:
        """The handshake starts: it is counted."""
        self._admission.budget.take(now)
        self._leave_the_waiting()

    def reached_nobody(self) -> None:
        """The handshake cost the server nothing: it is not counted."""
        self._admission.budget.give_back()

    def ready(self) -> None:
        """The session is ready: others may follow."""
        self._admission._succeeded()  # noqa: SLF001 - its other half
        self.over()

    def over(self) -> None:
        """The attempt has ended, one way or the other. Idempotent."""
        if not self._over:
            self._over = True
            self._leave_the_waiting()
            self._admission._ended()  # noqa: SLF001 - its other half

    def _leave_the_waiting(self) -> None:
        if not self._dialled:
            self._dialled = True
            self._admission._dialled()  # noqa: SLF001 - its other half
