"""The real program in a pseudo-terminal: it starts, it ends, and it never outlives its terminal."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.tmux import alive, descendants
from tui_chat.cli.guard import ExitGuard, TerminalWatch

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

import fcntl
import pty
import termios

SECRETS = {"TUI_CHAT_TOKEN": "canary-token-3311", "TUI_CHAT_SERVER_KEY": "canary-key-3312"}
NOWHERE = ("--server-url", "http://127.0.0.1:9")  # the discard port: nobody answers


class Terminal:
    """A pseudo-terminal with the program in it. Not its controlling terminal, so no SIGHUP."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.settings = termios.tcgetattr(slave)
        self.slave = slave
        self.seen = b""
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter, the test's arguments
            [sys.executable, "-m", "tui_chat", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )

    def read_until(self, *words: bytes, within: float = 20.0) -> None:
        end = time.monotonic() + within
        while not all(word in self.seen for word in words):
            assert time.monotonic() < end, self.seen[-2000:]
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65_536)

    def read_some(self) -> bool:
        """Read what is there, if there is anything."""
        if not select.select([self.master], [], [], 0)[0]:
            return False
        self.seen += os.read(self.master, 65_536)
        return True

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def type_all(self, text: bytes) -> None:
        """Type more than the terminal takes at once, reading what comes meanwhile."""
        while text:
            readable, writable, _ = select.select([self.master], [self.master], [], 10)
            if readable:
                self.seen += os.read(self.master, 65_536)
            if writable:
                text = text[os.write(self.master, text[:4096]) :]

    def ended(self, within: float) -> int:
        """Read what comes until the program has ended; return its exit code."""
        end = time.monotonic() + within
        while self.process.poll() is None:
            assert time.monotonic() < end, "still running"
            if self.master >= 0 and select.select([self.master], [], [], 0.02)[0]:
                self.seen += os.read(self.master, 65_536)
            elif self.master < 0:
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.02)
        return self.process.returncode

    def vanish(self) -> None:
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            os.close(self.slave)
            os.close(self.master)


@contextmanager
def terminal(*arguments: str, **environment: str) -> Iterator[Terminal]:
    running = Terminal(*arguments, **environment)
    try:
        yield running
    finally:
        running.close()


def test_it_starts_and_quits_and_gives_the_terminal_back() -> None:
    with terminal() as running:
        running.read_until(b"Start the demo")
        running.type(b"\x11")
        assert running.ended(10) == 0
        assert b"\x1b[?1049l" in running.seen, "back on the main screen"
        assert termios.tcgetattr(running.slave) == running.settings


def test_the_secrets_reach_the_client_and_not_the_screen() -> None:
    with terminal(*NOWHERE, **SECRETS) as running:
        running.read_until(b"Ctrl+P", b"Ctrl+R tries now")
        running.type(b"\x1b[24~")  # F12
        running.read_until(b"Debug info")
        running.type(b"\x11")
        assert running.ended(10) == 0
        for secret in SECRETS.values():
            assert secret.encode() not in running.seen


@pytest.mark.parametrize(
    ("arguments", "shown"), [(NOWHERE, b"Ctrl+P"), ((), b"Start the demo")], ids=["chat", "welcome"]
)
def test_it_ends_when_its_terminal_vanishes(arguments: tuple[str, ...], shown: bytes) -> None:
    with terminal(*arguments, **SECRETS) as running:
        running.read_until(shown)
        running.vanish()
        begun = time.monotonic()
        assert running.ended(5) == 129
        assert time.monotonic() - begun < 2.5


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_it_ends_politely_on_signals(number: signal.Signals, code: int) -> None:
    with terminal(*NOWHERE, **SECRETS) as running:
        running.read_until(b"Ctrl+P")
        running.process.send_signal(number)
        assert running.ended(5) == code
        assert b"\x1b[?1049l" in running.seen
        assert b"Traceback" not in running.seen


def test_it_ends_on_sigterm_while_the_terminal_does_not_read() -> None:
    with terminal(*NOWHERE, **SECRETS) as running:
        running.read_until(b"Ctrl+P")
        # Nobody reads from here on. Enough repaints fill every buffer and stop the event loop.
        end = time.monotonic() + 3
        while time.monotonic() < end and select.select([], [running.master], [], 0.05)[1]:
            with suppress(BlockingIOError):
                os.write(running.master, b"\x1b[24~" * 4)
            if _stuck(running.process.pid):
                break
        running.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert running.process.wait(5) == 143
        assert time.monotonic() - begun < 3
        assert termios.tcgetattr(running.slave)[3] == running.settings[3], "echo is back"


def _stuck(pid: int) -> bool:
    """Say whether a process waits for its terminal to take more (Linux only)."""
    with suppress(OSError):
        return "n_tty_write" in Path(f"/proc/{pid}/wchan").read_text("utf-8")
    return False


PASTE = b"a line of some text, as it is pasted\r" * 2_700  # 100 kB


def test_a_paste_that_comes_as_single_keys_is_taken_at_once_and_sends_nothing() -> None:
    """As from a terminal without bracketed paste; one event a key took minutes."""
    with terminal(*NOWHERE, **SECRETS) as running:
        running.read_until(b"Ctrl+P", b"Ctrl+R tries now")
        begun = time.monotonic()
        running.type_all(PASTE)
        running.read_until(b"[pasted text 1: 99,900 characters]")
        running.type(b"\x11")
        assert running.ended(10) == 0
        assert time.monotonic() - begun < 4.0, "well over a second on two busy cores is bad luck"
        assert b"nothing was sent" not in running.seen


def test_what_is_typed_before_the_terminal_is_ours_is_kept() -> None:
    with terminal(*NOWHERE, **SECRETS) as running:
        running.type(b"typed early\r")
        running.read_until(b"?1049h", b"Ctrl+R tries now", b"1 queued")
        assert b"typed early" in running.seen.partition(b"?1049h")[2].replace(b"\x1b[1C", b" ")
        running.type(b"\x11")
        assert running.ended(10) == 0


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
def test_it_can_be_stopped_and_goes_on_and_quits_at_the_first_key(number: signal.Signals) -> None:
    with terminal(*NOWHERE, **SECRETS) as running:
        running.read_until(b"Ctrl+P", b"Ctrl+R tries now")
        for _ in range(2):
            running.process.send_signal(number)
            # It gives the terminal back before it stops, so somebody has to read that.
            _wait(lambda: not running.read_some() and _state(running.process.pid) == "T")
            termios.tcsetattr(running.slave, termios.TCSANOW, running.settings)  # as a shell does
            running.seen = b""
            running.process.send_signal(signal.SIGCONT)
            running.read_until(b"?1049h", b"rite a message", b"Ctrl+P")
        assert not termios.tcgetattr(running.slave)[3] & termios.ICANON, "keys come one by one"
        running.type(b"\x11")
        begun = time.monotonic()
        assert running.ended(10) == 0
        assert time.monotonic() - begun < 2.0
        assert termios.tcgetattr(running.slave) == running.settings


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_server_that_stands_still_does_not_outlive_the_demo() -> None:
    with terminal("demo") as running:
        running.read_until(b"127.0.0.1:", b"connected")
        children = descendants(running.process.pid)[1:]
        for child in children:
            os.kill(child, signal.SIGSTOP)
        running.type(b"\x11")
        begun = time.monotonic()
        assert running.ended(10) == 0
        assert time.monotonic() - begun < 2.5
        _wait(lambda: not any(alive(child) for child in children))


def test_without_utf_8_all_of_the_screen_is_plain() -> None:
    with terminal(LC_ALL="C") as running:
        running.read_until(b"Start the demo")
        running.type(b"\x1bOP")  # F1
        running.read_until(b"The conversation", b"page down")
        running.type(b"\x1bOP\x10")  # Ctrl+P
        running.read_until(b"Search for commands")
        running.type(b"\x1b\x11")
        assert running.ended(10) == 0
        assert running.seen.isascii()


def test_the_demo_leaves_no_server_behind() -> None:
    with terminal("demo") as running:
        running.read_until(b"127.0.0.1:", b"connected")
        children = descendants(running.process.pid)[1:]
        assert children
        running.vanish()
        assert running.ended(6) == 129
        end = time.monotonic() + 5
        while any(alive(child) for child in children):
            assert time.monotonic() < end, "the server outlived the chat"
            time.sleep(0.02)


def test_the_watch_notices_a_hang_up_and_nothing_else() -> None:
    master, slave = pty.openpty()
    gone = threading.Event()
    quiet = TerminalWatch((slave,), gone.set)
    quiet.start()
    os.write(master, b"typed")
    os.write(slave, b"shown")
    quiet.stop()
    assert not gone.is_set()
    watch = TerminalWatch((slave,), gone.set)
    watch.start()
    os.close(master)
    assert gone.wait(5)
    watch.stop()
    os.close(slave)


# -- the guard ------------------------------------------------------------------------------------


def test_the_guard_ends_what_does_not_end_by_itself() -> None:
    words: list[str] = []
    ended = threading.Event()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    guard = ExitGuard(lambda: words.append("cleaned up"), end=end)
    guard.arm(143, 0.01)
    guard.arm(0, 60)
    assert ended.wait(5)
    assert (codes, words) == ([143], ["cleaned up"])


@pytest.mark.parametrize("last_words", [lambda: time.sleep(1.0), lambda: 1 / 0])
def test_the_guard_ends_even_if_cleaning_up_hangs_or_fails(
    last_words: Callable[[], object],
) -> None:
    ended = threading.Event()
    guard = ExitGuard(last_words, end=lambda _code: ended.set())
    guard.arm(1, 0.01)
    assert ended.wait(5)
    for thread in threading.enumerate():
        if thread.name in {"last-words", "exit-guard"}:
            thread.join(5)


def test_a_disarmed_guard_does_nothing() -> None:
    codes: list[int] = []
    guard = ExitGuard(lambda: None, end=codes.append)
    guard.arm(1, 0.2)
    guard.disarm()
    for thread in threading.enumerate():
        if thread.name == "exit-guard":
            thread.join(5)
    assert codes == []
