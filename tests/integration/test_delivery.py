"""Delivery against the embedded server: what was typed arrives, once, in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.client_support import texts, until
from tests.serving import RunningServer, running_server
from tui_chat import MessageRefused, NoSuchMessage, TicketManagerConfig, WebSocketChatClient
from tui_chat.delivery.item import OutboxItem
from tui_chat.server.agent import AgentEvent, Text, Turn
from tui_chat.server.config import ServerConfig
from tui_chat.testing import FaultProxy

WITHOUT_IDS = ServerConfig(announce=("thread_list", "history_pages"))


class Scribe:
    """An agent that notes every message it is given, and answers when it may."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        self.heard.append(turn.text)
        yield Text("You ")
        await self.gate.wait()
        yield Text(f"said {turn.text}")


@asynccontextmanager
async def talking(
    server: RunningServer, url: str = "", **arguments: Any
) -> AsyncIterator[WebSocketChatClient]:
    client = WebSocketChatClient(**arguments)
    client.start(**{**options(server), "chat_server_url": url or server.url})
    try:
        yield client
    finally:
        await client.disconnect()


@asynccontextmanager
async def behind_a_proxy(
    config: ServerConfig | None = None, *, agent: Scribe
) -> AsyncIterator[tuple[RunningServer, FaultProxy]]:
    async with (
        running_server(config, agent=agent) as server,
        FaultProxy.in_front_of(server.url) as front,
    ):
        yield server, front


def options(server: RunningServer) -> Any:
    return {
        "chat_server_url": server.url,
        "user_mp_auth_token": server.token,
        "chat_server_key": server.key,
        "ticket_config": TicketManagerConfig(retry_base_delay=0.01),
    }


async def lost_on_the_way(client: WebSocketChatClient, front: FaultProxy, text: str) -> str:
    """Write a message that does not arrive, and lose the connection over it."""
    await until(lambda: client.get_connection_status().connected)
    front.half_open()
    item = await client.on_trigger_message(text)
    await until(lambda: (text, "written") in standing(client))
    front.reset_all()
    await until(lambda: (text, "written") not in standing(client))
    front.resume()
    return item


def standing(client: WebSocketChatClient) -> list[tuple[str, str]]:
    return [(item.text, item.state.value) for item in client.delivery.items()]


async def all_answered(client: WebSocketChatClient, *item_ids: str) -> list[OutboxItem]:
    async with asyncio.timeout(10):
        return [await client.delivery.answered(item_id) for item_id in item_ids]


async def test_what_is_typed_before_the_first_connection_leaves_in_order() -> None:
    scribe = Scribe()
    async with running_server(agent=scribe) as server:
        server.faults.ticket_delay = 0.2
        async with talking(server) as client:
            ids = [await client.on_trigger_message(f"number {n}") for n in range(5)]
            assert scribe.heard == []
            assert [item.id for item in client.delivery.items()] == ids
            await all_answered(client, *ids)
            assert scribe.heard == [f"number {n}" for n in range(5)]
            await until(lambda: standing(client) == [])


async def test_what_is_typed_during_a_reply_leaves_when_it_has_ended() -> None:
    scribe = Scribe()
    scribe.gate.clear()
    async with running_server(agent=scribe) as server, talking(server) as client:
        first = await client.on_trigger_message("first")
        await until(lambda: ("assistant", "You ", "streaming") in texts(client))
        second = await client.on_trigger_message("second")
        assert standing(client) == [("second", "queued")]
        assert scribe.heard == ["first"]
        scribe.gate.set()
        await all_answered(client, first, second)
        assert [text for _, text, _ in texts(client)] == [
            "first",
            "You said first",
            "second",
            "You said second",
        ]


async def test_send_now_does_not_wait_for_the_reply() -> None:
    scribe = Scribe()
    scribe.gate.clear()
    async with running_server(agent=scribe) as server, talking(server) as client:
        first = await client.on_trigger_message("first")
        await until(lambda: client.thread_id and scribe.heard)
        second = await client.on_trigger_message("second")
        third = await client.on_trigger_message("third")
        await client.delivery.send_now(third)
        await until(lambda: ("user", "third", "streaming") in texts(client))
        assert standing(client)[0][0] == "third"
        scribe.gate.set()
        await all_answered(client, first, second, third)
        assert scribe.heard == ["first", "third", "second"]


async def test_a_queued_message_can_be_edited_and_dropped() -> None:
    scribe = Scribe()
    scribe.gate.clear()
    async with running_server(agent=scribe) as server, talking(server) as client:
        first = await client.on_trigger_message("first")
        await until(lambda: scribe.heard)
        edited = await client.on_trigger_message("with a tpyo")
        dropped = await client.on_trigger_message("better not")
        await client.delivery.edit(edited, "without")
        await client.delivery.drop(dropped)
        with pytest.raises(MessageRefused):
            await client.delivery.edit(edited, "  ")
        for call in (client.delivery.edit(first, "late"), client.delivery.drop(first)):
            with pytest.raises(NoSuchMessage):
                await call
        scribe.gate.set()
        assert (await all_answered(client, edited))[0].text == "without"
        assert (await all_answered(client, dropped))[0].state == "discarded"
        assert scribe.heard == ["first", "without"]


async def test_the_connection_is_lost_before_any_sign_and_the_server_knows_ids() -> None:
    scribe = Scribe()
    async with (
        behind_a_proxy(agent=scribe) as (server, front),
        talking(server, front.url) as client,
    ):
        await all_answered(client, await client.on_trigger_message("one"))
        await all_answered(client, await lost_on_the_way(client, front, "two"))
        assert scribe.heard == ["one", "two"]
        assert client.telemetry.counters["outbox.resend.count{reason=identified}"] == 1


@pytest.mark.parametrize("config", [ServerConfig(), WITHOUT_IDS], ids=["ids", "history"])
async def test_a_reply_that_was_cut_off_is_completed(config: ServerConfig) -> None:
    scribe = Scribe()
    async with running_server(config, agent=scribe) as server, talking(server) as client:
        await all_answered(client, await client.on_trigger_message("before"))
        await until(lambda: standing(client) == [])
        scribe.gate.clear()
        item = await client.on_trigger_message("tell me")
        await until(lambda: texts(client)[-1] == ("assistant", "You ", "streaming"))
        queued = await client.on_trigger_message("and then?")
        await server.drop_all(code=1006)
        await until(lambda: texts(client)[3][2] == "interrupted")
        scribe.gate.set()
        await all_answered(client, queued)
        await until(lambda: texts(client)[3] == ("assistant", "You said tell me", "complete"))
        assert texts(client)[2] == ("user", "tell me", "complete")
        assert [text for _, text, _ in texts(client)][-2:] == ["and then?", "You said and then?"]
        assert scribe.heard == ["before", "tell me", "and then?"]
        (settled,) = await all_answered(client, item)
        assert settled.state == "persisted"


async def test_the_history_tells_that_an_unknown_message_arrived() -> None:
    scribe = Scribe()
    async with running_server(WITHOUT_IDS, agent=scribe) as server, talking(server) as client:
        await all_answered(client, await client.on_trigger_message("before"))
        await until(lambda: standing(client) == [])
        session = server.sessions[0]
        session._gone = True  # its frames go nowhere from now on; what it gets is taken in
        item = await client.on_trigger_message("lost?")
        await until(lambda: scribe.heard == ["before", "lost?"])
        session._gone = False
        await server.drop_all(code=1006)
        (settled,) = await all_answered(client, item)
        assert settled.state == "persisted"
        await until(lambda: texts(client)[-1] == ("assistant", "You said lost?", "complete"))
        assert scribe.heard == ["before", "lost?"]


async def test_what_nothing_can_settle_is_left_to_the_user() -> None:
    scribe = Scribe()
    async with (
        behind_a_proxy(WITHOUT_IDS, agent=scribe) as (server, front),
        talking(server, front.url) as client,
    ):
        await all_answered(client, await client.on_trigger_message("before"))
        again = await lost_on_the_way(client, front, "again")
        assert standing(client) == [("again", "unknown")]
        waiting = await client.on_trigger_message("next")
        await all_answered(client, waiting)  # it does not wait for the user
        assert scribe.heard == ["before", "next"]
        assert standing(client) == [("again", "unknown")]
        assert ("user", "again", "interrupted") in texts(client)
        await client.delivery.resend(again)
        await all_answered(client, again)
        assert scribe.heard == ["before", "next", "again"]
        assert [text for kind, text, _ in texts(client) if kind == "user"].count("again") == 1
        assert client.telemetry.counters["outbox.resend.count{reason=user}"] == 1


async def test_an_unknown_message_can_be_given_up_and_stays_visible() -> None:
    scribe = Scribe()
    async with (
        behind_a_proxy(WITHOUT_IDS, agent=scribe) as (server, front),
        talking(server, front.url) as client,
    ):
        item = await lost_on_the_way(client, front, "never mind")
        assert standing(client) == [("never mind", "unknown")]
        await client.delivery.discard(item)
        assert standing(client) == []
        assert texts(client) == [("user", "never mind", "stopped")]
        assert scribe.heard == []


async def test_a_server_that_lost_its_memory_is_not_trusted_with_a_repeat() -> None:
    scribe = Scribe()
    async with contextlib.AsyncExitStack() as stack:
        server, front = await stack.enter_async_context(behind_a_proxy(agent=scribe))
        client = await stack.enter_async_context(talking(server, front.url))
        await all_answered(client, await client.on_trigger_message("before"))
        server._state.journal.receipts_id = "of another process"  # type: ignore[misc]
        await lost_on_the_way(client, front, "once")
        await all_answered(client, await client.on_trigger_message("next"))
        assert scribe.heard == ["before", "next"]
        assert standing(client) == [("once", "unknown")]


async def test_messages_too_fast_for_the_server_are_sent_again() -> None:
    scribe = Scribe()
    config = ServerConfig(message_rate=120, message_burst=3)
    async with running_server(config, agent=scribe) as server, talking(server) as client:
        ids = [await client.on_trigger_message(f"number {n}") for n in range(6)]
        async with asyncio.timeout(20):
            for item_id in ids:
                await client.delivery.answered(item_id)
        assert scribe.heard == [f"number {n}" for n in range(6)]
        assert not [text for kind, text, _ in texts(client) if kind == "error"]
        assert client.telemetry.counters["outbox.resend.count{reason=refused}"] >= 1


async def test_a_message_the_server_never_takes_fails_with_its_reason() -> None:
    scribe = Scribe()
    config = ServerConfig(max_message_chars=10)
    async with running_server(config, agent=scribe) as server, talking(server) as client:
        item = await client.on_trigger_message("far too long for it")
        (failed,) = await all_answered(client, item)
        assert failed.state == "failed"
        assert "too long" in failed.note
        assert texts(client) == [("user", "far too long for it", "failed")]
        await all_answered(client, await client.on_trigger_message("short"))
        assert scribe.heard == ["short"]
