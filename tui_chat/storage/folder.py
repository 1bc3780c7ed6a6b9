"""The folder of the store and the files in it: where they are, and that nobody else reads them.

The database is never opened here once it exists. On POSIX systems closing *any* descriptor of a
file drops all locks that the process holds on it, SQLite's among them
(https://www.sqlite.org/howtocorrupt.html, 2.2); another store in this process may rely on them.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tui_chat.storage.values import Say
from tui_chat.text import one_line

__all__ = [
    "DATABASE",
    "SIDE_FILES",
    "Unusable",
    "create_private",
    "data_folder",
    "identity",
    "open_private",
    "prepare_file",
    "prepare_folder",
    "set_aside",
    "set_aside_files",
]

DATABASE: Final = "tui-chat.db"
SIDE_FILES: Final = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, by the end of the name."""
_DAMAGED: Final = f"{DATABASE}.damaged-"

_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_CLOSE_ON_EXEC: Final = getattr(os, "O_CLOEXEC", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)


class Unusable(Exception):
    """A folder or file cannot be used, or must not be; the text says which, why, what to do."""


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for what is kept: ``TUI_CHAT_DATA``, else the platform's own place.

    That is ``~/.local/share/tui-chat`` on Linux, ``~/Library/Application Support/tui-chat`` on
    macOS and ``tui-chat`` in ``%LOCALAPPDATA%`` on Windows.
    """
    if named := environ.get("TUI_CHAT_DATA"):
        return Path(named)
    from platformdirs import user_data_dir  # noqa: PLC0415 - only where it is needed

    return Path(user_data_dir("tui-chat", appauthor=False))


def prepare_folder(folder: Path, say: Say) -> None:
    """Make sure that a folder exists and that only its owner can enter it.

    Raises:
        Unusable: if it is a symbolic link, belongs to somebody else, or cannot be made.
    """
    shown = one_line(str(folder))
    if not folder.is_absolute():
        raise Unusable(f"The folder {shown} is not an absolute path. Name one that is.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(0o700)
        found = folder.lstat()
    except OSError as error:
        raise Unusable(
            f"The folder {shown} cannot be made: {_why(error)}. Make it yourself, or name another "
            "one in TUI_CHAT_DATA."
        ) from error
    _check_owner(found, shown)
    if not stat.S_ISDIR(found.st_mode):
        raise Unusable(f"{shown} is not a folder. Move it away, or name another folder.")
    if _tighten(folder, found, 0o700):
        say("PERMISSIONS", f"Other users could look into {shown}; now only you can.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Unusable(f"The folder {shown} is read-only. Make it writable, or name another one.")


def prepare_file(path: Path, say: Say) -> bool:
    """Make sure that a file exists and that only its owner can read it; say whether it is new.

    Raises:
        Unusable: if it is no regular file, belongs to somebody else, or cannot be made.
    """
    shown = one_line(str(path))
    try:
        os.close(create_private(path))
        new = True
    except FileExistsError:
        new = False
    except OSError as error:
        raise Unusable(
            f"{shown} cannot be made: {_why(error)}. Free some space or make the folder writable."
        ) from error
    for name in (path, *(path.with_name(path.name + end) for end in SIDE_FILES)):
        try:
            found = name.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Unusable(f"{one_line(str(name))} cannot be looked at: {_why(error)}.") from error
        _check_owner(found, one_line(str(name)))
        if not stat.S_ISREG(found.st_mode):
            raise Unusable(f"{one_line(str(name))} is not a regular file. Move it away.")
        if _tighten(name, found, 0o600):
            say("PERMISSIONS", f"Other users could read {one_line(str(name))}; now only you can.")
    return new


def create_private(path: Path) -> int:
    """Make a file that was not there, readable by its owner only; return its descriptor.

    Raises:
        FileExistsError: if there is something of that name already, a symbolic link included.
        OSError: if it cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _CLOSE_ON_EXEC | _BINARY
    descriptor = os.open(path, flags, 0o600)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)  # an umask may have taken the owner's own rights
    return descriptor


def open_private(path: Path) -> int:
    """Open a file of our own that exists, not through a symbolic link; return its descriptor.

    Raises:
        OSError: if it cannot be opened.
    """
    return os.open(path, os.O_RDWR | _NO_FOLLOW | _CLOSE_ON_EXEC | _BINARY)


def set_aside(path: Path, stamp: str) -> Path:
    """Give a damaged database and what belongs to it another name; return that.

    Args:
        path: the database.
        stamp: when, for people.

    Raises:
        OSError: if it cannot be renamed.
    """
    number = 1
    while (aside := path.with_name(f"{_DAMAGED}{stamp}-{number}")).exists():
        number += 1
    path.rename(aside)
    for end in SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    return aside


def set_aside_files(folder: Path) -> tuple[Path, ...]:
    """Return the damaged databases that were set aside, and what belongs to them."""
    try:
        return tuple(sorted(each for each in folder.iterdir() if each.name.startswith(_DAMAGED)))
    except OSError:
        return ()


def _check_owner(found: os.stat_result, shown: str) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise Unusable(
            f"{shown} is a symbolic link, which somebody else may have put there. Replace it by "
            "what it points to, or name another folder in TUI_CHAT_DATA."
        )
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise Unusable(
            f"{shown} belongs to another user. Change its owner, or name another folder in "
            "TUI_CHAT_DATA."
        )


def _tighten(path: Path, found: os.stat_result, mode: int) -> bool:
    """Take everybody else's rights away; say whether there were any."""
    if not hasattr(os, "geteuid"):  # on Windows the mode says nothing; the home folder is private
        return False
    now = stat.S_IMODE(found.st_mode)
    if now & 0o077 == 0 and now & mode == mode:
        return False
    try:
        path.chmod(mode)
    except OSError as error:
        if now & 0o077:
            raise Unusable(
                f"Other users can read {one_line(str(path))}, and that cannot be changed: "
                f"{_why(error)}. Name another folder in TUI_CHAT_DATA."
            ) from error
    return now & 0o077 != 0


def _why(error: OSError) -> str:
    return one_line(error.strerror or type(error).__name__, 120)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name; None if it is not there."""
    try:
        found = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - before every transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino
