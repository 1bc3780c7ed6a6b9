"""A disk that is full: what cannot be kept is not applied, and nothing else is lost over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_server_runs import history
from tests.serving import Peer, RunningServer, http_client, running_server
from tui_chat.server.agent import AgentEvent, Failure, Text, Turn
from tui_chat.server.config import ServerConfig
from tui_chat.server.data_file import DataFile


class Echo:
    """Says a little and waits until it may say the rest."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.turns = 0

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        self.turns += 1
        yield Text("you said ")
        await self.may_end.wait()
        if turn.text == "fail":
            yield Failure("NO_IDEA", "There is nothing to say.")
        yield Text(turn.text)


def fill(server: RunningServer) -> None:
    """Let the data file have no room for more."""
    file = server._state.journal
    assert isinstance(file, DataFile)
    file._connection.execute("PRAGMA max_page_count = 1")  # raised to what there is


def make_room(server: RunningServer) -> None:
    file = server._state.journal
    assert isinstance(file, DataFile)
    file._connection.execute("PRAGMA max_page_count = 1000000")


async def ask(peer: Peer, content: str, until: str, **fields: Any) -> dict[str, Any]:
    await peer.send("chat_message", content=content, media=[], **fields)
    return (await peer.receive_until(until))[-1]


@asynccontextmanager
async def serving(path: Path, agent: Echo) -> AsyncIterator[tuple[RunningServer, Peer]]:
    config = ServerConfig(data=path, max_threads=3)
    async with running_server(config, agent=agent) as server, Peer.ready(server) as peer:
        yield server, peer


LARGE = "x" * 100_000


async def test_refused_messages_open_no_threads(tmp_path: Path) -> None:
    """Else they would drive out those that hold something."""
    agent = Echo()
    async with serving(tmp_path / "server.db", agent) as (server, peer):
        thread = (await peer.ask("hello"))[0]["data"]["providerResId"]
        fill(server)
        for number in range(5):
            refused = await ask(peer, LARGE, "error", clientMessageId=f"id {number}")
            assert refused["data"]["errorCode"] == "STORAGE"
            assert refused["data"]["details"] == {"clientMessageId": f"id {number}"}
        assert agent.turns == 1
        async with http_client(server) as http:
            listed = (await http.get("/api/v1/threads")).json()["data"]
        assert [each["providerResId"] for each in listed] == [thread]
        make_room(server)
        frames = await peer.ask(LARGE, clientMessageId="id 0")
        assert frames[0]["type"] == "thread_created", "it was not applied before"
        assert agent.turns == 2


async def test_an_answer_that_cannot_be_kept_is_not_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    agent = Echo()
    async with serving(path, agent) as (server, peer):
        thread = (await peer.ask("hello"))[0]["data"]["providerResId"]
        agent.may_end.clear()
        named = {"clientMessageId": "one", "providerResId": thread}
        await ask(peer, LARGE, "chat_event", **named)
        fill(server)
        agent.may_end.set()
        for _ in range(2):  # the run itself, and a repeat
            failed = (await peer.receive_until("chat_error", "messages_persisted"))[-1]
            assert failed["type"] == "chat_error"
            assert failed["data"]["errorCode"] == "STORAGE"
            assert failed["data"]["details"] == {"clientMessageId": "one"}
            await peer.send("chat_message", content=LARGE, media=[], **named)
        assert (await peer.receive_until("chat_error"))[-1]["data"]["errorCode"] == "STORAGE"
        make_room(server)
        frames = await peer.ask(LARGE, **named)
        assert [frame["type"] for frame in frames] == ["chat_finished", "messages_persisted"]
        before = await history(server, thread)
        assert agent.turns == 2
    async with serving(path, agent) as (server, _):
        assert await history(server, thread) == before
        assert len(before) == 4


async def test_a_change_of_a_thread_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    async with serving(tmp_path / "server.db", Echo()) as (server, peer):
        thread = (await peer.ask("hello"))[0]["data"]["providerResId"]
        fill(server)
        async with http_client(server) as http:
            answer = await http.patch(
                f"/api/v1/threads/{thread}", json={"metadata": {"note": "x" * 15_000}}
            )
        assert (answer.status_code, answer.json()["code"]) == (507, "STORAGE")


async def test_a_run_that_failed_says_which_one_it_was(tmp_path: Path) -> None:
    async with serving(tmp_path / "server.db", Echo()) as (_, peer):
        failed = await ask(peer, "fail", "chat_error", clientMessageId="one")
        assert failed["data"]["details"] == {"clientMessageId": "one"}
        failed = await ask(peer, "fail", "chat_error")
        assert "details" not in failed["data"]


async def test_one_who_does_not_read_holds_up_no_other_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said about a message waits for its client; taking in the next one does not."""
    agent = Echo()
    async with serving(tmp_path / "server.db", agent) as (server, peer):
        may_read = asyncio.Event()

        async def waits(_frame: object) -> bool:
            return await may_read.wait()

        async with Peer.ready(server) as other:
            monkeypatch.setattr(server.sessions[0], "send", waits)
            await peer.send("chat_message", content="x", media=[], clientMessageId="")
            thread = (await other.ask("hello", clientMessageId="one"))[0]
            assert thread["type"] == "thread_created"
            may_read.set()
