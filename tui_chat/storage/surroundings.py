"""What the store takes from the machine it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tui_chat.storage.file_system import FileSystem, file_system_of
from tui_chat.storage.locks import Locking, file_locking
from tui_chat.storage.schema import MIGRATIONS, Migration

__all__ = ["Surroundings"]


@dataclass(frozen=True)
class Surroundings:
    """The machine, and the program's version of the database; tests bring their own.

    Attributes:
        file_system: names the type of the file system a path is on.
        locking: how to lock files.
        migrations: all versions of the database.
        retry_interval: seconds after which what could not be kept is tried again.
    """

    file_system: FileSystem = file_system_of
    locking: Locking = field(default_factory=file_locking)
    migrations: Sequence[Migration] = MIGRATIONS
    retry_interval: float = 5.0
