"""Locks on files that the operating system releases when their holder dies, however it dies."""

from __future__ import annotations

import errno
import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tui_chat.storage.folder import create_private, open_private

__all__ = ["LockUnavailable", "Locking", "file_locking", "holding"]

_TAKEN: Final = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK, errno.EWOULDBLOCK})
_POLL: Final = 0.02
"""Seconds between two tries; waiting inside the call could not be given up."""


class LockUnavailable(Exception):
    """This platform, or this file system, has no locks."""


Locking = Callable[[int, bool], bool]
"""Locks an open file, for itself or (True) shared with others; says whether it got it, at once.

Raises:
    LockUnavailable: if there are no locks.
"""


def file_locking() -> Locking:
    """Return this platform's way to lock files."""
    for name, kind in (("fcntl", _flock), ("msvcrt", _locking)):
        try:
            return kind(importlib.import_module(name))
        except ImportError:
            continue
    return _none


def _flock(fcntl: Any) -> Locking:
    # flock, not lockf: it belongs to the open file, so that two stores in one process exclude each
    # other, and closing another descriptor of the file does not release it.
    def lock(descriptor: int, shared: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise LockUnavailable from error
        return True

    return lock


def _locking(msvcrt: Any) -> Locking:
    # There is no shared lock; whoever only looks holds it for a moment, so it is tried again.
    def lock(descriptor: int, shared: bool) -> bool:
        for _ in range(5 if shared else 1):
            try:
                os.lseek(descriptor, 0, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise LockUnavailable from error
                time.sleep(_POLL)
            else:
                return True
        return False

    return lock


def _none(_descriptor: int, _shared: bool) -> bool:
    raise LockUnavailable


class holding:  # noqa: N801 - used like a function
    """Hold a lock file for the length of a ``with`` block.

    Where there are no locks the block runs without one.

    Args:
        path: the file, made if need be, left in place.
        locking: how to lock.
        patience: seconds to wait for it.

    Raises:
        TimeoutError: if somebody else held it all that time.
        OSError: if the file cannot be made or opened.
    """

    def __init__(self, path: Path, locking: Locking, *, patience: float) -> None:
        self._path = path
        self._locking = locking
        self._patience = patience
        self._descriptor = -1

    def __enter__(self) -> None:
        try:
            self._descriptor = create_private(self._path)
        except FileExistsError:
            self._descriptor = open_private(self._path)
        try:
            self._wait()
        except LockUnavailable:
            pass
        except BaseException:
            os.close(self._descriptor)
            raise

    def _wait(self) -> None:
        end = time.monotonic() + self._patience
        while not self._locking(self._descriptor, False):
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(_POLL)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
