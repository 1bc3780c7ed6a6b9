"""The data file: what the server remembers after it was killed, and what it refuses to open."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from tests.integration.test_server_runs import history
from tests.serving import KEY, TOKEN, Peer, http_client, running_server
from tui_chat.errors import ConfigurationError
from tui_chat.protocol.addresses import KEY_HEADER, TOKEN_HEADER
from tui_chat.server.chat_server import ChatServer
from tui_chat.server.child import ChildOptions, ChildStarted
from tui_chat.server.config import ServerConfig
from tui_chat.server.data_file import DataFile

CANARIES = (TOKEN, KEY)


@dataclass
class Address:
    """As much of a running server as ``Peer`` needs."""

    url: str
    token: str = TOKEN
    key: str = KEY
    auth: tuple[str, str] = (TOKEN, KEY)


@asynccontextmanager
async def process(data: Path) -> AsyncIterator[tuple[Any, asyncio.subprocess.Process]]:
    """A server in a process of its own, killed at the end of the block without a word."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui_chat.server"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        options = ChildOptions(TOKEN, KEY, data=str(data))
        child.stdin.write(msgspec.json.encode(options) + b"\n")
        async with asyncio.timeout(20):
            started = msgspec.json.decode(await child.stdout.readline(), type=ChildStarted)
        assert started.url, started.error
        yield Address(started.url), child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("server.db*"))


async def entries(address: Any, thread: str) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in await history(address, thread)]


async def test_threads_and_ids_outlive_the_process(tmp_path: Path) -> None:
    data = tmp_path / "server.db"
    async with process(data) as (address, _), Peer.ready(address) as peer:
        frames = await peer.ask("hello", clientMessageId="one")
        thread = frames[0]["data"]["providerResId"]
        before = await entries(address, thread)
        assert before[0] == ("user", "hello")
    async with process(data) as (address, _), Peer.ready(address) as peer:
        assert await entries(address, thread) == before
        frames = await peer.ask("hello", clientMessageId="one", providerResId=thread)
        assert [frame["type"] for frame in frames] == ["chat_finished", "messages_persisted"]
        await peer.ask("hi", clientMessageId="two", providerResId=thread)
        after = await entries(address, thread)
        assert after[: len(before)] == before
        assert after[len(before)] == ("user", "hi")
        ids = [m.get("clientMessageId") for m in await history(address, thread)]
        assert [name for name in ids if name] == ["one", "two"]
    if os.name == "posix":
        assert stat.S_IMODE(data.stat().st_mode) == 0o600
    files = everything_in(tmp_path)
    assert b"hello" in files
    assert not [canary for canary in CANARIES if canary.encode() in files]


async def test_which_memory_it_is_survives_with_the_file_only(tmp_path: Path) -> None:
    async def memory(data: Path | None) -> str:
        async with (
            running_server(ServerConfig(data=data)) as server,
            Peer.connected(server) as peer,
        ):
            return str((await peer.receive())["data"]["receiptsId"])

    one, other = tmp_path / "one", tmp_path / "other"
    first = await memory(one)
    assert await memory(one) == first
    one.unlink()
    assert len({first, await memory(one), await memory(other), await memory(None)}) == 4
    async with (
        running_server(ServerConfig(data=one, announce=("thread_list",))) as server,
        Peer.connected(server) as peer,
    ):
        assert "receiptsId" not in (await peer.receive())["data"]


async def test_killed_in_the_middle_of_a_run(tmp_path: Path) -> None:
    """The question is applied once; the answer, which was lost, is made again when asked for."""
    data = tmp_path / "server.db"
    async with process(data) as (address, _), Peer.ready(address) as peer:
        await peer.send("chat_message", content="slow", media=[], clientMessageId="one")
        frames = await peer.receive_until("chat_event")
        thread = frames[0]["data"]["providerResId"]
        await peer.send(
            "chat_message", content="hi", media=[], providerResId=thread, clientMessageId="two"
        )
        await peer.send("heartbeat_ping", timestamp="now", pingTime=1)
        await peer.receive_until("heartbeat_ack")  # so it has taken in the second one too
        assert await entries(address, thread) == [("user", "slow")]
    async with process(data) as (address, _), Peer.ready(address) as peer:
        assert await entries(address, thread) == [("user", "slow"), ("user", "hi")]
        named = {"providerResId": thread, "clientMessageId": "one"}
        await peer.send("chat_message", content="slow", media=[], **named)
        await peer.receive_until("chat_event")
        await peer.send("stop_run", conversationUuid=thread)
        await peer.receive_until("messages_persisted")
        for name, text in (("two", "hi"), ("one", "slow")):
            frames = await peer.ask(text, clientMessageId=name, providerResId=thread)
            assert frames[-1]["data"]["clientMessageId"] == name
        kept = await entries(address, thread)
        assert [role for role, _ in kept if role == "user"] == ["user", "user"]
        # The answer stands with its question, although it was made later.
        assert kept[0] == ("user", "slow")
        assert kept[1][0] != "user"
        assert ("user", "hi") in kept
        assert kept[-1][0] == "assistant"


async def test_a_message_without_an_id_is_in_the_history_once(tmp_path: Path) -> None:
    data = tmp_path / "server.db"
    async with process(data) as (address, _), Peer.ready(address) as peer:
        await peer.send("chat_message", content="slow", media=[])
        thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
    for _ in range(2):
        async with process(data) as (address, _child):
            assert await entries(address, thread) == [("user", "slow")]


async def test_the_question_is_in_the_history_while_it_is_answered() -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="slow", media=[], clientMessageId="one")
        thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
        assert await entries(server, thread) == [("user", "slow")]


async def test_the_same_id_on_two_connections_at_once_is_applied_once(tmp_path: Path) -> None:
    async with (
        running_server(ServerConfig(data=tmp_path / "server.db")) as server,
        Peer.ready(server) as one,
        Peer.ready(server) as two,
    ):
        thread = (await one.ask("hello"))[0]["data"]["providerResId"]
        asking = [
            asyncio.create_task(peer.ask("hi", providerResId=thread, clientMessageId="the same"))
            for peer in (one, two)
        ]
        await asyncio.gather(*asking)
        kept = await entries(server, thread)
        assert [text for role, text in kept if role == "user"] == ["hello", "hi"]


async def test_what_does_not_fit_is_refused_and_not_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = DataFile.__init__
    monkeypatch.setattr(DataFile, "__init__", lambda self, path: made(self, path, max_pages=40))
    async with (
        running_server(ServerConfig(data=tmp_path / "server.db")) as server,
        Peer.ready(server) as peer,
    ):
        thread = (await peer.ask("hello"))[0]["data"]["providerResId"]
        before = await entries(server, thread)
        await peer.send(
            "chat_message",
            content="x" * 200_000,
            media=[],
            providerResId=thread,
            clientMessageId="large",
        )
        refused = (await peer.receive_until("error"))[-1]["data"]
        assert refused["errorCode"] == "STORAGE"
        assert refused["details"]["clientMessageId"] == "large"
        assert await entries(server, thread) == before
        assert await peer.ask("hi", providerResId=thread), "the server goes on"


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_what_is_no_data_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"is no data file|not a server's data file"):
        ChatServer(ServerConfig(data=path))
    assert path.read_bytes() == content


def test_somebody_elses_database_and_a_newer_one_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(ConfigurationError, match="not a server's data file"):
        ChatServer(ServerConfig(data=path))
    newer = tmp_path / "newer.db"
    file = DataFile(newer)
    file._connection.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(ConfigurationError, match="newer version"):
        ChatServer(ServerConfig(data=newer))


async def test_one_server_at_a_time_uses_the_file(tmp_path: Path) -> None:
    data = tmp_path / "server.db"
    async with process(data):
        with pytest.raises(ConfigurationError, match="used by another server"):
            await asyncio.to_thread(ChatServer, ServerConfig(data=data))
    async with running_server(ServerConfig(data=data)):
        pass  # the lock ended with the process that was killed


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights on Windows")
def test_a_symbolic_link_a_folder_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"")
    link = tmp_path / "link"
    link.symlink_to(target)
    for path, why in (
        (link, "symbolic link"),
        (tmp_path, "folder"),
        (tmp_path / "no" / "such", "No such file"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            ChatServer(ServerConfig(data=path))
    assert target.read_bytes() == b""


async def test_limits_hold_for_the_file_too(tmp_path: Path) -> None:
    data = tmp_path / "server.db"
    config = ServerConfig(data=data, max_threads=2, max_messages=4)
    async with running_server(config) as server, Peer.ready(server) as peer:
        for _ in range(2):
            await peer.ask("hi")
        thread = (await peer.ask("hi"))[0]["data"]["providerResId"]
        for _ in range(5):
            await peer.ask("hi", providerResId=thread)
        kept = await entries(server, thread)
    with sqlite3.connect(data) as file:
        assert file.execute("SELECT count(*) FROM threads").fetchone() == (2,)
        rows = file.execute("SELECT count(*) FROM messages WHERE thread = ?", (thread,))
        assert rows.fetchone() == (4,)
        assert file.execute("SELECT count(*) FROM received").fetchone() == (0,)
    file.close()
    async with running_server(config) as server:
        assert await entries(server, thread) == kept
        async with http_client(server) as http:
            headers = {TOKEN_HEADER: TOKEN, KEY_HEADER: KEY}
            listed = (await http.get("/api/v1/threads", headers=headers)).json()
            assert len(listed["data"]) == 2


async def test_every_refusal_names_the_message() -> None:
    """Also of a frame that is large, came too fast, or cannot be read as a message."""
    config = ServerConfig(message_rate=0.001, message_burst=2, max_message_chars=10)
    async with running_server(config) as server, Peer.ready(server) as peer:
        for code, fields in (
            ("MESSAGE_TOO_LONG", {"content": "x" * 11, "media": []}),
            ("INVALID_FRAME", {"content": {"no": "text"}, "media": []}),
            ("RATE_LIMITED", {"content": "x" * 200_000, "media": []}),
        ):
            await peer.send("chat_message", **fields, clientMessageId="one")
            refused = await peer.receive()
            assert refused["type"] == "error"
            assert refused["data"]["errorCode"] == code
            assert refused["data"]["details"]["clientMessageId"] == "one"
        await peer.send("heartbeat_ping", timestamp="now", pingTime=1, clientMessageId="one")
        assert "clientMessageId" not in (await peer.receive())["data"]["details"]


async def test_killed_again_and_again_while_messages_come(tmp_path: Path) -> None:
    """What was acknowledged is there; everything is there once, in order."""
    data = tmp_path / "server.db"
    random = Random(7)
    async with process(data) as (address, _), Peer.ready(address) as peer:
        thread = (await peer.ask("hi", clientMessageId="first"))[-1]["data"]["providerResId"]
    names = ["first", *(f"message {number}" for number in range(4))]
    settled = names[:1]
    while len(settled) < len(names):
        async with process(data) as (address, child), Peer.ready(address) as peer:
            there = [m.get("clientMessageId") for m in await history(address, thread)]
            assert set(settled) <= set(there)
            place = {"media": [], "providerResId": thread}
            for name in names[len(settled) :]:
                await peer.send("chat_message", content="hi", clientMessageId=name, **place)
            lives = random.randrange(1, 200)  # frames until it is killed
            for _ in range(lives):
                frame = await peer.receive()
                if frame["type"] == "messages_persisted":
                    settled.append(frame["data"]["clientMessageId"])
                    if len(settled) == len(names):
                        break
            child.kill()
    assert settled == names
    async with process(data) as (address, _):
        kept = await history(address, thread)
    assert [m["clientMessageId"] for m in kept if m["role"] == "user"] == names
    answers = [(a["role"], b["role"]) for a, b in zip(kept[::2], kept[1::2], strict=True)]
    assert set(answers) == {("user", "assistant")}
