"""The server of a chaos run, in a process of its own: ``python -m tests.chaos.server``.

One line of JSON comes in with credentials and options, one goes out with the address. It ends when
its standard input does, so that nothing is left behind however the parent ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tui_chat.errors import TuiChatError
from tui_chat.secret import Secret
from tui_chat.server.agent import AgentEvent, Text, Turn
from tui_chat.server.chat_server import ChatServer
from tui_chat.server.config import CAPABILITIES, ServerConfig
from tui_chat.server.listening import run_server
from tui_chat.server.users import User

__all__ = ["main"]

PAUSE = 0.003
"""Seconds in the middle of an answer, so that there is a middle."""


class Echo:
    """Answers at once, in two pieces."""

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        yield Text("You said ")
        await asyncio.sleep(PAUSE)
        yield Text(turn.text[:40])


def main() -> int:
    """Serve until standard input ends."""
    options = json.loads(sys.stdin.readline())
    config = ServerConfig(
        port=options["port"],
        users=(User(Secret(options["token"]), Secret(options["key"])),),
        announce=CAPABILITIES if options["deduplicating"] else (),
        data=Path(options["data"]),
        # Neither how fast one user types nor how much is what is tried here.
        ticket_rate=0,
        message_rate=0,
        max_messages=1_000_000,
        max_thread_chars=1_000_000_000,
        max_history_chars=1_000_000_000,
    )
    try:
        run_server(config, agent=Echo(), on_started=_started, on_stop=_watch)
    except TuiChatError as error:
        _tell(error=str(error))
        return 1
    return 0


def _started(server: ChatServer) -> None:
    _tell(url=server.url)


def _tell(**what: str) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _watch(stop: Callable[[], None]) -> None:
    def watch() -> None:
        while os.read(0, 4096):
            pass
        stop()

    threading.Thread(target=watch, name="stdin", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
