"""What NO_COLOR means here: not a single colour, not even grey (https://no-color.org).

Textual's own way with it replaces each colour by a grey. What is told by colour is told by a word
or a symbol as well; what only a background would tell has a text style in the style sheets, under
``:nocolor``.
"""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

__all__ = ["Colourless", "without_colours"]


@lru_cache(4096)
def without_colours(style: Style) -> Style:
    """Return a style without its colours; bold, underline and the like, links and meta stay."""
    # Rich's own `without_color` loses the meta, by which clicks and selections find their place.
    bare = style.copy()
    bare._color = bare._bgcolor = bare._ansi = bare._hash = None  # noqa: SLF001 - see above
    return bare


class Colourless(LineFilter):
    """Takes the colours from everything that is drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Return the segments without colours."""
        return [
            Segment(text, None if style is None else without_colours(style), control)
            for text, style, control in segments
        ]
