"""The user's editor on a text, with nothing of it readable by others and nothing lost."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from tui_chat.errors import TuiChatError

__all__ = ["EditedFile", "editor_command"]

LARGEST: Final = 64 * 1024 * 1024
"""Bytes that are read back; no message is as large as that."""


def editor_command() -> list[str]:
    """Return the argument vector of the editor the user has chosen. No shell takes part.

    Raises:
        click.UsageError: if none is chosen and there is no terminal for a usual one, or the
            variable cannot be split into words.
    """
    for name in ("VISUAL", "EDITOR"):
        chosen = os.environ.get(name, "").strip()
        if not chosen:
            continue
        try:
            command = _words(chosen)
        except ValueError as error:
            raise click.UsageError(f"{name} cannot be read as a command ({error}).") from error
        if command:
            return command
    if not (sys.stdin and sys.stdin.isatty()):
        raise click.UsageError(
            "There is no terminal for an editor: give the new text with --text or --stdin."
        )
    return ["notepad" if sys.platform == "win32" else "vi"]


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
        """Run the editor and wait for it. The credentials must be out of the environment already.

        Raises:
            TuiChatError: if it cannot be started, or says that it has failed.
        """
        name = Path(command[0]).name
        try:
            with _left_to_the_editor():
                code = subprocess.run([*command, str(self.path)], check=False).returncode  # noqa: S603 - the user's own editor, no shell
        except OSError as error:
            raise TuiChatError(
                f"The editor {name!r} could not be started: {error.strerror}.",
                advice="Set VISUAL or EDITOR, or give the new text with --text or --stdin.",
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
        """Whether the file holds something that the queue does not."""
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
