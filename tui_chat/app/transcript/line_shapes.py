"""What lines of Markdown look like to the scanner: just enough of CommonMark to find block ends."""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "DEFINITION",
    "DELIMITER_ROW",
    "EMPTY_QUOTE",
    "FENCE",
    "HEADING",
    "ITEM",
    "ITEM_MARKS",
    "QUOTE",
    "RULE",
    "UNDECIDED",
    "expand_indentation",
    "without_block_mark",
]

FENCE: Final = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)$")
ITEM: Final = re.compile(r"( {0,3})([-+*]|\d{1,9}[.)])( +|$)(.*)$")
RULE: Final = re.compile(r" {0,3}([-_*])(?: *\1){2,} *$")
HEADING: Final = re.compile(r" {0,3}#{1,6}(?: |$)")
QUOTE: Final = re.compile(r" {0,3}>")
EMPTY_QUOTE: Final = re.compile(r" {0,3}> *$")
DELIMITER_ROW: Final = re.compile(r" {0,3}\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$")
DEFINITION: Final = re.compile(r" {0,3}\[[^\]]{1,999}\]: *\S")
ITEM_MARKS: Final = frozenset("-+*0123456789")
# A last line of this shape says nothing yet: it may become a rule, an item, a heading, a fence.
UNDECIDED: Final = re.compile(r"\s*(?:[-=*+_#>|]{1,2}|`{1,3}|~{1,3}|\d{1,9}[.)]?|:?-+:?) *$")


# What the rest of a long line must not begin with, lest it be read as the beginning of a block.
_BLOCK_MARK: Final = re.compile(r"^(?:[-+*#>=~`|_]|\d{1,9}(?=[.)]))")


def expand_indentation(line: str) -> str:
    """Return ``line`` with tabs in its indentation expanded (CommonMark 0.31, 2.2)."""
    if "\t" not in line:
        return line
    rest = line.lstrip(" \t")
    return line[: len(line) - len(rest)].expandtabs(4) + rest


def without_block_mark(line: str) -> str:
    """Return the rest of a long line so that it is not read as the beginning of a block."""
    return _BLOCK_MARK.sub(_escape, line.lstrip(" "))


def _escape(match: re.Match[str]) -> str:
    mark = match.group()
    return mark + "\\" if mark.isdigit() else "\\" + mark
