"""Messages as they arrive: whole, in order, as many as there are, and no more than is bearable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection

from tests.integration.client_support import Handler, Script, until
from tui_chat.connection.inbox import HIGH_WATER, Inbound, InboundConnection


@asynccontextmanager
async def connected(handler: Handler, **options: Any) -> AsyncIterator[InboundConnection]:
    async with Script(handler).running(compression=None) as server:
        async with connect(
            server.url.replace("http", "ws"),
            create_connection=InboundConnection,
            compression=None,
            proxy=None,
            ping_interval=None,
            **options,
        ) as connection:
            assert isinstance(connection, InboundConnection)
            yield connection


async def everything(connection: InboundConnection) -> list[Inbound]:
    """Return all messages up to the end of the connection."""
    arrived: list[Inbound] = []
    try:
        while True:
            arrived += await connection.messages()
    except websockets.ConnectionClosed:
        return arrived


async def test_all_that_has_arrived_at_once_and_in_order() -> None:
    async def send(connection: ServerConnection) -> None:
        for number in range(1000):
            await connection.send(str(number))

    async with connected(send) as connection:
        await until(lambda: len(connection._inbox) > 10)
        first = await connection.messages()
        assert len(first) > 10
        rest = await everything(connection)
    assert [payload for payload, _ in first + rest] == [b"%d" % n for n in range(1000)]


async def test_text_binary_and_invalid_text_are_told_apart_and_cost_nothing() -> None:
    async def send(connection: ServerConnection) -> None:
        await connection.send("text")
        await connection.send(b"binary")
        await connection.send(b"\xff\xfe", text=True)
        await connection.send("")

    async with connected(send) as connection:
        assert await everything(connection) == [
            (b"text", False),
            (b"binary", True),
            (b"\xff\xfe", False),
            (b"", False),
        ]


async def test_fragments_become_one_message_however_many_and_empty_ones_too() -> None:
    async def send(connection: ServerConnection) -> None:
        await connection.send("ab" if number % 2 else "" for number in range(20_000))
        await connection.send([b"x", b"", b"y"])
        await connection.send("after")

    async with connected(send) as connection:
        assert await everything(connection) == [
            (b"ab" * 10_000, False),
            (b"xy", True),
            (b"after", False),
        ]


async def test_a_message_that_is_too_big_in_fragments_ends_the_connection() -> None:
    async def send(connection: ServerConnection) -> None:
        await connection.send("small")
        await connection.send("x" * 400 for _ in range(10))

    async with connected(send, max_size=1000) as connection:
        assert await everything(connection) == [(b"small", False)]
        assert connection.protocol.close_sent is not None
        assert connection.protocol.close_sent.code == 1009


async def test_nothing_is_read_from_the_network_while_enough_waits() -> None:
    sent = 0

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        while True:
            await connection.send("x" * 100_000)
            sent += 1

    async with connected(flood) as connection:
        await until(lambda: len(connection._inbox) > HIGH_WATER)
        before = -1
        while before != sent:  # the buffers in between fill up, then nothing moves
            before = sent
            await asyncio.sleep(0.1)
        assert len(connection._inbox) < 2 * HIGH_WATER
        await connection.messages()
        await until(lambda: sent > before)
        await until(lambda: len(connection._inbox) > HIGH_WATER)
        connection.leave()
        async with asyncio.timeout(5):  # the server's answer to the close is read
            await connection.close()


async def test_whoever_waits_is_told_that_nothing_more_comes() -> None:
    async def wait(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.abort()

    async with connected(wait) as connection:
        waiting = asyncio.create_task(connection.messages())
        await connection.send("go")
        with pytest.raises(websockets.ConnectionClosedError):
            await waiting


async def test_waiting_can_be_given_up_and_taken_up_again() -> None:
    async def reply(connection: ServerConnection) -> None:
        await connection.send(await connection.recv())

    async with connected(reply) as connection:
        waiting = asyncio.create_task(connection.messages())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        await connection.send("hello")
        assert await connection.messages() == [(b"hello", False)]
