"""What is handed over to a conversation in the store is there when it is opened again."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.storage_support import SCOPE, codes, item, message, on_thread, open_store, user_message
from tui_chat.conversation.model import DeliveryState, MessageKind, MessageState, ToolCall
from tui_chat.delivery.item import SecretReference
from tui_chat.delivery.record import ConversationRecord
from tui_chat.errors import ConversationBusy, StorageError
from tui_chat.storage import Scope, Store, Surroundings, data_folder


async def test_everything_comes_back(tmp_path: Path) -> None:
    tool = ToolCall("c1", "look", "client", {"a": [1, None, "é"]}, {"b": 2.5}, None)
    said = [
        message(1, "hello", kind=MessageKind.REASONING, block="b", finished=2.5, persisted=True),
        message(2, "", kind=MessageKind.TOOL, tool=tool, note="n"),
        message(3, "went wrong\0", kind=MessageKind.ERROR, code="E", state=MessageState.FAILED),
    ]
    waiting = item(
        "a",
        media=("https://m/1",),
        thread_id="t9",
        mcp_headers={"s": {"Authorization": SecretReference("key")}},
        note="why",
        writes=2,
        memory="m",
        held=True,
    )
    async with open_store(tmp_path / "s") as store:
        conversation = await store.resume(SCOPE)
        record: ConversationRecord = conversation
        record.record_messages(said)
        record.record_thread("t1")
        conversation.record_draft("half a")
        await record.save_items([waiting])
        assert store.kind == "file"
        assert store.notices == ()
    async with open_store(tmp_path / "s") as store:
        again = await store.resume(SCOPE)
        assert again.id == conversation.id
        assert again.messages == said
        assert again.items == (waiting,)
        assert (again.thread_id, again.draft) == ("t1", "half a")


async def test_what_was_left_behind_in_the_middle(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as store:
        conversation = await store.resume(SCOPE)
        growing = [
            message(number, kind=kind, state=MessageState.STREAMING)
            for number, kind in enumerate(
                (MessageKind.ASSISTANT, MessageKind.REASONING, MessageKind.TOOL), 1
            )
        ]
        conversation.record_messages([*growing, user_message(4, "w", DeliveryState.WRITTEN)])
        await conversation.save_items(
            [
                item("w", 1, state=DeliveryState.WRITTEN, message_id=4),
                item("q", 2),
                item("lone", 3, state=DeliveryState.RECEIVED, message_id=5),
            ]
        )
        listed = await store.conversations()
        assert listed[0].unsent == {DeliveryState.WRITTEN: 1, DeliveryState.QUEUED: 1}
    async with open_store(tmp_path / "s") as store:
        [(summary, found)] = await store.outbox()
        assert [each.state for each in found] == [DeliveryState.UNKNOWN, DeliveryState.QUEUED]
        assert summary.unsent == {DeliveryState.UNKNOWN: 1, DeliveryState.QUEUED: 1}
        again = await store.resume(SCOPE)
        assert [each.state for each in again.messages] == [
            *[MessageState.INTERRUPTED] * 4,
            MessageState.COMPLETE,
        ]
        assert again.messages[3].delivery is DeliveryState.UNKNOWN
        assert "ended while" in again.messages[3].note
        assert again.messages[4].text == "text lone", "made anew from its item"
        written, queued, _ = again.items
        assert (written.state, written.note) == (DeliveryState.UNKNOWN, again.messages[3].note)
        assert (queued.state, queued.held) == (DeliveryState.QUEUED, True)


async def test_a_settled_item_goes_and_its_message_stands_where_it_did(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as store:
        conversation = await store.resume(SCOPE)
        conversation.record_messages([user_message(1, "a", DeliveryState.WRITTEN)])
        await conversation.save_items([item("a", state=DeliveryState.WRITTEN, message_id=1)])
        conversation.record_items([item("a", state=DeliveryState.PERSISTED, message_id=1)])
        await conversation.save_items([item("b", state=DeliveryState.DISCARDED)])
    async with open_store(tmp_path / "s") as store:
        again = await store.resume(SCOPE)
        assert again.items == ()
        [only] = again.messages
        assert only.delivery is DeliveryState.PERSISTED
        assert (only.state, only.persisted) == (MessageState.COMPLETE, True)


async def test_order_and_coalescing(tmp_path: Path) -> None:
    points: list[str] = []
    hold, entered = threading.Event(), threading.Event()

    def probe(point: str) -> None:
        points.append(point)
        if point == "draft:before" and not entered.is_set():
            entered.set()
            hold.wait(10)

    async with open_store(tmp_path / "s", probe=probe) as store:
        conversation = await store.resume(SCOPE)
        conversation.record_draft("the first")
        await asyncio.to_thread(entered.wait, 10)
        for number in range(50):
            conversation.record_messages([message(1, "x" * number)])
        growing = message(2, "as handed over")
        conversation.record_messages([growing])
        growing.chunks.append(" and not later")
        conversation.record_items([item("a", note="older")])
        saving = asyncio.ensure_future(conversation.save_items([item("a", note="newer")]))
        await asyncio.sleep(0)
        conversation.record_items([item("a", note="newest")])
        hold.set()
        await saving
        await conversation.flush()
        assert points.count("messages:committed") == 1, "50 states of it, one transaction"
        assert points.count("items:committed") == 2
        entered.clear()
        hold.clear()
        conversation.record_draft("the second")
        await asyncio.to_thread(entered.wait, 10)
        conversation.record_items([item("b", 2, note="older")])
        saving = asyncio.ensure_future(conversation.save_items([item("b", 2, note="newer")]))
        await asyncio.sleep(0)
        hold.set()
        await saving
    async with open_store(tmp_path / "s") as store:
        again = await store.resume(SCOPE)
        assert [each.text for each in again.messages] == ["x" * 49, "as handed over"]
        assert [each.note for each in again.items] == ["newest", "newer"]


async def test_cancelling_does_not_undo_half_of_it(tmp_path: Path) -> None:
    hold, entered = threading.Event(), threading.Event()

    def probe(point: str) -> None:
        if point == "items:in-transaction":
            entered.set()
            hold.wait(10)

    async with open_store(tmp_path / "s", probe=probe) as store:
        conversation = await store.resume(SCOPE)
        saving = asyncio.ensure_future(conversation.save_items([item("a", 1), item("b", 2)]))
        await asyncio.to_thread(entered.wait, 10)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        hold.set()
        await conversation.flush()
        [(_, found)] = await store.outbox()
        assert [each.id for each in found] == ["a", "b"]


async def test_a_cancelled_claim_is_given_up(tmp_path: Path) -> None:
    hold, entered = threading.Event(), threading.Event()

    def probe(point: str) -> None:
        if point == "claim:committed" and not entered.is_set():
            entered.set()
            hold.wait(10)

    async with open_store(tmp_path / "s") as other:
        conversation = await other.resume(SCOPE)
        await conversation.save_items([item("a")])
    async with open_store(tmp_path / "s", probe=probe) as store:
        claiming = asyncio.ensure_future(store.resume(SCOPE))
        await asyncio.to_thread(entered.wait, 10)
        claiming.cancel()
        await asyncio.wait([claiming])
        hold.set()
        assert (await store.resume(SCOPE)).id == conversation.id


async def test_nothing_that_was_said_is_too_strange(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    strange = [
        message(1, "half \ud83d of", note="\udc00"),
        message(2, "both \ud83d\ude00"),
        message(3, kind=MessageKind.TOOL, tool=ToolCall("c", "t", "server", {"\ud800": object()})),
        message(4, kind=MessageKind.TOOL, tool=ToolCall("c", "t", "server", deep, 1 << 5_000)),
    ]
    strange[0].created = float("nan")
    async with open_store(tmp_path / "s") as store:
        conversation = await store.resume(SCOPE)
        conversation.record_messages(strange)
        conversation.record_draft("\ud800")
        await conversation.save_items([item("a", text="\udfff!", position=-(1 << 62))])
        assert codes(store) == []
    async with open_store(tmp_path / "s") as store:
        again = await store.resume(SCOPE)
        assert [each.text for each in again.messages[:2]] == ["half � of", "both 😀"]
        assert all(each.tool is not None for each in again.messages[2:])
        assert (again.draft, again.items[0].text) == ("�", "�!")


async def test_a_value_that_cannot_be_stored_is_an_error_and_nothing_hangs(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as store:
        conversation = await store.resume(SCOPE)
        conversation.record_messages([message(1 << 80)])
        await conversation.flush()
        assert codes(store) == ["STORAGE"]
        await conversation.save_items([item("a")])
        with pytest.raises(StorageError):
            await conversation.save_items([item("b", 2, message_id=1 << 80)])
        [(_, found)] = await store.outbox()
        assert [each.id for each in found] == ["a"]


async def test_scopes_are_apart(tmp_path: Path) -> None:
    assert Scope("wss://Chat.example.com/ws?key=1") == SCOPE
    assert Scope("http://h", "a").key != Scope("http://h", None, "a").key
    async with open_store(tmp_path / "s") as store:
        first = await store.resume(SCOPE)
        await first.save_items([item("a")])
        other = await store.resume(Scope("http://other"))
        await other.save_items([item("b")])
        assert [each.id for each in await store.conversations(SCOPE)] == [first.id]
        assert [each.id for each in await store.conversations()] == [other.id, first.id]
        assert len(await store.outbox(SCOPE)) == 1


async def test_two_stores_exclude_each_other(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as one, open_store(tmp_path / "s") as two:
        first = await one.resume(SCOPE)
        await first.save_items([item("a")])
        second = await two.resume(SCOPE)
        assert second.id != first.id
        await second.save_items([item("b")])
        with pytest.raises(ConversationBusy):
            await two.claim(first.id)
        with pytest.raises(ConversationBusy):
            await one.claim(first.id)
        await first.release()
        await first.release()
        assert (await two.claim(first.id)).items[0].id == "a"
        with pytest.raises(StorageError, match="no conversation"):
            await two.claim("../../x")
        with pytest.raises(StorageError, match="closed"):
            await first.save_items([item("c")])


async def test_the_latest_is_resumed_whatever_the_clock_says(tmp_path: Path) -> None:
    from tests.storage_support import TestClock

    clock = TestClock()
    async with open_store(tmp_path / "s", clock=clock) as store:
        old = await store.resume(SCOPE)
        new = await store.resume(SCOPE)
        await old.save_items([item("a")])
        await new.save_items([item("b")])
        clock.at -= 1e8
        await old.save_items([item("a", note="again")])
    async with open_store(tmp_path / "s", clock=clock) as store:
        assert [each.id for each in await store.conversations()] == [old.id, new.id]
        assert (await store.resume(SCOPE)).id == old.id
        fresh = await store.resume(SCOPE, fresh=True)
        assert fresh.id not in (old.id, new.id)
        await fresh.release()
        assert len(await store.conversations()) == 2, "one that never held anything is not kept"


async def test_failures_nobody_waits_for_are_tried_again_and_told_once(tmp_path: Path) -> None:
    seen: list[str] = []
    surroundings = Surroundings(retry_interval=0.02)
    async with open_store(
        tmp_path / "s", surroundings=surroundings, on_notice=lambda n: seen.append(n.code)
    ) as store:
        conversation = await store.resume(SCOPE)
        await on_thread(store, lambda c: c.execute("PRAGMA query_only = ON"))
        conversation.record_messages([message(1, "one")])
        conversation.record_draft("kept")
        await conversation.flush()
        conversation.record_messages([message(1, "one two"), message(2, "three")])
        await conversation.flush()
        assert seen == ["READ_ONLY"]
        with pytest.raises(StorageError) as raised:
            await conversation.save_items([item("a")])
        assert raised.value.code == "READ_ONLY"
        await on_thread(store, lambda c: c.execute("PRAGMA query_only = OFF"))
        async with asyncio.timeout(10):
            while "WORKS_AGAIN" not in seen:
                await asyncio.sleep(0.005)
        assert seen == ["READ_ONLY", "WORKS_AGAIN"]
    async with open_store(tmp_path / "s") as store:
        again = await store.resume(SCOPE)
        assert [each.text for each in again.messages] == ["one two", "three"]
        assert (again.draft, again.items) == ("kept", ())


async def test_prompts(tmp_path: Path) -> None:
    from tui_chat.storage import prompts

    async with open_store(tmp_path / "s") as store:
        for text in ("a", "a", "b", "a", " ", "x" * (prompts.MOST_CHARS_EACH + 1)):
            await store.add_prompt(text)
        assert await store.prompts() == ["a", "b", "a"]
        assert await store.prompts(2) == ["b", "a"]

        def many(connection: Any) -> None:
            connection.execute("BEGIN")
            for number in range(prompts.MOST + 5):
                prompts.add(connection, f"p{number}", 0.0, 0.0)
            connection.execute("COMMIT")

        await on_thread(store, many)
        kept = await store.prompts(10_000)
        assert (len(kept), kept[0], kept[-1]) == (prompts.MOST, "p5", f"p{prompts.MOST + 4}")
        big = "y" * prompts.MOST_CHARS_EACH
        for number in range(prompts.MOST_CHARS // prompts.MOST_CHARS_EACH + 3):
            await store.add_prompt(f"{number}{big}"[: prompts.MOST_CHARS_EACH])
        assert sum(map(len, await store.prompts(10_000))) <= prompts.MOST_CHARS


async def test_in_memory_everything_works_and_nothing_is_left(tmp_path: Path) -> None:
    store = await Store.ephemeral()
    conversation = await store.resume(SCOPE)
    await conversation.save_items([item("a")])
    assert (store.kind, store.path) == ("memory", None)
    await conversation.release()
    assert (await store.resume(SCOPE)).items[0].id == "a"
    await store.aclose()
    assert not data_folder().exists()


def test_any_event_loop_may_call(tmp_path: Path) -> None:
    store = asyncio.run(Store.open(tmp_path / "s"))
    conversation = asyncio.run(store.resume(SCOPE))
    asyncio.run(conversation.save_items([item("a")]))
    assert len(asyncio.run(store.outbox())) == 1
    asyncio.run(store.aclose())


async def test_after_closing_nothing_waits_for_ever(tmp_path: Path) -> None:
    hold, entered = threading.Event(), threading.Event()

    def probe(point: str) -> None:
        if point == "release:before":
            entered.set()
            hold.wait(10)

    store = await Store.open(tmp_path / "s", probe=probe)
    conversation = await store.resume(SCOPE)
    closing = asyncio.ensure_future(store.aclose())
    await asyncio.to_thread(entered.wait, 10)
    late = asyncio.ensure_future(conversation.flush())
    await asyncio.sleep(0)
    hold.set()
    await closing
    async with asyncio.timeout(5):
        await late
        await conversation.flush()
        await conversation.release()
        conversation.record_draft("too late")
        with pytest.raises(StorageError, match="closed"):
            await conversation.save_items([item("a")])
        with pytest.raises(StorageError, match="closed"):
            await store.resume(SCOPE)


async def test_a_disk_that_hangs_does_not_hang_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_chat.storage.store.CLOSE_TIMEOUT", 0.05)
    hold = threading.Event()
    store = await Store.open(
        tmp_path / "s", probe=lambda point: point == "draft:before" and hold.wait(10)
    )
    conversation = await store.resume(SCOPE)
    conversation.record_draft("x")
    begun = time.monotonic()
    await store.aclose()
    assert time.monotonic() - begun < 2
    assert codes(store) == ["CLOSING"]
    with pytest.raises(StorageError):
        await store.conversations()
    hold.set()
    await store.aclose()


async def test_ten_thousand_messages_are_all_loaded(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as store:
        conversation = await store.resume(SCOPE)
        conversation.record_messages(message(number, "x" * 200) for number in range(1, 10_001))
        await conversation.flush()
    async with open_store(tmp_path / "s") as store:
        again = await store.resume(SCOPE)
        assert [each.text for each in again.messages] == ["x" * 200] * 10_000


def test_the_data_folder(tmp_path: Path) -> None:
    assert data_folder({"TUI_CHAT_DATA": str(tmp_path)}) == tmp_path
    assert data_folder().name == "tui-chat"
