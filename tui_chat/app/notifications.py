"""Telling somebody who looks elsewhere that a reply has ended: a bell, or a desktop notification.

Off unless the user wants it. What is sent holds no word of any message: notifications stay on lock
screens and in histories, and their text would be the server's.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Attention", "signal_for"]

_SIGNALS: Final = {
    "bell": "\x07",
    # iTerm2's OSC 9, which others have taken over; its text may not begin with a number and a
    # semicolon, for that is ConEmu's progress bar.
    "osc9": "\x1b]9;tui-chat: the reply is complete\x07",
}


def signal_for(notify: str) -> str:
    """Return what to write to the terminal; empty for none.

    Args:
        notify: the setting of this name.
    """
    return _SIGNALS.get(notify, "")


class Attention:
    """Whether the terminal is in front, and how many replies have ended while it was not.

    A terminal that never reports its focus counts as being in front.
    """

    def __init__(self) -> None:
        self._away = False
        self._running = False
        self.unread = 0

    @property
    def away(self) -> bool:
        """Whether the terminal is not in front."""
        return self._away

    @property
    def replying(self) -> bool:
        """Whether a reply is being written."""
        return self._running

    def left(self) -> None:
        """The terminal is not in front any more."""
        self._away = True

    def returned(self) -> None:
        """It is in front again, so everything counts as read."""
        self._away = False
        self.unread = 0

    def run(self, *, running: bool) -> bool:
        """Take in whether a reply is being written; say whether one ended that nobody saw."""
        ended = self._running and not running
        self._running = running
        if ended and self._away:
            self.unread += 1
            return True
        return False
