"""Completing a reply that was cut off, in cases thought out by hand."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import (
    DeliveryState,
    Message,
    MessageAdded,
    MessageCompleted,
    MessageKind,
    MessageState,
    ToolCall,
    ToolUpdated,
)
from tui_chat.delivery.completion import completion
from tui_chat.protocol.history import HistoryMessage, HistoryRole, HistoryTool

COMPLETE = MessageState.COMPLETE
CUT = MessageState.INTERRUPTED
STOPPED = MessageState.STOPPED
NOW = 9.0

Part = tuple[MessageKind, str, MessageState]


def said(text: str, state: MessageState = COMPLETE) -> Part:
    return (MessageKind.ASSISTANT, text, state)


def thought(text: str, state: MessageState = COMPLETE) -> Part:
    return (MessageKind.REASONING, text, state)


def called(call_id: str, state: MessageState = COMPLETE) -> Part:
    return (MessageKind.TOOL, call_id, state)


def asked(text: str = "question") -> Part:
    return (MessageKind.USER, text, COMPLETE)


def conversation_of(*parts: Part) -> Conversation:
    """A conversation that begins with a question, followed by these parts."""
    conversation = Conversation()
    for number, (kind, text, state) in enumerate((asked(), *parts), 1):
        message = Message(number, kind, 1.0, [text], state=state)
        if kind is MessageKind.TOOL:
            message.chunks = []
            message.tool = ToolCall(text, "look", "server", {"at": 1})
            if state is COMPLETE:
                message.tool.result = f"result of {text}"
        if kind is MessageKind.USER:
            message.delivery = DeliveryState.PERSISTED
        conversation.apply(MessageAdded(message))
    return conversation


def entry(role: HistoryRole, content: str) -> HistoryMessage:
    return HistoryMessage("", role, content)


def tool(
    call_id: str,
    status: Literal["processing", "completed", "error"] = "completed",
    result: Any = None,
    parameters: Any = None,
) -> HistoryMessage:
    data = HistoryTool("look", call_id, parameters, result, status)
    return HistoryMessage("", "tooling", tool=data)


def text(content: str) -> HistoryMessage:
    return entry("assistant", content)


def complete(conversation: Conversation, *reply: HistoryMessage) -> list[Any]:
    """Complete the reply to the first message; the second time there is nothing left to do."""
    changes = completion(conversation, 1, reply, NOW)
    for change in changes:
        conversation.apply(change)
    assert completion(conversation, 1, reply, NOW) == []
    return changes


def shown(conversation: Conversation) -> list[tuple[str, str, MessageState]]:
    return [
        (m.kind.value, m.tool.call_id if m.tool else m.text, m.state)
        for m in conversation
        if m.kind is not MessageKind.USER
    ]


# -- texts ----------------------------------------------------------------------------------------


def test_a_text_that_was_cut_off_is_completed() -> None:
    conversation = conversation_of(said("Hello wor", CUT))
    changes = complete(conversation, text("Hello world."))
    assert changes == [MessageCompleted(2, "Hello world.", NOW)]
    assert shown(conversation) == [("assistant", "Hello world.", COMPLETE)]


def test_a_text_that_was_whole_already_is_only_marked_so() -> None:
    conversation = conversation_of(said("Hello.\n", CUT))
    assert complete(conversation, text("Hello.")) == [MessageCompleted(2, "Hello.\n", NOW)]


def test_what_the_history_contradicts_stays() -> None:
    for theirs in ("Goodbye.", "Hel", "", "Hello\nworld", "Hellow."):
        conversation = conversation_of(said("Hello w", CUT))
        assert complete(conversation, text(theirs)) == []
        assert shown(conversation) == [("assistant", "Hello w", CUT)]


def test_nothing_is_added_behind_a_contradiction() -> None:
    conversation = conversation_of(said("Hello w", CUT))
    assert complete(conversation, text("Goodbye."), tool("c1"), text("And more.")) == []


def test_a_complete_text_is_not_touched() -> None:
    conversation = conversation_of(said("Hello"))
    assert not any(isinstance(c, MessageCompleted) for c in complete(conversation, text("Hello")))
    assert shown(conversation) == [("assistant", "Hello", COMPLETE)]


def test_blocks_that_the_history_joins() -> None:
    for between in ("", "\n\n"):
        conversation = conversation_of(
            said("First."), called("c1"), said("Second."), called("c2"), said("Thi", CUT)
        )
        complete(
            conversation,
            tool("c1", result=1),
            tool("c2", result=2),
            text(f"First.{between}Second.{between}Third."),
        )
        assert shown(conversation)[-1] == ("assistant", "Third.", COMPLETE)
        assert len(conversation) == 6


def test_what_follows_in_a_joined_block_is_added_wherever_the_history_keeps_it() -> None:
    for reply in ([text("One. Two."), tool("c1")], [tool("c1"), text("One. Two.")]):
        conversation = conversation_of(said("One."), called("c1"))
        complete(conversation, *reply)
        assert shown(conversation)[2:] == [("assistant", " Two.", COMPLETE)]


def test_a_block_that_the_history_divides() -> None:
    conversation = conversation_of(said("First. Second. Thi", CUT))
    complete(conversation, text("First."), text("Second. Third."))
    assert shown(conversation) == [("assistant", "First. Second. Third.", COMPLETE)]


def test_two_blocks_of_reasoning_that_were_open_at_once() -> None:
    conversation = conversation_of(thought("On", CUT), thought("Tw", CUT))
    complete(conversation, entry("reasoning", "One."), entry("reasoning", "Two."), text("Three."))
    assert shown(conversation) == [
        ("reasoning", "One.", COMPLETE),
        ("reasoning", "Two.", COMPLETE),
        ("assistant", "Three.", COMPLETE),
    ]


def test_a_text_cut_off_before_another_one_is_not_given_what_is_in_that_one() -> None:
    conversation = conversation_of(said("One", CUT), called("c1"), said("Two"))
    assert complete(conversation, text("One. Two"), tool("c1")) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "whole"),
    [
        ("a \ud83d", "a \U0001f600!", "a \U0001f600!"),
        ("\ud83d\ude00 a", "\U0001f600 a b", "\U0001f600 a b"),
        ("one\r\ntwo\r", "one\ntwo\nthree", "one\ntwo\nthree"),
        ("\n\nHel", "Hello", "\n\nHello"),
        ("", "Hello", "Hello"),
    ],
)
def test_what_servers_do_to_text(ours: str, theirs: str, whole: str) -> None:
    conversation = conversation_of(said(ours, CUT))
    complete(conversation, text(theirs))
    assert shown(conversation) == [("assistant", whole, COMPLETE)]


def test_a_reply_that_failed_stays_cut_off_where_the_history_has_no_more() -> None:
    error: Part = (MessageKind.ERROR, "The agent failed.", COMPLETE)
    conversation = conversation_of(said("Hel", CUT), error)
    assert complete(conversation, text("Hel")) == []
    complete(conversation, text("Hello."))
    assert shown(conversation)[0] == ("assistant", "Hello.", COMPLETE)


def test_a_reply_the_user_stopped_gets_nothing_added() -> None:
    conversation = conversation_of(said("Hel", STOPPED))
    assert complete(conversation, text("Hello."), text("More.")) == []


# -- tools ----------------------------------------------------------------------------------------


def test_a_tool_gets_its_result() -> None:
    conversation = conversation_of(called("c1", CUT), called("c2", CUT), called("c3", CUT))
    changes = complete(
        conversation,
        tool("c1", result={"a": 1}),
        tool("c2", "error", "no such file"),
        tool("c3", "processing"),
        text("Done."),
    )
    assert [type(change) for change in changes] == [ToolUpdated, ToolUpdated, MessageAdded]
    one, two, three = (conversation[number] for number in (2, 3, 4))
    assert one.tool is not None
    assert two.tool is not None
    assert (one.state, one.tool.result, one.tool.arguments) == (COMPLETE, {"a": 1}, {"at": 1})
    assert (two.state, two.tool.error) == (MessageState.FAILED, "no such file")
    assert one.finished == two.finished == NOW
    assert three.state is CUT


def test_call_and_result_may_be_two_entries() -> None:
    conversation = conversation_of(said("Wait", CUT))
    complete(
        conversation,
        text("Wait."),
        tool("c1", "processing", parameters={"x": 1}),
        tool("c1", result=2),
    )
    added = conversation[3].tool
    assert added == ToolCall("c1", "look", "server", {"x": 1}, 2)
    assert len(conversation) == 3


def test_a_reply_that_ends_with_a_tool_at_work_is_not_used() -> None:
    conversation = conversation_of(said("Hel", CUT))
    assert completion(conversation, 1, [text("Hello."), tool("c", "processing")], NOW) == []


def test_a_reply_whose_pieces_still_come_in_is_left_alone() -> None:
    conversation = conversation_of(said("Hel", MessageState.STREAMING))
    assert completion(conversation, 1, [text("Hello."), text("More.")], NOW) == []
    conversation = conversation_of(said("Hello."), called("c1", MessageState.STREAMING))
    assert completion(conversation, 1, [text("Hello."), text("More.")], NOW) == []


# -- what is missing ------------------------------------------------------------------------------


def test_what_is_missing_is_added_at_the_end() -> None:
    conversation = conversation_of(thought("Let me s", CUT))
    changes = complete(
        conversation,
        entry("reasoning", "Let me see."),
        text("I look."),
        tool("c1", result=1),
        entry("system", "internal"),
        text("Done."),
    )
    assert shown(conversation) == [
        ("reasoning", "Let me see.", COMPLETE),
        ("assistant", "I look.", COMPLETE),
        ("tool", "c1", COMPLETE),
        ("assistant", "Done.", COMPLETE),
    ]
    added = [change.message for change in changes if isinstance(change, MessageAdded)]
    assert [message.id for message in added] == [3, 4, 5]
    assert all(message.persisted and message.finished == NOW for message in added)


def test_a_reply_of_which_nothing_came_is_added() -> None:
    conversation = conversation_of()
    complete(conversation, text("Hello."))
    assert shown(conversation) == [("assistant", "Hello.", COMPLETE)]


def test_what_the_history_has_in_between_is_not_shown_in_the_wrong_place() -> None:
    conversation = conversation_of(said("One."), called("c2"), said("Tw", CUT))
    complete(conversation, text("One."), tool("c1", result=1), tool("c2", result=2), text("Two."))
    assert [part[1] for part in shown(conversation)] == ["One.", "c2", "Two."]


def test_a_call_of_another_turn_is_not_shown_again() -> None:
    conversation = conversation_of(said("One", CUT), asked(), called("c1", CUT))
    complete(conversation, text("One."), tool("c1", result=1))
    assert len(conversation) == 4
    assert conversation[4].state is CUT


def test_blanks_at_the_end_may_go_but_none_may_come_into_a_word() -> None:
    conversation = conversation_of(said("foo ", CUT))
    assert complete(conversation, text("foobar")) == []
    complete(conversation, text("foo\nbar"))
    assert shown(conversation) == [("assistant", "foo \nbar", COMPLETE)]


def test_further_text_before_another_question_goes_to_the_block_that_was_cut_off() -> None:
    conversation = conversation_of(called("c0"), said("One", CUT), asked(), said("Later."))
    changes = complete(
        conversation, tool("c0"), text("One."), tool("c1", result=1), text("Two."), text("Three.")
    )
    assert changes == [MessageCompleted(3, "One.\n\nTwo.\n\nThree.", NOW)]


def test_further_text_without_such_a_block_leaves_the_reply_marked() -> None:
    for part in (thought("Hm", CUT), called("c1", CUT)):
        conversation = conversation_of(part, asked())
        reply = [entry("reasoning", "Hmm."), tool("c1", result=1), text("One.")]
        if part[0] is MessageKind.TOOL:
            del reply[0]
        assert complete(conversation, *reply) == []
        assert conversation[2].state is CUT


def test_a_block_before_another_question_is_completed_in_its_place() -> None:
    conversation = conversation_of(said("One", CUT), asked(), said("Later."))
    complete(conversation, text("One."), tool("c1", result=1))
    assert shown(conversation) == [
        ("assistant", "One.", COMPLETE),
        ("assistant", "Later.", COMPLETE),
    ]


def test_no_reply_and_no_question_change_nothing() -> None:
    conversation = conversation_of(said("One", CUT))
    assert completion(conversation, 1, [], NOW) == []
    assert completion(conversation, 2, [text("One.")], NOW) == []
    assert completion(conversation, 99, [text("One.")], NOW) == []
