"""Several conversations with one server, in virtual time over real WebSockets."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from tests.integration.client_support import SESSION, Script, Tickets, establish, until
from tests.virtual import VirtualClock, virtual
from tui_chat import (
    ClientClosed,
    ConfigurationError,
    ConnectionPool,
    HandshakeRejected,
    PoolFull,
    WebSocketChatClient,
)

MEMBERS = 10


def make_pool(clock: VirtualClock, url: str, **options: Any) -> ConnectionPool:
    return ConnectionPool(
        chat_server_url=url,
        user_mp_auth_token="token",
        chat_server_key="key",
        clock=clock,
        rng=random.Random(1),
        **{"source": Tickets(clock), **options},
    )


async def all_ready(clients: list[WebSocketChatClient], seconds: float) -> None:
    await until(
        lambda: all(client.get_connection_status().connected for client in clients),
        seconds=seconds,
    )


@virtual
async def test_ten_conversations_need_one_ticket(clock: VirtualClock) -> None:
    tickets = Tickets(clock)
    async with Script(establish).running() as server:
        async with make_pool(clock, server.url, source=tickets) as pool:
            clients = [await pool.open(provider_res_id=f"t{n}") for n in range(MEMBERS)]
            assert tickets.fetched == 1
            assert server.open == MEMBERS
            assert {client.thread_id for client in clients} == {f"t{n}" for n in range(MEMBERS)}
            assert pool.clients == frozenset(clients)
        assert server.open == 0
        assert not pool.tickets.is_valid()


@virtual
async def test_a_place_is_given_back_and_the_others_go_on(clock: VirtualClock) -> None:
    async with Script(establish).running() as server:
        async with make_pool(clock, server.url, max_connections=2) as pool:
            first, second = await pool.open(), await pool.open()
            with pytest.raises(PoolFull, match="All 2 connections"):
                await pool.open()
            await first.disconnect()
            assert second.get_connection_status().connected
            assert pool.tickets.is_valid()
            third = await pool.open()
            with pytest.raises(PoolFull):
                await first.on_init(
                    chat_server_url=server.url, user_mp_auth_token="token", chat_server_key="key"
                )
            assert third.get_connection_status().connected
        with pytest.raises(ClientClosed):
            pool.start()


@virtual
async def test_a_client_that_could_not_start_leaves_its_place(clock: VirtualClock) -> None:
    async def refuse(connection: ServerConnection, _: Any) -> Any:
        return connection.respond(404, "no such page")

    async with Script(establish).running(process_request=refuse) as server:
        async with make_pool(clock, server.url, max_connections=1) as pool:
            for _ in range(2):
                with pytest.raises(HandshakeRejected):
                    await pool.open()
            assert not pool.clients


@virtual
async def test_what_belongs_to_all_is_not_changed_by_one(clock: VirtualClock) -> None:
    async with Script(establish).running() as server:
        async with make_pool(clock, server.url) as pool:
            client = await pool.open()
            with pytest.raises(ConfigurationError, match="shares its tickets"):
                await client.update_entity_id("other")


def test_options_of_one_conversation_do_not_belong_to_the_pool() -> None:
    with pytest.raises(ConfigurationError, match="provider_res_id belongs to a single"):
        ConnectionPool(
            chat_server_url="http://127.0.0.1:1",
            user_mp_auth_token="token",
            chat_server_key="key",
            provider_res_id="t",
        )


@virtual
async def test_few_connect_at_the_same_time(clock: VirtualClock) -> None:
    greeting = most = 0

    async def slow(connection: ServerConnection) -> None:
        nonlocal greeting, most
        greeting += 1
        most = max(most, greeting)
        await asyncio.sleep(1)
        greeting -= 1
        await connection.send(SESSION)
        await connection.wait_closed()

    async with Script(slow).running() as server:
        async with make_pool(clock, server.url, max_connecting=3) as pool:
            clients = [pool.start() for _ in range(MEMBERS)]
            await all_ready(clients, 10)
    assert most == 3


@virtual
async def test_an_outage_is_one_outage(clock: VirtualClock) -> None:
    """While a server accepts and closes, one connection tries; then all of them are back."""
    broken = False
    handshakes: list[float] = []

    async def moody(connection: ServerConnection) -> None:
        handshakes.append(clock.boot())
        if broken:
            await connection.close(1012)
            return
        await establish(connection)

    tickets = Tickets(clock)
    async with Script(moody).running() as server:
        async with make_pool(clock, server.url, source=tickets) as pool:
            clients = [await pool.open() for _ in range(MEMBERS)]
            await asyncio.sleep(60)
            broken = True
            for connection in server.connections[:]:
                await connection.close(1012)
            began = clock.boot()
            await asyncio.sleep(60)
            during = [at for at in handshakes if at > began]
            # Full jitter, doubling to 30 s: one client alone tries six to twelve times a minute.
            assert 1 <= len(during) <= 14
            assert not any(client.get_connection_status().connected for client in clients)
            assert all(client.get_connection_status().retry_at for client in clients)
            broken = False
            await all_ready(clients, 45)
            assert server.open == MEMBERS
    assert tickets.fetched <= 3


@virtual
async def test_a_ticket_that_all_of_them_hold_is_refused_once(clock: VirtualClock) -> None:
    """Ten refusals of one ticket are one: the circuit counts fresh tickets."""
    refused: set[str] = set()

    async def forgetful(connection: ServerConnection) -> None:
        assert connection.request is not None
        ticket = connection.request.path.partition("ticket=")[2]
        if ticket in refused:
            await connection.send('{"type":"authentication_error","code":"TICKET_INVALID"}')
            await connection.close(1008)
            return
        await establish(connection)

    tickets = Tickets(clock)
    async with Script(forgetful).running() as server:
        async with make_pool(clock, server.url, source=tickets, max_connecting=MEMBERS) as pool:
            clients = [await pool.open() for _ in range(MEMBERS)]
            await asyncio.sleep(60)
            refused.add("t1")
            for connection in server.connections[:]:
                await connection.close(1001)
            await all_ready(clients, 30)
    assert tickets.fetched == 2


@virtual
async def test_a_pause_holds_for_all(clock: VirtualClock) -> None:
    """One is told to come back later: the others do not ask again."""
    handshakes: list[float] = []
    limited = True

    async def limit(connection: ServerConnection, _: Any) -> Any:
        handshakes.append(clock.boot())
        if limited:
            response = connection.respond(429, "slow down")
            response.headers["Retry-After"] = "120"
            return response
        return None

    async with Script(establish).running(process_request=limit) as server:
        async with make_pool(clock, server.url, max_connecting=1) as pool:
            clients = [pool.start() for _ in range(MEMBERS)]
            await asyncio.sleep(100)
            assert len(handshakes) == 1
            states = {client.get_connection_status().state for client in clients}
            assert states == {"paused"}
            limited = False
            await all_ready(clients, 60)
            assert handshakes[1] - handshakes[0] >= 120
