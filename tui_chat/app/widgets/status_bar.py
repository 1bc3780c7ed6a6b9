"""The line at the top: the program, the connection as glyph, word and colour, and the server."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui_chat.app.glyphs import UNICODE, Glyphs
from tui_chat.app.spans import milliseconds, rough
from tui_chat.app.widgets.one_line import cut
from tui_chat.clock import Clock
from tui_chat.connection.status import ConnectionState, ConnectionStatus
from tui_chat.errors import CredentialsRejected
from tui_chat.text import one_line

__all__ = ["ConnectionFace", "StatusBar", "connection_face", "host_of"]

NAME: Final = "tui-chat"
NOT_KEPT: Final = "not kept"
"""What is said of a conversation of which nothing is kept on this machine."""

_GOOD: Final = "$text-success"
_BUSY: Final = "$text-warning"
_BAD: Final = "$text-error"


class ConnectionFace:
    """A connection's state as it is shown: a glyph, words, a colour."""

    __slots__ = ("glyph", "style", "words")

    def __init__(self, glyph: str, words: str, style: str) -> None:
        self.glyph = glyph
        self.words = words
        self.style = style


def connection_face(
    status: ConnectionStatus, now: float, glyphs: Glyphs, *, known: bool = True
) -> ConnectionFace:
    """Return what to show.

    Args:
        status: where the connection stands.
        now: on the boot clock.
        glyphs: the symbols in use.
        known: whether there was a connection before; the first one cannot be a "re"connection.
    """
    wait = None if status.retry_at is None else status.retry_at - now
    again = known and (status.is_reconnecting or status.reconnect_attempts > 1)
    match status.state:
        case ConnectionState.READY:
            trip = status.round_trip
            words = "connected"
            if trip is not None:
                words += f" {glyphs.dot} {milliseconds(trip)}"
            return ConnectionFace(glyphs.on, words, _GOOD)
        case ConnectionState.BACKOFF:
            words = "reconnecting" if known else "connecting"
            if wait is not None and wait > 0:
                words += f" in {rough(wait)}"
            return ConnectionFace(glyphs.waiting, words, _BUSY)
        case ConnectionState.PAUSED:
            words = "paused" if wait is None or wait <= 0 else f"paused for {rough(wait)}"
            return ConnectionFace(glyphs.waiting, words, _BUSY)
        case ConnectionState.FAILED:
            refused = isinstance(status.cause, CredentialsRejected)
            return ConnectionFace(glyphs.alert, "sign-in needed" if refused else "stopped", _BAD)
        case ConnectionState.CLOSED:
            return ConnectionFace(glyphs.off, "offline", _BAD)
        case ConnectionState.IDLE:
            return ConnectionFace(glyphs.busy, "starting", "$muted")
        case _:
            words = "reconnecting" if again else "connecting"
            return ConnectionFace(glyphs.busy, words, _BUSY)


def host_of(url: str) -> str:
    """Return host and port of a URL, clean; empty if there is none to see."""
    try:
        parts = urlsplit(url)
        return one_line(parts.netloc.rpartition("@")[2], 100)
    except ValueError:
        return ""


class StatusBar(Widget):
    """One line; it counts down by itself while a next try is scheduled."""

    status: reactive[ConnectionStatus] = reactive(ConnectionStatus(), init=False)
    queue: reactive[str] = reactive("", init=False)
    """What is not sent for certain, in a few words."""

    ephemeral: reactive[bool] = reactive(False, init=False)
    """Whether nothing of the conversation is kept."""

    def __init__(self, clock: Clock, *, server: str, glyphs: Glyphs = UNICODE) -> None:
        super().__init__(id="status-bar")
        self._clock = clock
        self._server = server
        self._glyphs = glyphs
        self._known = False

    def watch_status(self, status: ConnectionStatus) -> None:
        """Remember that there was a connection."""
        self._known = self._known or status.connected

    def on_mount(self) -> None:
        """Start counting down."""
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        if self.status.retry_at is not None and not self.app.has_class("-plain"):
            self.refresh()

    def render(self) -> Content:
        """Draw the line; the state is what stays when there is little room."""
        if self.app.has_class("-plain"):
            return self._in_words()
        width = self.content_size.width
        face = connection_face(self.status, self._clock.boot(), self._glyphs, known=self._known)
        state = cut(f"{face.glyph} {face.words}", width, self._glyphs.ellipsis)
        dot = f" {self._glyphs.dot} "
        left = width - cell_len(state)
        # What does not fit is left out as a whole: half a number would be another one.
        facts = [(self.queue, _BUSY), (NOT_KEPT if self.ephemeral else "", _BUSY)]
        shown: list[tuple[str, str]] = []
        for text, style in facts:
            if text and cell_len(dot + text) <= left:
                shown.append((dot + text, style))
                left -= cell_len(dot + text)
        name = f"{NAME}  " if left >= len(NAME) + 2 else ""
        left -= len(name)
        room = left - 2
        server = cut(self._server, room, self._glyphs.ellipsis) if room >= 8 else ""
        return Content.assemble(
            (name, "bold"),
            (state, face.style),
            *shown,
            " " * (left - cell_len(server) if server else 0),
            (server, "$muted"),
        )

    def _in_words(self) -> Content:
        """Say it without anything that changes every second or so."""
        still = replace(self.status, retry_at=None, round_trip=None)
        face = connection_face(still, self._clock.boot(), self._glyphs, known=self._known)
        parts = [
            NAME,
            face.words,
            self.queue,
            NOT_KEPT if self.ephemeral else "",
            f"server {self._server}" if self._server else "",
        ]
        text = ", ".join(part for part in parts if part)
        return Content(cut(text, self.content_size.width, "."))
