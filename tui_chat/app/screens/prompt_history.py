"""F7: search in what was written before, in this session and in earlier ones."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from textual.content import Content

from tui_chat.app.screens.filtered_list import FilteredList
from tui_chat.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tui_chat.app.widgets.prompt import Prompt

__all__ = ["PromptHistoryScreen", "matches"]

MOST: Final = 200
"""Texts that are shown, the latest ones that fit."""
SEARCHED: Final = 10_000
"""Characters of each text that are looked through, so that a key never waits for a large paste."""
SHOWN: Final = 300
"""Characters of each text that are shown."""
BEFORE: Final = 30
"""Characters shown before the first match, where that lies further behind."""

_BLANKS: Final = dict.fromkeys(map(ord, "\t\n\v\f\r\x85\u2028\u2029"), " ")


def matches(text: str, words: list[str]) -> list[tuple[int, int]] | None:
    """Return where the words occur, as start and end; None unless all of them do.

    Args:
        text: casefolded.
        words: casefolded, none of them empty.
    """
    places: list[tuple[int, int]] = []
    for word in words:
        at = text.find(word)
        if at < 0:
            return None
        while at >= 0:
            places.append((at, at + len(word)))
            at = text.find(word, at + len(word))
    return sorted(places)


class PromptHistoryScreen(FilteredList):
    """What is typed narrows the list; Enter puts the chosen text into the prompt.

    Args:
        prompt: whose texts these are.
        filter_text: what stands in the filter at first.
    """

    def __init__(self, prompt: Prompt, filter_text: str = "") -> None:
        super().__init__(
            "What you wrote before",
            filter_text,
            placeholder="Search",
            keys="Enter puts it into the prompt, Up and Down choose",
            screen_id="prompt-history",
        )
        self._prompt = prompt
        self._texts = prompt.recallable
        self._folded = [_foldable(text).lower() for text in self._texts]
        self._listed: list[str] = []

    def narrow(self, text: str) -> None:
        """Show the texts that hold all words."""
        words = text.lower().split()
        found = list(islice(self._found(words), MOST))
        self._listed = [each for each, _ in found]
        none = "Nothing that you wrote holds this." if text else "You have written nothing yet."
        self.show_list([_excerpt(each, places, words) for each, places in found], none)

    def _found(self, words: list[str]) -> Iterator[tuple[str, list[tuple[int, int]]]]:
        for text, folded in zip(self._texts, self._folded, strict=True):
            if (places := matches(folded, words)) is not None:
                yield text, places

    def take(self, at: int) -> None:
        """Put the chosen text into the prompt."""
        self.dismiss()
        self._prompt.recall(self._listed[at])


def _foldable(text: str) -> str:
    """Return the searched part of a text, as one line with every character in its own place."""
    return text[:SEARCHED].translate(_BLANKS)


def _excerpt(text: str, places: list[tuple[int, int]], words: list[str]) -> Content:
    """Return one line with the matches in it marked."""
    line = _foldable(text)
    start = places[0][0] - BEFORE if places and places[0][1] > BEFORE * 2 else 0
    if len(line.lower()) != len(line):
        start = 0  # some letters are two when they are small: the places are those of others
    line = one_line(line[start : start + 2 * SHOWN], SHOWN)
    shown = Content(f"… {line}" if start > 0 else line)
    plain = shown.plain.lower()
    # Looked up anew: making the text harmless may have moved its characters, and cutting it may
    # have left some words out.
    marked = [word for word in words if word in plain]
    if len(plain) == len(shown.plain):
        for at, end in matches(plain, marked) or []:
            shown = shown.stylize("bold underline $text-primary", at, end)
    return shown
