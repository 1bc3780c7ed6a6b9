"""The one place where text from outside is made safe to show.

Whatever a server, a file name or an exception hands over may hold terminal escapes, bidirectional
overrides or megabytes. Every sink (transcript, notices, titles, stderr, exports to a terminal)
gets its text through here. What was removed is shown visibly instead of dropped, so that nobody
is fooled: control characters become Unicode control pictures, invisible formatting characters
become ``<U+XXXX>``.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["clean", "is_clean", "one_line", "shorten"]

ELLIPSIS: Final = "…"

# Everything a terminal or a reader could be misled by:
# - C0 except newline and tab, DEL, C1 (which includes one-byte CSI and OSC)
# - bidirectional embeddings, overrides, isolates and marks (Unicode TR 36, 3.2)
# - line and paragraph separators, interlinear annotation, tag characters, soft hyphen, the
#   invisible operators, zero-width space and the byte order mark. ZWJ and ZWNJ (200D, 200C) stay:
#   emoji and several scripts need them, and they have no effect on a terminal.
# - the format controls of shorthand and of musical notation, which nothing shows
# - lone surrogates, which no terminal encoding can carry
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
_LINE_ENDS: Final = re.compile("\r\n?|\x85|\u2028|\u2029")
_BLANKS: Final = re.compile(r"\s+")


def _picture(match: re.Match[str]) -> str:
    point = ord(match.group())
    if point < 0x20:
        return chr(0x2400 + point)
    if point == 0x7F:
        return "\u2421"
    return f"<U+{point:04X}>"


def is_clean(text: str) -> bool:
    """Say whether ``text`` can be shown as it is (newlines and tabs allowed)."""
    return _HIDDEN.search(text) is None


def clean(text: str) -> str:
    """Return ``text`` with every control and hidden character made visible.

    Newlines and tabs stay; CR LF, lone CR and the Unicode line separators become newlines.
    The common case, clean text, is returned as it is.
    """
    if _HIDDEN.search(text) is None:
        return text
    return _HIDDEN.sub(_picture, _LINE_ENDS.sub("\n", text))


def shorten(text: str, limit: int) -> str:
    """Return at most ``limit`` characters of ``text``, the last an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + ELLIPSIS


def one_line(text: str, limit: int = 200) -> str:
    """Return ``text`` cleaned, on one line, at most ``limit`` characters long.

    For close reasons, error texts, names: whatever goes into a status line or a sentence.
    """
    # A hostile megabyte is cut before the costly passes; blanks may shrink the rest further.
    return shorten(_BLANKS.sub(" ", clean(text[: limit * 4 + 16])).strip(), limit)
