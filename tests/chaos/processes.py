"""The two processes of a chaos run, as their parent sees them: started, killed, started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.chaos.journal import Entry, Reader
from tests.support.checkout import ROOT

__all__ = ["Broken", "Process", "TheClient", "TheServer"]

START: Final = 60.0
"""Seconds a process has until it has started; an overloaded machine takes its time."""
STOP: Final = 15.0
"""Seconds it has to end by itself."""


class Broken(Exception):
    """A process did what it should not: the run says nothing about the client then."""


class Process:
    """One process that is fed a line of JSON and killed at will.

    Args:
        module: what it runs.
        words: the file for what it says on stderr.

    Attributes:
        starts: how often it was started.
        spawned: when that was the last time, on the monotonic clock.
    """

    def __init__(self, module: str, words: Path) -> None:
        self._module = module
        self._words = words
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0
        self.spawned = 0.0

    async def _start(self, options: dict[str, Any]) -> str:
        """Start it; return the first line it says."""
        self.starts += 1
        self.spawned = time.monotonic()
        with self._words.open("ab") as words:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self._module),
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=words,
                # The terminal's Ctrl+C is for the parent, which ends its children.
                start_new_session=os.name == "posix",
            )
        await self._tell(json.dumps(options))
        return await self._hear(START)

    async def _tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # Whoever has ended meanwhile is missed by who listens.
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()

    async def _hear(self, seconds: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise Broken(f"{self._module} said nothing for {seconds:g} seconds") from None
        if not line:
            raise Broken(f"{self._module} has ended; its last words are in {self._words}")
        return line.decode().strip()

    async def kill(self) -> None:
        """End it with SIGKILL, whatever it is at; return when it is gone. Idempotent."""
        if self._process is not None:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            await self._process.communicate()
            self._process = None

    async def stop(self) -> None:
        """Ask it to end, and see that it does so in good order.

        Raises:
            Broken: if it does not.
        """
        assert self._process is not None
        process = self._process
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP):
                await process.communicate()
        except TimeoutError:
            await self.kill()
            raise Broken(f"{self._module} does not end") from None
        self._process = None
        if process.returncode:
            raise Broken(f"{self._module} ended with {process.returncode}; see {self._words}")

    async def freeze(self, seconds: float) -> None:
        """Let it stand still for a while, as a laptop's lid does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._process.send_signal(signal.SIGCONT)


class TheServer(Process):
    """The server, always on the same port and with the same data file.

    Attributes:
        token: the user's token.
        key: the server key.
        data: its data file.
        port: where it listens.
    """

    def __init__(self, folder: Path, *, deduplicating: bool) -> None:
        super().__init__("tests.chaos.server", folder / "server.log")
        self.token, self.key = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.data = folder / "server.db"
        self.port = 0
        self._deduplicating = deduplicating

    async def start(self) -> None:
        """Start it and wait until it can be reached."""
        answer = json.loads(
            await self._start(
                {
                    "token": self.token,
                    "key": self.key,
                    "port": self.port,
                    "data": str(self.data),
                    "deduplicating": self._deduplicating,
                }
            )
        )
        if "url" not in answer:
            raise Broken(f"the server does not start: {answer['error']}")
        self.port = int(answer["url"].rpartition(":")[2])


class TheClient(Process):
    """A client, always with the same store; each start has a journal of its own.

    Args:
        folder: of the run; several clients share it, and the store in it.
        numbers: yields the number of each start, of all clients that share the folder.
        server: knows the credentials.
        url: where the client finds it.
        options: further ones, see :class:`tests.chaos.client.Typist`.
    """

    def __init__(
        self, folder: Path, numbers: Iterator[int], server: TheServer, url: str, **options: Any
    ) -> None:
        super().__init__("tests.chaos.client", folder / "client.log")
        self._numbers = numbers
        self.store = folder / "store"
        self._folder = folder
        self._server = server
        self._options = {"url": url, **options}
        self.journals: list[Reader] = []

    async def start(self) -> None:
        """Start it and wait until it types."""
        number = next(self._numbers)
        path = self._folder / f"journal-{number:04d}.jsonl"
        self.journals.append(Reader(path))
        said = await self._start(
            {
                **self._options,
                "token": self._server.token,
                "key": self._server.key,
                "folder": str(self.store),
                "journal": str(path),
                # A later process types higher numbers, whichever conversation it takes over.
                "number": number * 100_000,
                "seed": self._options["seed"] * 1_000_003 + number,
            }
        )
        if said != "started":
            raise Broken(f"the client said {said!r}")

    async def drain(self, seconds: float) -> None:
        """Let it stop typing, and wait until it has nothing to send any more.

        Raises:
            Broken: if that takes longer than so many ``seconds``.
        """
        await self._tell("drain")
        await self._hear(seconds)

    async def arrived(self, after: float, seconds: float) -> float | None:
        """Return when the next message after a moment had arrived, None if none did in time.

        Args:
            after: on the monotonic clock.
            seconds: how long to wait for it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    for entry in self.journals[-1].read():
                        if entry["what"] == "arrived" and entry["at"] > after:
                            return float(entry["at"])
                    if self._process is None or self._process.returncode is not None:
                        raise Broken(f"the client has ended by itself; see {self._words}")
                    await asyncio.sleep(0.02)
        return None

    def entries(self) -> list[list[Entry]]:
        """Return all that was written down so far, by each process."""
        for journal in self.journals:
            journal.read()
        return [journal.entries for journal in self.journals]
