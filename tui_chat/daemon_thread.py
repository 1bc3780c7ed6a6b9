"""Run a blocking call in a daemon thread.

An executor's threads are joined when the interpreter exits, so one call that hangs keeps the
program from ending. A daemon thread is left behind instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["call_in_daemon_thread"]

T = TypeVar("T")


async def call_in_daemon_thread(call: Callable[[], T], *, name: str) -> T:
    """Return what ``call`` returns, or raise what it raises, without blocking the event loop.

    Cancelling stops the waiting, not the call: a thread cannot be interrupted.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type] # a T, unless there is an error

    def work() -> None:
        result, failure = None, None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits
            failure = error
        # The loop may be closed by now: then nobody waits for this any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, result, failure)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await answer
