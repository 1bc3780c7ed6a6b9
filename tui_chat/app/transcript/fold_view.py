"""Folding messages in the transcript, with a click or as it comes about by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from textual import events

from tui_chat.app.transcript.column import Spot
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.folding import FOLDABLE
from tui_chat.app.transcript.view import TranscriptView
from tui_chat.conversation.model import MessageKind

__all__ = ["Folding"]


class Folding(TranscriptView):
    """A transcript whose reasoning and tool calls can be one line each."""

    _read: tuple[Entry, ...] = ()
    """Reasoning that is done, but was in view then; it is folded when nobody looks."""

    def toggle_fold(self, entry: Entry) -> bool:
        """Fold an entry, or open it; its first line stays in its place.

        Returns:
            False: there is nothing to fold.
        """
        if not entry.foldable:
            return False
        entry.fold = not entry.folded
        entry.kept_open = False
        self._refold([entry], stay=entry)
        return True

    def fold_all(self, kinds: Collection[MessageKind] = FOLDABLE, *, folded: bool) -> int:
        """Fold or open everything of some kinds; return how many messages that changed."""
        changed: list[Entry] = []
        for entry in self._column.entries:
            if entry.kind in kinds and entry.foldable:
                if entry.folded is not folded:
                    changed.append(entry)
                entry.fold = folded
        if changed:
            here = self.current
            self._refold(changed, stay=here if here and self._column.shows(here) else None)
        return len(changed)

    def _refold(self, entries: Collection[Entry], stay: Entry | None) -> None:
        if self._column.height:
            self._column.refold(entries, stay)
            self._place()
            self.refresh()

    def keep_read(self, entries: Iterable[Entry]) -> None:
        """Let reasoning that is done now stay open where somebody reads it.

        Who follows the end sees it fold; who scrolled away has their own pace.
        """
        if self._column.follow:
            return
        done = [
            entry
            for entry in entries
            if entry.kind is MessageKind.REASONING
            and entry.folded
            and entry.fold is None
            and entry.pieces is not None
            and entry.height > 1
            and self._column.shows(entry)
        ]
        for entry in done:
            entry.kept_open = True
        self._read += tuple(done)

    def _place(self) -> None:
        super()._place()
        if self._read and self._column.height:
            self._fold_read()

    def _fold_read(self) -> None:
        """Fold what was left open for a reader who has gone on."""
        column = self._column
        gone = [
            entry
            for entry in self._read
            if column.follow or column.find(entry.id) is not entry or not column.shows(entry)
        ]
        if not gone:
            return
        self._read = tuple(entry for entry in self._read if entry not in gone)
        for entry in gone:
            entry.kept_open = False
        known = [entry for entry in gone if column.find(entry.id) is entry]
        if known:
            column.update(known)
            super()._place()
            self.refresh()

    def carry_folds(self, entries: Iterable[Entry]) -> None:
        """Fold new entries as the user had folded those with the same ids."""
        for entry in entries:
            before = self._column.find(entry.id)
            if before is not None and before.kind is entry.kind:
                entry.fold = before.fold

    def on_click(self, event: events.Click) -> None:
        """Fold or open what is clicked on in its first line."""
        spot = self._column.spot(event.y)
        if event.button == 1 and event.chain == 1 and spot is not None:
            entry = self._column.entries[spot.entry]
            if _is_handle(entry, spot) and self.toggle_fold(entry):
                event.stop()


def _is_handle(entry: Entry, spot: Spot) -> bool:
    """Whether a row is the one that says whether its entry is folded."""
    return entry.kind in FOLDABLE and spot.piece == 0 and spot.row.index == len(entry.lines(0)) - 1
