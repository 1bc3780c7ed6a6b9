"""Finds what a test left behind: threads, descriptors, child processes.

Left-over asyncio tasks are found by the fixture in ``conftest.py``, which runs inside the loop.
Where a platform does not tell (descriptors on Windows), that part of the check is empty.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Resources", "children_of", "timers"]

GRACE = 2.0
"""Seconds a thread or child that is on its way out may take to be gone."""

_DESCRIPTORS = next((p for p in (Path("/proc/self/fd"), Path("/dev/fd")) if p.is_dir()), None)


@dataclass(frozen=True)
class Resources:
    """What this process holds at one moment."""

    threads: frozenset[threading.Thread]
    descriptors: frozenset[tuple[int, str]]
    children: frozenset[tuple[int, str]]

    @classmethod
    def now(cls) -> Resources:
        return cls(frozenset(threading.enumerate()), _descriptors(), _children())

    def left_since(self, before: Resources) -> list[str]:
        """Say, one line each, what is there now and was not there before."""
        lines = [
            f"thread {thread.name!r} (daemon: {thread.daemon})"
            for thread in self.threads - before.threads
            if thread.is_alive()
        ]
        lines += [
            f"descriptor {number} -> {target}"
            for number, target in sorted(self.descriptors - before.descriptors)
        ]
        lines += [
            f"child process {pid}: {command}"
            for pid, command in sorted(self.children - before.children)
        ]
        return lines

    @classmethod
    def leaked_since(cls, before: Resources) -> list[str]:
        """Like :meth:`left_since`, after giving what is on its way out the time to go."""
        end = time.monotonic() + GRACE
        while True:
            left = cls.now().left_since(before)
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.01)


def timers(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    """Return what is scheduled on a loop and was not cancelled."""
    scheduled: list[asyncio.TimerHandle] = getattr(loop, "_scheduled", [])
    return [handle for handle in scheduled if not handle.cancelled()]


def _descriptors() -> frozenset[tuple[int, str]]:
    if _DESCRIPTORS is None:
        return frozenset()
    found: set[tuple[int, str]] = set()
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - Path objects for each cost ten times more
        try:
            if int(name) > 2:  # pytest's capture moves the first three about
                found.add((int(name), os.readlink(_DESCRIPTORS / name)))  # noqa: PTH115 - same
        except OSError:
            continue  # the descriptor that listed the folder, gone already
    return frozenset(found)


def _children() -> frozenset[tuple[int, str]]:
    if not hasattr(os, "waitid"):
        return frozenset()
    try:
        # Asks without reaping; raises when there is no child at all, which is the usual case.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return frozenset()
    return frozenset(children_of(os.getpid()))


def children_of(parent: int) -> list[tuple[int, str]]:
    """Return pid and command line of a process's direct children, unreaped ones included."""
    found: list[tuple[int, str]] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        # The command name stands in parentheses and may itself hold some.
        state, ppid = stat.rpartition(")")[2].split()[:2]
        if int(ppid) == parent:
            found.append((int(entry.name), command.strip() or f"({state})"))
    return found
