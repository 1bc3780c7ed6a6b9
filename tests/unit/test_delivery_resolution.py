"""How often the history is asked, what is believed of it, and who waits meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.delivery_bench import IDS, Shop, history, kept
from tests.virtual import VirtualClock, settle, virtual
from tui_chat.conversation.model import DeliveryState, Message, MessageKind
from tui_chat.delivery.resolution import LOOKS, PATIENCE
from tui_chat.errors import NetworkError, RequestRejected

S = DeliveryState


def shop_with_an_unknown(clock: VirtualClock) -> Shop:
    """A thread with one stored message, and one of which nobody knows."""
    stored, unknown = (
        Message(1, MessageKind.USER, 0.0, ["before"], outbox_id="id0", delivery=S.PERSISTED),
        Message(2, MessageKind.USER, 0.0, ["text 1"], outbox_id="id1", delivery=S.UNKNOWN),
    )
    item = kept(1, S.UNKNOWN, writes=1, message_id=2)
    return Shop(clock, item, messages=(stored, unknown))


@virtual
async def test_what_the_history_has_arrived(clock: VirtualClock) -> None:
    shop = shop_with_an_unknown(clock)
    shop.pages = [history("before", "text 1")]
    await shop.ready()
    assert shop.states() == {}
    assert shop.record.kept["id1"].state is S.PERSISTED
    assert (await shop.delivery.answered("id1")).ended
    assert shop.texts == []
    await shop.delivery.close()


@virtual
async def test_what_the_history_does_not_have_stays_unknown(clock: VirtualClock) -> None:
    shop = shop_with_an_unknown(clock)
    shop.pages = [history("before")]
    await shop.ready()
    await asyncio.sleep(sum(LOOKS) + 60)
    assert shop.asked == len(LOOKS)
    assert shop.states() == {"text 1": "unknown"}
    assert shop.texts == []
    await shop.delivery.close()


@virtual
async def test_it_is_found_when_the_server_has_stored_it_at_last(clock: VirtualClock) -> None:
    shop = shop_with_an_unknown(clock)
    shop.pages = [history("before"), history("before"), history("before", "text 1")]
    await shop.ready()
    await asyncio.sleep(LOOKS[1] + LOOKS[2] + 0.1)
    assert shop.states() == {}
    await shop.delivery.close()


@virtual
async def test_the_queue_waits_for_the_answer_but_not_for_ever(clock: VirtualClock) -> None:
    shop = shop_with_an_unknown(clock)
    shop.pages = [history("before")]
    await shop.type("next")
    await shop.ready()
    await asyncio.sleep(PATIENCE - 1)
    assert shop.texts == []
    await asyncio.sleep(2)
    assert shop.texts == ["next"]
    await shop.delivery.close()


@pytest.mark.parametrize(
    ("error", "asked"),
    [(RequestRejected("no", status=404), 1), (NetworkError("refused"), len(LOOKS))],
)
def test_a_refusal_ends_the_asking_and_trouble_does_not(error: Exception, asked: int) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        shop = shop_with_an_unknown(clock)
        shop.pages = [error]  # type: ignore[list-item]
        await shop.ready()
        await asyncio.sleep(sum(LOOKS) + 60)
        assert shop.asked == asked
        assert shop.states() == {"text 1": "unknown"}
        await shop.type("next")
        await settle()
        assert shop.texts == ["next"]
        await shop.delivery.close()

    body()


@virtual
async def test_a_lost_session_ends_the_asking_and_the_next_begins_anew(
    clock: VirtualClock,
) -> None:
    shop = shop_with_an_unknown(clock)
    shop.pages = [history("before")]
    await shop.ready()
    assert shop.asked == 1
    await shop.lost()
    await asyncio.sleep(100)
    assert shop.asked == 1
    shop.pages = [history("before", "text 1")]
    await shop.ready()
    assert shop.states() == {}
    await shop.delivery.close()


@virtual
async def test_nobody_is_asked_where_the_server_tells_repeats_apart(clock: VirtualClock) -> None:
    shop = Shop(clock, kept(1, S.UNKNOWN, writes=1, identified=True, memory="m1"))
    await shop.ready(IDS, "m1")
    assert shop.asked == 0
    assert shop.texts == ["text 1"]
    await shop.delivery.close()


@virtual
async def test_nobody_is_asked_about_a_thread_without_a_name(clock: VirtualClock) -> None:
    shop = shop_with_an_unknown(clock)
    shop.conversation.thread_id = None
    await shop.type("next")
    await shop.ready()
    assert shop.asked == 0
    assert shop.texts == ["next"]
    await shop.delivery.close()


@virtual
async def test_what_the_user_decides_meanwhile_stands(clock: VirtualClock) -> None:
    shop = shop_with_an_unknown(clock)
    shop.pages = [history("before")]
    await shop.ready()
    await shop.delivery.discard("id1")
    shop.pages = [history("before", "text 1")]
    await asyncio.sleep(sum(LOOKS) + 1)
    assert shop.record.kept["id1"].state is S.DISCARDED
    await shop.delivery.close()


@virtual
async def test_closing_in_the_middle_leaves_nothing_behind(clock: VirtualClock) -> None:
    shop = shop_with_an_unknown(clock)
    shop.pages = [history("before")]
    await shop.ready()
    await shop.delivery.close()
    await settle()
    await asyncio.sleep(sum(LOOKS))
    assert shop.asked == 1
    assert shop.states() == {"text 1": "unknown"}
