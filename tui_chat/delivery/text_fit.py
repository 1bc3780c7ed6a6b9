"""Lays what there is of a text beside what the history has of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui_chat.conversation.model import MessageState

__all__ = ["Fit", "lay_beside"]


@dataclass(frozen=True, slots=True)
class Fit:
    """How texts of one kind stand beside those of the history.

    Attributes:
        completed: by number of ours, the whole text; None where it was whole already.
        missing: by number of theirs, what we do not have.
        blocks: by number of ours, the last of theirs it is in.
    """

    completed: dict[int, str | None]
    missing: dict[int, str]
    blocks: dict[int, int]


class _Misfit(Exception):
    """The history contradicts what there is, or has less."""


class _Blocks:
    """The history's texts of one kind, read from the first to the last.

    Blanks at the ends of blocks do not count: servers trim them.

    Attributes:
        block: the number of the block that is being read.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._at = 0
        self.block = 0

    def skip_rest(self) -> None:
        """Go on to the next block."""
        self.block, self._at = self.block + 1, 0

    def read(self, text: str) -> str:
        """Read a text of ours, which may go on over several blocks.

        Returns:
            What the last of these blocks has after it.

        Raises:
            _Misfit: if it is not there.
        """
        left, begins = text, True
        while True:
            rest = self._rest()
            if (begins or not self._at) and left.strip():
                rest, left = rest.lstrip(), left.lstrip()
            for ours in (left, left.rstrip()):
                further = rest[len(ours) :]
                if rest.startswith(ours) and (ours is left or not further[:1].strip()):
                    self._at = len(self._texts[self.block]) - len(further)
                    return further
            trimmed = rest.rstrip()
            if not left.startswith(trimmed):
                raise _Misfit
            left, begins = left[len(trimmed) :], False
            self.skip_rest()
            # Never blank here: without its blanks it would have been found above.

    def _rest(self) -> str:
        while self.block < len(self._texts):
            if (rest := self._texts[self.block][self._at :]).strip():
                return rest
            self.skip_rest()
        raise _Misfit

    def unread(self) -> dict[int, str]:
        """Return what has not been read, by the number of the block."""
        texts = {place: self._texts[place] for place in range(self.block, len(self._texts))}
        if self._at:
            # What parts two blocks here is a blank line there.
            texts[self.block] = texts[self.block][self._at :].lstrip("\n")
        return {place: text for place, text in texts.items() if text.strip()}


def lay_beside(ours: Sequence[tuple[str, MessageState]], theirs: Sequence[str]) -> Fit | None:
    """Lay texts beside each other, in order; None where that cannot be done with all of ours.

    Args:
        ours: texts with their states. Those that are blank are left out.
        theirs: the history's, which may divide the text into other blocks.
    """
    completed: dict[int, str | None] = {}
    places: dict[int, int] = {}
    blocks = _Blocks([_plain(text) for text in theirs])
    try:
        for number, (text, state) in enumerate(ours):
            begun = _plain(text)
            if state is MessageState.INTERRUPTED:
                begun = _without_half(begun)
            if not begun.strip():
                continue
            further = blocks.read(begun)
            places[number] = blocks.block
            if state is MessageState.INTERRUPTED:
                completed[number] = begun + further if further else None
            if state is not MessageState.COMPLETE:
                blocks.skip_rest()
    except _Misfit:
        return None
    return Fit(completed, blocks.unread(), places)


def _plain(text: str) -> str:
    """Return a text with its surrogate pairs joined and its line ends in one shape."""
    half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    whole = text[: len(text) - len(half)].encode("utf-16", "surrogatepass")
    return whole.decode("utf-16", "replace").replace("\r\n", "\n") + half


def _without_half(text: str) -> str:
    """Return a text without the half of a character, or of a line end, that it was cut at."""
    return text[:-1] if text[-1:] == "\r" or "\ud800" <= text[-1:] <= "\udbff" else text
