"""An application that lets out neither secrets nor hidden characters, however it ends."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from typing import Final

from rich.console import RenderableType
from textual.app import App
from textual.driver import Driver

from tui_chat.app.pace import Pace
from tui_chat.daemon_thread import call_in_daemon_thread
from tui_chat.text import clean, one_line

__all__ = ["SafeApp"]

LONG: Final = 0.5
"""Seconds of putting a text together after which the user is told to wait."""


class SafeApp(App[None], inherit_bindings=False):
    """Base of the application: what goes to the clipboard, and how it ends."""

    _own_loop: asyncio.AbstractEventLoop | None = None

    def get_driver_class(self) -> type[Driver]:
        """Return what reads the terminal: ours where it is a POSIX one and nobody chose another."""
        if sys.platform == "win32" or "TEXTUAL_DRIVER" in os.environ:
            return super().get_driver_class()
        from tui_chat.app.terminal_driver import TerminalDriver  # noqa: PLC0415 - POSIX only

        return TerminalDriver

    @property
    def pace(self) -> Pace:
        """How fast the terminal draws."""
        pace: Pace | None = getattr(self._driver, "pace", None)
        return pace or Pace()  # one that was never asked anything

    def on_mount(self) -> None:
        """Remember the loop that has to be told to end, and paint all of it after a stop."""
        self._own_loop = asyncio.get_running_loop()
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))

    def copy_to_clipboard(self, text: str) -> None:
        """Copy ``text``, as the widgets of Textual ask for it."""
        self.copy(text)

    def copy(self, text: str | Iterable[str], what: str = "") -> None:
        """Copy text to where it can be pasted from, without what cannot be seen in it.

        Args:
            text: the text, or its parts; these are taken a few at a time between other work.
            what: what it is, for the notice, like "the message"; empty for a selection.
        """
        if isinstance(text, str):
            self._clipboard = clean(text)  # for pasting here, at once
        self.run_worker(self._copy(text, what), group="clipboard", exit_on_error=False)

    async def _copy(self, text: str | Iterable[str], what: str) -> None:
        from tui_chat.app.clipboard import Way, gather, put  # noqa: PLC0415 - not before a copy

        if isinstance(text, str):
            whole = text
        else:
            soon = asyncio.get_running_loop().call_later(LONG, self._say_gathering)
            try:
                whole = await gather(text)
            finally:
                soon.cancel()
        if not whole:
            self.notify("There is nothing in it to copy.", timeout=2, markup=False)
            return
        self._clipboard = clean(whole)
        driver = self._driver
        send: list[str] = []
        collect = None if driver is None else send.append
        copied = await call_in_daemon_thread(lambda: put(whole, collect), name="clipboard")
        if driver is not None and self.is_running:
            for sequence in send:  # from here, so that it falls between two frames
                driver.write(sequence)
        lost = copied.way is Way.NOWHERE
        self.notify(
            copied.sentence(what),
            timeout=2 if copied.way is Way.SYSTEM and not copied.hidden else 5,
            severity="error" if lost else "information",
            markup=False,
        )

    def _say_gathering(self) -> None:
        self.notify("This is much text; it is being put together.", timeout=4, markup=False)

    def open_link(self, address: str) -> None:
        """Open a checked address in the browser; where there is none, copy it instead."""
        self.run_worker(self._open_link(address), group="browser", exit_on_error=False)

    async def _open_link(self, address: str) -> None:
        from tui_chat.app.browser import open_address  # noqa: PLC0415 - seldom needed

        if await call_in_daemon_thread(lambda: open_address(address), name="browser"):
            self.notify(f"Opened {one_line(address, 300)}", timeout=3, markup=False)
        else:
            self.copy(address, "the address, as no browser could be started here")

    def leave(self) -> bool:
        """End the application; may be called from a signal handler and from any thread.

        Returns:
            Whether there is a running application to end.
        """
        if self._own_loop is None or self._own_loop.is_closed():
            return False
        self._own_loop.call_soon_threadsafe(self.exit)
        return True

    def _fatal_error(self) -> None:
        # Textual would print a traceback with the values of all local variables, secrets among
        # them. Whoever started the application reports the error instead (see `crash`).
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:  # noqa: ARG002 - see the docstring
        """End the application; what Textual wanted to print is not shown, for the same reason."""
        self._return_code = 1
        self._close_messages_no_wait()

    @property
    def crash(self) -> BaseException | None:
        """The error that ended the application; None if it ended as it should."""
        return self._exception

    @property
    def died(self) -> bool:
        """Whether it ended otherwise than by the user's wish."""
        return self._return_code not in {None, 0}
