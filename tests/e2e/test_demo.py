"""The real program in a real terminal, against the real server, as a person uses it."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.tmux import SHIFT_ENTER, Terminal, alive, programs, wait_until

pytestmark = pytest.mark.needs("tmux")

CONNECTED = r"● connected"
PROMPT = "Write a message"
GREETING = "I am the built-in agent"
LEFT = re.compile(r"ticket (\d+):(\d\d)")


def left(screen: str) -> int | None:
    """Return the seconds that the countdown shows."""
    match = LEFT.search(screen)
    return int(match[1]) * 60 + int(match[2]) if match else None


def ask(terminal: Terminal, text: str) -> None:
    terminal.wait_for(PROMPT)
    terminal.type(text)
    terminal.wait_for(re.escape(text))
    terminal.press("Enter")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(
        [sys.executable, "-m", "tui_chat", "demo"],
        environment={"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        cwd=tmp_path,
    ) as terminal:
        yield terminal


def test_a_chat_from_the_first_screen_to_the_last(demo: Terminal) -> None:
    screen = demo.wait_for(lambda text: PROMPT in text and re.search(CONNECTED, text))
    assert "demo" in screen
    assert demo.modes()["alternate_on"]

    # It answers.
    ask(demo, "hello")
    demo.wait_for(GREETING)
    screen = demo.wait_for(lambda text: "come back" in text and PROMPT in text)
    assert "hello" in screen
    assert re.search(r"● Assistant\n +Hello, and welcome to tui-chat\.\n", screen), "said once"

    # The countdown counts.
    first = left(demo.wait_for(lambda text: left(text) is not None))
    assert first is not None
    assert 0 < first <= 120
    demo.wait_for(lambda text: (left(text) or first) < first)

    # Help and debug info lie over the conversation, and go away again.
    demo.press("F1")
    demo.wait_for("Ctrl\\+R")
    demo.press("F1")
    demo.wait_for(PROMPT)
    demo.press("F12")
    screen = demo.wait_for(lambda text: "Debug info" in text and "ready for" in text)
    assert "OPEN" in screen
    demo.press("F12")
    demo.wait_for(PROMPT)

    # A new line does not send.
    demo.type("one line")
    demo.wait_for("one line")
    demo.send_bytes(SHIFT_ENTER)
    demo.type("and another")
    demo.wait_for(r"│ one line +│\n +│ and another +│")
    demo.press("C-j")
    demo.type("and a table")
    demo.wait_for(r"│ and another +│\n +│ and a table +│")
    demo.press("Enter")
    demo.wait_for(lambda text: PROMPT in text)

    # Any size will do, or it says that it needs more.
    demo.resize(60, 20)
    demo.wait_for(lambda text: PROMPT in text and len(text.splitlines()) <= 20)
    demo.resize(30, 8)
    demo.wait_for("(?i)needs .*40x10|room")
    demo.resize(100, 30)
    demo.wait_for(PROMPT)

    # Quitting leaves the terminal as it was, and nothing running.
    running = programs(demo)
    assert len(running) == 2, "the program and its server"
    demo.press("C-q")
    assert demo.exit_code() == 0
    assert not any(alive(pid) for pid in running)
    modes = demo.modes()
    assert modes == {
        "alternate_on": False,
        "mouse_any_flag": False,
        "mouse_sgr_flag": False,
        "cursor_flag": True,
    }
    demo.type("echoed again")
    demo.wait_for("echoed again")
    assert "Traceback" not in demo.everything()


def test_a_stopped_reply_says_so(demo: Terminal) -> None:
    demo.wait_for(lambda text: PROMPT in text and re.search(CONNECTED, text))
    assert "Write help below" in demo.screen()
    ask(demo, "slow")
    demo.wait_for("● Assistant")
    demo.wait_for("next message while this one is answered")
    demo.press("Escape")
    demo.wait_for("■ Stopped\\.")
    demo.wait_for(PROMPT)


def test_lines_pasted_as_single_keys_are_one_message(demo: Terminal) -> None:
    """As from a terminal, or through a multiplexer, without bracketed paste."""
    demo.wait_for(lambda text: PROMPT in text and re.search(CONNECTED, text))
    demo.send_bytes(b"the first line of a paste\rits second line\rand the last\r")
    demo.wait_for(r"│ the first line of a paste +│\n +│ its second line +│\n +│ and the last +│")
    assert "▌ You" not in demo.screen()
    demo.press("Enter")
    demo.wait_for(r"▌ the first line of a paste\n +▌ its second line\n +▌ and the last")


def test_a_demo_whose_server_was_killed_says_what_to_do(demo: Terminal) -> None:
    demo.wait_for(CONNECTED)
    os.kill(programs(demo)[1], signal.SIGKILL)
    demo.wait_for("The demo's own server has ended")
    demo.wait_for("tui-chat demo")
    demo.press("C-q")
    assert demo.exit_code() == 0


def test_in_a_plain_locale_everything_is_plain(tmp_path: Path) -> None:
    with Terminal(
        [sys.executable, "-m", "tui_chat", "demo"],
        environment={"PYTHONPATH": str(ROOT), "LC_ALL": "C"},
        cwd=tmp_path,
    ) as terminal:
        terminal.wait_for(r"\* connected")
        for word, answer in (("table", "1013 \\|"), ("code", "asyncio.run"), ("help", "expire")):
            ask(terminal, word)
            terminal.wait_for(answer)
            terminal.wait_for(PROMPT)
            assert terminal.screen().isascii(), terminal.screen()
        for key, shown in (("F1", "Keys"), ("F12", "Debug info"), ("C-p", "Search for commands")):
            terminal.press(key)
            terminal.wait_for(shown)
            assert terminal.screen().isascii(), terminal.screen()
        terminal.press("C-q")
        assert terminal.exit_code() == 0


@pytest.mark.parametrize("newline", [SHIFT_ENTER, b"\n"])
def test_keys_that_arrive_in_one_go_act_in_their_order(demo: Terminal, newline: bytes) -> None:
    """As over a slow link, or from a program that types."""
    demo.wait_for(lambda text: PROMPT in text and re.search(CONNECTED, text))
    for number in range(3):
        demo.send_bytes(b"thanks %d" % number + newline + b"for all\r")
        demo.wait_for(
            lambda text, number=number: (  # type: ignore[misc]
                PROMPT in text and re.search(rf"thanks {number}\s*\n.*for all", text)
            )
        )
        demo.wait_for(lambda text, number=number: text.count("● Assistant") > number)  # type: ignore[misc]


def test_a_killed_program_takes_its_server_with_it(demo: Terminal) -> None:
    demo.wait_for(CONNECTED)
    running = programs(demo)
    assert len(running) == 2
    os.kill(running[0], signal.SIGKILL)
    wait_until(
        lambda: not any(alive(pid) for pid in running),
        lambda: f"still running: {[pid for pid in running if alive(pid)]}",
    )


def test_a_terminal_that_goes_away_ends_the_program(tmp_path: Path) -> None:
    terminal = Terminal(
        [sys.executable, "-m", "tui_chat", "demo"],
        environment={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    with terminal:
        terminal.wait_for(CONNECTED)
        running = programs(terminal)
        assert len(running) == 2
    # Closing tmux hung up on it; close() has waited for everything below it to end.
    assert not any(alive(pid) for pid in running)


class Serve:
    """``tui-chat serve`` as a process that can be killed and started again on its port."""

    def __init__(self, folder: Path, credentials: dict[str, str]) -> None:
        self._environment = {**os.environ, **credentials, "PYTHONPATH": str(ROOT)}
        self._log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._log.write_bytes(b"")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter itself
                [sys.executable, "-m", "tui_chat", "serve", "--port", str(self.port)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        listening = re.compile(r"http://127\.0\.0\.1:(\d+)")
        wait_until(
            lambda: listening.search(self._log.read_text()),
            lambda: f"the server does not start:\n{self._log.read_text()}",
        )
        match = listening.search(self._log.read_text())
        assert match
        self.port = int(match[1])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def credentials() -> dict[str, str]:
    return {
        "TUI_CHAT_TOKEN": secrets.token_urlsafe(24),
        "TUI_CHAT_SERVER_KEY": secrets.token_urlsafe(24),
    }


@pytest.fixture
def server(tmp_path: Path, credentials: dict[str, str]) -> Iterator[Serve]:
    serve = Serve(tmp_path, credentials)
    try:
        serve.start()
        yield serve
    finally:
        serve.kill()


def test_it_is_back_by_itself_when_the_server_is(
    server: Serve, credentials: dict[str, str], tmp_path: Path
) -> None:
    with Terminal(
        [sys.executable, "-m", "tui_chat", "--server-url", server.url],
        environment={**credentials, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    ) as chat:
        chat.wait_for(CONNECTED)
        ask(chat, "hello from before")
        chat.wait_for("come back")

        server.kill()
        screen = chat.wait_for("reconnecting")
        assert not re.search(CONNECTED, screen)
        assert "hello from before" in screen, "the conversation is still there"
        # For as long as it takes, it says so.
        chat.wait_for(r"reconnecting in \d+ s")

        server.start()
        screen = chat.wait_for(CONNECTED)
        assert "hello from before" in screen
        ask(chat, "what about a table")
        screen = chat.wait_for(r"(?i)[│|┃]")
        chat.press("C-q")
        assert chat.exit_code() == 0


def test_without_a_server_it_says_how_to_go_on(tmp_path: Path) -> None:
    with Terminal(
        [sys.executable, "-m", "tui_chat"], environment={"PYTHONPATH": str(ROOT)}, cwd=tmp_path
    ) as terminal:
        words = ("demo", "--server-url", "TUI_CHAT_SERVER_URL")
        for word in (*words, "TUI_CHAT_TOKEN", "TUI_CHAT_SERVER_KEY"):
            terminal.wait_for(word)
        terminal.press("C-q")
        assert terminal.exit_code() == 0


def test_wrong_credentials_are_named_on_the_screen(
    server: Serve, credentials: dict[str, str], tmp_path: Path
) -> None:
    with Terminal(
        [sys.executable, "-m", "tui_chat", "--server-url", server.url],
        environment={**credentials, "TUI_CHAT_TOKEN": "wrong", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    ) as terminal:
        terminal.wait_for("sign-in needed")
        terminal.wait_for("set TUI_CHAT_TOKEN and")
        assert "Ctrl+R tries" not in terminal.screen()
        terminal.press("C-q")
        assert terminal.exit_code() == 0


def test_asked_for_credentials_they_are_not_shown(
    server: Serve, credentials: dict[str, str]
) -> None:
    with Terminal(
        [sys.executable, "-m", "tui_chat", "--server-url", server.url],
        environment={"PYTHONPATH": str(ROOT)},
    ) as terminal:
        terminal.wait_for("Token")
        terminal.type(credentials["TUI_CHAT_TOKEN"])
        terminal.press("Enter")
        terminal.wait_for("Server key")
        terminal.type(credentials["TUI_CHAT_SERVER_KEY"])
        assert credentials["TUI_CHAT_TOKEN"] not in terminal.everything()
        assert credentials["TUI_CHAT_SERVER_KEY"] not in terminal.everything()
        terminal.press("Enter")
        terminal.wait_for(CONNECTED)
        terminal.press("C-q")
        assert terminal.exit_code() == 0
        for value in credentials.values():
            assert value not in terminal.everything()
