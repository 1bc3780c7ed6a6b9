"""An event loop in a thread, for what must go on while a test blocks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final, TypeVar

__all__ = ["LoopThread"]

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Seconds that starting or closing something may take."""


class LoopThread:
    """A thread that runs an event loop. Made by :meth:`running`."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon, so that a coroutine which hangs cannot keep the interpreter from exiting.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @classmethod
    @contextmanager
    def running(cls, name: str) -> Iterator[LoopThread]:
        """Run the thread for the length of the block."""
        thread = cls(name)
        thread._thread.start()
        try:
            yield thread
        finally:
            thread._loop.call_soon_threadsafe(thread._loop.stop)
            thread._thread.join(PATIENCE)

    def submit(self, action: Callable[[], Awaitable[T]]) -> Future[T]:
        """Call ``action`` in the loop and await what it returns; does not wait."""

        async def act() -> T:
            return await action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop)

    def call(self, action: Callable[[], Awaitable[T]], *, timeout: float = PATIENCE) -> T:
        """Do the same and wait for the result.

        Raises:
            TimeoutError: if it takes longer than ``timeout`` seconds; it is cancelled then.
        """
        future = self.submit(action)
        try:
            return future.result(timeout)
        finally:
            future.cancel()

    @contextmanager
    def entered(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
        """Enter an async context manager in the loop for the length of the block."""
        stop = asyncio.Event()
        entered: Future[T] = Future()

        async def hold() -> None:
            # One task enters and leaves: cancel scopes and context variables ask for that.
            try:
                async with make() as value:
                    entered.set_result(value)
                    await stop.wait()
            except BaseException as error:
                if entered.done():
                    raise
                entered.set_exception(error)

        holding = self.submit(hold)
        try:
            yield entered.result(PATIENCE)
        finally:
            self._loop.call_soon_threadsafe(stop.set)
            holding.result(PATIENCE)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()
