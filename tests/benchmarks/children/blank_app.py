"""A Textual application with a word on its screen, as an application begins that has no content."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class BlankApp(App[None]):
    """A word, and nothing else."""

    def compose(self) -> ComposeResult:
        """Yield the word."""
        yield Static("blank")


if __name__ == "__main__":
    BlankApp().run()
