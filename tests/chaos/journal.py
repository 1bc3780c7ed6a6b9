"""What a client under chaos was given and has said: kept by itself, apart from what is tested.

One file per process, one line of JSON per entry. A process that is killed leaves every entry whose
writing it began, but perhaps the last.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["Entry", "Journal", "Reader"]

Entry = dict[str, Any]
"""``at``: seconds of the monotonic clock, which all processes of a machine share. ``what``:
``typing``, ``accepted``, ``refused``, ``unknown``, ``failed``, ``settled``,
``arrived``, ``status``, ``counts``, ``notice`` or ``trouble``; the rest depends on it."""


class Journal:
    """Writes entries; each is with the system when :meth:`note` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, what: str, *, sync: bool = False, **details: Any) -> None:
        """Write an entry; with ``sync`` it is on the disk as well, which may take a while."""
        entry = {"at": time.monotonic(), "what": what, **details}
        os.write(self._file, json.dumps(entry).encode() + b"\n")
        if sync:
            self.sync()

    def sync(self) -> None:
        """Return when all entries are on the disk."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class Reader:
    """Follows a journal that another process writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self.entries: list[Entry] = []

    def read(self) -> Iterable[Entry]:
        """Return the entries that were added since the last time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                chunk = file.read()
        except FileNotFoundError:
            return ()
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self._at += len(whole)
        added: list[Entry] = [json.loads(line) for line in whole.splitlines()]
        self.entries += added
        return added
