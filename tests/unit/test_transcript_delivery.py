"""How a message of the user fares, and replies that were cut off, in the transcript."""

from __future__ import annotations

import pytest

from tests.outbox_support import LOST
from tests.unit.test_transcript_entry import entry, rows
from tests.unit.test_transcript_widget import Screen, many, reply, user
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.marks import ASCII
from tui_chat.conversation.model import (
    DeliveryChanged,
    DeliveryState,
    Message,
    MessageAdded,
    MessageCompleted,
    MessageFinished,
    MessageKind,
    MessageState,
    TextAppended,
    ToolCall,
    ToolUpdated,
)

NOT_KNOWN = "▌ ▲ Not known whether this arrived."
KEYS = "Alt+R sends it again, Alt+D discards it."
QUEUE = "F3 opens the queue."


def sent(delivery: DeliveryState, note: str = "", *, addressed: bool = False) -> Entry:
    found = entry(MessageKind.USER, "Hello", delivery=delivery, note=note)
    found.addressed = addressed
    return found


@pytest.mark.parametrize(
    ("delivery", "note", "said"),
    [
        (DeliveryState.QUEUED, "The server is busy.", ["▌ ◷ Waits. The server is busy."]),
        (DeliveryState.WRITTEN, "", ["▌ ◌ Sending."]),
        (DeliveryState.RECEIVED, "", []),
        (DeliveryState.PERSISTED, "", []),
        (DeliveryState.PERSISTED, "Sent again.", ["▌ ✓ Sent again."]),
        (DeliveryState.UNKNOWN, LOST, [f"{NOT_KNOWN} {QUEUE}", f"▌   {LOST}"]),
        (DeliveryState.FAILED, "Too large.", [f"▌ ✗ Not sent. Too large. {QUEUE}"]),
        (DeliveryState.DISCARDED, "Given up.", ["▌ ■ Discarded."]),
    ],
)
def test_where_a_message_stands_is_said_under_it(
    delivery: DeliveryState, note: str, said: list[str]
) -> None:
    assert rows(sent(delivery, note), 90) == ["▌ You", "▌ Hello", *said]


def test_the_message_that_the_keys_are_about_says_so() -> None:
    assert rows(sent(DeliveryState.UNKNOWN, addressed=True), 90)[2:] == [f"{NOT_KNOWN} {KEYS}"]
    assert rows(sent(DeliveryState.FAILED, addressed=True), 90)[2:] == [f"▌ ✗ Not sent. {KEYS}"]


def test_in_ascii_the_marks_are_plain() -> None:
    shown = entry(MessageKind.USER, "Hello", delivery=DeliveryState.UNKNOWN, marks=ASCII)
    text = "\n".join(rows(shown, 90))
    assert text.isascii()
    assert "| ? Not known" in text


def test_a_hostile_note_is_cleaned() -> None:
    assert rows(sent(DeliveryState.FAILED, "no\x1b[2J\nway"), 90)[2] == (
        f"▌ ✗ Not sent. no␛[2J way {QUEUE}"
    )


def test_a_message_goes_there_and_back_again() -> None:
    shown = sent(DeliveryState.WRITTEN)
    assert len(rows(shown)) == 3
    for delivery, height in [
        (DeliveryState.UNKNOWN, 3),
        (DeliveryState.WRITTEN, 3),
        (DeliveryState.UNKNOWN, 3),
        (DeliveryState.RECEIVED, 2),
        (DeliveryState.DISCARDED, 3),
        (DeliveryState.PERSISTED, 2),
    ]:
        assert shown.take(DeliveryChanged(1, delivery, 104.0))
        assert len(rows(shown, 100)) == height, delivery
        assert shown.height == height
    assert not shown.take(DeliveryChanged(1, DeliveryState.PERSISTED, 105.0)), "nothing new"


def test_the_text_of_a_message_that_is_sent_takes_no_more() -> None:
    shown = sent(DeliveryState.WRITTEN)
    assert not shown.take(TextAppended(1, "more"))
    assert rows(shown)[1] == "▌ Hello"
    other = entry(MessageKind.ASSISTANT, "Hi")
    assert not other.take(DeliveryChanged(1, DeliveryState.UNKNOWN, 104.0))


def test_a_reply_that_was_cut_off_is_completed() -> None:
    shown = entry(MessageKind.ASSISTANT, "# One\n\nTw", state=MessageState.STREAMING)
    rows(shown)
    shown.take(MessageFinished(1, MessageState.INTERRUPTED, 103.0))
    assert rows(shown)[-2:] == [
        "  ■ Interrupted: this is not all of it. Alt+Up, then Enter:",
        "    ask again.",
    ]
    shown.take(MessageCompleted(1, "# One\n\nTwo *three*", 104.0))
    assert rows(shown) == ["● Assistant", "  One", "  ", "  Two three"]
    assert shown.text == "# One\n\nTwo *three*"


def test_reasoning_and_tools_that_were_cut_off_are_completed() -> None:
    thought = entry(MessageKind.REASONING, "H", state=MessageState.INTERRUPTED, finished=103.0)
    assert "interrupted" in rows(thought)[1]
    thought.take(MessageCompleted(1, "Hm.", 104.0))
    assert rows(thought)[1:] == ["  ✻ Thought for 4 s ▸"]
    thought.fold = False
    assert rows(thought)[1:] == ["  ✻ Thought for 4 s ▾", "  │ Hm."]
    call = ToolCall("c", "look", "server")
    tool = entry(MessageKind.TOOL, tool=call, state=MessageState.INTERRUPTED, finished=103.0)
    before = rows(tool)
    done = ToolCall("c", "look", "server", result="found")
    tool.take(ToolUpdated(1, done, MessageState.COMPLETE, 104.0))
    assert "found" in "\n".join(rows(tool))
    assert rows(tool) != before


def _mine(number: int, delivery: DeliveryState) -> Message:
    return Message(number, MessageKind.USER, 1.0, [f"mine {number}"], delivery=delivery)


async def test_a_change_above_leaves_what_is_read_where_it_is() -> None:
    messages = [_mine(1, DeliveryState.WRITTEN), reply(2, "cut o"), *many(60)[2:]]
    messages[1].state = MessageState.INTERRUPTED
    screen = Screen(messages)
    async with screen.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        screen.transcript.scroll_home()
        await pilot.pause()
        for _ in range(3):
            screen.transcript.scroll_page_down(animate=False)
            await pilot.pause()
        before = screen.rows()
        total = screen.transcript.virtual_size.height
        screen.apply(DeliveryChanged(1, DeliveryState.UNKNOWN, 2.0, LOST))
        assert screen.rows() == before
        assert screen.transcript.virtual_size.height > total, "it is taller by what it says"
        screen.apply(DeliveryChanged(1, DeliveryState.RECEIVED, 2.0))
        assert screen.rows() == before
        screen.apply(MessageCompleted(2, "cut off\n\n" + "and more " * 100, 3.0))
        assert screen.rows() == before


async def test_completing_what_is_read_leaves_the_place() -> None:
    text = "\n\n".join(f"paragraph {n} " + "word " * 30 for n in range(40))
    screen = Screen([user(1), reply(2, text[:-9])])
    async with screen.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        screen.transcript.scroll_home()
        for _ in range(2):
            screen.transcript.scroll_page_down(animate=False)
            await pilot.pause()
        before = screen.rows()
        screen.apply(MessageCompleted(2, text + "\n\nThe end.", 3.0))
        assert screen.rows() == before
        screen.transcript.scroll_end()
        assert "The end." in screen.rows()[-1]


async def test_how_a_message_fares_is_not_unread() -> None:
    screen = Screen([*many(40), _mine(41, DeliveryState.WRITTEN)])
    async with screen.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        screen.transcript.scroll_home()
        screen.apply(DeliveryChanged(41, DeliveryState.RECEIVED, 2.0))
        assert screen.transcript.unread == 0
        screen.apply(MessageAdded(reply(42, "news")))
        assert screen.transcript.unread == 1


async def test_only_one_message_is_addressed() -> None:
    unknown = DeliveryState.UNKNOWN
    screen = Screen([_mine(1, unknown), _mine(2, unknown)])
    async with screen.run_test(size=(90, 20)) as pilot:
        await pilot.pause()
        shown = screen.transcript
        assert [entry.id for entry in shown.said()] == [2, 1]
        for wanted in (2, 1, None):
            shown.address(wanted)
            shown.flush()
            with_keys = [row for row in screen.rows() if KEYS in row]
            assert len(with_keys) == (wanted is not None)
            assert sum(QUEUE in row for row in screen.rows()) == (1 if wanted else 2)
        shown.address(2)
        shown.reset([_mine(1, unknown), _mine(2, unknown)])
        assert [e.addressed for e in shown.said()] == [True, False], "also when shown afresh"
