"""A real terminal: a program in tmux, typed into and looked at.

Each :class:`Terminal` has a tmux server of its own, on a socket of its own, without the user's
configuration, so that tests neither disturb a session nor each other. There are no fixed sleeps:
:meth:`Terminal.wait_for` looks at the screen until it shows what is expected.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["SHIFT_ENTER", "Terminal", "alive", "descendants", "programs", "wait_until"]

TIMEOUT = 30.0
"""Seconds; far more than anything here needs, because two cores may be shared by many."""

POLL = 0.05
"""Seconds between two looks."""

# What Textual hears from a key that tmux has no name for: CSI-u, as terminals with the
# progressive keyboard protocol send it.
SHIFT_ENTER = b"\x1b[13;2u"


class Terminal:
    """A program in a tmux window of fixed size.

    Args:
        command: the argument vector; no shell is involved in starting it.
        environment: variables set for the program, beside those of this process.
        columns: width of the window.
        rows: height of the window.
        cwd: where the program starts.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        columns: int = 100,
        rows: int = 30,
        cwd: Path | None = None,
    ) -> None:
        # Below the system's own folder for temporary files, because a socket's path must be short.
        self._folder = Path(tempfile.mkdtemp(prefix="tc-tmux-"))
        self._socket = self._folder / "s"
        status = self._folder / "status"
        # The shell writes the exit code down and stays, so that what the program left on the
        # screen can be looked at; it also shows whether the terminal was given back in order.
        script = f'{shlex.join(command)}; echo "$?" > {shlex.quote(str(status))}; exec cat'
        self._status = status
        (self._folder / "tmux.conf").write_text(
            "\n".join(
                [
                    "set -g default-terminal tmux-256color",
                    "set -g status off",
                    "set -g remain-on-exit on",
                    "set -sg escape-time 0",
                    "set -g history-limit 5000",
                    "set -g default-shell /bin/sh",
                ]
            ),
            encoding="utf-8",
        )
        self._environment = {**os.environ, **(environment or {})}
        self._environment.pop("TMUX", None)
        try:
            self._tmux(
                "-f",
                str(self._folder / "tmux.conf"),
                "new-session",
                "-d",
                "-x",
                str(columns),
                "-y",
                str(rows),
                *(("-c", str(cwd)) if cwd else ()),
                script,
            )
            self._server_pid = int(self._tmux("display-message", "-p", "#{pid}"))
            self.shell_pid = int(self._tmux("display-message", "-p", "#{pane_pid}"))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- typing -----------------------------------------------------------------------------------

    def type(self, text: str) -> None:
        """Type text as it is; no part of it is read as the name of a key."""
        self._tmux("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: ``Enter``, ``C-q``, ``F12``, ``PageUp``."""
        self._tmux("send-keys", *keys)

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as a terminal would, for keys that tmux has no name for."""
        self._tmux("send-keys", "-H", *(f"{byte:02x}" for byte in data))

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    # -- looking ----------------------------------------------------------------------------------

    def screen(self) -> str:
        """Return the text on the screen, line by line, without trailing blanks."""
        return self._tmux("capture-pane", "-p")

    def styled(self) -> str:
        """Return the screen with its colours and attributes as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def everything(self) -> str:
        """Return the screen and what was scrolled out of it."""
        return self._tmux("capture-pane", "-p", "-S", "-")

    def modes(self) -> dict[str, bool]:
        """Return which modes the program has switched on in the terminal."""
        names = ("alternate_on", "mouse_any_flag", "mouse_sgr_flag", "cursor_flag")
        values = self._tmux("display-message", "-p", ",".join(f"#{{{name}}}" for name in names))
        return {
            name: value == "1" for name, value in zip(names, values.strip().split(","), strict=True)
        }

    def wait_for(
        self, expected: str | re.Pattern[str] | Callable[[str], object], timeout: float = TIMEOUT
    ) -> str:
        """Look until the screen shows ``expected``; return that screen.

        Args:
            expected: a regular expression (a string is one, too), or a function of the screen's
                text that is true when it is there.
            timeout: seconds after which it counts as not coming.

        Raises:
            AssertionError: with the last screen, if it does not come.
        """
        if callable(expected):
            shows: Callable[[str], object] = expected
        else:
            shows = re.compile(expected, re.MULTILINE).search
        end = time.monotonic() + timeout
        running = not self.ended
        while True:
            gone = running and self.ended
            screen = self.screen()
            if shows(screen):
                return screen
            if gone or time.monotonic() > end:
                raise AssertionError(
                    f"{'the program has ended, and' if gone else f'after {timeout:g} s'} the "
                    f"screen does not show {expected!r}, but:\n{screen}"
                )
            time.sleep(POLL)

    # -- the end ----------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the program has ended."""
        return self._status.exists() and self._status.read_text().endswith("\n")

    def exit_code(self, timeout: float = TIMEOUT) -> int:
        """Wait for the program to end; return its exit code.

        Raises:
            AssertionError: with the last screen, if it does not end in time.
        """
        wait_until(
            lambda: self.ended,
            lambda: f"the program is still running:\n{self.screen()}",
            timeout,
        )
        return int(self._status.read_text())

    def close(self) -> None:
        """End the program and tmux, and wait until both are gone. Idempotent."""
        if not self._folder.exists():
            return
        children = descendants(getattr(self, "shell_pid", 0))
        with contextlib.suppress(subprocess.CalledProcessError, AssertionError):
            self._tmux("kill-server")
        server = getattr(self, "_server_pid", 0)
        try:
            wait_until(
                lambda: not any(alive(pid) for pid in (server, *children) if pid),
                lambda: f"still alive: {[pid for pid in children if alive(pid)]}",
                timeout=5.0,
            )
        except AssertionError:
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - arguments from the tests
            ["tmux", "-u", "-S", str(self._socket), *arguments],  # noqa: S607 - whichever is there
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"tmux {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout


def wait_until(
    condition: Callable[[], object], explain: Callable[[], str], timeout: float = TIMEOUT
) -> None:
    """Look until ``condition`` is true.

    Raises:
        AssertionError: with what ``explain`` says, if it does not become true in time.
    """
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"after {timeout:g} s: {explain()}")
        time.sleep(POLL)


def alive(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def descendants(pid: int) -> list[int]:
    """Return the processes below ``pid``, nearest first, itself included."""
    if not pid:
        return []
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            stat = entry.read_text()
        except OSError:
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        parents.setdefault(parent, []).append(int(entry.parent.name))
    found = [pid]
    for each in found:
        found.extend(parents.get(each, []))
    return found


def programs(terminal: Terminal) -> list[int]:
    """Return the Python processes in a terminal: the program, then its children."""
    found = []
    for pid in descendants(terminal.shell_pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if alive(pid) and b"python" in command[0] and b"tui_chat" in b" ".join(command[1:]):
            found.append(pid)
    return found
