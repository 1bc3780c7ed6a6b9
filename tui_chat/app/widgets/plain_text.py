"""The widget for text that came from outside."""

from __future__ import annotations

from textual.widgets import Static

from tui_chat.text import clean

__all__ = ["PlainText"]


class PlainText(Static):
    """Shows text as it is: no bracket is markup, no control character reaches the terminal."""

    def __init__(
        self,
        text: str = "",
        *,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(clean(text), id=id, classes=classes, markup=False)
        self._text = clean(text)

    @property
    def text(self) -> str:
        """What is shown."""
        return self._text

    def show(self, text: str) -> None:
        """Replace what is shown; an empty text hides the widget if its style says so."""
        cleaned = clean(text)
        if cleaned != self._text:
            self._text = cleaned
            self.update(cleaned)
        self.set_class(not cleaned, "-empty")
