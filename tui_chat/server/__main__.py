"""The server as a child process: ``python -m tui_chat.server``.

It is started by :class:`tui_chat.server.child.DemoServer` and talks to it over its standard
streams: one line of JSON comes in with the credentials, one goes out with the address. When its
standard input ends, because the parent closed it or is no more, the server ends.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from tui_chat.errors import TuiChatError
from tui_chat.secret import Secret
from tui_chat.server.chat_server import ChatServer
from tui_chat.server.child import MAX_LINE, ChildOptions, ChildStarted
from tui_chat.server.config import ServerConfig
from tui_chat.server.listening import run_server
from tui_chat.server.users import User

__all__ = ["main"]

_STDIN, _STDOUT = 0, 1


def main() -> int:
    """Serve until standard input ends or a signal comes; return the exit code."""
    try:
        options = msgspec.json.decode(_first_line(), type=ChildOptions)
    except (msgspec.DecodeError, UnicodeError):
        _tell(ChildStarted(error="This command is started by tui-chat demo, not by hand."))
        return 2
    config = ServerConfig(
        port=options.port,
        users=(User(Secret(options.token), Secret(options.key)),),
        ticket_ttl=options.ticket_ttl,
        single_use=options.single_use,
        data=None if options.data is None else Path(options.data),
    )
    try:
        run_server(config, on_started=_started, on_stop=_watch_stdin)
    except TuiChatError as error:
        _tell(ChildStarted(error=str(error)))
        return 1
    return 0


def _started(server: ChatServer) -> None:
    _tell(ChildStarted(url=server.url, pid=os.getpid()))


def _tell(message: ChildStarted) -> None:
    os.write(_STDOUT, msgspec.json.encode(message) + b"\n")


def _first_line() -> bytes:
    line = b""
    while b"\n" not in line and len(line) < MAX_LINE:
        chunk = os.read(_STDIN, 4096)
        if not chunk:
            break
        line += chunk
    return line.partition(b"\n")[0]


def _watch_stdin(stop: Callable[[], None]) -> None:
    def watch() -> None:
        try:
            while os.read(_STDIN, 4096):
                pass  # Nothing more is expected; whatever comes is ignored.
        except OSError:
            pass  # A standard stream that breaks has ended too.
        stop()

    # os.read and not sys.stdin: a thread that waits inside a buffered reader holds its lock, and
    # the interpreter cannot exit past that. A daemon, because the read cannot be interrupted.
    threading.Thread(target=watch, name="stdin", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
