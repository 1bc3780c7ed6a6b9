"""The user's own editor on a text, with nothing of it readable by others and nothing lost."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tui_chat.errors import TuiChatError

__all__ = ["LARGEST", "EditedFile", "chosen_editor", "usual_editor"]

LARGEST: Final = 64 * 1024 * 1024
"""Bytes that are read back; no message is as large as that."""
OURS: Final = "TUI_CHAT_"
"""How the names of our variables begin. No editor needs them, and two of them are secrets."""
USUAL: Final = ("notepad",) if sys.platform == "win32" else ("vi", "vim", "nano")
"""Editors to look for when none is chosen; POSIX names the first one as the usual one."""


def chosen_editor(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the argument vector of the editor that VISUAL or EDITOR names; empty without one.

    Raises:
        TuiChatError: if the variable cannot be split into words.
    """
    for name in ("VISUAL", "EDITOR"):
        try:
            command = _words(environ.get(name, "").strip())
        except ValueError as error:
            raise TuiChatError(f"{name} cannot be read as a command ({error}).") from error
        if command:
            return command
    return []


def usual_editor() -> list[str]:
    """Return an editor that is there without having been chosen.

    Raises:
        TuiChatError: if there is none.
    """
    for name in USUAL:
        if shutil.which(name):
            return [name]
    raise TuiChatError(
        "No editor was found. Set VISUAL or EDITOR to the command that starts yours."
    )


def _words(command: str) -> list[str]:
    if sys.platform == "win32":
        # Paths hold backslashes there, which the POSIX rules would take as escapes; the others
        # leave the quotes in place.
        return [word.strip('"') for word in shlex.split(command, posix=False)]
    return shlex.split(command)


class EditedFile:
    """A text in a file that only this user can read (0600 in a folder that is 0700).

    The file ends with a line end that the text does not have, because editors want one.

    Args:
        text: what stands in the file at first.

    Raises:
        TuiChatError: if there is no place for it.
    """

    def __init__(self, text: str) -> None:
        self._before = text
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="tui-chat-"))  # 0700
        except OSError as error:
            raise TuiChatError(
                f"There is no place for a file to edit: {error.strerror}."
            ) from error
        self.path = self._folder / "message.txt"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            with open(os.open(self.path, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(f"{text}\n".encode(errors="surrogatepass"))
        except OSError as error:
            self.remove()
            raise TuiChatError(
                f"There is no place for a file to edit: {error.strerror}."
            ) from error

    def edit(self, command: list[str]) -> None:
        """Run the editor without our variables in its environment, and wait for it. No shell.

        Raises:
            TuiChatError: if it cannot be started, or says that it has failed.
        """
        name = Path(command[0]).name
        environment = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        try:
            with _left_to_the_editor():
                code = subprocess.run(  # noqa: S603 - the user's own editor, no shell
                    [*command, str(self.path)], check=False, env=environment
                ).returncode
        except OSError as error:
            raise TuiChatError(
                f"The editor {name!r} could not be started: {error.strerror}.",
                advice="Set VISUAL or EDITOR to the command that starts yours.",
            ) from error
        if code != 0:
            raise TuiChatError(f"The editor {name!r} ended with code {code}: nothing was changed.")

    def text(self) -> str:
        """Return what stands in the file.

        Raises:
            TuiChatError: if it cannot be read, or is not UTF-8.
        """
        try:
            with self.path.open("rb") as file:
                data = file.read(LARGEST + 1)
            text = data.decode() if len(data) <= LARGEST else ""
        except UnicodeDecodeError as error:
            raise TuiChatError("The edited text is not UTF-8: nothing was changed.") from error
        except OSError as error:
            raise TuiChatError(f"The edited text cannot be read: {error.strerror}.") from error
        if len(data) > LARGEST:
            raise TuiChatError("The edited text is too large: nothing was changed.")
        if "\r" not in self._before:
            text = text.replace("\r\n", "\n")
        return text.removesuffix("\n")

    @property
    def worth_keeping(self) -> bool:
        """Whether the file holds something that is nowhere else."""
        try:
            return self.text() not in ("", self._before)
        except TuiChatError:
            return self.path.exists()

    def remove(self) -> None:
        """Remove the file and its folder, with whatever the editor left there."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def _left_to_the_editor() -> Iterator[None]:
    """Leave Ctrl+C to the editor, which is in the same terminal.

    A function and not ``SIG_IGN``: that the editor would inherit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
