"""How the program ends: the exit codes, and the one line on stderr that explains one.

Nothing else in the command line decides on a code or prints an error.
"""

from __future__ import annotations

import os
import sys
from enum import IntEnum

from tui_chat.text import clean, one_line

__all__ = ["DEBUG_VARIABLE", "Exit", "debugging", "explain_bug", "say"]

DEBUG_VARIABLE = "TUI_CHAT_DEBUG"


class Exit(IntEnum):
    """The exit codes. From 128 on: 128 plus the number of the signal, as shells have it."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    TERMINAL_GONE = 129
    INTERRUPTED = 130
    TERMINATED = 143


def say(message: str) -> None:
    """Print one line for people on stderr, cleaned; a closed stderr is nobody's problem."""
    _write(f"tui-chat: {one_line(message, 1000)}\n")


def debugging() -> bool:
    """Say whether the user asked for tracebacks."""
    return os.environ.get(DEBUG_VARIABLE, "") not in {"", "0"}


def explain_bug(error: BaseException) -> None:
    """Report an error that nobody foresaw.

    One line with the error's type, because its text may hold anything. The traceback comes only
    on request, and always without the values of local variables, which may be secrets.
    """
    if debugging():
        import traceback  # noqa: PLC0415 - slow to import, seldom needed

        _write(clean("".join(traceback.format_exception(error))))
    say(
        f"stopped because of a mistake in the program itself ({type(error).__name__}). "
        f"Run it again with {DEBUG_VARIABLE}=1 to see where, and please report it."
    )


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # the terminal is gone, or stderr is closed
