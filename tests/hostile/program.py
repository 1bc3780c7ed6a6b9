"""The program in a pseudo-terminal of 80x24, and every byte that the terminal received."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.support.checkout import ROOT

__all__ = ["Watched", "watched"]

TIMEOUT: Final = 20.0
"""Seconds; far more than anything here needs."""
POLL: Final = 0.02
"""Seconds between two looks."""
_SEQUENCES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


class Watched:
    """A program whose terminal is read.

    Attributes:
        received: everything that the terminal has received.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.received = bytearray()
        self._master = master
        self._last = 0.0

    def read(self) -> None:
        """Take what has come, and answer what a terminal answers."""
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # the program has ended: EIO on Linux
            asyncio.get_running_loop().remove_reader(self._master)
            return
        self.received += data
        self._last = time.monotonic()
        for _ in range(data.count(b"\x1b[6n")):
            os.write(self._master, b"\x1b[20;4R")

    def text(self, since: int = 0) -> str:
        """Return the text among what was received, without its places and styles."""
        return _SEQUENCES.sub("", bytes(self.received[since:]).decode("utf-8", "replace"))

    async def press(self, keys: str) -> int:
        """Type; return how much was received before, to look at what comes of it."""
        at = len(self.received)
        os.write(self._master, keys.encode())
        await asyncio.sleep(0)
        return at

    async def shows(self, text: str, since: int = 0) -> None:
        """Wait until a text has been received.

        Raises:
            AssertionError: with the latest text, if it does not come.
        """
        end = time.monotonic() + TIMEOUT
        while text not in self.text(since):
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} never came:\n{self.text(since)[-3000:]}")
            await asyncio.sleep(POLL)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something has happened elsewhere.

        Raises:
            AssertionError: with the latest text, if it does not.
        """
        end = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"it did not happen:\n{self.text()[-3000:]}")
            await asyncio.sleep(POLL)

    async def quiet(self, least: float = 0.15) -> None:
        """Wait until nothing has come for a while, or for two seconds (the countdown goes on)."""
        began = time.monotonic()
        while time.monotonic() - max(self._last, began) < least:
            if time.monotonic() - began > 2:
                return
            await asyncio.sleep(POLL)


@asynccontextmanager
async def watched(
    *arguments: str, environment: Mapping[str, str], home: Path
) -> AsyncIterator[Watched]:
    """Run the program with a home of its own for the length of the block."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    process = subprocess.Popen(  # noqa: S603, ASYNC220 - ours; starting it takes no time
        [sys.executable, "-m", "tui_chat", *arguments],
        env={
            **kept,
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            **environment,
        },
        cwd=home,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    program = Watched(process, master)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, program.read)
    try:
        yield program
    finally:
        end = time.monotonic() + 5
        process.terminate()
        while process.poll() is None and time.monotonic() < end:
            await asyncio.sleep(POLL)
        if process.poll() is None:
            process.kill()
        process.wait()
        with contextlib.suppress(OSError):
            loop.remove_reader(master)
        os.close(master)
