"""Which running programs use the store, known from locks that die with their holder.

Every open store is an *instance* with an id made at random and a lock file of that name. A
conversation claimed by an instance is taken as long as that lock is held: also while the process
is stopped, and not a moment longer than it lives. The pid is for people, and the last resort where
there are no locks.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tui_chat.storage.folder import create_private, open_private
from tui_chat.storage.locks import Locking, LockUnavailable

__all__ = ["Instance", "Instances", "host_name"]

_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MOST_SWEPT: Final = 1_000

# On network file systems flock may be a lock of the whole process, which would let a second store
# in it believe that the first is dead, and release its lock by looking.
_here: Final[set[tuple[str, str]]] = set()
_here_guard: Final = threading.Lock()


@dataclass(frozen=True)
class Instance:
    """What the database knows of an instance.

    Attributes:
        id: names it, and its lock file.
        pid: its process.
        host: the machine that process runs on.
        locked: whether it holds a lock.
    """

    id: str
    pid: int
    host: str
    locked: bool


class Instances:
    """The instances that use one store, this one among them.

    Args:
        folder: where the lock files are; exists. None for a store in memory, which has no others.
        locking: how to lock.
    """

    def __init__(self, folder: Path | None, locking: Locking) -> None:
        self._folder = folder
        self._locking = locking
        self._place = "" if folder is None else os.path.realpath(folder)
        self._descriptor: int | None = None
        self.own = Instance(uuid.uuid4().hex, os.getpid(), host_name(), locked=False)

    @property
    def in_folder(self) -> bool:
        """Whether there may be others."""
        return self._folder is not None

    def enter(self) -> None:
        """Take part: from now on others see this instance alive.

        Raises:
            OSError: if the lock file cannot be made.
        """
        while self._folder is not None and self._descriptor is None:
            if not self._lock(self._folder):
                break
        with _here_guard:
            _here.add((self._place, self.own.id))

    def _lock(self, folder: Path) -> bool:
        """Try with one name; say whether locks work at all."""
        name = uuid.uuid4().hex
        path = folder / f"{name}.lock"
        descriptor = create_private(path)
        kept = False
        try:
            os.write(descriptor, f"{os.getpid()}\n".encode())
            # Between making and locking it somebody may have swept it away as a dead one's.
            kept = self._locking(descriptor, False) and _is_still(path, descriptor)
        except LockUnavailable:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        if kept:
            self.own = Instance(name, self.own.pid, self.own.host, locked=True)
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return True

    @property
    def seen(self) -> bool:
        """Whether others can see this instance: its lock file may have been removed."""
        if self._folder is None or self._descriptor is None:
            return True
        return _is_still(self._folder / f"{self.own.id}.lock", self._descriptor)

    def enter_again(self) -> None:
        """Take part under another id, after the lock file was removed.

        What was claimed has to be claimed anew.

        Raises:
            OSError: if the lock file cannot be made.
        """
        self.leave()
        self.enter()

    def leave(self) -> None:
        """Take part no longer."""
        with _here_guard:
            _here.discard((self._place, self.own.id))
        if self._descriptor is None or self._folder is None:
            return
        path = self._folder / f"{self.own.id}.lock"
        with contextlib.suppress(OSError):  # Windows removes no open file; then after closing
            path.unlink()
        os.close(self._descriptor)
        self._descriptor = None
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)

    def alive(self, instance_id: str, known: Instance | None) -> bool:
        """Say whether an instance lives; where that cannot be told, it does.

        Args:
            instance_id: which one.
            known: what the database knows of it.
        """
        with _here_guard:
            if (self._place, instance_id) in _here and self._folder is not None:
                return True
        if instance_id == self.own.id:
            return True
        if self._folder is None or not _ID.fullmatch(instance_id):
            return False  # an id that is none of ours never becomes a file name
        if known is not None and not known.locked:
            return _process_lives(known)
        return self._locked(self._folder / f"{instance_id}.lock")

    def sweep(self) -> None:
        """Remove the lock files of the dead. A name is never used twice, so this has no race."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            for path in sorted(self._folder.glob("*.lock"))[:_MOST_SWEPT]:
                with _here_guard:
                    if (self._place, path.stem) in _here:
                        continue
                if _ID.fullmatch(path.stem) and not self._locked(path):
                    path.unlink(missing_ok=True)

    def _locked(self, path: Path) -> bool:
        try:
            descriptor = open_private(path)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        try:
            # Shared: two who look at the same moment do not take each other for the holder.
            return not self._locking(descriptor, True)
        except LockUnavailable:
            return True
        finally:
            os.close(descriptor)


def host_name() -> str:
    """Return this machine's name; a home folder may be shared by several."""
    return platform.node()


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _process_lives(instance: Instance) -> bool:
    if instance.host != host_name() or instance.pid <= 0:
        return True
    if os.name == "nt":  # os.kill would end it
        return True
    try:
        os.kill(instance.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    # The same process with another instance id that is not open here any more.
    return instance.pid != os.getpid()
