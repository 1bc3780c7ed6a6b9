"""The log as data: events and frames in one order, what of them is shown, and in how many lines."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from rich.cells import chop_cells

from tui_chat.app.screens.debug.facts import byte_count, time_of_day
from tui_chat.text import clean, one_line

if TYPE_CHECKING:
    from tui_chat.flight_recorder import FrameRecord
    from tui_chat.telemetry import LogEntry

__all__ = ["LogItem", "formatted", "log_items", "matches"]

MAX_FORMATTED: Final = 500
"""Lines of one frame that are shown."""
SHOWN: Final = 240
"""Characters of a frame on its one line."""

_TYPE: Final = re.compile(r'^\{"type":"[a-z_]{1,40}"(?:,"event":"[a-z-]{1,40}")?,?')

DIRECTIONS: Final = ("in", "out", "event")

_NOT_KEPT: Final = (
    "The content was not kept: nobody looked at that moment, or there was too much of it, or it is "
    "not JSON."
)

Key = tuple[str, float, int]


@dataclass(frozen=True, slots=True)
class LogItem:
    """One event, or one frame.

    Attributes:
        key: what tells it from the others, in this look at the log and in the next one.
        at: epoch seconds.
        direction: ``in`` or ``out`` for a frame, ``event`` for an event.
        kind: of the event, or the frame's type.
        size: of the frame; empty for an event.
        text: one clean line.
        content: the frame as JSON, None where it was not kept.
    """

    key: Key
    at: float
    direction: str
    kind: str
    size: str
    text: str
    content: str | None = None

    def time(self, zone: tzinfo | None) -> str:
        """Return the time of day to the millisecond."""
        return f"{time_of_day(self.at, zone)}.{int(self.at * 1000) % 1000:03}"

    def line(self, zone: tzinfo | None = None) -> str:
        """Return it as one line of text, for a file."""
        head = f"{self.time(zone)} {self.direction:5} {self.kind}"
        return " ".join(part for part in (head, self.size, self.text) if part)


def log_items(events: Iterable[LogEntry], frames: Iterable[FrameRecord]) -> list[LogItem]:
    """Return both in the order of their times; each is in that order already."""
    return list(heapq.merge(_events(events), map(_frame, frames), key=lambda item: item.at))


def _events(events: Iterable[LogEntry]) -> Iterable[LogItem]:
    latest, same = float("-inf"), 0
    for event in events:
        same = same + 1 if event.at == latest else 0
        latest = event.at
        kind, text = one_line(event.kind, 40), one_line(event.text, SHOWN)
        yield LogItem(("event", event.at, same), event.at, "event", kind, "", text)


def _frame(frame: FrameRecord) -> LogItem:
    # Its type stands beside it; where it comes first, as it does in nearly all, it is left out.
    text = "" if frame.content is None else one_line(_TYPE.sub("{", frame.content), SHOWN)
    return LogItem(
        ("frame", 0.0, frame.number),
        frame.at,
        frame.direction,
        one_line(frame.kind, 40),
        byte_count(frame.size),
        text,
        frame.content,
    )


def matches(item: LogItem, words: Sequence[str]) -> bool:
    """Say whether all of these hold for an item: words, in lower case, in its kind or text.

    ``in``, ``out`` and ``event`` ask for the direction instead.
    """
    return all(
        word == item.direction
        if word in DIRECTIONS
        else word in item.kind.lower() or word in item.text.lower()
        for word in words
    )


def formatted(item: LogItem, width: int) -> list[str]:
    """Return what an item holds, indented, each line at most ``width`` columns, cleaned."""
    if item.direction == "event":
        return chop_cells(item.text, max(width, 1)) if item.text else []
    if item.content is None:
        return wrap(_NOT_KEPT, max(width, 10))
    try:
        text = json.dumps(json.loads(item.content), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = item.content
    lines = [
        piece
        for line in clean(text).expandtabs(2).split("\n")
        for piece in (chop_cells(line, max(width, 1)) or [""])
    ]
    if len(lines) > MAX_FORMATTED:
        left = len(lines) - MAX_FORMATTED
        lines[MAX_FORMATTED:] = [f"... {left:,} more lines"[:width]]
    return lines
