"""Files that the user asks for: new ones, readable by nobody else, never over another file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from tui_chat.errors import TuiChatError
from tui_chat.storage.folder import create_private
from tui_chat.text import is_clean, one_line

__all__ = ["checked_path", "folder_to_save_in", "suggested_name", "write_new"]

_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(\..*)?", re.IGNORECASE
)
"""Names that Windows keeps for devices, whatever follows a full stop (learn.microsoft.com, "Naming
Files, Paths, and Namespaces"). What is written to them is lost."""
_ON_WINDOWS: Final = os.name == "nt"
_SHOWN: Final = 200


def folder_to_save_in() -> Path:
    """Return the current folder, or the user's own if that is gone."""
    try:
        return Path.cwd()
    except OSError:
        return Path.home()


def suggested_name(what: str, at: float, suffix: str, zone: tzinfo | None = None) -> str:
    """Return a name like ``conversation-2026-01-15-1100.md``.

    Args:
        what: the first word, plain letters.
        at: when, epoch seconds.
        suffix: with its full stop.
        zone: the time zone; None for the local one.
    """
    try:
        stamp = f"-{datetime.fromtimestamp(at, zone):%Y-%m-%d-%H%M}"
    except (OverflowError, ValueError, OSError):  # a clock far off
        stamp = ""
    return f"{what}{stamp}{suffix}"


def checked_path(text: str, folder: Path) -> Path:
    """Return the path that the user typed, if a file can be made there.

    Args:
        text: a name or a path; ``~`` is the user's own folder.
        folder: what relative paths are relative to.

    Raises:
        TuiChatError: if not; says why.
    """
    text = text.strip()
    if not text:
        raise TuiChatError("Type a name for the file.")
    if not is_clean(text) or any(character in text for character in "\n\t"):
        raise TuiChatError("The name holds hidden characters. Type another one.")
    try:
        path = folder / Path(text).expanduser()
    except RuntimeError as error:
        raise TuiChatError("There is no such user's folder. Type the whole path.") from error
    shown = one_line(str(path), _SHOWN)
    if _ON_WINDOWS and _DEVICE.fullmatch(path.name.rstrip(" .")):
        raise TuiChatError(f"Windows keeps the name {path.name!r} for a device. Type another one.")
    try:
        if text.endswith(("/", os.sep)) or path.is_dir():
            raise TuiChatError(f"{shown} is a folder. Add the name of a file.")
        if not path.parent.is_dir():
            raise TuiChatError(f"There is no folder {one_line(str(path.parent), _SHOWN)}.")
        if os.path.lexists(path):
            raise _exists(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def write_new(path: Path, parts: Iterable[str]) -> int:
    """Write a new file, readable by its owner only; return its size in bytes.

    Blocks. What could not be written whole is removed.

    Raises:
        TuiChatError: if there is something of that name already, or it cannot be written.
    """
    try:
        descriptor = create_private(path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    size = 0
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            for part in parts:
                size += file.write(part.encode(errors="backslashreplace"))
    except BaseException as error:
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise
    return size


def _exists(path: Path) -> TuiChatError:
    shown = one_line(str(path), _SHOWN)
    return TuiChatError(f"{shown} exists already, and nothing is written over. Type another name.")


def _unwritable(path: Path, error: OSError) -> TuiChatError:
    why = one_line(error.strerror or type(error).__name__)
    return TuiChatError(f"{one_line(str(path), _SHOWN)} cannot be written: {why}.")
