"""The promise that the process ends, also when the terminal does not read or is gone.

Ending politely needs an event loop that runs and a terminal that takes what is written. Neither
is certain: Textual's loop stands still while the terminal does not read, and a thread that waits
for a name server keeps Python from exiting. So whoever starts to leave arms the guard, and if the
process is still there after a while the guard puts the terminal's settings back and ends it.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

__all__ = ["ExitGuard", "TerminalWatch"]

LAST_WORDS: Final = 0.4
"""Seconds that cleaning up may take when the polite way has failed."""


class ExitGuard:
    """Ends the process by force when it does not end by itself.

    Args:
        last_words: cleaning up that has to happen even then, such as ending a child.
        end: what ends the process; ``os._exit`` outside of tests.
    """

    def __init__(
        self, last_words: Callable[[], object], *, end: Callable[[int], object] = os._exit
    ) -> None:
        self._last_words = last_words
        self._end = end
        self._settings = _terminal_settings()
        self._disarmed = threading.Event()
        self._armed = False

    def arm(self, code: int, seconds: float) -> None:
        """Give the process ``seconds`` to end; the first call counts."""
        if self._armed:
            return
        self._armed = True
        threading.Thread(
            target=self._wait, args=(code, seconds), name="exit-guard", daemon=True
        ).start()

    def disarm(self) -> None:
        """The process is fine."""
        self._disarmed.set()

    def _wait(self, code: int, seconds: float) -> None:
        if self._disarmed.wait(seconds):
            return
        words = threading.Thread(target=self._say_last_words, name="last-words", daemon=True)
        words.start()
        words.join(LAST_WORDS)
        _restore_terminal(self._settings)
        self._end(code)

    def _say_last_words(self) -> None:
        with suppress(Exception):
            self._last_words()


class TerminalWatch:
    """Notices that the terminal has gone, without reading from it.

    A terminal that vanishes sends SIGHUP only to processes it controls. For all others ``poll``
    reports the hang-up. Where ``poll`` cannot watch terminals this does nothing.
    """

    def __init__(self, descriptors: Sequence[int], gone: Callable[[], object]) -> None:
        self._descriptors = descriptors
        self._gone = gone
        self._wake: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch, in a thread that sleeps until something happens."""
        if not hasattr(select, "poll"):
            return
        self._wake = os.pipe()
        self._thread = threading.Thread(
            target=self._run, args=(self._wake[0],), name="terminal-watch", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; the thread has ended when this returns."""
        if self._wake is None or self._thread is None:
            return
        reader, writer = self._wake
        os.write(writer, b".")
        self._thread.join(1.0)
        os.close(reader)
        os.close(writer)
        self._wake = None

    def _run(self, wake: int) -> None:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        for descriptor in self._descriptors:
            poll.register(descriptor, 0)  # hang-ups and errors are always reported
        for descriptor, happened in poll.poll():
            if descriptor != wake and happened & (select.POLLHUP | select.POLLERR):
                self._gone()
                return


def _terminal_settings() -> list[Any] | None:
    try:
        import termios  # noqa: PLC0415 - POSIX only
    except ImportError:
        return None
    with suppress(termios.error, OSError, ValueError, AttributeError):
        settings: list[Any] = termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]
        return settings
    return None


def _restore_terminal(settings: list[Any] | None) -> None:
    """Put the line settings back and leave the alternate screen, without ever waiting for it."""
    if settings is None:
        return
    import termios  # noqa: PLC0415 - it was there when the settings were read

    with suppress(termios.error, OSError, ValueError, AttributeError):
        descriptor = sys.__stdin__.fileno()  # type: ignore[union-attr]
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
        out = sys.__stderr__.fileno()  # type: ignore[union-attr]
        if select.select([], [out], [], 0)[1]:
            # Keyboard protocol, mouse, focus reports and bracketed paste off, main screen, cursor.
            os.write(
                out,
                b"\x1b[<u\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?1049l\x1b[?25h",
            )
