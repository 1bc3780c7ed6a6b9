"""The program in a pseudo-terminal that controls it, as a terminal window does.

Closing it sends SIGHUP, a new size SIGWINCH, and nothing is read unless a method here reads: a
terminal that has stopped reading is one that no method is called for.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import resource
import select
import struct
import subprocess
import sys
import termios
import time
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.support.checkout import ROOT

__all__ = ["TIMEOUT", "PseudoTerminal"]

TIMEOUT: Final = 60.0
"""Seconds; far more than anything here needs, because two cores may be shared by many."""
POLL: Final = 0.02
"""Seconds between two looks."""
CHUNK: Final = 65_536

# A session of its own is not enough: somebody in it has to ask for the terminal.
_TAKE_IT: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'tui_chat', *sys.argv[1:]])"
)
_SEQUENCES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


class PseudoTerminal:
    """A terminal of 100 by 30 with the program in it.

    Args:
        arguments: those of the program.
        environment: variables set for it, beside those of this process.

    Attributes:
        process: the program.
        settings: the line's settings from before the program.
        seen: everything that was read from it so far.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._master, self._slave = pty.openpty()
        self.resize(100, 30)
        self.settings = self.line()
        self.seen = bytearray()
        self._children_before = _cpu_of_children()
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter, the test's arguments
            [sys.executable, "-c", _TAKE_IT, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.vanish()

    # -- what people do with it -------------------------------------------------------------------

    def type(self, text: str) -> None:
        """Type; nothing is read meanwhile."""
        os.write(self._master, text.encode())

    def say(self, text: str) -> None:
        """Send a message: its text, and Enter when that is to be seen."""
        at = len(self.seen)
        self.type(text)
        self.shows(text, since=at)
        self.type("\r")

    def resize(self, columns: int, rows: int) -> None:
        """Change its size."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def vanish(self) -> None:
        """Be gone. Idempotent."""
        if self._master >= 0:
            os.close(self._slave)
            os.close(self._master)
            self._master = self._slave = -1

    # -- looking ----------------------------------------------------------------------------------

    def text(self, since: int = 0) -> str:
        """Return what was read, without places and styles."""
        return _SEQUENCES.sub("", bytes(self.seen[since:]).decode("utf-8", "replace"))

    def has(self, word: str, since: int = 0) -> bool:
        """Say whether a word was read. Cheaper than :meth:`text`; finds only what came whole."""
        return self.seen.find(word.encode(), since) >= 0

    def read(self, seconds: float = POLL) -> bool:
        """Read what is there or comes within a time; answer what a terminal answers.

        Returns:
            Whether there was anything.
        """
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, CHUNK)
        except OSError:  # the program has ended: EIO on Linux
            return False
        self.seen += data
        for _ in range(data.count(b"\x1b[6n")):
            os.write(self._master, b"\x1b[20;4R")
        return True

    def until(self, condition: Callable[[], object], timeout: float = TIMEOUT) -> None:
        """Read until something has happened.

        Raises:
            AssertionError: with the latest text, if it does not.
        """
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"after {timeout:g} s:\n{self.text()[-3000:]}")
            self.read()

    def shows(self, *words: str, since: int = 0, timeout: float = TIMEOUT) -> None:
        """Read until words have come, each in one piece, in any order.

        Raises:
            AssertionError: with the latest text, if they do not.
        """
        self.until(lambda: all(self.has(word, since) for word in words), timeout)

    @property
    def unread(self) -> int:
        """Bytes that were written to it and not read, as far as the system tells (4 KiB)."""
        count = array("i", [0])
        fcntl.ioctl(self._master, termios.FIONREAD, count)
        return count[0]

    def line(self) -> list[Any]:
        """Return the line's settings."""
        return termios.tcgetattr(self._slave)

    # -- the program ------------------------------------------------------------------------------

    def ended(self, within: float = TIMEOUT) -> int:
        """Read until the program has ended, and return its exit code.

        Raises:
            AssertionError: if it does not end in time.
        """
        end = time.monotonic() + within
        while self.process.poll() is None:
            assert time.monotonic() < end, f"still running:\n{self.text()[-3000:]}"
            if self._master < 0 or not self.read():
                time.sleep(POLL / 4)
        while self._master >= 0 and self.read(0):
            pass
        return self.process.returncode

    @property
    def cpu(self) -> float:
        """Seconds of CPU time that the program has taken; its own only, until it has ended."""
        if self.process.returncode is not None:
            return _cpu_of_children() - self._children_before
        fields = self._stat().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> int:
        """Bytes of it that are in memory."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _stat(self) -> str:
        return Path(f"/proc/{self.process.pid}/stat").read_text("utf-8")


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
