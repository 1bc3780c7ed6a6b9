"""What ``tui-chat`` shows when nobody has said which server to use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui_chat.app.bindings import Scope, bindings_for
from tui_chat.app.glyphs import Glyphs
from tui_chat.app.paths import style_sheet
from tui_chat.app.widgets.plain_text import PlainText
from tui_chat.app.widgets.sections import Row, Sections

if TYPE_CHECKING:
    from tui_chat.app.app import ChatApp

__all__ = ["WelcomeScreen"]


class WelcomeScreen(Screen[None]):
    """Two ways to go on: the demo, or a server of one's own."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.WELCOME)]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="welcome")
        self.css_path = [style_sheet("welcome")]
        self._glyphs = glyphs
        self._busy = False
        self._choices = Sections(
            [("", list(_choices()))], name_style="bold $text-primary", value_style=""
        )
        self.notice = PlainText(id="welcome-notice", classes="-empty")

    def compose(self) -> ComposeResult:
        """The choices, and a line for what goes wrong."""
        with VerticalScroll(id="welcome-panel"):
            yield Static(self._heading(), markup=False)
            yield self._choices
            yield self.notice

    def _heading(self) -> Content:
        return Content.assemble(
            (f"{self._glyphs.on} ", "$primary"),
            ("tui-chat", "bold"),
            ("\nA chat in your terminal. No server is configured yet.", "$muted"),
        )

    def action_demo(self) -> None:
        """Start the demo server, and chat with it."""
        if not self._busy:
            self._busy = True
            self.show(f"Starting the demo{self._glyphs.ellipsis}")
            cast("ChatApp", self.app).begin_demo()

    def show(self, sentence: str) -> None:
        """Show one sentence under the choices."""
        self.notice.show(sentence)

    def failed(self, sentence: str) -> None:
        """Say why the demo did not start; it can be tried again."""
        self._busy = False
        self.show(sentence)


def _choices() -> Iterator[Row]:
    yield (
        "Enter",
        Content.assemble(
            "Start the demo", ("\nA chat server on this machine, nothing leaves it\n", "$muted")
        ),
    )
    yield (
        "Q",
        Content.assemble(
            "Quit, then connect to your own server:\n",
            "tui-chat --server-url https://chat.example.com",
            (
                "\nor set TUI_CHAT_SERVER_URL. It asks for token and server key, or takes them ",
                "$muted",
            ),
            ("from TUI_CHAT_TOKEN and TUI_CHAT_SERVER_KEY.", "$muted"),
        ),
    )
