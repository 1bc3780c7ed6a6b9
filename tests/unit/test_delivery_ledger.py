"""The outbox in memory: every transition, what is committed, and what bounds it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.delivery_bench import BenchRecord, kept
from tests.virtual import VirtualClock, settle, virtual
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import Change, DeliveryState, Message, MessageKind
from tui_chat.delivery import ledger as module
from tui_chat.delivery.item import FINAL, TRANSITIONS, OutboxItem
from tui_chat.delivery.ledger import Ledger
from tui_chat.errors import NoSuchMessage, OutboxFull, StorageError
from tui_chat.telemetry import Telemetry

S = DeliveryState
PAIRS = [(before, after) for before in S for after in S]


class Book:
    """A ledger and what is around it."""

    def __init__(self, clock: VirtualClock, *items: OutboxItem, **options: Any) -> None:
        self.record = BenchRecord(items)
        self.conversation = Conversation(messages=options.get("messages", ()))
        self.telemetry = Telemetry(clock)
        self.changes = 0
        self.ledger = Ledger(
            self.record,
            self.conversation,
            clock=clock,
            telemetry=self.telemetry,
            apply=self._apply,
            changed=self._changed,
        )

    def _changed(self) -> None:
        self.changes += 1

    def _apply(self, changes: Any) -> None:
        change: Change
        for change in changes:
            self.conversation.apply(change)

    async def accept(self, text: str) -> OutboxItem:
        return await self.ledger.accept(text, (), None, {})

    def texts(self) -> list[str]:
        return [item.text for item in self.ledger]

    async def at_the_gate(self, work: Any) -> asyncio.Task[Any]:
        """Begin something that waits for the record."""
        self.record.gate.clear()
        task = asyncio.create_task(work)
        await settle()
        assert not task.done()
        return task


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_move_follows_the_table(before: S, after: S) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        book = Book(clock, kept(1, before))
        if before in FINAL:
            assert book.ledger.move("id1", after) is None
            assert not book.record.kept
        elif after is not before and after not in TRANSITIONS[before]:
            with pytest.raises(ValueError, match="cannot become"):
                book.ledger.move("id1", after)
            assert not book.record.kept
        else:
            moved = book.ledger.move("id1", after, "why")
            assert moved is not None
            assert (moved.state, moved.note) == (after, "why")
            assert book.record.kept["id1"] == moved
            assert (book.ledger.get("id1") is None) is (after in FINAL)
            assert book.ledger.last_known("id1") == moved

    body()


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_commit_follows_the_table(before: S, after: S) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        book = Book(clock, kept(1, before))
        if before in FINAL:
            with pytest.raises(NoSuchMessage):
                await book.ledger.commit("id1", after)
        elif after is not before and after not in TRANSITIONS[before]:
            with pytest.raises(ValueError, match="cannot become"):
                await book.ledger.commit("id1", after)
            assert book.ledger["id1"].state is before
        else:
            await book.ledger.commit("id1", after)
            assert book.record.kept["id1"].state is after
            assert (book.ledger.get("id1") is None) is (after in FINAL)

    body()


@virtual
async def test_a_move_to_where_it_stands_is_nothing(clock: VirtualClock) -> None:
    book = Book(clock, kept(1, S.QUEUED))
    assert book.ledger.move("id1", S.QUEUED) == kept(1, S.QUEUED)
    assert book.ledger.move("other", S.QUEUED) is None
    assert not book.record.kept
    assert not book.changes


@virtual
async def test_a_commit_that_fails_changes_nothing(clock: VirtualClock) -> None:
    book = Book(clock, kept(1, S.QUEUED))
    book.record.failing = True
    with pytest.raises(StorageError):
        await book.ledger.commit("id1", S.WRITTEN)
    assert book.ledger["id1"] == kept(1, S.QUEUED)


@pytest.mark.parametrize("failing", [False, True])
def test_a_frame_that_comes_during_a_commit_has_the_last_word(failing: bool) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        book = Book(clock, kept(1, S.UNKNOWN))
        task = await book.at_the_gate(book.ledger.commit("id1", S.WRITTEN))
        assert book.ledger["id1"].state is S.WRITTEN  # nobody else may take hold of it
        book.ledger.move("id1", S.PERSISTED)
        book.record.failing = failing
        book.record.gate.set()
        await asyncio.wait({task})
        assert (task.exception() is not None) is failing
        assert book.ledger.get("id1") is None
        known = book.ledger.last_known("id1")
        assert known is not None
        assert known.state is S.PERSISTED

    body()


@virtual
async def test_what_is_moved_during_a_commit_keeps_both(clock: VirtualClock) -> None:
    book = Book(clock, kept(1, S.UNKNOWN), kept(2, S.QUEUED))
    task = await book.at_the_gate(book.ledger.commit("id1", S.QUEUED))
    book.ledger.reorder("id1", last=True)
    book.record.gate.set()
    await task
    assert book.texts() == ["text 2", "text 1"]
    assert book.ledger["id1"].state is S.QUEUED


@virtual
async def test_an_item_is_committed_when_it_is_accepted(clock: VirtualClock) -> None:
    book = Book(clock)
    task = await book.at_the_gate(book.accept("a"))
    assert not book.texts()
    book.record.gate.set()
    item = await task
    assert book.record.saved == [item]
    assert book.texts() == ["a"]
    assert item.state is S.QUEUED


@virtual
async def test_what_cannot_be_kept_is_not_accepted(clock: VirtualClock) -> None:
    book = Book(clock)
    book.record.failing = True
    with pytest.raises(StorageError):
        await book.accept("a")
    book.record.failing = False
    await book.accept("b")
    assert book.texts() == ["b"]


@virtual
async def test_positions_rise_from_those_of_before(clock: VirtualClock) -> None:
    book = Book(clock, kept(7, S.QUEUED), kept(3, S.QUEUED), kept(9, S.PERSISTED))
    assert [item.position for item in book.ledger] == [3, 7]
    assert (await book.accept("a")).position == 10


@virtual
async def test_what_is_released_while_another_is_accepted_goes_behind_it(
    clock: VirtualClock,
) -> None:
    book = Book(clock, kept(1, S.QUEUED, held=True))
    task = await book.at_the_gate(book.accept("typed before"))
    book.ledger.reorder("id1", last=True)
    book.record.gate.set()
    await task
    assert book.texts() == ["typed before", "text 1"]


@virtual
async def test_reorder_puts_first_or_last_and_keeps_that(clock: VirtualClock) -> None:
    book = Book(clock, *(kept(n, S.QUEUED) for n in (1, 2, 3)))
    book.ledger.reorder("id3")
    assert book.texts() == ["text 3", "text 1", "text 2"]
    book.ledger.reorder("id1", last=True)
    assert book.texts() == ["text 3", "text 2", "text 1"]
    again = Book(clock, *({i.id: i for i in book.ledger} | book.record.kept).values())
    assert again.texts() == book.texts()
    with pytest.raises(NoSuchMessage):
        book.ledger.reorder("other")


@virtual
async def test_too_many_or_too_much_is_refused(
    clock: VirtualClock,
) -> None:
    book = Book(clock, *(kept(n, S.QUEUED) for n in range(1, module.MAX_WAITING)))
    await book.accept("the last")
    with pytest.raises(OutboxFull, match="1000 messages"):
        await book.accept("one too many")
    book.ledger.move("id1", S.DISCARDED)
    await book.accept("there is room again")
    failed = Book(clock, *(kept(n, S.FAILED) for n in range(1, module.MAX_WAITING + 1)))
    await failed.accept("what is settled does not count")


@virtual
async def test_too_many_characters_are_refused(clock: VirtualClock) -> None:
    book = Book(clock, kept(1, S.QUEUED, text="x" * (module.MAX_WAITING_CHARS - 2)))
    await book.accept("ok")
    with pytest.raises(OutboxFull):
        await book.accept("!")


@virtual
async def test_an_edit_is_kept_before_it_counts(clock: VirtualClock) -> None:
    book = Book(clock, kept(1, S.QUEUED))
    task = await book.at_the_gate(book.ledger.edit("id1", "new"))
    assert book.ledger.being_edited("id1")
    assert book.texts() == ["text 1"]
    book.record.gate.set()
    await task
    assert book.texts() == ["new"]
    assert not book.ledger.being_edited("id1")
    book.record.failing = True
    with pytest.raises(StorageError):
        await book.ledger.edit("id1", "newer")
    assert book.texts() == ["new"]
    assert not book.ledger.being_edited("id1")


@virtual
async def test_an_edit_of_what_is_given_up_meanwhile_says_so(clock: VirtualClock) -> None:
    book = Book(clock, kept(1, S.QUEUED))
    task = await book.at_the_gate(book.ledger.edit("id1", "new"))
    book.ledger.move("id1", S.DISCARDED)
    book.record.gate.set()
    with pytest.raises(NoSuchMessage):
        await task


@virtual
async def test_an_edit_and_a_move_at_once_keep_both(clock: VirtualClock) -> None:
    book = Book(clock, kept(1, S.QUEUED), kept(2, S.QUEUED))
    task = await book.at_the_gate(book.ledger.edit("id1", "new"))
    book.ledger.reorder("id1", last=True)
    book.record.gate.set()
    await task
    assert book.texts() == ["text 2", "new"]
    assert book.record.kept["id1"] == book.ledger["id1"]


@virtual
async def test_a_written_item_is_shown_once(clock: VirtualClock) -> None:
    book = Book(clock, kept(1, S.WRITTEN))
    shown = book.ledger.show("id1")
    assert book.ledger.show("id1") == shown
    assert book.record.kept["id1"].message_id == shown.message_id == 1
    assert [(m.text, m.outbox_id, m.delivery) for m in book.conversation] == [
        ("text 1", "id1", S.WRITTEN)
    ]


@pytest.mark.parametrize("known", [None, 5])
def test_a_message_that_stands_there_already_is_not_added_again(known: int | None) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        standing = Message(
            5, MessageKind.USER, 0.0, ["text 1"], outbox_id="id1", delivery=S.WRITTEN
        )
        book = Book(clock, kept(1, S.UNKNOWN, note="lost", message_id=known), messages=[standing])
        assert book.ledger.show("id1").message_id == 5
        assert [(m.id, m.delivery, m.note) for m in book.conversation] == [(5, S.UNKNOWN, "lost")]
        assert book.ledger["id1"].message_id == 5

    body()


@virtual
async def test_a_move_is_shown_at_the_message(clock: VirtualClock) -> None:
    book = Book(clock, kept(1, S.WRITTEN))
    book.ledger.show("id1")
    book.ledger.move("id1", S.UNKNOWN, "lost")
    (message,) = book.conversation
    assert (message.delivery, message.note) == (S.UNKNOWN, "lost")


@virtual
async def test_what_arrived_is_remembered_within_bounds(clock: VirtualClock) -> None:
    number = module.MAX_REMEMBERED + 20
    book = Book(clock, *(kept(n, S.WRITTEN) for n in range(number)))
    for n in range(number):
        book.ledger.move(f"id{n}", S.RECEIVED)
    assert len(book.texts()) == module.MAX_REMEMBERED
    assert book.ledger.get("id19") is None
    assert book.ledger.get("id20") is not None
    for n in range(20, number):
        book.ledger.move(f"id{n}", S.PERSISTED)
    assert book.ledger.last_known(f"id{number - 1}") is not None


@virtual
async def test_where_messages_go_is_counted_and_how_long_it_takes(clock: VirtualClock) -> None:
    book = Book(clock)
    item = await book.accept("a")
    book.ledger.move(item.id, S.WRITTEN)
    await asyncio.sleep(3)
    book.ledger.move(item.id, S.UNKNOWN)
    book.ledger.move(item.id, S.RECEIVED)
    book.ledger.move(item.id, S.PERSISTED)
    counted = {
        key: n for key, n in book.telemetry.counters.items() if key.startswith("outbox.message")
    }
    assert counted == {
        f"outbox.message.count{{state={state}}}": 1
        for state in ("persisted", "queued", "received", "unknown", "written")
    }
    assert "outbox.unknown" in str(book.telemetry.recent)
    durations = [m for m in book.telemetry.snapshot().metrics if "delivery.duration" in m.name]
    assert "3.0" in str(durations)
