"""The one thread that touches the database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tui_chat.storage.failures import closed

__all__ = ["StorageThread"]

T = TypeVar("T")
_log = logging.getLogger(__name__)


class StorageThread:
    """Carries out jobs one after another, in the order in which they were handed over.

    A daemon thread: a disk that hangs keeps neither an event loop nor the exit waiting.
    """

    def __init__(self, name: str = "tui-chat-storage") -> None:
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._stopped = False
        self._later: tuple[float, Callable[[], object]] | None = None
        self._watch: tuple[float, float, Callable[[], object]] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, job: Callable[[], object]) -> bool:
        """Have a job done; nobody waits for it, and it must not raise. Never blocks.

        Returns:
            Whether it will be done; not if the thread has ended.
        """
        with self._guard:
            if not self._stopped:
                self._jobs.put(job)
            return not self._stopped

    async def call(self, job: Callable[[], T]) -> T:
        """Return what ``job`` returns, or raise what it raises. From any event loop.

        Cancelling stops the waiting; the job is carried out all the same.

        Raises:
            StorageError: if the thread has ended.
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
                result = job()
            except BaseException as error:  # noqa: BLE001 - handed to whoever awaits
                failure = error
            # The loop may be closed by now: then nobody waits for this any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(finish, result, failure)

        if not self.post(work):
            raise closed()
        return await answer

    def call_later(self, seconds: float, job: Callable[[], object]) -> None:
        """Have a job done when that time has passed; only from inside a job.

        There is one such job: a second one takes the place of the first.
        """
        self._later = (time.monotonic() + seconds, job)

    def watch(self, seconds: float, job: Callable[[], object]) -> None:
        """Have a job done every so many seconds from now on; only from inside a job."""
        self._watch = (time.monotonic() + seconds, seconds, job)

    def stop(self) -> None:
        """End the thread when all jobs handed over before are done."""
        self._jobs.put(None)

    async def join(self, patience: float) -> bool:
        """Wait for the end of the thread; say whether it came within ``patience`` seconds."""
        end = time.monotonic() + patience
        # It may have been asked to stop by another event loop, so there is nothing to wait on.
        while self._thread.is_alive():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.002)
        return True

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._patience())
            except queue.Empty:
                job = self._due()
            if job is None:
                break
            try:
                job()
            except Exception as error:  # noqa: BLE001 - a defect; those who wait must not hang
                _log.error("a job of the store failed: %s", type(error).__name__)
            del job  # or it would keep what it holds until the next one comes
        with self._guard:
            self._stopped = True
        while not self._jobs.empty():  # handed over since, by somebody who waits for an answer
            if (late := self._jobs.get()) is not None:
                late()

    def _patience(self) -> float | None:
        times = [each[0] for each in (self._later, self._watch) if each is not None]
        return max(min(times) - time.monotonic(), 0.0) if times else None

    def _due(self) -> Callable[[], object]:
        """Return what the waiting was for."""
        if self._later is not None and (self._watch is None or self._later[0] <= self._watch[0]):
            job, self._later = self._later[1], None
            return job
        assert self._watch is not None  # noqa: S101 - otherwise nothing is waited for
        _, seconds, job = self._watch
        self._watch = (time.monotonic() + seconds, seconds, job)
        return job
