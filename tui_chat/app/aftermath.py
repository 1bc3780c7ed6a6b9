"""What is said and done when something goes wrong in the client's thread, or when it ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tui_chat.errors import TuiChatError
from tui_chat.text import one_line

__all__ = ["cancel_leftovers", "crash_sentence", "mistake_sentence"]


def mistake_sentence(what: str, error: Exception) -> str:
    """Return that something could not be done because of a defect; never the error's own words."""
    return f"Could not {what}: a mistake in the program itself ({type(error).__name__})."


def crash_sentence(error: Exception) -> str:
    """Return why the thread has ended."""
    if isinstance(error, TuiChatError):
        return one_line(str(error), 300)
    return (
        f"The connection's thread stopped because of a mistake in the program itself "
        f"({type(error).__name__}). Quit and start again."
    )


def cancel_leftovers(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what still runs, and give it a moment to notice."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        with suppress(Exception):
            loop.run_until_complete(asyncio.wait(tasks, timeout=0.5))
    with suppress(Exception):
        loop.run_until_complete(loop.shutdown_asyncgens())
