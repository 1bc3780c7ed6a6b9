"""The few symbols the screen uses, and what stands in for them where UTF-8 cannot be shown.

A glyph never stands alone: a word says the same, for people who cannot see shape or colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TextIO

__all__ = ["ASCII", "PLAIN", "UNICODE", "Glyphs", "glyphs_for", "locale_takes_unicode"]

_COERCED: Final = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
"""What Python may put into ``LC_CTYPE`` (PEP 538)."""


class Glyphs(NamedTuple):
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
PLAIN: Final = Glyphs(
    on=" ",
    busy=" ",
    waiting=" ",
    off=" ",
    alert=" ",
    bar=" ",
    track=" ",
    mark=" ",
    down=" ",
    dot=",",
    dash="none",
    ellipsis=".",
)
"""For screen readers, which would read a symbol's name aloud."""


def glyphs_for(
    stream: TextIO | None, environment: Mapping[str, str], wanted: str = "auto"
) -> Glyphs:
    """Return the glyphs that a terminal can show. Decided once, when the application starts.

    Args:
        stream: what the application writes to.
        environment: the process's environment, for the locale.
        wanted: the setting ``ascii``: ``on``, ``off``, or ``auto`` to go by the other two.
    """
    if wanted != "auto":
        return ASCII if wanted == "on" else UNICODE
    if not _is_utf8(getattr(stream, "encoding", None) or ""):
        return ASCII
    return UNICODE if locale_takes_unicode(environment) else ASCII


def locale_takes_unicode(environment: Mapping[str, str]) -> bool:
    """Say whether the locale leaves room for more than ASCII.

    The stream cannot tell: under ``C`` and ``POSIX`` Python writes UTF-8 all the same (PEP 538,
    PEP 540), and sets ``LC_CTYPE`` for its children. So the variables are read as POSIX has it:
    the first of ``LC_ALL``, ``LC_CTYPE`` and ``LANG`` that is not empty counts. Where none is set
    nobody has said anything, and most terminals that are left take UTF-8.
    """
    character_type = environment.get("LC_CTYPE", "")
    if character_type in _COERCED and environment.get("LANG", ""):
        character_type = ""  # Python's own doing, or it says nothing that LANG does not say
    chosen = environment.get("LC_ALL", "") or character_type or environment.get("LANG", "")
    if chosen in {"C", "POSIX"}:
        return False
    _, dot, codeset = chosen.partition("@")[0].partition(".")
    return not dot or _is_utf8(codeset)


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig"}
