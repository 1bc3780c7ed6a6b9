"""What the program runs on: versions, terminal, keyring, proxy, folder. No credentials.

Looking this up reads files and imports modules, so it is done in a thread.
"""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from tui_chat.app.screens.debug.facts import Row
from tui_chat.errors import TuiChatError
from tui_chat.text import one_line

__all__ = ["environment"]

_LIBRARIES: Final = ("textual", "rich", "websockets", "httpx", "msgspec", "keyring")
_TERMINAL: Final = ("TERM", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "NO_COLOR")
_INSIDE: Final = {
    "tmux": "TMUX",
    "screen": "STY",
    "ssh": "SSH_CONNECTION",
    "mosh": "MOSH_CONNECTION",
    "WSL": "WSL_DISTRO_NAME",
}


def environment(server: str) -> list[tuple[str, Sequence[Row]]]:
    """Return what is the same as long as the program runs, as sections. May block.

    Args:
        server: the chat server's URL; it decides about the proxy.
    """
    return [
        ("Versions", list(_versions())),
        ("Terminal", list(_terminal())),
        ("Machine", [("proxy", _proxy(server)), ("keyring", _keyring()), *_folder()]),
    ]


def _versions() -> Iterator[Row]:
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}"
    for name in _LIBRARIES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, "not found"


def _terminal() -> Iterator[Row]:
    for name in _TERMINAL:
        if (value := os.environ.get(name)) is not None:
            yield name, one_line(value, 60) or "set"
    # That there is one is worth knowing; what these hold (addresses, sockets) is not.
    inside = [word for word, name in _INSIDE.items() if os.environ.get(name)]
    yield "inside", ", ".join(inside) or "nothing that says so"
    texts, names = locale.getpreferredencoding(do_setlocale=False), sys.getfilesystemencoding()
    yield "encoding", f"{texts}, file names {names}"


def _proxy(server: str) -> str:
    from tui_chat.network.proxies import proxy_for  # noqa: PLC0415 - slow imports, this thread's
    from tui_chat.protocol.urls import ServerUrl  # noqa: PLC0415 - see above

    try:
        proxy = proxy_for(ServerUrl.parse(server))
    except TuiChatError as error:
        return str(error)
    if proxy is None:
        return "none"
    return f"{proxy}{', with credentials' if proxy.has_credentials else ''}"


def _keyring() -> str:
    # Only what is known already: asking the library for its backend may start a service, or hang.
    core = sys.modules.get("keyring.core")
    backend = getattr(core, "_keyring_backend", None)
    return type(backend).__module__ if backend is not None else "not used so far"


def _folder() -> Iterator[Row]:
    from tui_chat.storage.file_system import file_system_of, is_network  # noqa: PLC0415 - see above
    from tui_chat.storage.folder import data_folder  # noqa: PLC0415 - see above

    try:
        folder = data_folder()
        kind = file_system_of(folder)
    except (OSError, RuntimeError):  # there is no home folder
        yield "data folder", "none"
        return
    yield "data folder", str(folder)
    yield "file system", (kind or "unknown") + (" (shared)" if is_network(kind) else "")
    # SQLite keeps its write-ahead log beside the database while that is open.
    logs = any(folder.glob("*-wal"))
    yield "journal", "write-ahead log" if logs else "rollback, or nothing is open"
