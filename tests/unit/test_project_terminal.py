"""The terminal that the end-to-end tests use does what they rely on."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.support.tmux import Terminal, alive, descendants

pytestmark = pytest.mark.needs("tmux")

ECHO = """
import os, sys, tty
print("ready", os.get_terminal_size().columns, os.environ["TERM"], os.environ.get("EXTRA"))
tty.setcbreak(0)
while True:
    data = os.read(0, 100)
    print("got", data.hex(), flush=True)
    if b"q" in data:
        sys.exit(7)
"""


@pytest.fixture
def echo() -> Iterator[Terminal]:
    with Terminal(
        [sys.executable, "-c", ECHO], environment={"EXTRA": "it's \u00fc"}, columns=60, rows=12
    ) as terminal:
        yield terminal


def test_typing_looking_and_ending(echo: Terminal) -> None:
    echo.wait_for(r"ready 60 tmux-256color it's \u00fc")
    echo.type("a Enter")
    echo.wait_for("got " + b"a Enter".hex())
    echo.press("F12", "PageUp")
    echo.wait_for("1b5b32347e")
    echo.send_bytes(b"\x1b[13;2u")
    echo.wait_for("1b5b31333b3275")
    assert not echo.modes()["alternate_on"]
    echo.type("q")
    assert echo.exit_code() == 7


def test_what_does_not_come_is_an_error_that_shows_the_screen(echo: Terminal) -> None:
    echo.wait_for("ready")
    with pytest.raises(AssertionError, match="ready 60"):
        echo.wait_for("never shown", timeout=0.2)
    with pytest.raises(AssertionError, match="still running"):
        echo.exit_code(timeout=0.2)


def test_closing_leaves_nothing() -> None:
    terminal = Terminal([sys.executable, "-c", ECHO])
    terminal.wait_for("ready 100")
    processes = descendants(terminal.shell_pid)
    assert len(processes) >= 2
    terminal.close()
    assert not any(alive(pid) for pid in processes)
    terminal.close()
