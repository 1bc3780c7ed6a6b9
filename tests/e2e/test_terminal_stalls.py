"""A terminal that stops reading in the middle of a reply, and reads again."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from tests.support.pseudo_terminal import TIMEOUT, PseudoTerminal
from tui_chat.server.agent import AgentEvent, Text, Turn
from tui_chat.server.config import ServerConfig
from tui_chat.testing import ServerThread

HEARTBEAT: Final = 0.4
"""Seconds between two pings of the server."""
LIFETIME: Final = 3.0
"""Seconds that a ticket lives; it is renewed in the middle of that."""
STALL: Final = 4.0
"""Seconds that nobody reads: many pings, several tickets."""
KERNEL: Final = 65_536
"""Bytes that the system keeps for a terminal that does not read, at most."""
MORE: Final = 30 * 1024 * 1024
"""Bytes by which the program's memory may grow."""
F1: Final = "\x1bOP"
"""Opens the help, and closes it: two pictures of the whole screen."""
SCREENS: Final = 24
"""Times that this is pressed. Twice as many bytes as all the buffers take."""


class Streaming:
    """Answers ``stream`` for as long as it is to, and everything else at once."""

    def __init__(self) -> None:
        self.go_on = True
        self.lines = 0

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        if turn.text != "stream":
            yield Text(f"answer:{turn.text}")
            return
        while self.go_on:
            self.lines += 1
            yield Text(f"* line:{self.lines}: one of a reply that goes on and on\n")
            await asyncio.sleep(0.005)
        yield Text("\nlast:line")


@pytest.fixture
def agent() -> Streaming:
    return Streaming()


@pytest.fixture
def server(agent: Streaming) -> Iterator[ServerThread]:
    config = ServerConfig(ticket_ttl=LIFETIME, heartbeat_interval=HEARTBEAT, record=True)
    with ServerThread.running(config, agent=agent) as running:
        yield running


def received(server: ServerThread, kind: str) -> list[dict[str, Any]]:
    frames = [json.loads(each.payload) for each in tuple(server.server.received)]
    return [frame for frame in frames if frame["type"] == kind]


def said(server: ServerThread) -> list[str]:
    return [frame["content"] for frame in received(server, "chat_message")]


def stands_still(terminal: PseudoTerminal) -> bool:
    """Say whether the program does next to nothing: neither does it draw, nor does it spin."""
    spent = terminal.cpu
    time.sleep(HEARTBEAT)
    return terminal.cpu - spent < 0.3 * HEARTBEAT


@pytest.mark.parametrize("keys", [False, True], ids=["the reply alone", "keys as well"])
def test_the_connection_lives_on_while_nobody_reads(
    server: ServerThread, agent: Streaming, keys: bool
) -> None:
    """Keys change the whole screen. They fill every buffer, until Textual's loop stands still."""
    environment = {"TUI_CHAT_TOKEN": server.token, "TUI_CHAT_SERVER_KEY": server.key}
    with PseudoTerminal("--server-url", server.url, environment=environment) as terminal:
        terminal.shows("● connected")
        terminal.say("stream")
        terminal.shows("one of a reply")
        memory = terminal.memory
        tickets = server.server.ticket_requests
        pongs = len(received(server, "heartbeat_pong"))
        terminal.say("queued")

        # From here on nobody reads.
        began = time.monotonic()
        pressed = 0
        while (passed := time.monotonic() - began) < STALL or not (
            said(server) == ["stream", "queued"]
            and server.server.ticket_requests >= tickets + 2
            and stands_still(terminal)
        ):
            assert passed < TIMEOUT, (said(server), server.server.ticket_requests)
            if keys and pressed < SCREENS:
                terminal.type(F1)
                pressed += 1
            agent.go_on = passed < STALL / 2
            time.sleep(0.1)
        assert terminal.unread, "it wrote, and that is still there"
        answered = len(received(server, "heartbeat_pong")) - pongs
        assert answered > passed / HEARTBEAT / 2
        (session,) = server.server.sessions
        assert server.server.handshakes == 1, "it is the first connection, and it never broke"
        terminal.type("draft")

        # And now somebody does.
        at = len(terminal.seen)
        newest = (f"line:{agent.lines}:", "last:line", "answer:queued", "draft")
        terminal.shows(*newest, since=at, timeout=20)
        if keys:
            assert len(terminal.seen) - at > KERNEL, "every buffer was full"
        assert terminal.memory - memory < MORE
        terminal.type("\x15")  # Ctrl+U
        terminal.say("after")
        terminal.shows("answer:after")
        assert said(server) == ["stream", "queued", "after"]
        assert server.server.sessions == [session]
        terminal.type("\x11")
        assert terminal.ended() == 0
        assert terminal.line() == terminal.settings
