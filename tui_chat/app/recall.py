"""What the user wrote before, and the way back to what is being written. No widget."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["Recall"]

LONGEST: Final = 1_000
"""Texts that are kept; whatever comes on top pushes the oldest one out."""


class Recall:
    """Older texts, oldest first, and behind them the one that is being written.

    A recalled text may be edited; its edited form stays until something is sent, so that stepping
    through the texts loses nothing.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._edited: dict[int, str] = {}
        self._draft = ""
        self._at: int | None = None

    @property
    def recalling(self) -> bool:
        """Whether an older text is shown instead of the one that is being written."""
        return self._at is not None

    @property
    def texts(self) -> list[str]:
        """Everything that can be recalled, the latest first."""
        return self._texts[::-1]

    @property
    def edited(self) -> list[str]:
        """What texts that are not shown now were edited into, the oldest first."""
        return [text for at, text in sorted(self._edited.items()) if at != self._at]

    @property
    def draft(self) -> str:
        """The text that was being written when the first older one was recalled."""
        return self._draft if self.recalling else ""

    def load(self, texts: Iterable[str]) -> None:
        """Put texts of earlier sessions, the latest last, before those of this one."""
        known = set(self._texts)
        older = [text for text in texts if text not in known]
        room = LONGEST - len(self._texts)
        older = older[max(len(older) - room, 0) :] if room > 0 else []
        self._texts[:0] = older
        self._edited = {at + len(older): text for at, text in self._edited.items()}
        if self._at is not None:
            self._at += len(older)

    def add(self, text: str) -> None:
        """Remember a text as the latest. What is being recalled stays where it is."""
        if not text.strip():
            return
        if text in self._texts:
            if self.recalling:
                return  # the places of the others must not change now
            self._texts.remove(text)
        self._texts.append(text)
        if len(self._texts) > LONGEST and not self.recalling:
            del self._texts[0]

    def visit(self, text: str, shown: str) -> str:
        """Go to this text, as if it had been recalled, and return it.

        What it was edited into before becomes a text of its own.
        """
        if text not in self._texts:
            self._texts.append(text)
        self._leave(shown)
        at = self._texts.index(text)
        edited = self._edited.pop(at, "")
        if edited.strip():
            self._edited[len(self._texts)] = edited
            self._texts.append(edited)
        return self._enter(at)

    def older(self, shown: str) -> str | None:
        """Return the text before the one that is shown; None if there is none."""
        at = len(self._texts) if self._at is None else self._at
        if at == 0:
            return None
        self._leave(shown)
        return self._enter(at - 1)

    def newer(self, shown: str) -> str | None:
        """Return the text after the one that is shown, at last the draft; None behind that."""
        if self._at is None:
            return None
        self._leave(shown)
        at = self._at + 1
        if at < len(self._texts):
            return self._enter(at)
        draft = self._draft
        self._at = None
        self._draft = ""
        return draft

    def changed(self, shown: str) -> bool:
        """Whether a recalled text is shown otherwise than it was remembered."""
        return self._at is not None and shown != self._texts[self._at]

    def end(self) -> str:
        """Leave the recalled texts, because one was sent; return the draft that was left.

        What others of them were edited into becomes a text to recall, so that nothing is lost.
        """
        draft = self.draft
        left = self.edited
        self._edited.clear()
        self._at = None
        self._draft = ""
        for text in left:
            self.add(text)
        return draft

    def _leave(self, shown: str) -> None:
        if self._at is None:
            self._draft = shown
        elif shown.strip() and shown != self._texts[self._at]:
            self._edited[self._at] = shown
        else:
            self._edited.pop(self._at, None)

    def _enter(self, at: int) -> str:
        self._at = at
        return self._edited.get(at, self._texts[at])
