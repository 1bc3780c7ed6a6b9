"""Cutting one logical line into rows, by columns, never inside a grapheme."""

from __future__ import annotations

import re
from typing import Final

from rich.cells import cell_len, split_graphemes

__all__ = ["fit", "graphemes", "is_narrow", "wrap", "wrap_code"]

# Characters of one column each that never join their neighbours. A run of them needs no
# measuring, which makes wrapping about twenty times faster.
_NARROW: Final = re.compile(
    "[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e"
    "\u20a0-\u20bf\u2190-\u2319\u2500-\u25fc\u2800-\u28ff]*"
)
# No row begins with one of these (a subset of JIS X 4051, "line-start prohibited").
_NO_START: Final = frozenset(
    "\u3001\u3002\uff0c\uff0e\u30fb\uff1a\uff1b\uff1f\uff01\uff09\u300d\u300f\u3011\u3015"
    "\u3009\u300b\u201d\u2019\u30fc\u3005"
    "\u3041\u3043\u3045\u3047\u3049\u3063\u3083\u3085\u3087"
    "\u30a1\u30a3\u30a5\u30a7\u30a9\u30c3\u30e3\u30e5\u30e7"
)
_REGIONAL_FIRST: Final = "\U0001f1e6"
_REGIONAL_LAST: Final = "\U0001f1ff"

Row = tuple[int, int]


def is_narrow(text: str) -> bool:
    """Say whether every character of ``text`` is one column wide and stands alone."""
    return _NARROW.fullmatch(text) is not None


def graphemes(text: str) -> list[tuple[int, int, int]]:
    """Return start, end and columns of each grapheme; pairs of regional indicators are one."""
    spans = split_graphemes(text)[0]
    merged: list[tuple[int, int, int]] = []
    open_flag = False
    for start, end, width in spans:
        regional = _REGIONAL_FIRST <= text[start] <= _REGIONAL_LAST
        if regional and open_flag:
            first, _, first_width = merged[-1]
            merged[-1] = (first, end, first_width + width)
            open_flag = False
        elif merged and not width:
            first, _, first_width = merged[-1]
            merged[-1] = (first, end, first_width)
        else:
            merged.append((start, end, width))
            open_flag = regional
    return merged


def fit(text: str, width: int, ellipsis: str = "…") -> str:
    """Return ``text`` if it fits into ``width`` columns, else its beginning and an ellipsis."""
    # Nothing beyond this can fit; a hostile megabyte is not measured.
    cut = text[: 8 * max(width, 0) + 8]
    if len(cut) == len(text) and cell_len(text) <= width:
        return text
    room = width - cell_len(ellipsis)
    if room < 0:
        return ""
    end = used = 0
    for _, stop, columns in graphemes(cut):
        if used + columns > room:
            break
        end, used = stop, used + columns
    return cut[:end] + ellipsis


def wrap(text: str, width: int) -> list[Row]:
    """Return the rows, as ``(start, end)``, of prose: broken at blanks, which are dropped there.

    Between wide characters (Chinese, Japanese, Korean) a row may end anywhere. A word that is
    longer than a row is broken. There is always at least one row.
    """
    width = max(width, 1)
    if is_narrow(text):
        return _wrap_narrow(text, width)
    return _wrap_wide(text, width)


def _wrap_narrow(text: str, width: int) -> list[Row]:
    rows: list[Row] = []
    start = 0
    length = len(text)
    while length - start > width:
        cut = text.rfind(" ", start, start + width + 1)
        end = cut
        while end > start and text[end - 1] == " ":
            end -= 1
        if cut < 0 or end == start:  # one long word, or only blanks: break where the row is full
            rows.append((start, start + width))
            start += width
            continue
        rows.append((start, end))
        start = cut + 1
        while start < length and text[start] == " ":
            start += 1
    if start < length or not rows:
        rows.append((start, length))
    return rows


def _wrap_wide(text: str, width: int) -> list[Row]:
    rows: list[Row] = []
    start = used = 0
    # The latest place where the row may end, where the next would begin, and the columns so far.
    end = following = at_break = -1
    wide_before = blank_before = False
    for first, stop, columns in graphemes(text):
        character = text[first]
        blank = character == " "
        if not blank:
            if blank_before:
                following, at_break = first, used
            elif first > start and (columns == 2 or wide_before) and character not in _NO_START:
                end, following, at_break = first, first, used
        elif not blank_before and first > start:
            end, following, at_break = first, stop, used + columns
        if used + columns > width and not blank and first > start:
            if end <= start or following > first:
                end, following, at_break = first, first, used
            rows.append((start, end))
            start = following
            used -= at_break
            end = following = at_break = -1
        used += columns
        wide_before = columns == 2
        blank_before = blank
    stripped = len(text.rstrip(" "))
    if blank_before and used > width and stripped > start:
        rows.append((start, stripped))
    elif blank_before and used > width and rows:
        pass
    elif start < len(text) or not rows:
        rows.append((start, len(text)))
    return rows


def wrap_code(text: str, width: int) -> list[Row]:
    """Return the rows of a line of code: broken where a row is full, every blank kept."""
    width = max(width, 1)
    if is_narrow(text):
        return [(at, min(at + width, len(text))) for at in range(0, len(text), width)] or [(0, 0)]
    rows: list[Row] = []
    start = used = 0
    for first, _, columns in graphemes(text):
        if used + columns > width and first > start:
            rows.append((start, first))
            start, used = first, 0
        used += columns
    rows.append((start, len(text)))
    return rows
