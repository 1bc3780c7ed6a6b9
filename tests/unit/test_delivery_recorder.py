"""What is handed to the record while a conversation changes, and when."""

from __future__ import annotations

import asyncio

from tests.unit.delivery_bench import BenchRecord
from tests.virtual import VirtualClock, virtual
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import (
    Change,
    Message,
    MessageAdded,
    MessageFinished,
    MessageKind,
    MessageState,
    Persisted,
    RunChanged,
    StopRequested,
    TextAppended,
    ThreadChanged,
)
from tui_chat.delivery.recorder import INTERVAL, Recorder


class Desk:
    def __init__(self) -> None:
        self.record = BenchRecord()
        self.conversation = Conversation()
        self.recorder = Recorder(self.conversation, self.record)

    def do(self, *changes: Change) -> None:
        for change in changes:
            self.conversation.apply(change)
        self.recorder.follow(changes)

    def reply(self, number: int, text: str = "") -> None:
        streaming = MessageState.STREAMING
        message = Message(number, MessageKind.ASSISTANT, 0.0, [text], state=streaming)
        self.do(MessageAdded(message))


@virtual
async def test_a_new_message_and_the_thread_are_kept_at_once(clock: VirtualClock) -> None:
    desk = Desk()
    desk.reply(1, "a")
    desk.do(ThreadChanged("t"))
    assert desk.record.kept_messages == [(1, "a")]
    assert desk.record.thread_id == "t"
    desk.recorder.close()


@virtual
async def test_a_growing_text_is_kept_once_a_second(clock: VirtualClock) -> None:
    desk = Desk()
    desk.reply(1)
    desk.record.kept_messages.clear()
    for _second in range(3):
        for _piece in range(10):
            desk.do(TextAppended(1, "a"))
            await asyncio.sleep(INTERVAL / 10)
    await asyncio.sleep(INTERVAL)
    assert 3 <= len(desk.record.kept_messages) <= 4
    assert desk.record.kept_messages[-1] == (1, "a" * 30)
    desk.recorder.close()


@virtual
async def test_the_end_of_a_text_is_kept_at_once_and_not_again(clock: VirtualClock) -> None:
    desk = Desk()
    desk.reply(1)
    desk.do(TextAppended(1, "a"), MessageFinished(1, MessageState.COMPLETE, 1.0))
    assert desk.record.kept_messages[-1] == (1, "a")
    number = len(desk.record.kept_messages)
    await asyncio.sleep(3 * INTERVAL)
    assert len(desk.record.kept_messages) == number
    desk.recorder.close()


@virtual
async def test_closing_keeps_what_has_grown_and_leaves_no_timer(clock: VirtualClock) -> None:
    desk = Desk()
    desk.reply(1)
    desk.do(TextAppended(1, "abc"))
    desk.recorder.close()
    desk.recorder.close()
    assert desk.record.kept_messages[-1] == (1, "abc")
    number = len(desk.record.kept_messages)
    await asyncio.sleep(2 * INTERVAL)
    assert len(desk.record.kept_messages) == number


@virtual
async def test_runs_are_not_kept(clock: VirtualClock) -> None:
    desk = Desk()
    desk.do(RunChanged(True), StopRequested())
    assert desk.record.kept_messages == []


@virtual
async def test_what_became_persisted_is_kept_once(clock: VirtualClock) -> None:
    desk = Desk()
    for number in (1, 2, 3):
        desk.reply(number, str(number))
    desk.record.kept_messages.clear()
    desk.do(Persisted(2))
    assert desk.record.kept_messages == [(1, "1"), (2, "2")]
    desk.do(Persisted(3))
    assert desk.record.kept_messages == [(1, "1"), (2, "2"), (3, "3")]
    desk.do(Persisted(2))
    assert len(desk.record.kept_messages) == 3
