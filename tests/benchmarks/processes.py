"""Child processes that do as they are told: a line of JSON in, a line of JSON out.

Whatever must not share an event loop with what is measured (a sender, a server, ten clients) runs
in one of these. A child ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.checkout import ROOT

__all__ = ["Child", "Usage", "running_child", "serve_commands", "usage"]

TIMEOUT: Final = 60.0
"""Seconds a child has for an answer."""
MAX_LINE: Final = 1024 * 1024

Usage = dict[str, Any]
"""``cpu``: seconds of this process so far; ``rss``: bytes resident, None where the system does not
say; ``traced``: bytes that Python has allocated, None unless they are being traced."""


class Child:
    """One child, as its parent sees it. Made by :func:`running_child`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, command: str, **details: Any) -> dict[str, Any]:
        """Send a command and return the answer.

        Raises:
            RuntimeError: if the child ended instead of answering.
            TimeoutError: if it does neither for a minute.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"command": command, **details}).encode() + b"\n")
        async with asyncio.timeout(TIMEOUT):
            await process.stdin.drain()
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError("a child process of the benchmark ended by itself")
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer


@asynccontextmanager
async def running_child(module: str, *arguments: str) -> AsyncIterator[Child]:
    """Run ``python -m tests.benchmarks.children.<module>`` for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"tests.benchmarks.children.{module}",
        *arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MAX_LINE,
    )
    try:
        yield Child(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


# -- inside the child -----------------------------------------------------------------------------

Answering = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def serve_commands(answer: Answering) -> None:
    """Answer commands, ``usage`` by itself, until standard input ends."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        reply = usage() if request["command"] == "usage" else await answer(request)
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def usage() -> Usage:
    """Return what this process uses, after a full collection (not counted)."""
    cpu = time.process_time()
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else None
    return {"cpu": cpu, "rss": _resident(), "traced": traced}


def _resident() -> int | None:
    """Bytes of this process in memory now; None where ``/proc`` is missing.

    ``getrusage`` would only say how many there were at most.
    """
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return None
