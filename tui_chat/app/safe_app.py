"""An application that lets out neither secrets nor hidden characters, however it ends."""

from __future__ import annotations

import asyncio
import os
import sys

from rich.console import RenderableType
from textual.app import App
from textual.driver import Driver

from tui_chat.text import clean, is_clean

__all__ = ["SafeApp"]


class SafeApp(App[None], inherit_bindings=False):
    """Base of the application: what goes to the clipboard, and how it ends."""

    _own_loop: asyncio.AbstractEventLoop | None = None

    def get_driver_class(self) -> type[Driver]:
        """Return what reads the terminal: ours where it is a POSIX one and nobody chose another."""
        if sys.platform == "win32" or "TEXTUAL_DRIVER" in os.environ:
            return super().get_driver_class()
        from tui_chat.app.terminal_driver import TerminalDriver  # noqa: PLC0415 - POSIX only

        return TerminalDriver

    def on_mount(self) -> None:
        """Remember the loop that has to be told to end, and paint all of it after a stop."""
        self._own_loop = asyncio.get_running_loop()
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))

    def copy_to_clipboard(self, text: str) -> None:
        """Hand text to the terminal's clipboard, without what cannot be seen in it.

        The terminal never answers, so nobody can say that it was copied.
        """
        hidden = not is_clean(text)
        super().copy_to_clipboard(clean(text))
        note = " Hidden characters in it were made visible." if hidden else ""
        self.notify(f"Sent to the terminal's clipboard.{note}", timeout=2, markup=False)

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
