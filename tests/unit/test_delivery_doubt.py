"""What a server seems to say about a message, and what it does not prove."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.delivery_bench import IDS, Shop
from tests.virtual import VirtualClock, virtual
from tui_chat.conversation.model import DeliveryState
from tui_chat.errors import ConnectionClosed, TuiChatError
from tui_chat.protocol.history import HistoryPage

S = DeliveryState
SILENT: list[HistoryPage | TuiChatError] = [TuiChatError("no history")]


@pytest.mark.parametrize("initiator", ["client", "network"])
def test_a_frame_too_large_for_this_client_fails_no_message(initiator: str) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        shop = Shop(clock)
        await shop.type("a")
        await shop.ready()
        await shop.lost(ConnectionClosed("too big", close_code=1009, initiator=initiator))  # type: ignore[arg-type]
        assert shop.states() == {"a": "unknown"}
        await shop.delivery.close()

    body()


@virtual
async def test_a_repeat_that_is_put_off_is_not_sent_anew_to_the_next_server(
    clock: VirtualClock,
) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready(IDS, "m1")
    await shop.lost()  # it may have arrived
    await shop.ready(IDS, "m1")
    assert shop.texts == ["a", "a"]
    assert await shop.refused(item_id, "RATE_LIMITED", retryAfter=30)
    assert shop.states() == {"a": "unknown"}
    await shop.lost()
    shop.pages = SILENT
    await shop.ready(IDS, "another memory")
    await asyncio.sleep(100)
    assert shop.texts == ["a", "a"]
    assert shop.states() == {"a": "unknown"}
    await shop.delivery.close()


@virtual
async def test_a_repeat_that_is_put_off_is_repeated_where_that_is_safe(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready(IDS, "m1")
    await shop.lost()
    await shop.ready(IDS, "m1")
    await shop.refused(item_id, "RATE_LIMITED", retryAfter=30)
    await asyncio.sleep(29)
    assert shop.texts == ["a", "a"]
    await asyncio.sleep(2)
    assert shop.texts == ["a", "a", "a"]
    await shop.finished(item_id)
    assert shop.delivery.items() == ()
    await shop.delivery.close()


@virtual
async def test_a_repeat_that_is_refused_for_good_stays_unknown(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id, _) = await shop.type("a", "b")
    await shop.ready(IDS, "m1")
    await shop.lost()
    shop.pages = SILENT
    await shop.ready(IDS, "m1")
    assert await shop.refused(item_id, "MESSAGE_TOO_LONG")
    await asyncio.sleep(50)
    assert shop.texts == ["a", "a", "b"]
    assert shop.states()["a"] == "unknown"
    await shop.delivery.close()


@virtual
async def test_what_the_user_sends_again_may_wait_as_any_other(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready(IDS, "m1")
    await shop.lost()
    shop.pages = SILENT
    await shop.ready(IDS, "another memory")
    await shop.delivery.resend(item_id)
    await asyncio.sleep(0.1)
    assert shop.texts == ["a", "a"]
    assert await shop.refused(item_id, "RATE_LIMITED", retryAfter=30)
    assert shop.states() == {"a": "queued"}
    await shop.delivery.close()


@virtual
async def test_a_refused_repeat_of_a_cut_run_holds_nothing_up(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id, _) = await shop.type("a", "b")
    await shop.ready(IDS, "m1")
    await shop.working()
    await shop.lost()
    shop.pages = SILENT
    await shop.ready(IDS, "m1")
    assert shop.texts == ["a", "a"]
    assert await shop.refused(item_id, "MESSAGE_TOO_LONG")
    await asyncio.sleep(50)
    assert shop.texts == ["a", "a", "b"]
    assert shop.record.kept[item_id].state is S.RECEIVED
    await shop.delivery.close()


# -- servers without ids --------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["{}", '{"providerResId":"thread"}', '{"providerResId":"other"}'])
def test_storing_proves_nothing_about_what_had_no_sign(data: str) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        shop = Shop(clock)
        await shop.type("a")
        await shop.ready()
        await shop.hear(f'{{"type":"messages_persisted","data":{data}}}')
        assert shop.states() == {"a": "written"}
        await shop.lost()
        assert shop.states() == {"a": "unknown"}
        await shop.delivery.close()

    body()


@virtual
async def test_storing_another_thread_is_about_another_message(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready()
    await shop.finished()
    await shop.hear('{"type":"messages_persisted","data":{"providerResId":"other"}}')
    assert shop.record.kept[item_id].state is S.RECEIVED
    await shop.hear('{"type":"messages_persisted","data":{"providerResId":"thread"}}')
    assert shop.record.kept[item_id].state is S.PERSISTED
    await shop.delivery.close()


@virtual
async def test_a_run_that_goes_on_after_a_reconnect_is_not_the_next_message(
    clock: VirtualClock,
) -> None:
    shop = Shop(clock)
    (one, two) = await shop.type("one", "two")
    await shop.ready()
    await shop.working()
    await shop.lost()
    shop.pages = SILENT
    await shop.ready()
    assert shop.texts == ["one"]  # the history is asked first
    await shop.working()
    assert shop.conversation.running
    await asyncio.sleep(100)
    assert shop.texts == ["one"]
    await shop.finished()
    await shop.stored()
    await asyncio.sleep(1)
    assert shop.texts == ["one", "two"]
    assert shop.record.kept[one].state is S.PERSISTED
    assert shop.record.kept[two].state is S.WRITTEN
    await shop.delivery.close()
