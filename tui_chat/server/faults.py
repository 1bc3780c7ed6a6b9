"""Failures on demand, for tests of clients."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Faults", "Refusal"]

Place = Literal["tickets", "handshake"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that takes the place of the real one.

    Attributes:
        status: the HTTP status.
        headers: further headers.
        body: the body, sent as it is.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Faults:
    """What goes wrong next.

    Attributes:
        ticket_delay: seconds every ticket request waits before it is answered.
    """

    def __init__(self) -> None:
        self.ticket_delay = 0.0
        self._refusals: dict[Place, deque[Refusal]] = {"tickets": deque(), "handshake": deque()}

    def refuse(self, place: Place, refusal: Refusal, times: int) -> None:
        """Answer the next ``times`` requests at a place with ``refusal``."""
        self._refusals[place].extend([refusal] * times)

    def next_refusal(self, place: Place) -> Refusal | None:
        """Take out the refusal that is due, None if none is."""
        waiting = self._refusals[place]
        return waiting.popleft() if waiting else None

    def clear(self) -> None:
        """Let everything work again."""
        self.ticket_delay = 0.0
        for waiting in self._refusals.values():
            waiting.clear()
