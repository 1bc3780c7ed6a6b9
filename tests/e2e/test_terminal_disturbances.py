"""A terminal that gives no peace: any size, floods of focus events, stopped by its shell."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest

if sys.platform == "win32":
    pytest.skip("terminals of this kind are POSIX", allow_module_level=True)

from tests.support.checkout import ROOT
from tests.support.tmux import Terminal, programs
from tui_chat.server.agent import AgentEvent, Text, Turn
from tui_chat.testing import ServerThread

pytestmark = pytest.mark.needs("tmux")

CONNECTED: Final = r"● connected"
DRAFT: Final = "a draft of it"
FOCUS: Final = b"\x1b[O\x1b[I"
SIZE: Final = (100, 30)


class Echo:
    """Repeats what was said."""

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        yield Text(f"answer:{turn.text}")


@pytest.fixture
def server() -> Iterator[ServerThread]:
    with ServerThread.running(agent=Echo()) as running:
        yield running


def shell_in(server: ServerThread) -> dict[str, Any]:
    """Return what starts an interactive shell that knows the credentials."""
    return {
        "command": ["sh", "-i"],
        "environment": {
            "PS1": "prompt> ",
            "PYTHONPATH": str(ROOT),
            "TUI_CHAT_TOKEN": server.token,
            "TUI_CHAT_SERVER_KEY": server.key,
        },
        "columns": SIZE[0],
        "rows": SIZE[1],
    }


@pytest.fixture
def chat(server: ServerThread) -> Iterator[Terminal]:
    """The program, started by a shell with job control, with a message said and a draft."""
    with Terminal(**shell_in(server)) as terminal:
        terminal.wait_for(r"^prompt>$")
        command = [sys.executable, "-m", "tui_chat", "--server-url", server.url]
        terminal.type(f"clear; {shlex.join(command)}")
        terminal.press("Enter")
        terminal.wait_for(CONNECTED)
        say(terminal, "hello")
        terminal.type(DRAFT)
        terminal.wait_for(DRAFT)
        yield terminal


def say(terminal: Terminal, text: str) -> None:
    terminal.type(text)
    terminal.wait_for(text)
    terminal.press("Enter")
    terminal.wait_for(f"answer:{text}")
    terminal.wait_for("Write a message")


def as_before(screen: str) -> object:
    """Say whether everything is there, at this width."""
    return (
        re.search(CONNECTED, screen)
        and re.search(r"▌ hello$", screen, re.MULTILINE)
        and "answer:hello" in screen
        and re.search(rf"│ {DRAFT} +│", screen)
    )


def goes_on(terminal: Terminal) -> None:
    """Say that everything is as before, and works: write, send, leave."""
    terminal.wait_for(as_before)
    terminal.type(" more")
    terminal.wait_for(f"{DRAFT} more")
    terminal.press("Enter")
    terminal.wait_for(f"answer:{DRAFT} more")
    terminal.wait_for("Write a message")
    terminal.press("C-q")
    terminal.wait_for(r"^prompt>$")
    modes = terminal.modes()
    assert modes.pop("cursor_flag")
    assert not any(modes.values())
    assert "Traceback" not in terminal.everything()
    assert "tui-chat:" not in terminal.everything()
    terminal.type("echo status:$?")
    terminal.press("Enter")
    terminal.wait_for("^status:0")


def test_any_size_and_many_of_them_quickly(chat: Terminal) -> None:
    def width(screen: str) -> int:
        return max(len(line) for line in screen.splitlines() or [""])

    for columns, rows in ((1, 1), (2, 2), (39, 9), (1, 60), (300, 1)):
        chat.resize(columns, rows)
        chat.wait_for(lambda screen: screen.strip() and "answer" not in screen)
        assert programs(chat)
        chat.resize(*SIZE)
        chat.wait_for(as_before)
    chat.resize(500, 200)
    chat.wait_for(lambda screen: as_before(screen) and width(screen) > 490)
    chat.resize(40, 10)
    chat.wait_for(lambda screen: DRAFT in screen and width(screen) <= 40)
    for number in range(60):
        chat.resize(1 + number * 37 % 180, 1 + number * 13 % 60)
    chat.resize(*SIZE)
    goes_on(chat)


def test_thousands_of_focus_events(chat: Terminal) -> None:
    for _ in range(4):
        chat.send_bytes(FOCUS * 250)
    chat.type("!")
    chat.wait_for(DRAFT + "!")
    chat.press("BSpace")
    goes_on(chat)


def test_stopped_and_gone_on_with(chat: Terminal) -> None:
    """As Ctrl+Z does it where a shell has the terminal; the prompt itself takes that for undo."""
    (program,) = programs(chat)
    for _ in range(2):
        os.kill(program, signal.SIGTSTP)
        chat.wait_for("(?i)stopped|suspended")
        assert not chat.modes()["alternate_on"], "it gave the terminal back"
        chat.type("clear; echo $((40 + 2)) steps")
        chat.press("Enter")
        chat.wait_for("42 steps")
        chat.type("fg")
        chat.press("Enter")
        chat.wait_for(as_before)
        assert chat.modes()["alternate_on"]
    goes_on(chat)
