"""The few symbols the screen uses, and what stands in for them where UTF-8 cannot be shown.

A glyph never stands alone: a word says the same, for people who cannot see shape or colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TextIO

__all__ = ["ASCII", "UNICODE", "Glyphs", "glyphs_for"]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One symbol each, every one of them one column wide.

    Attributes:
        on: connected.
        busy: something is under way.
        waiting: the next try has a time.
        off: not connected, and nothing under way.
        alert: the user has to do something.
        bar: the part of a bar that is left.
        track: the part of a bar that is gone.
        mark: a point on a bar's track.
        down: below.
        dot: between two things on one line.
        dash: a pause in a sentence; also "no value".
        ellipsis: something was cut.
        ascii: whether these are the plain ones.
    """

    on: str
    busy: str
    waiting: str
    off: str
    alert: str
    bar: str
    track: str
    mark: str
    down: str
    dot: str
    dash: str
    ellipsis: str
    ascii: bool = False


UNICODE: Final = Glyphs(
    on="●",
    busy="◌",
    waiting="◷",
    off="○",
    alert="▲",
    bar="━",
    track="─",
    mark="╂",
    down="↓",
    dot="·",
    dash="–",  # noqa: RUF001 - an en dash is meant
    ellipsis="…",
)
ASCII: Final = Glyphs(
    on="*",
    busy="~",
    waiting="+",
    off="o",
    alert="!",
    bar="=",
    track="-",
    mark="|",
    down="v",
    dot="-",
    dash="-",
    ellipsis="~",
    ascii=True,
)


def glyphs_for(stream: TextIO | None) -> Glyphs:
    """Return the glyphs that ``stream`` can carry."""
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("_", "-")
    return UNICODE if encoding in {"utf-8", "utf8", "utf-8-sig"} else ASCII
