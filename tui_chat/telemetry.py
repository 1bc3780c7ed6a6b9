"""Counters and the latest events of one client, kept in process. Nothing here holds a secret.

Counter names are a fixed set of dotted words; what a server says goes into notes, never into a
name.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from tui_chat.clock import Clock
from tui_chat.text import one_line

__all__ = ["LogEntry", "Telemetry"]

RING_SIZE: Final = 200
"""How many of the latest events are kept."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One of the latest events.

    Attributes:
        at: epoch seconds by this machine's wall clock.
        kind: a short fixed word: ``ticket``, ``socket``, ``session``, ``frame``, ``run``,
            ``tool``, ``clock``, ``error``.
        text: one clean line for people.
    """

    at: float
    kind: str
    text: str


class Telemetry:
    """Counts what happens and remembers the latest of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counters: Counter[str] = Counter()
        self._ring: deque[LogEntry] = deque(maxlen=RING_SIZE)

    def count(self, name: str, amount: int = 1) -> None:
        """Add ``amount`` to the counter ``name``."""
        self._counters[name] += amount

    def note(self, kind: str, text: str) -> None:
        """Remember one event; ``text`` is cleaned and bounded."""
        self._ring.append(LogEntry(self._clock.wall(), kind, one_line(text)))

    @property
    def counters(self) -> dict[str, int]:
        """A copy of all counters, sorted by name."""
        return dict(sorted(self._counters.items()))

    @property
    def recent(self) -> tuple[LogEntry, ...]:
        """The latest events, oldest first."""
        return tuple(self._ring)
