"""What leaves, in which order, and what is made of what the server says."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from msgspec import UNSET

from tests.unit.delivery_bench import IDS, Shop
from tests.virtual import VirtualClock, settle, virtual
from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery import courier as module
from tui_chat.delivery import refusals
from tui_chat.errors import TuiChatError

S = DeliveryState


@virtual
async def test_one_run_at_a_time_in_the_order_of_typing(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.type("a", "b")
    await shop.ready()
    await shop.type("c")
    assert shop.texts == ["a"]
    await shop.finished()
    assert shop.texts == ["a", "b"]
    await shop.hear('{"type":"chat_error","error":"no"}')
    assert shop.texts == ["a", "b", "c"]
    await shop.delivery.close()


@virtual
async def test_it_is_committed_as_written_before_it_leaves(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    shop.record.gate.clear()
    await shop.ready(IDS, "m1")
    assert shop.texts == []
    shop.record.gate.set()
    await settle()
    item = next(item for item in shop.record.saved if item.state is S.WRITTEN)
    assert (item.writes, item.identified, item.memory) == (1, True, "m1")
    assert shop.sent[0].clientMessageId == item_id
    assert shop.sent[0].providerResId == "thread"
    await shop.delivery.close()


@virtual
async def test_a_server_without_ids_gets_none(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.type("a")
    await shop.ready()
    assert shop.sent[0].clientMessageId is UNSET
    await shop.delivery.close()


@virtual
async def test_the_states_follow_what_the_server_says(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    waiting = asyncio.create_task(shop.delivery.answered(item_id))
    await shop.ready()
    assert shop.states() == {"a": "written"}
    assert (shop.delivery.expecting, shop.conversation.running) == (True, True)
    await shop.working()
    assert shop.record.kept[item_id].state is S.RECEIVED
    assert (shop.delivery.expecting, waiting.done()) == (False, False)
    await shop.finished()
    assert shop.record.kept[item_id].ended
    assert shop.delivery.about_to_send is shop.conversation.running is False
    assert (await waiting).state is S.RECEIVED
    await shop.stored()
    assert shop.record.kept[item_id].state is S.PERSISTED
    await shop.delivery.close()


@virtual
async def test_what_was_written_when_the_connection_goes_is_unknown(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.type("a", "b")
    await shop.ready()
    await shop.lost()
    assert shop.states() == {"a": "unknown", "b": "queued"}
    await shop.ready()
    await asyncio.sleep(100)
    assert shop.texts == ["a", "b"]  # b is not held up by it for ever, and a is not repeated
    await shop.delivery.close()


@virtual
async def test_what_had_a_sign_when_the_connection_goes_is_received(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready()
    await shop.working()
    await shop.lost()
    assert shop.record.kept[item_id].state is S.RECEIVED
    assert not shop.delivery.expecting
    await shop.delivery.close()


@pytest.mark.parametrize(
    ("capabilities", "memory", "repeated"),
    [(IDS, "m1", True), (IDS, "m2", False), (IDS, "", False), (frozenset(), "m1", False)],
)
def test_it_is_repeated_only_where_the_same_memory_tells(
    capabilities: frozenset[str], memory: str, repeated: bool
) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        shop = Shop(clock)
        (item_id, _) = await shop.type("a", "b")
        await shop.ready(IDS, "m1")
        await shop.lost()
        shop.pages = [TuiChatError("none")]
        await shop.ready(capabilities, memory)
        await asyncio.sleep(0.1)
        assert shop.texts == (["a", "a"] if repeated else ["a", "b"])
        assert shop.count("outbox.resend.count") == int(repeated)
        if repeated:
            assert shop.sent[1].clientMessageId == item_id
            await shop.finished(item_id)
            await shop.stored(item_id)
            assert shop.record.kept[item_id].state is S.PERSISTED
            assert shop.texts == ["a", "a", "b"]
        await shop.delivery.close()

    body()


@virtual
async def test_a_reply_that_was_cut_off_is_asked_for_by_its_id(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready(IDS, "m1")
    await shop.working()
    await shop.lost()
    await shop.ready(IDS, "m1")
    assert shop.texts == ["a", "a"]
    assert shop.record.kept[item_id].writes == 1
    shop.pages = [TuiChatError("none")]
    await shop.finished(item_id)
    assert shop.record.kept[item_id].ended
    assert shop.asked == 1
    await shop.lost()
    await shop.ready(IDS, "m1")
    assert shop.texts == ["a", "a"]
    await shop.delivery.close()


@virtual
async def test_no_sign_for_a_minute_makes_it_unknown(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.type("a", "b")
    shop.pages = [TuiChatError("none")]
    await shop.ready()
    await asyncio.sleep(module.NO_SIGN - 1)
    assert shop.states()["a"] == "written"
    await asyncio.sleep(2)
    assert shop.states() == {"a": "unknown", "b": "queued"}
    assert shop.texts == ["a"]
    assert shop.asked == 1  # the history may tell
    await shop.finished()
    assert shop.texts == ["a", "b"]
    await shop.delivery.close()


@virtual
async def test_a_silent_server_that_knows_ids_is_asked_three_times(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.type("a")
    await shop.ready(IDS, "m1")
    await asyncio.sleep(20 * module.NO_SIGN)
    assert shop.texts == ["a"] * (1 + module.ASK_AGAIN)
    assert shop.states() == {"a": "unknown"}
    await shop.lost()
    await shop.ready(IDS, "m1")
    assert len(shop.texts) == 2 + module.ASK_AGAIN
    await shop.delivery.close()


@virtual
async def test_a_late_sign_settles_what_was_unknown(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    shop.pages = [TuiChatError("none")]
    await shop.ready()
    await asyncio.sleep(module.NO_SIGN + 1)
    await shop.working()
    assert shop.record.kept[item_id].state is S.RECEIVED
    await shop.delivery.close()


@virtual
async def test_a_sign_that_comes_while_it_is_marked_again_wins(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready(IDS, "m1")
    shop.record.gate.clear()
    await asyncio.sleep(module.NO_SIGN + 1)  # about to be repeated, when the answer comes
    await shop.finished(item_id)
    await shop.stored(item_id)
    shop.record.gate.set()
    await settle()
    assert shop.texts == ["a"]
    assert shop.states() == {}
    assert not shop.conversation.running
    await shop.delivery.close()


# -- refusals -------------------------------------------------------------------------------------


@virtual
async def test_a_refusal_for_now_is_waited_for(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id, _) = await shop.type("a", "b")
    await shop.ready(IDS, "m1")
    assert await shop.refused(item_id, retryAfter=7)
    assert shop.states() == {"a": "queued", "b": "queued"}
    assert shop.delivery.items()[0].note == "no"
    await asyncio.sleep(6.5)
    assert shop.texts == ["a"]
    await asyncio.sleep(1)
    assert shop.texts == ["a", "a"]
    await shop.delivery.close()


@virtual
async def test_refusals_without_a_wait_are_backed_off_and_bounded(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready(IDS, "m1")
    times: list[float] = []
    for number in range(1, refusals.MAX_REFUSALS + 1):
        while len(shop.sent) < number:
            await asyncio.sleep(0.5)
        times.append(clock.boot())
        await shop.refused(item_id)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert max(gaps) <= refusals.MAX_WAIT + 1
    assert shop.states() == {"a": "failed"}
    await asyncio.sleep(200)
    assert len(shop.sent) == refusals.MAX_REFUSALS
    await shop.delivery.close()


@virtual
async def test_a_refusal_for_good_fails_and_the_next_one_leaves(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id, _) = await shop.type("a", "b")
    await shop.ready(IDS, "m1")
    assert await shop.refused(item_id, "MESSAGE_TOO_LONG")
    assert shop.states() == {"a": "failed", "b": "written"}
    await shop.delivery.close()


@virtual
async def test_refusals_of_nobody_or_twice_mean_nothing(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready(IDS, "m1")
    assert not await shop.hear('{"type":"error","error":"something else"}')
    assert not await shop.refused("unheard of")
    assert await shop.refused(item_id, retryAfter=0)
    shop.record.gate.clear()
    await asyncio.sleep(0.1)  # it is being marked as written again
    assert await shop.refused(item_id, retryAfter=0)
    shop.record.gate.set()
    await asyncio.sleep(0.1)
    assert shop.states() == {"a": "written"}
    await shop.delivery.close()
