"""What keeps a message from leaving, and what an earlier run of the program has left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.delivery_bench import IDS, Shop, kept
from tests.virtual import VirtualClock, settle, virtual
from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery import courier as module
from tui_chat.delivery.item import SecretReference
from tui_chat.errors import ConnectionClosed, NoSuchMessage, TuiChatError
from tui_chat.secret import Secret

S = DeliveryState
HEADERS = {"server": {"Authorization": SecretReference("key")}}


# -- what cannot leave ----------------------------------------------------------------------------


@virtual
async def test_too_big_for_the_server_fails_the_largest(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (_, second) = await shop.type("a", "much larger")
    await shop.ready()
    await shop.delivery.send_now(second)
    await settle()
    await shop.lost(ConnectionClosed("too big", close_code=1009, initiator="server"))
    assert shop.states() == {"a": "unknown", "much larger": "failed"}
    await shop.delivery.close()


@virtual
async def test_other_close_codes_fail_nothing(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.type("a")
    await shop.ready()
    await shop.lost(ConnectionClosed("gone", close_code=1011))
    assert shop.states() == {"a": "unknown"}
    await shop.delivery.close()


@virtual
async def test_what_cannot_be_marked_is_tried_again_and_told_once(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.type("a")
    shop.record.failing = True
    await shop.ready()
    await asyncio.sleep(5 * module.STORAGE_RETRY)
    assert shop.texts == []
    assert shop.states() == {"a": "queued"}
    assert shop.troubles == ["STORAGE"]
    shop.record.failing = False
    await asyncio.sleep(module.STORAGE_RETRY + 1)
    assert shop.texts == ["a"]
    await shop.delivery.close()


@virtual
async def test_a_connection_that_goes_while_it_is_marked_leaves_it_queued(
    clock: VirtualClock,
) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    shop.record.gate.clear()
    await shop.ready()
    await shop.lost()
    shop.record.gate.set()
    await settle()
    item = shop.record.kept[item_id]
    assert (item.state, item.writes) == (S.QUEUED, 0)
    await shop.ready()
    assert shop.texts == ["a"]
    await shop.delivery.close()


@virtual
async def test_a_connection_that_takes_nothing_is_tried_again(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.type("a")
    await shop.ready()
    shop.connected = False
    await shop.finished()
    await shop.type("b")
    await asyncio.sleep(0.5)
    assert shop.states()["b"] == "queued"
    shop.connected = True
    await asyncio.sleep(module.BUSY_RETRY + 0.1)
    assert shop.texts == ["a", "b"]
    await shop.delivery.close()


@virtual
async def test_what_json_cannot_say_fails(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.type("a")
    shop.unsendable = True
    await shop.ready()
    assert shop.states() == {"a": "failed"}
    await shop.delivery.close()


@virtual
async def test_closing_while_it_is_marked_leaves_it_queued(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    shop.record.gate.clear()
    await shop.ready()
    closing = asyncio.create_task(shop.delivery.close())
    await settle()
    shop.record.gate.set()
    await closing
    assert shop.record.kept[item_id].state is S.QUEUED
    assert shop.texts == []
    assert shop.record.flushed


# -- secrets --------------------------------------------------------------------------------------


async def _accept(shop: Shop, text: str = "a") -> str:
    return await shop.delivery.accept(text, mcp_headers=HEADERS)


@virtual
async def test_secrets_are_looked_up_when_it_leaves_and_not_kept(clock: VirtualClock) -> None:
    async def resolve(name: str) -> Secret:
        return Secret(f"value of {name}")

    shop = Shop(clock, secrets=resolve)
    await _accept(shop)
    await shop.ready()
    assert shop.sent[0].mcpHeaders == {"server": {"Authorization": "value of key"}}
    assert "value of key" not in repr(shop.record.kept)
    await shop.delivery.close()


def _missing() -> Any:
    async def resolve(name: str) -> Secret:
        raise TuiChatError(f"There is no secret {name!r}.")

    return resolve


def _hanging() -> Any:
    async def resolve(_: str) -> Secret:
        await asyncio.sleep(1e6)
        raise AssertionError

    return resolve


@pytest.mark.parametrize(
    ("resolver", "reason"),
    [(None, "'key'"), (_missing(), "no secret 'key'"), (_hanging(), "in time")],
)
def test_a_secret_that_cannot_be_had_fails_the_message(resolver: Any, reason: str) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        shop = Shop(clock, secrets=resolver)
        await _accept(shop)
        await shop.type("b")
        await shop.ready()
        await asyncio.sleep(11)
        assert shop.states() == {"a": "failed", "b": "written"}
        assert reason in shop.delivery.items()[0].note
        await shop.delivery.close()

    body()


@virtual
async def test_an_unknown_message_whose_secret_is_gone_holds_nothing_up(
    clock: VirtualClock,
) -> None:
    fields: dict[str, Any] = {"writes": 1, "identified": True, "memory": "m1"}
    left = kept(1, S.UNKNOWN, mcp_headers=HEADERS, **fields)
    shop = Shop(clock, left, secrets=_missing())
    await shop.type("b")
    await shop.ready(IDS, "m1")
    await asyncio.sleep(1)
    assert shop.texts == ["b"]
    assert shop.states() == {"text 1": "unknown", "b": "written"}
    assert "no secret 'key'" in shop.delivery.items()[0].note
    await shop.delivery.close()


@virtual
async def test_what_is_dropped_while_its_secret_is_looked_up_does_not_leave(
    clock: VirtualClock,
) -> None:
    found: asyncio.Future[Secret] = asyncio.get_running_loop().create_future()

    async def resolve(_: str) -> Secret:
        return await found

    shop = Shop(clock, secrets=resolve)
    item_id = await _accept(shop)
    await shop.type("b")
    await shop.ready()
    await shop.delivery.drop(item_id)
    found.set_result(Secret("x"))
    await settle()
    assert shop.texts == ["b"]
    await shop.delivery.close()


# -- what an earlier run left ---------------------------------------------------------------------


@virtual
async def test_an_unknown_leftover_is_shown_and_repeated_by_its_id(clock: VirtualClock) -> None:
    left = kept(1, S.UNKNOWN, writes=1, identified=True, memory="m1")
    shop = Shop(clock, left)
    assert [(m.text, m.delivery) for m in shop.conversation] == [("text 1", S.UNKNOWN)]
    await shop.ready(IDS, "m1")
    assert [frame.clientMessageId for frame in shop.sent] == ["id1"]
    await shop.delivery.close()


@virtual
async def test_the_last_reply_an_earlier_run_was_getting_is_asked_for(clock: VirtualClock) -> None:
    fields: dict[str, Any] = {"writes": 1, "identified": True, "memory": "m1"}
    shop = Shop(clock, kept(1, S.RECEIVED, **fields), kept(2, S.RECEIVED, ended=True, **fields))
    await shop.ready(IDS, "m1")
    assert [frame.clientMessageId for frame in shop.sent] == ["id1"]
    await shop.delivery.close()


@virtual
async def test_nobody_waits_for_a_message_that_never_was(clock: VirtualClock) -> None:
    shop = Shop(clock)
    with pytest.raises(NoSuchMessage):
        await shop.delivery.answered("never")
    await shop.delivery.close()
