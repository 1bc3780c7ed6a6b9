"""The file of the user's preferences: ``settings.toml``, read at the start, written when changed.

It belongs to the user, who edits it by hand: comments, order and keys that mean nothing here stay
as they are. A file with errors in it is never written over. A symbolic link is followed as long as
link and file are the user's own, since that is how people keep such files together.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tui_chat.app.preferences import Preferences, understand
from tui_chat.errors import TuiChatError
from tui_chat.text import one_line

__all__ = ["FILE", "VARIABLE", "Loaded", "NotSaved", "config_folder", "load", "save"]

FILE: Final = "settings.toml"
VARIABLE: Final = "TUI_CHAT_CONFIG_DIR"
"""Names another folder for the file."""
MOST: Final = 256 * 1024
"""Bytes read at most; with all keys changed it is a hundredth of that."""
TRIES: Final = 3
"""Times that a file which somebody else is changing is read anew before a change is given up."""

_READ: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a pipe of that name must not stop the start
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class NotSaved(TuiChatError):
    """The file could not be written, or must not be; the text says why and what to do."""


class Loaded(NamedTuple):
    """What the file held.

    Attributes:
        preferences: what holds; the default for whatever was not set or was wrong.
        problems: sentences about what was wrong, without the file's name.
        path: where the file is, or would be.
    """

    preferences: Preferences
    problems: tuple[str, ...]
    path: Path

    @property
    def notice(self) -> str:
        """What the user has to know; empty if everything is well."""
        if not self.problems:
            return ""
        more = len(self.problems) - 3
        shown = [*self.problems[:3], *([f"And {more} more like these."] if more > 0 else [])]
        return f"{one_line(str(self.path), 200)}: {' '.join(shown)}"


def config_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the file: ``TUI_CHAT_CONFIG_DIR``, else the platform's own place.

    That is ``~/.config/tui-chat`` on Linux, ``~/Library/Application Support/tui-chat`` on macOS
    and ``tui-chat`` in ``%LOCALAPPDATA%`` on Windows.
    """
    if named := environ.get(VARIABLE):
        return Path(named)
    from platformdirs import user_config_dir  # noqa: PLC0415 - only where it is needed

    return Path(user_config_dir("tui-chat", appauthor=False))


def load(folder: Path | None = None) -> Loaded:
    """Read the preferences. Whatever is wrong becomes a sentence, never an exception.

    Args:
        folder: where the file is; by default :func:`config_folder`.
    """
    path = (folder or config_folder()) / FILE
    try:
        text = _read(path)
    except NotSaved as error:
        return Loaded(Preferences(), (f"{error} The defaults hold.",), path)
    if not text.strip():
        return Loaded(Preferences(), (), path)
    import tomllib  # noqa: PLC0415 - most people never write the file

    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        why = one_line(str(error), 120)
        return Loaded(Preferences(), (f"This is no valid TOML: {why}. The defaults hold.",), path)
    found = understand(data)
    return Loaded(found.preferences, found.problems, path)


def save(path: Path, changes: Mapping[str, str | bool]) -> None:
    """Write changed settings, and leave everything else in the file as it is. Blocks.

    The file is complete at every moment, before, during and after: what is new is written beside
    it and then takes its place.

    Args:
        path: the file.
        changes: the new values by the settings' names.

    Raises:
        NotSaved: if it cannot be written, is not the user's own, or holds what is no TOML.
    """
    for _ in range(TRIES):
        text = _read(path)
        new = _changed(text, changes, path)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _replace(path.resolve(), new.encode(), lambda: _read(path) == text):  # noqa: B023 - at once
                return
        except (OSError, RuntimeError) as error:  # RuntimeError: links that go round in circles
            raise NotSaved(
                f"{_shown(path)} could not be written ({_why(error)}). The change holds until you "
                "quit."
            ) from error
    raise NotSaved(
        f"{_shown(path)} is being changed by another program. The change holds until you quit."
    )


def _changed(text: str, changes: Mapping[str, str | bool], path: Path) -> str:
    """Return what the file shall hold.

    Raises:
        NotSaved: if it holds what is no TOML.
    """
    import tomlkit  # noqa: PLC0415 - keeps the user's comments; only for writing
    import tomlkit.exceptions  # noqa: PLC0415 - see above

    try:
        document = tomlkit.parse(text)
        for name, value in changes.items():
            document[name] = value
        return tomlkit.dumps(document)
    except (tomlkit.exceptions.TOMLKitError, RecursionError, ValueError) as error:
        raise NotSaved(
            f"{_shown(path)} is no valid TOML, so it was not written over. Correct it or move it "
            "away."
        ) from error


def _read(path: Path) -> str:
    """Return what a file of our own holds; empty if there is none.

    Raises:
        NotSaved: if it belongs to somebody else, is no file, is too large or cannot be read.
    """
    shown = _shown(path)
    try:
        link = path.lstat()
        descriptor = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError) as error:
        raise NotSaved(f"{shown} cannot be read ({_why(error)}).") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotSaved(f"{shown} is not a regular file. Move it away.")
        if _foreign(link) or _foreign(found):
            raise NotSaved(f"{shown} belongs to another user. Change its owner or move it away.")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MOST + 1)
    except OSError as error:
        raise NotSaved(f"{shown} cannot be read ({_why(error)}).") from error
    finally:
        os.close(descriptor)
    if len(data) > MOST:
        raise NotSaved(f"{shown} has more than {MOST // 1024} KiB, which no settings need.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotSaved(f"{shown} is not UTF-8 text.") from error


def _replace(path: Path, data: bytes, unchanged: Callable[[], bool]) -> bool:
    """Put a new file in the place of the old one, unless that has changed meanwhile."""
    from tui_chat.storage.folder import create_private  # noqa: PLC0415 - only for writing

    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        beside.unlink()  # left by a process of this number that was killed
    descriptor = create_private(beside)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        if not unchanged():
            beside.unlink()
            return False
        os.replace(beside, path)  # noqa: PTH105 - the same on every platform, as documented
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    return True


def _foreign(found: os.stat_result) -> bool:
    """Say whether something is neither the user's nor the administrator's."""
    return hasattr(os, "geteuid") and found.st_uid not in {os.geteuid(), 0}


def _shown(path: Path) -> str:
    return one_line(str(path), 200)


def _why(error: Exception) -> str:
    return one_line(getattr(error, "strerror", None) or type(error).__name__, 120)
