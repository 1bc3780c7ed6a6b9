"""A program in a pseudo-terminal, over a link that may be slow; and a server that floods it.

Only where there are pseudo-terminals: everywhere else the benchmarks that need one say so.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks.screen import SIZE
from tests.support.checkout import ROOT

__all__ = ["Program", "in_terminal"]

TICK: Final = 0.005
"""Seconds between two looks at a slow link."""
CHUNK: Final = 65_536


class Program:
    """A program, the far end of its terminal, and the link to whoever looks at it.

    Args:
        pid: of the program.
        master: our end of its terminal.
        delay: seconds that keys and pictures take over the link, each.
        rate: bytes a second that are read; None for whatever comes.
    """

    def __init__(self, pid: int, master: int, delay: float, rate: float | None) -> None:
        self.pid = pid
        self._master = master
        self._delay = delay
        self._rate = rate
        self._allowed = time.perf_counter()
        self._on_the_way: deque[tuple[float, bytes]] = deque()
        self._answers: deque[tuple[float, bytes]] = deque()

    def press(self, text: str) -> None:
        """Type; it arrives when the link has carried it there, and screens are read meanwhile."""
        arrives = time.perf_counter() + self._delay
        while (left := arrives - time.perf_counter()) > 0:
            self._read(min(left, TICK))
        os.write(self._master, text.encode())

    def wait_for(self, text: str, timeout: float = 30.0) -> float:
        """Return when a text is seen first, by ``time.perf_counter``. Everything before is gone.

        Raises:
            TimeoutError: if it is not.
            EOFError: if the program has ended.
        """
        wanted, seen = text.encode(), b""
        give_up = time.perf_counter() + timeout
        while (now := time.perf_counter()) < give_up:
            while self._on_the_way and self._on_the_way[0][0] <= now:
                arrived, data = self._take()
                seen = seen[-len(wanted) :] + data
                if wanted in seen:
                    return arrived
            self._read(TICK)
        raise TimeoutError(f"{text!r} never came to the screen")

    def look_for(self, seconds: float) -> None:
        """Go on reading, and look at nothing."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            self._read(TICK)
            while self._on_the_way and self._on_the_way[0][0] <= time.perf_counter():
                self._take()

    def _take(self) -> tuple[float, bytes]:
        """Look at what has arrived next, and answer what a terminal answers."""
        arrived, data = self._on_the_way.popleft()
        for _ in range(data.count(b"\x1b[6n")):
            self._answers.append((arrived + self._delay, b"\x1b[20;4R"))
        return arrived, data

    def cpu(self) -> float:
        """Return the seconds of CPU time that the program has taken so far."""
        stat = Path(f"/proc/{self.pid}/stat").read_text("ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _read(self, timeout: float) -> None:
        while self._answers and self._answers[0][0] <= time.perf_counter():
            os.write(self._master, self._answers.popleft()[1])
        wait = max(self._allowed - time.perf_counter(), 0.0)
        if wait > timeout:
            time.sleep(timeout)
            return
        if wait:
            time.sleep(wait)
        if not select.select([self._master], [], [], timeout - wait)[0]:
            return
        size = CHUNK if self._rate is None else max(int(self._rate * TICK), 1)
        try:
            data = os.read(self._master, size)
        except OSError:
            data = b""
        if not data:
            raise EOFError("the program has ended by itself")
        now = time.perf_counter()
        if self._rate is not None:
            self._allowed = now + len(data) / self._rate
        self._on_the_way.append((now + self._delay, data))


@contextmanager
def in_terminal(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    delay: float = 0.0,
    rate: float | None = None,
) -> Iterator[Program]:
    """Run ``python ARGUMENTS`` in a terminal of 120 by 40 for the length of the block.

    Raises:
        OSError: where there are no pseudo-terminals.
    """
    try:
        import fcntl
        import pty
        import termios
    except ImportError:
        raise OSError("this needs pseudo-terminals, which this system does not have") from None
    master, slave = pty.openpty()
    columns, rows = SIZE
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            **kept,
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            **(environment or {}),
        },
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Program(process.pid, master, delay, rate)
    finally:
        process.send_signal(signal.SIGTERM)
        give_up = time.perf_counter() + 5
        while process.poll() is None and time.perf_counter() < give_up:
            with contextlib.suppress(OSError):
                if select.select([master], [], [], TICK)[0]:
                    os.read(master, CHUNK)
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
