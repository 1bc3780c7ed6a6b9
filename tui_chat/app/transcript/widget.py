"""The transcript as a Textual widget: a conversation taken in change by change."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

from textual.geometry import Region

from tui_chat.app.transcript.column import Column
from tui_chat.app.transcript.entry import Entry, EntryChange
from tui_chat.app.transcript.finding import Finding
from tui_chat.app.transcript.lines import safe
from tui_chat.app.transcript.marks import ASCII, PLAIN, UNICODE
from tui_chat.app.transcript.selecting import Selecting
from tui_chat.app.transcript.walking import Walking
from tui_chat.conversation.model import Change, Message, MessageAdded, MessageKind

__all__ = ["Transcript"]

FRAME: Final = 1 / 30
"""Seconds between two frames while text streams; deltas in between share a frame."""

BAND: Final = 6
"""Rows that are painted together over a slow link: some 2 KB."""


class Pacing(Protocol):
    """How fast a terminal draws."""

    @property
    def slow(self) -> bool:
        """Whether a picture should be drawn in pieces."""
        ...

    def wait(self) -> float:
        """Return how many seconds the next piece has to wait; 0 for not at all."""
        ...


class Transcript(Selecting, Finding, Walking):
    """A conversation, drawn line by line.

    It follows the end until somebody scrolls away from it; from then on nothing that arrives
    moves what is being read, until :meth:`scroll_end` or scrolling down to the end.

    Args:
        placeholder: what an empty conversation shows.
        assistant: what the other side is called.
        ascii_only: use plain symbols, for terminals without UTF-8.
        plain: use words, for screen readers.
        now: the wall clock, epoch seconds, for "so far" durations.
        pace: how fast the terminal draws; None for as fast as there are frames.
        name: the widget's name.
        id: the widget's id.
        classes: the widget's CSS classes.
    """

    HELP = "The conversation. PgUp and PgDn page, End returns to the newest message."

    def __init__(
        self,
        *,
        placeholder: str = "",
        assistant: str = "Assistant",
        ascii_only: bool = False,
        plain: bool = False,
        now: Callable[[], float] = time.time,
        pace: Pacing | None = None,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(Column(now), placeholder=placeholder, name=name, id=id, classes=classes)
        self._assistant = safe(assistant)
        self._marks = PLAIN if plain else ASCII if ascii_only else UNICODE
        self._dirty: dict[Entry, None] = {}
        self._live: dict[Entry, None] = {}
        self._addressed: int | None = None
        self._pace = pace
        self._bands: deque[Region] = deque()
        self._frame_due = False
        self._last_frame = 0.0
        self._pause = FRAME

    # -- what is shown ----------------------------------------------------------------------------

    def apply(self, changes: Iterable[Change]) -> None:
        """Take in changes of the conversation; they are drawn together in the next frame."""
        for change in changes:
            if isinstance(change, MessageAdded):
                self._add(change.message)
            elif isinstance(change, EntryChange):  # threads, runs and persistence do not show here
                entry = self._column.find(change.message_id)
                if entry is not None and entry.take(change):
                    self._mark(entry)
        if self._dirty:
            self._request_frame()

    def address(self, message_id: int | None) -> None:
        """Say under this message, and no other, which keys are about it; None for none."""
        if message_id == self._addressed:
            return
        for number in (self._addressed, message_id):
            entry = None if number is None else self._column.find(number)
            if entry is not None:
                entry.addressed = number == message_id
                self._mark(entry)
        self._addressed = message_id
        if self._dirty:
            self._request_frame()

    def find(self, message_id: int) -> Entry | None:
        """Return what is shown of a message."""
        return self._column.find(message_id)

    @property
    def entries(self) -> Sequence[Entry]:
        """Everything that is shown, in order."""
        return self._column.entries

    def said(self) -> Iterator[Entry]:
        """Yield what the user wrote, the newest first."""
        return (entry for entry in reversed(self._column.entries) if entry.kind is MessageKind.USER)

    def latest_reply(self) -> Entry | None:
        """Return the latest reply that has text."""
        replies = (e for e in reversed(self._column.entries) if e.kind is MessageKind.ASSISTANT)
        return next((entry for entry in replies if entry.text), None)

    def reset(self, messages: Iterable[Message]) -> None:
        """Show these messages, and no others, from their end."""
        entries: list[Entry] = []
        before: Entry | None = None
        for message in messages:
            before = Entry(message, before, self._marks, self._assistant)
            before.addressed = before.id == self._addressed
            entries.append(before)
        self.carry_folds(entries)
        self._dirty.clear()
        self._strips.clear()
        self.clear_selection()
        self._live = {entry: None for entry in entries if entry.streaming}
        self._column.replace(entries)
        self._column.follow = True
        if self._column.height:
            self._column.to_end()
        self._place()
        self.search_anew()
        self.refresh()

    def flush(self) -> None:
        """Draw what is waiting for the next frame now."""
        dirty, self._dirty = self._dirty, {}
        if not self._column.height:
            self._dirty = dirty  # not on screen yet
            return
        for entry in dirty:
            if not entry.streaming:
                self._live.pop(entry, None)
        if not dirty:
            return
        top = self._column.top
        self.keep_read(dirty)
        self._column.update(dirty)
        if not self._column.follow:
            # How a message of the user fares is no news to come back for.
            others = (entry for entry in dirty if entry.delivery is None)
            self._unread.update(entry.id for entry in others if not self._is_above(entry))
        moved = self._column.top != top
        self._place()
        for entry in dirty:
            self.look_at(entry)
        if moved or any(self._column.shows(entry) for entry in dirty):
            self._repaint()

    def tick(self) -> None:
        """Show the times of what is running afresh; only the rows concerned are painted."""
        if not self._live or not self._column.height:
            return
        for first, count in self._column.update_heads(self._live):
            self.refresh(Region(0, first, self._view.width, count))

    def _add(self, message: Message) -> None:
        entries = self._column.entries
        if self._column.find(message.id) is not None:
            return  # a reader that fell behind may see it twice
        entry = Entry(message, entries[-1] if entries else None, self._marks, self._assistant)
        entry.addressed = entry.id == self._addressed
        self._column.add(entry)
        self._mark(entry)
        if entry.streaming:
            self._live[entry] = None

    def _mark(self, entry: Entry) -> None:
        self._dirty[entry] = None

    def _is_above(self, entry: Entry) -> bool:
        """Whether all of an entry is on screen or above it."""
        return self._column.ends_at(entry) <= self._column.top + self._column.height

    # -- frames -----------------------------------------------------------------------------------

    def _request_frame(self) -> None:
        if self._frame_due or not self.is_attached:
            return
        self._frame_due = True
        wait = self._last_frame + self._pause - time.monotonic()
        if wait <= 0:
            self.call_next(self._frame)
        else:
            self.set_timer(wait, self._frame)

    def _frame(self) -> None:
        if self._pace is not None and (wait := self._pace.wait()) > 0:
            self.set_timer(wait, self._frame)
            return
        if self._bands:
            self.refresh(self._bands.popleft())
            self.set_timer(FRAME, self._frame)
            return
        self._frame_due = False
        start = time.monotonic()
        self.flush()
        self._last_frame = time.monotonic()
        # Text that is costly to parse must not keep the keyboard waiting: rest as long as it took.
        self._pause = max(FRAME, 2 * (self._last_frame - start))

    def _repaint(self) -> None:
        """Paint everything; over a slow link in bands, so that keys are echoed in between."""
        if self._pace is None or not self._pace.slow:
            self.refresh()
            return
        width, height = self._view
        self._bands.clear()
        self._bands.extend(
            Region(0, y, width, min(BAND, height - y)) for y in range(0, height, BAND)
        )
        self._request_frame()

    def on_mount(self) -> None:
        """Draw what came before."""
        self._refresh_scrollbars()
        if self._dirty:
            self._request_frame()
