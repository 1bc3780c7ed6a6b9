"""Plain mode's line for what has just changed; screen readers read a line when it changes."""

from __future__ import annotations

from typing import Final

from tui_chat.app.widgets.plain_text import PlainText
from tui_chat.connection.status import ConnectionState, ConnectionStatus

__all__ = ["Announcement"]

_WORDS: Final = {
    ConnectionState.READY: "Connected.",
    ConnectionState.BACKOFF: "Not connected, trying again by itself.",
    ConnectionState.PAUSED: "Not connected, waiting before the next try.",
    ConnectionState.FAILED: "Not connected, and not trying again.",
    ConnectionState.CLOSED: "Disconnected.",
}
"""What is worth a word; that a try begins, several times a minute, is not."""


class Announcement(PlainText):
    """Shown in plain mode only: the style sheet says so."""

    def __init__(self) -> None:
        super().__init__(id="announcement")
        self._state: ConnectionState | None = None
        self._replying = False

    def connection(self, status: ConnectionStatus, why: str) -> None:
        """Announce another state of the connection.

        Args:
            status: the connection's.
            why: the sentence that explains it; the banner shows it, so it is not said twice.
        """
        words = _WORDS.get(status.state)
        if words is not None and status.state is not self._state:
            self._state = status.state
            self.show(f"{words} The reason stands at the top." if why else words)

    def reply(self, *, running: bool) -> None:
        """Announce that a reply has begun or ended."""
        if running != self._replying:
            self._replying = running
            self.show("The reply begins." if running else "The reply has ended.")
