"""Cleans text that arrives in portions so that the portions do not show."""

from __future__ import annotations

import re
from typing import Final

from tui_chat.text import clean

__all__ = ["Intake"]

_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _join(match: re.Match[str]) -> str:
    return match.group().encode("utf-16", "surrogatepass").decode("utf-16")


class Intake:
    """Feeds text through :func:`tui_chat.text.clean`, whatever the deltas cut apart.

    A CR at the end of a portion may be half of a CR LF, and a high surrogate half of a character
    (servers that count in UTF-16 cut there): either waits for what comes next.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """Return the next portion, clean."""
        if self._held:
            text, self._held = self._held + text, ""
        if text and (text[-1] == "\r" or "\ud800" <= text[-1] <= "\udbff"):
            text, self._held = text[:-1], text[-1]
        return self._clean(text)

    def finish(self) -> str:
        """Return what was still waiting."""
        text, self._held = self._held, ""
        return self._clean(text)

    @staticmethod
    def _clean(text: str) -> str:
        if text.isascii():
            return clean(text)
        return clean(_PAIR.sub(_join, text))
