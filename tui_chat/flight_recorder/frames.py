"""The latest wire frames of a client, both ways: always what they were, on request what they held.

When each frame arrived, its type and its size are noted always, because that costs less than
anything else done with a frame. The content is kept only while somebody wants it, masked before it
is stored, and forgotten when nobody does any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from tui_chat.flight_recorder.masking import FrameMasking
from tui_chat.text import one_line

__all__ = ["EVENTS", "MAX_BYTES", "MAX_ENTRIES", "Direction", "FrameLog", "FrameRecord"]

MAX_ENTRIES: Final = 2_000
"""Frames that are remembered, and the times at which batches of them were read. When there are
more, the older half goes at once: one by one would cost more than remembering them."""
MAX_BYTES: Final = 2 * 1024 * 1024
"""Characters of content that are remembered, in all; likewise. One frame has at most
:data:`~tui_chat.flight_recorder.masking.MAX_DECODED` bytes, and can go beyond that."""
MASKING_SHARE: Final = 0.15
"""Seconds that masking may take of each second, so that looking at a flood does not slow it down;
beyond that frames are remembered without their content."""

_NAMES: Final = ("chat_event", "content-delta", "provider-event", "latitude-event")
EVENTS: Final = {name: code for code, name in enumerate(_NAMES) if code}
"""The events of a run that have a name in :attr:`FrameLog.note`; others could be of any length."""

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One frame that crossed the wire.

    Attributes:
        number: rises from frame to frame, both directions together; some are left out.
        at: epoch seconds by this machine's wall clock; frames read at once share it.
        direction: ``"in"`` from the server, ``"out"`` to it.
        kind: its type; for an event of a run, that event's.
        size: bytes of its payload, uncompressed.
        content: it as compact JSON without any secret; None where it was not kept.
    """

    number: int
    at: float
    direction: Direction
    kind: str
    size: int
    content: str | None = None


class FrameLog:
    """A bounded ring of frames. Belongs to the client's event loop.

    Args:
        wall: the wall clock.
        effort: what the time spent on masking is measured with, seconds.

    Attributes:
        note: takes an inbound event of a run whose content is not kept, as
            ``size << 2 | EVENTS.get(name, 0)``. Nothing else is as frequent, so this is a bare
            append of a number: a tuple for each would keep the garbage collector busy. Before the
            first of a batch comes the wall clock's time, and after the last :meth:`trim`.
    """

    def __init__(
        self, wall: Callable[[], float], effort: Callable[[], float] = time.perf_counter
    ) -> None:
        self._wall = wall
        self._effort = effort
        self._older: list[float | FrameRecord] = []
        self._newer: list[float | FrameRecord] = []
        self.note: Callable[[float], None] = self._newer.append
        self._dropped = 0
        self._newer_bytes = 0
        self._keeping = False
        self._budget = 0.0
        self._budget_of = float("-inf")

    @property
    def keeping(self) -> bool:
        """Whether the content of frames is kept, masked. Off at first; switching off forgets it."""
        return self._keeping

    @keeping.setter
    def keeping(self, on: bool) -> None:
        if self._keeping and not on:
            for half in (self._older, self._newer):
                half[:] = [
                    replace(entry, content=None) if isinstance(entry, FrameRecord) else entry
                    for entry in half
                ]
            self._newer_bytes = 0
        self._keeping = on

    def keep(
        self, direction: Direction, kind: object, payload: bytes, masking: FrameMasking
    ) -> None:
        """Remember a frame; with its content if that is wanted and can be made safe.

        Args:
            direction: ``"in"`` or ``"out"``.
            kind: its structure's type or its name.
            payload: as it is on the wire. No reference to it is kept.
            masking: knows the secrets of this connection.
        """
        at = self._wall()
        content = self._masked(at, payload, masking) if self._keeping else None
        self._newer.append(FrameRecord(0, at, direction, _name(kind), len(payload), content))
        self._newer_bytes += len(content or "")
        self.trim()

    def _masked(self, at: float, payload: bytes, masking: FrameMasking) -> str | None:
        if not self._budget_of <= at < self._budget_of + 1:  # also when the clock was set back
            self._budget_of, self._budget = at, MASKING_SHARE
        if self._budget <= 0:
            return None
        began = self._effort()
        content = masking.frame(payload)
        self._budget -= self._effort() - began
        return content

    def trim(self) -> None:
        """Forget the oldest beyond the bounds."""
        newer = self._newer
        if len(newer) > MAX_ENTRIES // 2 or self._newer_bytes > MAX_BYTES // 2:
            self._dropped += len(self._older)
            at = next((entry for entry in reversed(newer) if isinstance(entry, float)), 0.0)
            self._older = newer[:]
            newer[:] = [at]  # in place: readers of the wire hold its append
            self._newer_bytes = 0

    def latest(self) -> tuple[FrameRecord, ...]:
        """Return what is remembered, oldest first."""
        at, frames = 0.0, []
        for number, entry in enumerate((*self._older, *self._newer), self._dropped + 1):
            if isinstance(entry, FrameRecord):
                frames.append(replace(entry, number=number))
            elif isinstance(entry, int):
                frames.append(FrameRecord(number, at, "in", _NAMES[entry & 3], entry >> 2))
            else:
                at = entry
        return tuple(frames)


def _name(kind: object) -> str:
    if isinstance(kind, str):
        return one_line(kind, 64)
    config = getattr(kind, "__struct_config__", None)
    return str(getattr(config, "tag", None) or getattr(kind, "__name__", "frame"))
