"""A server killed at any moment: started again from what the data file held then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_server_runs import history
from tests.serving import Peer, RunningServer, running_server
from tui_chat.server.agent import AgentEvent, Text, Turn
from tui_chat.server.config import ServerConfig
from tui_chat.server.data_file import DataFile

IDS = ("one", "two", "three")


class Counting:
    """Answers with what was said before, and waits until it may."""

    def __init__(self, *, open_: bool = True) -> None:
        self.may_answer = asyncio.Event()
        if open_:
            self.may_answer.set()

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        yield Text(f"answer to {turn.text}")
        await self.may_answer.wait()
        asked = [message.content for message in turn.history if message.role == "user"]
        yield Text(f" after {' '.join(asked) or 'nothing'}")


class Moments:
    """Every state that the data file goes through.

    Each piece of work is committed by itself, which is how it goes when nothing else is waiting.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.states: list[bytes] = []
        write = DataFile._write

        def one_by_one(file: DataFile, batch: list[Any]) -> None:
            for work in batch:
                write(file, [work])
                self.states.append(file._connection.serialize())

        monkeypatch.setattr(DataFile, "_write", one_by_one)


async def said(server: RunningServer, thread: str) -> list[tuple[str, str]]:
    return [(each["role"], each["content"]) for each in await history(server, thread)]


async def test_at_every_moment_each_question_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        moments = Moments(patch)
        agent = Counting(open_=False)
        config = ServerConfig(data=tmp_path / "server.db")
        async with (
            running_server(config, agent=agent) as server,
            Peer.ready(server) as peer,
        ):
            await peer.send("chat_message", content="one", media=[], clientMessageId="one")
            thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
            for name in IDS[1:]:
                await peer.send(
                    "chat_message",
                    content=name,
                    media=[],
                    clientMessageId=name,
                    providerResId=thread,
                )
            await peer.send("heartbeat_ping", timestamp="now", pingTime=1)
            await peer.receive_until("heartbeat_ack")
            agent.may_answer.set()
            for _ in IDS:
                await peer.receive_until("messages_persisted")
            whole = await said(server, thread)
    assert len(whole) == 2 * len(IDS)
    assert len(moments.states) >= 2 * len(IDS)
    for index, state in enumerate(moments.states):
        path = tmp_path / f"{index}.db"
        path.write_bytes(state)
        async with (
            running_server(ServerConfig(data=path), agent=Counting()) as server,
            Peer.ready(server) as peer,
        ):
            thread_now = thread
            for name in IDS:
                frames = await peer.ask(name, clientMessageId=name, providerResId=thread)
                assert frames[-1]["data"]["clientMessageId"] == name
                thread_now = frames[-1]["data"]["providerResId"]
            assert await said(server, thread_now) == whole, f"after {index + 1} commits"
