"""Where copied text goes: the system clipboard, the terminal, or a file; and what is said of it.

No way is sure to exist. A clipboard tool needs a display; a terminal never answers whether it took
what it was sent (OSC 52, xterm's "Manipulate Selection Data"), and many drop long texts.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple

from tui_chat.text import clean, is_clean, one_line

__all__ = ["OSC52_LIMIT", "Copied", "Tool", "Way", "find_tool", "gather", "osc52", "put", "save"]

OSC52_LIMIT: Final = 74_994
"""Bytes of base64 that terminals take: a sequence of 100,000 bytes was the limit of hterm and of
those that followed it, 74,994 is what the widespread ``osc52`` scripts keep to."""
TIMEOUT: Final = 2.0
"""Seconds that a clipboard tool may take."""
SLICE: Final = 0.008
"""Seconds of gathering a text before the keyboard and the screen have their turn."""
KEPT: Final = 20
"""Files of copied text that are kept, the latest ones."""

_PASSED_ON: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TMUX", "TMUX_TMPDIR", "DISPLAY", "XAUTHORITY",
    "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XDG_SESSION_TYPE", "WSL_DISTRO_NAME", "WSL_INTEROP",
    "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT", "WINDIR", "TEMP", "TMP", "PATHEXT",
)  # fmt: skip
"""What a tool gets to know of the environment; tokens and keys may stand in the rest."""


class Way(Enum):
    """Where text went."""

    SYSTEM = auto()
    TMUX = auto()
    TERMINAL = auto()
    FILE = auto()
    NOWHERE = auto()


class Tool(NamedTuple):
    """A program that takes a text on its standard input.

    Attributes:
        command: its argument vector.
        way: where the text is then.
        encoding: how it wants the text.
    """

    command: tuple[str, ...]
    way: Way = Way.SYSTEM
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a text.

    Attributes:
        way: where it went.
        lines: how many lines it has.
        hidden: whether characters in it were made visible first.
        path: the file, if it went to one.
        cause: why it went nowhere.
    """

    way: Way
    lines: int
    hidden: bool = False
    path: Path | None = None
    cause: str = ""

    def sentence(self, what: str = "") -> str:
        """Return what to tell the user, and no more than is known.

        Args:
            what: what was copied, like "the message"; empty for a selection.
        """
        size = "1 line" if self.lines == 1 else f"{self.lines:,} lines"
        size = f"{what}, {size}" if what else size
        match self.way:
            case Way.SYSTEM:
                text = f"Copied to the system clipboard ({size})."
            case Way.TMUX:
                text = f"Copied to tmux's buffer, and passed on to its terminal ({size})."
            case Way.TERMINAL:
                text = f"Sent to the terminal's clipboard ({size}). It does not say if it took it."
            case Way.FILE:
                text = (
                    f"No clipboard takes this; saved to {one_line(str(self.path), 300)} ({size})."
                )
            case _:
                text = f"Not copied: {self.cause}"
        return f"{text} Hidden characters in it were made visible." if self.hidden else text


def find_tool(
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    which: Callable[[str], str | None] | None = None,
) -> Tool | None:
    """Return the program that reaches the clipboard of the person at the screen; None without.

    Args:
        environ: the environment.
        platform: as ``sys.platform``.
        which: finds a program, as ``shutil.which``.
    """
    find = which or (lambda name: shutil.which(name, path=environ.get("PATH")))
    remote = any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"))
    wanted: list[tuple[str, tuple[str, ...], str]] = []
    if platform == "win32":
        wanted.append(("clip.exe", (), "utf-16"))
    elif platform == "darwin":
        if not remote:  # else it would be the clipboard of the machine at the far end
            wanted.append(("pbcopy", (), "utf-8"))
    else:
        if environ.get("WAYLAND_DISPLAY") and not remote:
            wanted.append(("wl-copy", ("--type", "text/plain;charset=utf-8"), "utf-8"))
        if environ.get("DISPLAY"):  # also of a display that SSH forwards: that is the user's
            wanted.append(("xclip", ("-selection", "clipboard", "-in"), "utf-8"))
            wanted.append(("xsel", ("--clipboard", "--input"), "utf-8"))
        if environ.get("WSL_DISTRO_NAME") and not remote:
            wanted.append(("clip.exe", (), "utf-16"))
    for name, arguments, encoding in wanted:
        if (program := find(name)) is not None:
            return Tool((program, *arguments), encoding=encoding)
    if environ.get("TMUX") and (program := find("tmux")) is not None:
        # tmux drops OSC 52 from programs in it by default; its own command is always heard.
        return Tool((program, "load-buffer", "-w", "-"), Way.TMUX)
    return None


def run(tool: Tool, text: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Hand ``text`` to a tool and say whether it reported success. Blocks, two seconds at most."""
    surroundings = {name: environ[name] for name in _PASSED_ON if name in environ}
    surroundings.setdefault("LC_CTYPE", "UTF-8")  # pbcopy goes by it
    try:
        done = subprocess.run(  # noqa: S603 - an absolute path and fixed arguments, no shell
            tool.command,
            input=text.encode(tool.encoding, "replace"),
            stdout=subprocess.DEVNULL,  # what stays behind to serve the text keeps it open
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=False,
            env=surroundings,
            start_new_session=sys.platform != "win32",  # Ctrl+C is not for it
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def osc52(text: str) -> str | None:
    """Return the sequence that asks a terminal to take ``text``; None if it is too long."""
    data = base64.b64encode(text.encode("utf-8", "replace"))
    return f"\x1b]52;c;{data.decode('ascii')}\a" if len(data) <= OSC52_LIMIT else None


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for copied texts: in ``TUI_CHAT_DATA``, else where the platform says."""
    if named := environ.get("TUI_CHAT_DATA"):
        return Path(named).absolute() / "copied"
    from platformdirs import user_state_dir  # noqa: PLC0415 - only where it is needed

    return Path(user_state_dir("tui-chat", appauthor=False)) / "copied"


def save(text: str, folder: Path, stamp: str) -> Path:
    """Write ``text`` to a new file that only its owner can read; old ones are removed.

    Args:
        text: clean text.
        folder: where; it is made if necessary.
        stamp: when, as a part of the file's name.

    Raises:
        Unusable: if the folder must not be used.
        OSError: if there is no room or no right.
    """
    from tui_chat.storage.folder import create_private, prepare_folder  # noqa: PLC0415 - seldom

    prepare_folder(folder, lambda *_: None)
    names = [f"{stamp}.txt", *(f"{stamp}-{number}.txt" for number in range(2, 100))]
    for name in names:
        path = folder / name
        with contextlib.suppress(FileExistsError):
            descriptor = create_private(path)
            break
    else:
        raise FileExistsError(f"too many files named {stamp}")
    with open(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
    for old in sorted(folder.glob("*.txt"))[:-KEPT]:
        if old != path:
            with contextlib.suppress(OSError):
                old.unlink()
    return path


def put(
    text: str,
    send: Callable[[str], object] | None,
    *,
    environ: Mapping[str, str] = os.environ,
    tool: Tool | None = None,
) -> Copied:
    """Copy ``text`` by the best way that there is. Blocks, two seconds at most, so: in a thread.

    Args:
        text: what to copy; hidden characters are made visible.
        send: writes a sequence to the terminal; None if there is none.
        environ: the environment.
        tool: the program to use; by default the one that is found.
    """
    hidden = not is_clean(text)
    text = clean(text)
    lines = text.count("\n") + (not text.endswith("\n"))
    tool = tool or find_tool(environ)
    if tool is not None and run(tool, text, environ):
        return Copied(tool.way, lines, hidden)
    sequence = osc52(text) if send is not None else None
    if send is not None and sequence is not None:
        send(sequence)
        return Copied(Way.TERMINAL, lines, hidden)
    from tui_chat.storage.folder import Unusable  # noqa: PLC0415 - seldom needed

    try:
        path = save(text, state_folder(environ), time.strftime("%Y%m%d-%H%M%S"))
    except Unusable as error:
        return Copied(Way.NOWHERE, lines, hidden, cause=one_line(str(error), 300))
    except OSError as error:
        cause = f"there is no clipboard for this much, and no file: {error.strerror or error}."
        return Copied(Way.NOWHERE, lines, hidden, cause=one_line(cause, 300))
    return Copied(Way.FILE, lines, hidden, path)


async def gather(parts: Iterable[str]) -> str:
    """Join parts that take time to make, without keeping anybody waiting."""
    found: list[str] = []
    until = time.monotonic() + SLICE
    for part in parts:
        found.append(part)
        if time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + SLICE
    return "".join(found)
