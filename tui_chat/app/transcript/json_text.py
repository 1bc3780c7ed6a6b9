"""JSON values as text for people: on several lines, and no more of it than can be looked at."""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["formatted_json", "scalar_json"]

LIMIT: Final = 64_000
"""Characters that are made at most; that takes a few milliseconds."""
DEPTH: Final = 40
"""Levels of nesting that are followed."""
_STEP: Final = "  "
_TALLEST_INTEGER: Final = 1024
"""Bits of an integer that is written out; CPython takes quadratic time for the digits."""


def formatted_json(value: Any, limit: int = LIMIT) -> tuple[str, bool]:
    """Return ``value`` as JSON with one member a line, and whether that is all of it.

    A value of megabytes costs no more than what is made of it.

    Args:
        value: what a JSON parser returned; other objects show their type.
        limit: characters, about.
    """
    writer = _Writer(limit)
    writer.write(value, 0)
    return "".join(writer.parts), writer.whole


class _Writer:
    """Writes until its budget is used up."""

    __slots__ = ("_left", "parts", "whole")

    def __init__(self, limit: int) -> None:
        self.parts: list[str] = []
        self.whole = True
        self._left = limit

    def write(self, value: Any, depth: int) -> None:
        """Append a value."""
        if not isinstance(value, dict | list | tuple):
            text, whole = scalar_json(value, self._left)
            self.whole = self.whole and whole
            self._put(text)
            return
        named = isinstance(value, dict)
        opening, closing = "{}" if named else "[]"
        if not value:
            self._put(opening + closing)
        elif depth >= DEPTH:
            self.whole = False
            self._put(f"{opening}…{closing}")
        else:
            self._put(opening)
            self._members(value, depth + 1, named=named)
            self._put(f"\n{_STEP * depth}{closing}")

    def _members(self, value: Any, depth: int, *, named: bool) -> None:
        lead = f"\n{_STEP * depth}"
        for number, key in enumerate(value):
            if self._left <= 0:
                self.whole = False
                self._put(f"{lead}…")
                return
            self._put(f",{lead}" if number else lead)
            if named:
                name, whole = scalar_json(str(key), self._left)
                self.whole = self.whole and whole
                self._put(f"{name}: ")
            self.write(value[key] if named else key, depth)

    def _put(self, text: str) -> None:
        self.parts.append(text)
        self._left -= len(text)


def scalar_json(value: Any, limit: int) -> tuple[str, bool]:
    """Return a value that holds no others as JSON, and whether that is all of it.

    Args:
        value: a text, number, boolean or None; of anything else its type is shown.
        limit: characters of a text that are looked at.
    """
    match value:
        case str():
            limit = max(limit, 1)
            if len(value) <= limit:
                return json.dumps(value, ensure_ascii=False), True
            return json.dumps(f"{value[:limit]}…", ensure_ascii=False), False
        case int() if value.bit_length() > _TALLEST_INTEGER:
            return "…", False
        case None | bool() | int() | float():
            return json.dumps(value), True
        case _:
            return json.dumps(type(value).__name__), True
