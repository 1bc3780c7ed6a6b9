"""Starting the server as a child process, for ``tui-chat demo``.

A process of its own, so that the demo talks to a real server over real sockets, and so that the
server can be killed to see what the client does. The credentials are random, are made anew for each
start, and cross a pipe: neither the command line nor the environment, which other programs can
read, ever holds them. This module imports neither starlette nor uvicorn.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import msgspec

import tui_chat
from tui_chat.errors import TuiChatError
from tui_chat.secret import Secret
from tui_chat.server.users import User
from tui_chat.text import one_line

__all__ = ["ChildOptions", "ChildStarted", "DemoServer", "DemoServerFailed"]

START_TIMEOUT: Final = 10.0
"""Seconds the child has until it can be reached."""
STOP_TIMEOUT: Final = 2.0
"""Seconds it has to end by itself once its standard input has ended."""
MAX_LINE: Final = 64 * 1024
"""Bytes of the line either side sends."""

# What a Python process needs to start and to find its modules; nothing else is handed on.
_HANDED_ON: Final = frozenset(
    {
        "APPDATA",
        "HOME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "LOCALAPPDATA",
        "PATH",
        "PYTHONHOME",
        "PYTHONPATH",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "TMPDIR",
        "USERPROFILE",
        "VIRTUAL_ENV",
    }
)


class DemoServerFailed(TuiChatError):
    """The demo's server did not start."""

    code = "DEMO_SERVER_FAILED"


class ChildOptions(msgspec.Struct, frozen=True):
    """The line the parent sends. ``token`` and ``key`` are secrets; times in seconds.

    ``data`` is the path of the server's data file, None for none.
    """

    token: str
    key: str
    port: int = 0
    ticket_ttl: float = 300.0
    single_use: bool = False
    data: str | None = None


class ChildStarted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The line the child sends: where it listens, or why it does not."""

    url: str = ""
    pid: int = 0
    error: str = ""


class DemoServer:
    """A server in a child process, with random credentials.

    Use it as a context manager, or call :meth:`start` and :meth:`close`. Both may block for some
    seconds; do not call them on an event loop. Should this process die without a word, the child
    notices that its standard input has ended, and ends too.

    Args:
        port: the port; 0 takes any free one.
        ticket_ttl: seconds a ticket lives.
        single_use: whether a handshake spends its ticket.
    """

    def __init__(
        self, *, port: int = 0, ticket_ttl: float = 300.0, single_use: bool = False
    ) -> None:
        self._user = User.at_random()
        self._port = port
        self._ticket_ttl = ticket_ttl
        self._single_use = single_use
        self._process: subprocess.Popen[bytes] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._url = ""
        self._last_words: deque[bytes] = deque(maxlen=8)
        self._readers: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """Where it listens, ``http://127.0.0.1:port``; empty before :meth:`start`."""
        return self._url

    @property
    def token(self) -> Secret:
        """The user's token."""
        return self._user.token

    @property
    def key(self) -> Secret:
        """The server key."""
        return self._user.key

    @property
    def pid(self) -> int | None:
        """The child's process id; None while it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the child and wait until it can be reached.

        Raises:
            DemoServerFailed: if it cannot be reached within ten seconds; the sentence says why.
        """
        if self._process is not None:
            raise DemoServerFailed("The demo's server has been started already.")
        try:
            process = self._process = self._child = _spawn()
        except OSError as error:
            reason = one_line(error.strerror or type(error).__name__, 80)
            raise DemoServerFailed(f"The demo's server cannot be started: {reason}.") from error
        try:
            self._url = self._shake_hands(process)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the child: ask it, then insist. Safe to call more than once."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        for insist in (process.terminate, process.kill):
            try:
                process.wait(STOP_TIMEOUT)
                break
            except subprocess.TimeoutExpired:
                insist()
        process.wait(STOP_TIMEOUT)
        # The child is gone, so its pipes have ended and nobody reads them any more.
        for thread in self._readers:
            thread.join(STOP_TIMEOUT)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def kill(self) -> None:
        """End the child at once, even while another thread is in :meth:`close`. Does not wait."""
        if self._child is not None:
            with contextlib.suppress(OSError):
                self._child.kill()  # does nothing once it was waited for

    def __enter__(self) -> DemoServer:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _shake_hands(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdin is not None  # noqa: S101 -- all three are pipes
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # Threads, because Windows has no way to wait for a pipe with a timeout.
        self._readers = [
            _in_background(_read_line, process.stdout, lines),
            _in_background(_drain, process.stderr, self._last_words),
        ]
        options = ChildOptions(
            token=self._user.token.reveal(),
            key=self._user.key.reveal(),
            port=self._port,
            ticket_ttl=self._ticket_ttl,
            single_use=self._single_use,
        )
        try:
            process.stdin.write(msgspec.json.encode(options) + b"\n")
            process.stdin.flush()
            line = lines.get(timeout=START_TIMEOUT)
            started = msgspec.json.decode(line, type=ChildStarted)
        except queue.Empty:
            raise DemoServerFailed(
                f"The demo's server did not start within {START_TIMEOUT:g} seconds."
            ) from None
        except (OSError, msgspec.DecodeError, UnicodeError):
            raise DemoServerFailed(f"The demo's server stopped at once.{self._why()}") from None
        if not started.url:
            raise DemoServerFailed(one_line(started.error, 300) or "The demo's server failed.")
        return started.url

    def _why(self) -> str:
        """Return the child's last line on stderr, if it left one, as a sentence."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        text = b"".join(self._last_words).decode("utf-8", "replace").strip()
        return f" It said: {one_line(text.splitlines()[-1], 200)}" if text else ""


def _spawn() -> subprocess.Popen[bytes]:
    # -P: whatever lies in the current folder is not imported.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tui_chat.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(os.environ),
        # A session of its own, or on Windows a group: the terminal's Ctrl+C is for the parent,
        # which then closes the pipe. Either argument does nothing on the other systems.
        start_new_session=os.name == "posix",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _environment(parent: Mapping[str, str]) -> dict[str, str]:
    """Return the little of the parent's environment that the child gets."""
    child = {name: value for name, value in parent.items() if name.upper() in _HANDED_ON}
    # Run from a checkout, this package may be importable only because of where the parent was
    # started; installed, it is found anyway, and adding its folder would change the order.
    root = Path(tui_chat.__file__).resolve().parent.parent
    if root.name not in ("site-packages", "dist-packages"):
        known = child.get("PYTHONPATH")
        child["PYTHONPATH"] = os.pathsep.join([*([known] if known else []), str(root)])
    return child


def _in_background(work: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, name="demo-server", daemon=True)
    thread.start()
    return thread


def _read_line(stream: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    try:
        lines.put(stream.readline(MAX_LINE))
    except (OSError, ValueError):
        lines.put(b"")


def _drain(stream: IO[bytes], last: deque[bytes]) -> None:
    """Keep the child from blocking on a full pipe; remember the end of what it wrote."""
    with contextlib.suppress(OSError, ValueError):
        while chunk := os.read(stream.fileno(), 1024):
            last.append(chunk)
