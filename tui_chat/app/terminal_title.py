"""The terminal's title: the program, how the connection stands, and what has not been read.

Set with OSC 2, the window's title; OSC 0 would change the icon's name as well, which has nothing to
do with it. The title from before cannot be asked for safely (the answer would arrive as if it had
been typed), so xterm's title stack keeps it (``CSI 22 ; 2 t`` and ``CSI 23 ; 2 t``); terminals
without one get an empty title at the end, which makes them show their own again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tui_chat.connection.status import ConnectionState
from tui_chat.text import one_line

__all__ = ["RESTORE", "TerminalTitle", "title_of"]

LONGEST: Final = 80
"""Characters."""

_SAVE: Final = "\x1b[22;2t"
RESTORE: Final = "\x1b]2;\x07\x1b[23;2t"
"""What gives the terminal its own title back."""

_WORDS: Final = {
    ConnectionState.READY: "",
    ConnectionState.BACKOFF: "reconnecting",
    ConnectionState.PAUSED: "paused",
    ConnectionState.FAILED: "stopped",
    ConnectionState.CLOSED: "offline",
    ConnectionState.IDLE: "",
}


def title_of(name: str, state: ConnectionState, unread: int, *, replying: bool = False) -> str:
    """Return the title, without anything in it that a terminal would act on.

    Args:
        name: the server or profile.
        state: where the connection stands.
        unread: replies that ended while the terminal was not in front.
        replying: whether a reply is being written.
    """
    words = _WORDS.get(state, "connecting")
    if not words and replying:
        words = "replying"
    parts = ["tui-chat", *([one_line(name, 40)] if name else []), *([words] if words else [])]
    count = f"({min(unread, 999)}) " if unread else ""
    return one_line(count + " - ".join(parts), LONGEST)


class TerminalTitle:
    """Writes the title when it changes, and puts back what was there.

    Args:
        write: writes to the terminal between two frames.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._shown: str | None = None

    def show(self, title: str) -> None:
        """Set the title; the same one again writes nothing."""
        if title == self._shown:
            return
        save = _SAVE if self._shown is None else ""
        self._shown = title
        # Through one_line already; the terminators are taken out once more, next to the sink.
        safe = "".join(c for c in title if c.isprintable())
        self._write(f"{save}\x1b]2;{safe}\x07")

    def restore(self) -> None:
        """Give the terminal its own title back, if it was changed."""
        if self._shown is not None:
            self._shown = None
            self._write(RESTORE)

    def forget(self) -> None:
        """Take in that the terminal has its own title back already."""
        self._shown = None
