"""A terminal that vanishes: the program ends with it, soon, at rest, and keeps the draft."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from tests.support.pseudo_terminal import PseudoTerminal
from tests.support.tmux import alive, wait_until
from tui_chat.server.agent import AgentEvent, Text, Turn
from tui_chat.testing import ServerThread

SOON: Final = 2.0
"""Seconds that the program has to end in."""
LATE: Final = 1.0
"""Seconds more that a busy machine may take for it."""
AT_REST: Final = 1.0
"""Seconds of CPU time that this may cost. One that spins takes all of the time there is."""
DRAFT: Final = "half-a-thought"
GONE: Final = 129
"""128 and the number of SIGHUP, as shells have it."""
F1: Final = "\x1bOP"
F6: Final = "\x1b[17~"
CTRL_Q: Final = "\x11"


class Endless:
    """Goes on and on."""

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        for number in range(100_000):
            yield Text(f"* line:{number}: one of a reply that goes on and on\n")
            await asyncio.sleep(0.005)


@pytest.fixture
def server() -> Iterator[ServerThread]:
    with ServerThread.running(agent=Endless()) as running:
        yield running


def chatting(server: ServerThread, **environment: str) -> PseudoTerminal:
    environment |= {"TUI_CHAT_TOKEN": server.token, "TUI_CHAT_SERVER_KEY": server.key}
    return PseudoTerminal("--server-url", server.url, environment=environment)


def took_it_well(terminal: PseudoTerminal) -> None:
    """Let it vanish, and look how the program takes that."""
    spent = terminal.cpu
    began = time.monotonic()
    terminal.vanish()
    assert terminal.ended() == GONE
    took = time.monotonic() - began
    assert took < SOON + LATE
    assert terminal.cpu - spent < AT_REST


def draft_is_back(server: ServerThread) -> None:
    """Start once more, and leave."""
    with chatting(server) as terminal:
        terminal.shows("● connected", DRAFT)
        terminal.type(CTRL_Q)
        assert terminal.ended() == 0


def test_in_the_middle_of_a_reply(server: ServerThread) -> None:
    """The draft has been there for a moment only."""
    with chatting(server) as terminal:
        terminal.shows("● connected")
        terminal.say("stream")
        terminal.shows("one of a reply")
        terminal.type(DRAFT)
        terminal.shows(DRAFT)
        took_it_well(terminal)
    draft_is_back(server)


def test_after_it_has_not_read_for_a_while(server: ServerThread) -> None:
    with chatting(server) as terminal:
        terminal.shows("● connected")
        terminal.say("stream")
        terminal.shows("one of a reply")
        terminal.type(DRAFT)
        terminal.shows(DRAFT)
        for _ in range(24):  # the help opens and closes, until no more can be written
            terminal.type(F1)
            time.sleep(0.05)
        wait_until(lambda: stands_still(terminal), lambda: "it goes on drawing")
        took_it_well(terminal)
    draft_is_back(server)


def stands_still(terminal: PseudoTerminal) -> bool:
    spent = terminal.cpu
    time.sleep(0.5)
    return terminal.cpu - spent < 0.15


def test_while_an_editor_has_it(server: ServerThread, tmp_path: Path) -> None:
    """This one does not end with its terminal. The program does not wait for it."""
    pid_file = tmp_path / "pid"
    script = tmp_path / "editor.sh"
    script.write_text(f"trap '' HUP\necho $$ > '{pid_file}'\necho opened\nexec sleep 30\n")
    with chatting(server, VISUAL=f"sh {script}", TMPDIR=str(tmp_path)) as terminal:
        terminal.shows("● connected")
        terminal.type(DRAFT)
        terminal.shows(DRAFT)
        terminal.type(F6)
        terminal.shows("opened")
        editor = int(pid_file.read_text())
        try:
            took_it_well(terminal)
        finally:
            os.kill(editor, signal.SIGKILL)
        wait_until(lambda: not alive(editor), lambda: "the editor is still there")
    draft_is_back(server)
