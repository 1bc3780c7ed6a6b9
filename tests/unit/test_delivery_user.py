"""What the user can do with the outbox, and when it is too late for that."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.delivery_bench import IDS, Shop, kept
from tests.virtual import VirtualClock, settle, virtual
from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.item import SecretReference
from tui_chat.errors import ConfigurationError, MessageRefused, NoSuchMessage, StorageError
from tui_chat.protocol.codec import MAX_FRAME_BYTES
from tui_chat.telemetry import table

S = DeliveryState
DEEDS = ["edit", "drop", "discard", "resend", "send_now"]


async def do(shop: Shop, deed: str, item_id: str) -> None:
    arguments = ["new"] if deed == "edit" else []
    await getattr(shop.delivery, deed)(item_id, *arguments)


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("state", S)
def test_each_deed_in_each_state(deed: str, state: S) -> None:
    allowed = {
        "edit": {S.QUEUED},
        "drop": {S.QUEUED, S.UNKNOWN, S.FAILED},
        "discard": {S.QUEUED, S.UNKNOWN, S.FAILED},
        "resend": {S.UNKNOWN, S.FAILED},
        "send_now": {S.QUEUED},
    }
    after = {"drop": S.DISCARDED, "discard": S.DISCARDED}.get(deed, S.QUEUED)

    @virtual
    async def body(clock: VirtualClock) -> None:
        shop = Shop(clock, kept(1, state))
        shop.record.kept.clear()
        if state in allowed[deed]:
            await do(shop, deed, "id1")
            assert shop.record.kept["id1"].state is after
        else:
            with pytest.raises(NoSuchMessage):
                await do(shop, deed, "id1")
            assert not shop.record.kept

    body()


@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_that_cannot_be_kept_changes_nothing(deed: str) -> None:
    state = S.UNKNOWN if deed == "resend" else S.QUEUED

    @virtual
    async def body(clock: VirtualClock) -> None:
        shop = Shop(clock, kept(1, state))
        before = shop.delivery.items()
        shop.record.failing = True
        with pytest.raises(StorageError):
            await do(shop, deed, "id1")
        assert shop.delivery.items() == before

    body()


@pytest.mark.parametrize("deed", DEEDS)
def test_nothing_can_be_done_about_a_stranger(deed: str) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        with pytest.raises(NoSuchMessage):
            await do(Shop(clock), deed, "stranger")

    body()


# -- accepting ------------------------------------------------------------------------------------


@virtual
async def test_a_cancelled_call_does_not_take_the_message_back(clock: VirtualClock) -> None:
    shop = Shop(clock)
    shop.record.gate.clear()
    call = asyncio.create_task(shop.delivery.accept("a"))
    await settle()
    call.cancel()
    await asyncio.wait({call})
    assert call.cancelled()
    assert shop.states() == {}
    shop.record.gate.set()
    await settle()
    assert shop.states() == {"a": "queued"}
    await shop.delivery.close()


@virtual
async def test_closing_waits_for_what_is_being_committed_but_not_for_ever(
    clock: VirtualClock,
) -> None:
    shop = Shop(clock)
    shop.record.gate.clear()
    call = asyncio.create_task(shop.delivery.accept("a"))
    await settle()
    begun = clock.boot()
    await shop.delivery.close()
    assert clock.boot() - begun == pytest.approx(2.0)
    shop.record.gate.set()
    await call


@pytest.mark.parametrize(
    ("text", "media", "code"),
    [("", (), "EMPTY"), (" \n", (), "EMPTY"), ("x" * MAX_FRAME_BYTES, (), "TOO_LARGE")],
)
def test_what_cannot_be_sent_is_not_accepted(text: str, media: tuple[str, ...], code: str) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        shop = Shop(clock, kept(1, S.QUEUED))
        with pytest.raises(MessageRefused) as refused:
            await shop.delivery.accept(text, media)
        assert refused.value.code == code
        with pytest.raises(MessageRefused):
            await shop.delivery.edit("id1", text)
        assert shop.states() == {"text 1": "queued"}

    body()


@virtual
async def test_an_attachment_needs_no_text(clock: VirtualClock) -> None:
    shop = Shop(clock)
    await shop.delivery.accept("", ["https://a/b"])
    assert shop.delivery.items()[0].media == ("https://a/b",)


@virtual
async def test_a_secret_given_itself_is_refused(clock: VirtualClock) -> None:
    shop = Shop(clock)
    headers: Any = {"s": {"a": SecretReference("x"), "b": "the secret itself"}}
    with pytest.raises(ConfigurationError) as refused:
        await shop.delivery.accept("a", mcp_headers=headers)
    assert refused.value.code == "PLAIN_SECRET"
    assert "the secret itself" not in str(refused.value)
    assert not shop.record.kept


# -- the queue ------------------------------------------------------------------------------------


@virtual
async def test_the_edited_text_leaves(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.delivery.edit(item_id, "b")
    await shop.ready()
    assert shop.texts == ["b"]
    await shop.delivery.close()


@virtual
async def test_nothing_overtakes_a_message_while_it_is_edited(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id, _) = await shop.type("a", "b")
    shop.record.gate.clear()
    call = asyncio.create_task(shop.delivery.edit(item_id, "new"))
    await settle()
    await shop.ready()
    assert shop.texts == []
    shop.record.failing = True
    shop.record.gate.set()
    with pytest.raises(StorageError):
        await call
    shop.record.failing = False
    await asyncio.sleep(10)
    assert shop.texts == ["a"]
    await shop.delivery.close()


@virtual
async def test_what_was_refused_once_cannot_be_edited_any_more(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready(IDS, "m1")
    await shop.refused(item_id, retryAfter=30)
    with pytest.raises(NoSuchMessage):
        await shop.delivery.edit(item_id, "b")
    await shop.delivery.drop(item_id)
    await asyncio.sleep(40)
    assert shop.texts == ["a"]
    await shop.delivery.close()


@virtual
async def test_send_now_goes_before_all_others_and_beside_the_run(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (*_, last) = await shop.type("a", "b", "c")
    await shop.ready()
    await shop.delivery.send_now(last)
    await settle()
    assert shop.texts == ["a", "c"]
    await shop.finished()
    assert shop.texts == ["a", "c"]  # the run of c goes on
    await shop.finished()
    assert shop.texts == ["a", "c", "b"]
    await shop.delivery.close()


@virtual
async def test_send_now_without_a_session_goes_first_later(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (*_, last) = await shop.type("a", "b")
    await shop.delivery.send_now(last)
    assert [item.text for item in shop.delivery.items()] == ["b", "a"]
    await shop.ready()
    assert shop.texts[0] == "b"
    await shop.delivery.close()


@virtual
async def test_a_dropped_message_never_leaves(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (first, _) = await shop.type("a", "b")
    await shop.delivery.drop(first)
    await shop.ready()
    assert shop.texts == ["b"]
    assert (await shop.delivery.answered(first)).state is S.DISCARDED
    await shop.delivery.close()


@virtual
async def test_resend_sends_what_is_unknown_once_more(clock: VirtualClock) -> None:
    shop = Shop(clock)
    (item_id,) = await shop.type("a")
    await shop.ready()
    await shop.lost()
    await shop.delivery.resend(item_id)
    await shop.ready()
    assert shop.texts == ["a", "a"]
    assert shop.telemetry.counters["outbox.resend.count{reason=user}"] == 1
    assert len(list(shop.conversation)) == 1
    await shop.delivery.close()


@virtual
async def test_giving_up_what_keeps_the_line_busy_lets_the_next_one_go(
    clock: VirtualClock,
) -> None:
    shop = Shop(clock)
    (first, _) = await shop.type("a", "b")
    shop.record.thread_id = None
    await shop.ready(IDS, "m1")
    await asyncio.sleep(600)
    assert shop.states()["a"] == "unknown"
    await shop.delivery.discard(first)
    await settle()
    assert shop.texts[-1] == "b"
    await shop.delivery.close()


# -- leftovers ------------------------------------------------------------------------------------


@virtual
async def test_leftovers_wait_until_they_are_released(clock: VirtualClock) -> None:
    shop = Shop(clock, *(kept(n, S.QUEUED, held=True) for n in (1, 2, 3)))
    await shop.type("typed since")
    await shop.ready()
    await shop.finished()
    assert shop.texts == ["typed since"]
    assert not shop.delivery.about_to_send
    await shop.delivery.release(["id2", "stranger"])
    await shop.delivery.release()
    for _ in range(3):
        await shop.finished()
    assert shop.texts == ["typed since", "text 2", "text 1", "text 3"]
    await shop.delivery.close()


@virtual
async def test_released_leftovers_go_behind_what_was_typed_since(clock: VirtualClock) -> None:
    shop = Shop(clock, kept(1, S.QUEUED, held=True))
    await shop.type("typed since")
    await shop.delivery.release()
    await shop.type("typed after")
    assert [item.text for item in shop.delivery.items()] == ["typed since", "text 1", "typed after"]
    assert not any(item.held for item in shop.record.kept.values())


@virtual
async def test_leftovers_leave_first_where_that_was_said_beforehand(clock: VirtualClock) -> None:
    held = [kept(n, S.QUEUED, held=True) for n in (1, 2)]
    shop = Shop(clock, *held, send_leftovers=True)
    await shop.type("typed since")
    await shop.ready()
    await shop.finished()
    await shop.finished()
    assert shop.texts == ["text 1", "text 2", "typed since"]
    await shop.delivery.close()


@virtual
async def test_a_leftover_that_cannot_be_released_stays_held(clock: VirtualClock) -> None:
    shop = Shop(clock, kept(1, S.QUEUED, held=True))
    shop.record.failing = True
    with pytest.raises(StorageError):
        await shop.delivery.release()
    assert shop.delivery.items()[0].held
    await shop.ready()
    assert shop.texts == []
    await shop.delivery.close()


# -- what is measured -----------------------------------------------------------------------------


@virtual
async def test_the_age_of_the_oldest_that_waits_is_measured(clock: VirtualClock) -> None:
    shop = Shop(clock)

    def age() -> float | None:
        return shop.telemetry.gauge_value(table.OUTBOX_OLDEST_AGE)

    assert age() is None
    (first, _) = await shop.type("a", "b")
    await asyncio.sleep(10)
    assert age() == pytest.approx(10)
    clock.set_wall(-1000)
    assert age() == 0.0
    clock.set_wall(1000)
    await shop.delivery.drop(first)
    assert age() == pytest.approx(10)
    assert shop.delivery.unsent == 1
    await shop.delivery.close()
    assert age() is None
