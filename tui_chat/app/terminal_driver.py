"""Textual's driver for POSIX terminals, with our own reader and a safe way back from a stop."""

from __future__ import annotations

import os
import selectors
import signal
import time
from codecs import getincrementaldecoder
from typing import Final

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui_chat.app.focus_reports import FocusReports
from tui_chat.app.pace import Pace
from tui_chat.app.terminal_input import GAP, TerminalInput

__all__ = ["TerminalDriver"]

CHUNK: Final = 65_536
"""Bytes asked for at once; terminals hand over 4 KiB."""
ANSWER_WITHIN: Final = 0.3
"""Seconds that leaving waits for an answer of the terminal. Seldom any: only after a picture."""
IDLE: Final = 0.1
"""Seconds between two looks at the clock while nothing is typed: Esc is a key after these."""


class TerminalDriver(LinuxDriver):
    """Reads text as text (:mod:`tui_chat.app.terminal_input`), and survives being stopped.

    Textual starts its terminal mode at every SIGCONT. After a SIGSTOP, which nobody can see coming,
    it was still on: there were two threads then that read the keys, of which the one that lost a
    race for a key waited for the next one, and could not be ended before that.

    Attributes:
        pace: how fast the terminal draws.
        farewell: written before the terminal is given back.
    """

    pace: Pace = Pace()  # of the one terminal that a process has

    _asks = False

    def start_application_mode(self) -> None:
        """Take the terminal; not before that would anybody read its answers."""
        super().start_application_mode()  # type: ignore[no-untyped-call] # Textual types it so
        self._asks = self.input_tty and self._key_thread is not None and not self.is_inline

    def write(self, data: str) -> None:
        """Write to the terminal, and ask it to say when a large picture has been drawn."""
        if self._writer_gone:
            return
        if self._asks:
            data += self.pace.question(len(data))
        super().write(data)

    def close(self) -> None:
        """Give everything back that is left."""
        if not self._writer_gone:
            super().close()

    @property
    def _writer_gone(self) -> bool:
        """Whether what is written piles up, as its thread has ended with the terminal."""
        writer = self._writer_thread
        return writer is not None and not writer.is_alive()

    farewell: str = ""

    def stop_application_mode(self) -> None:
        """Give the terminal back, for a while or for good."""
        if self.farewell and self._writer_thread is not None:
            self.write(self.farewell)
        super().stop_application_mode()

    def disable_input(self) -> None:
        """Read no more; but let the terminal answer first, or a shell would get that as input."""
        self._asks = False
        give_up = time.monotonic() + ANSWER_WITHIN
        while self.pace.asking and time.monotonic() < give_up and self._key_thread is not None:
            time.sleep(0.005)
        super().disable_input()

    def process_message(self, message: Message) -> None:
        """Keep the answers to those questions; everything else is the application's."""
        if isinstance(message, events.CursorPosition) and self.pace.answered():
            return
        super().process_message(message)

    def run_input_thread(self) -> None:
        """Read the terminal until :attr:`exit_event` is set. Runs in a thread."""
        # Not strict: a byte that is no UTF-8 would end the application.
        decode = getincrementaldecoder("utf-8")("replace").decode
        reader, focus = TerminalInput(XTermParser()), FocusReports()
        # Not the default selector: kqueue does not know terminals.
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            early = bool(selector.select(0)) and self._translated_returns()
            while not self.exit_event.is_set():
                if selector.select(GAP if reader.waiting else IDLE):
                    data = os.read(self.fileno, CHUNK)
                    if not data:  # nobody is at the other end
                        self.exit_event.wait(IDLE)
                    text = decode(data)
                    if early:
                        text, early = text.replace("\n", "\r"), False
                    now = time.monotonic()
                    for event in focus.sift(reader.feed(text, now), now):
                        self.process_message(event)
                now = time.monotonic()
                for event in focus.sift(reader.tick(now), now):
                    self.process_message(event)

    def _translated_returns(self) -> bool:
        """Say whether Enter was a line feed for what was typed before the terminal was ours."""
        import termios  # noqa: PLC0415 - POSIX only, as everything that is done here

        before = self.attrs_before
        return before is not None and bool(before[0] & termios.ICRNL)

    def _sigcont_application(self, *_: object) -> None:
        if self._must_signal_resume:  # it was left in order, for SIGTSTP
            super()._sigcont_application()
        elif self._auto_restart:
            # Not in the signal handler, which may have interrupted anything.
            self._loop.call_soon_threadsafe(self._take_terminal_again)

    def _take_terminal_again(self) -> None:
        """Start the terminal mode anew: a shell may have used the terminal in between."""
        if self._key_thread is None or not self._app.is_running:
            return
        if not self._in_foreground():  # `bg`: there is nothing to do without a terminal
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        self.suspend_application_mode()
        self._must_signal_resume = True
        self.resume_application_mode()

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:  # not the controlling terminal: no shell takes it away either
            return True
