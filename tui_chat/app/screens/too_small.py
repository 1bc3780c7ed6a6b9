"""What a terminal shows that has no room for the application."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import Screen

from tui_chat.app.widgets.plain_text import PlainText

__all__ = ["MIN_SIZE", "TooSmallScreen", "is_too_small"]

MIN_SIZE = Size(40, 10)


def is_too_small(size: Size) -> bool:
    """Say whether ``size`` is smaller than the least the screens are made for."""
    return size.width < MIN_SIZE.width or size.height < MIN_SIZE.height


class TooSmallScreen(Screen[None]):
    """Covers everything until there is room again; what lies under it stays as it was."""

    def __init__(self) -> None:
        super().__init__(id="too-small")
        self._text = PlainText()

    def compose(self) -> ComposeResult:
        """One sentence."""
        yield self._text

    def show(self, size: Size) -> None:
        """Say how much room there is and how much is needed."""
        self._text.show(f"Needs {MIN_SIZE.width}x{MIN_SIZE.height}, has {size.width}x{size.height}")
