"""Events reach every reader, in order, within bounds."""

from __future__ import annotations

from tui_chat.conversation.model import Message, MessageAdded, MessageKind, TextAppended
from tui_chat.event_stream import BATCH_SIZE, QUEUE_SIZE, EventStream
from tui_chat.events import ConversationChanged, Lagged, ServerNotice


async def test_every_reader_gets_every_event_from_its_start_on() -> None:
    stream = EventStream()
    first = stream.read()
    stream.publish(ServerNotice("1", ""))
    second = stream.read()
    stream.publish(ServerNotice("2", ""))
    stream.close()
    assert [event async for event in first] == [ServerNotice("1", ""), ServerNotice("2", "")]
    assert [event async for event in second] == [ServerNotice("2", "")]


async def test_a_slow_reader_is_told_what_it_missed_and_delays_nobody() -> None:
    stream = EventStream()
    slow = stream.read()
    for number in range(QUEUE_SIZE + 7):
        stream.publish(ServerNotice(str(number), ""))
    stream.close()
    seen = [event async for event in slow]
    assert seen[0] == Lagged(7)
    assert seen[1] == ServerNotice("7", "")
    assert len(seen) == QUEUE_SIZE + 1


async def test_changes_are_merged_and_messages_are_copies() -> None:
    stream = EventStream()
    reader = stream.read()
    message = Message(1, MessageKind.ASSISTANT, 0.0, ["a"])
    stream.publish_changes([MessageAdded(message)])
    message.chunks.append("later")
    for _ in range(BATCH_SIZE):
        stream.publish_changes([TextAppended(1, "b")])
    stream.close()
    events = [event async for event in reader]
    assert all(isinstance(event, ConversationChanged) for event in events)
    assert len(events) == 2
    first = events[0]
    assert isinstance(first, ConversationChanged)
    added = first.changes[0]
    assert isinstance(added, MessageAdded)
    assert added.message.text == "a"


async def test_a_reader_that_stops_is_forgotten() -> None:
    stream = EventStream()
    reader = stream.read()
    stream.publish(ServerNotice("1", ""))
    async for _ in reader:
        break
    await reader.aclose()  # type: ignore[attr-defined]
    assert not stream._readers
