"""The reducer: what each wire event means for a conversation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.conversation.conversation import MAX_OPEN, Conversation
from tui_chat.conversation.model import (
    Change,
    DeliveryChanged,
    DeliveryState,
    MessageAdded,
    MessageCompleted,
    MessageKind,
    MessageState,
    RunChanged,
    StopRequested,
    TextAppended,
)
from tui_chat.conversation.reducer import interrupt, reduce, tool_answered, user_sent
from tui_chat.protocol.codec import SERVER_FRAMES, IgnoredFrame
from tui_chat.protocol.server_frames import ChatEventData, ChatEventFrame

NOW = 1_700_000_000.0


class Feed:
    """A conversation and what flowed into it."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self.now = NOW

    def __call__(self, type_: str, **fields: Any) -> list[Change]:
        frame = SERVER_FRAMES.decode(json.dumps({"type": type_, **fields}))
        assert not isinstance(frame, IgnoredFrame), frame
        return self.apply(reduce(self.conversation, frame, self.now))

    def provider(self, type_: str, **data: Any) -> list[Change]:
        return self("chat_event", event="provider-event", data={"type": type_, **data})

    def apply(self, changes: list[Change]) -> list[Change]:
        for change in changes:
            self.conversation.apply(change)
        return changes

    def user(self, text: str, delivery: DeliveryState = DeliveryState.RECEIVED) -> None:
        self.apply(user_sent(self.conversation, text, self.now))
        self.apply([DeliveryChanged(self.conversation.next_id - 1, delivery, self.now)])

    @property
    def shown(self) -> list[tuple[str, str, str]]:
        return [(m.kind.value, m.text, m.state.value) for m in self.conversation]


@pytest.fixture
def feed() -> Feed:
    return Feed()


def test_both_shapes_of_text_flow_into_one_message(feed: Feed) -> None:
    feed("chat_event", event="content-delta", data={"delta": "Hel"})
    feed.provider("text-delta", textDelta="lo")
    assert feed.shown == [("assistant", "Hello", "streaming")]
    feed("chat_finished", uuid="u")
    assert feed.shown == [("assistant", "Hello", "complete")]
    assert not feed.conversation.running


def test_a_delta_costs_one_small_change(feed: Feed) -> None:
    feed.provider("text-delta", textDelta="a" * 1_000)
    changes = feed.provider("text-delta", textDelta="b")
    assert changes == [TextAppended(1, "b")]


@pytest.mark.parametrize(
    "data", [{}, {"delta": ""}, {"type": "text-delta"}, {"type": "unheard-of"}]
)
def test_events_without_content_change_nothing(feed: Feed, data: dict[str, Any]) -> None:
    assert feed("chat_event", event="content-delta", data=data) == []
    assert feed("chat_event", event="provider-event", data={"type": "x"}) == []
    assert feed("chat_event", event="unheard-of", data={"delta": "text"}) == []


def test_reasoning_blocks_interleave_by_id_and_end_the_text_before_them(feed: Feed) -> None:
    feed.provider("text-delta", textDelta="before")
    feed.provider("reasoning-start", id="a")
    feed.provider("reasoning-start", id="b")
    feed.provider("reasoning-delta", id="b", text="B")
    feed.provider("reasoning-delta", id="a", text="A")
    feed.now += 3
    feed.provider("reasoning-end", id="a")
    feed.provider("text-delta", textDelta="after")
    assert feed.shown == [
        ("assistant", "before", "complete"),
        ("reasoning", "A", "complete"),
        ("reasoning", "B", "streaming"),
        ("assistant", "after", "streaming"),
    ]
    assert feed.conversation[2].duration == 3


def test_a_reasoning_block_without_id_or_start(feed: Feed) -> None:
    feed.provider("reasoning-delta", text="thinking")
    feed.provider("reasoning-delta", id="reasoning", text=" more")
    feed.provider("reasoning-end")
    assert feed.shown == [("reasoning", "thinking more", "complete")]


def test_a_server_tool_and_its_result(feed: Feed) -> None:
    feed.provider("text-delta", textDelta="let me look")
    feed.provider("tool-call", toolName="search", toolCallId="1", args={"q": "x"})
    feed(
        "chat_event",
        event="latitude-event",
        data={"type": "tool-result", "toolCallId": "1", "result": [1]},
    )
    # The same result under the other event is not a second one.
    assert feed.provider("tool-result", toolName="search", toolCallId="1", result=[2]) == []
    assert feed.shown[0] == ("assistant", "let me look", "complete")
    message = feed.conversation[2]
    assert message.tool is not None
    assert (message.tool.name, message.tool.arguments, message.tool.result) == (
        "search",
        {"q": "x"},
        [1],
    )
    assert message.state is MessageState.COMPLETE


def test_a_result_without_a_call_is_shown(feed: Feed) -> None:
    feed.provider("tool-result", toolName="late", toolCallId="9", result=None)
    assert feed.shown == [("tool", "", "complete")]


def test_a_client_tool_outlives_the_run_and_the_connection(feed: Feed) -> None:
    feed("tool_call_request", callId="c", toolName="clock", parameters={"zone": "UTC"})
    assert feed("tool_call_request", callId="c", toolName="clock") == []
    feed("chat_finished")
    feed.apply(interrupt(feed.conversation, NOW))
    assert feed.conversation[1].state is MessageState.STREAMING
    feed.apply(tool_answered(feed.conversation, "c", NOW + 1, result="12:00", error=None))
    message = feed.conversation[1]
    assert message.state is MessageState.COMPLETE
    assert message.tool is not None
    assert message.tool.result == "12:00"
    assert message.tool.arguments == {"zone": "UTC"}


def test_a_failed_client_tool_says_why(feed: Feed) -> None:
    feed("tool_call_request", callId="c", toolName="clock")
    feed.apply(tool_answered(feed.conversation, "c", NOW, error="no such tool"))
    message = feed.conversation[1]
    assert message.state is MessageState.FAILED
    assert message.tool is not None
    assert message.tool.error == "no such tool"
    assert tool_answered(feed.conversation, "unknown", NOW, error=None) == []


def test_an_error_ends_the_run_and_marks_what_it_cut_off(feed: Feed) -> None:
    feed.user("hi")
    feed.provider("text-delta", textDelta="half an ans")
    feed("chat_error", error={"message": "quota\x1b[31m used up"}, data={"errorCode": "QUOTA"})
    assert feed.shown == [
        ("user", "hi", "complete"),
        ("assistant", "half an ans", "interrupted"),
        ("error", "quota␛[31m used up", "complete"),
    ]
    assert feed.conversation[3].code == "QUOTA"
    assert not feed.conversation.running


def test_an_error_that_ends_nothing(feed: Feed) -> None:
    feed.user("hi")
    feed.provider("text-delta", textDelta="still")
    feed("error", error="a passing trouble")
    feed.provider("text-delta", textDelta=" here")
    assert feed.shown == [
        ("user", "hi", "complete"),
        ("assistant", "still here", "streaming"),
        ("error", "a passing trouble", "complete"),
    ]
    assert feed.conversation.running


def test_a_reply_that_was_stopped_is_marked(feed: Feed) -> None:
    """On the wire the end looks the same as any other: only the asking tells."""
    feed.user("hi")
    feed.provider("text-delta", textDelta="half an ans")
    feed.apply([StopRequested()])
    feed("chat_finished", uuid="u")
    assert feed.shown == [("user", "hi", "complete"), ("assistant", "half an ans", "stopped")]
    assert not feed.conversation.running
    # and the next run is a run like any other
    feed.user("again")
    feed.provider("text-delta", textDelta="all of it")
    feed("chat_finished", uuid="u")
    assert feed.shown[2:] == [("user", "again", "complete"), ("assistant", "all of it", "complete")]


def test_a_tool_of_the_server_is_stopped_with_the_reply(feed: Feed) -> None:
    feed.user("hi")
    feed.provider("tool-call", toolName="search", toolCallId="1", args={})
    feed.apply([StopRequested()])
    feed("chat_finished", uuid="u")
    assert [message.state.value for message in feed.conversation] == ["complete", "stopped"]


def test_a_stop_between_two_blocks_leaves_a_note(feed: Feed) -> None:
    feed.user("hi")
    feed.apply([StopRequested()])
    feed("chat_finished", uuid="u")
    assert feed.shown == [
        ("user", "hi", "complete"),
        ("system", "Stopped before there was more of a reply.", "complete"),
    ]


def test_a_stop_without_a_run_marks_nothing_later(feed: Feed) -> None:
    feed.apply([StopRequested()])
    feed.user("hi")
    feed.provider("text-delta", textDelta="yes")
    feed("chat_finished", uuid="u")
    assert feed.shown == [("user", "hi", "complete"), ("assistant", "yes", "complete")]


def test_no_frame_says_where_a_message_of_the_user_stands(feed: Feed) -> None:
    feed.user("hello", DeliveryState.WRITTEN)
    feed("thread_created", data={"providerResId": "t-1"})
    feed.provider("text-delta", textDelta="a")
    feed("messages_persisted", data={"threadId": "1", "providerResId": "2"})
    feed("chat_finished", uuid="u")
    feed.apply(interrupt(feed.conversation, NOW))
    assert feed.shown[0] == ("user", "hello", "streaming")
    assert feed.conversation.thread_id == "t-1"
    assert not feed.conversation.running


@pytest.mark.parametrize(
    ("delivery", "shown"),
    [
        (DeliveryState.QUEUED, "streaming"),
        (DeliveryState.WRITTEN, "streaming"),
        (DeliveryState.RECEIVED, "complete"),
        (DeliveryState.PERSISTED, "complete"),
        (DeliveryState.UNKNOWN, "interrupted"),
        (DeliveryState.FAILED, "failed"),
        (DeliveryState.DISCARDED, "stopped"),
    ],
)
def test_how_a_message_of_the_user_looks_follows_from_its_delivery(
    feed: Feed, delivery: DeliveryState, shown: str
) -> None:
    feed.user("hello", DeliveryState.UNKNOWN)
    feed.apply([DeliveryChanged(1, delivery, NOW + 5, "why")])
    message = feed.conversation[1]
    assert (message.state.value, message.delivery, message.note) == (shown, delivery, "why")
    assert message.finished == (None if shown == "streaming" else NOW + 5)
    assert message.persisted is (delivery is DeliveryState.PERSISTED)


def test_a_delivery_is_of_messages_of_the_user_only(feed: Feed) -> None:
    feed.provider("text-delta", textDelta="a")
    feed.apply(
        [
            DeliveryChanged(1, DeliveryState.FAILED, NOW),
            DeliveryChanged(9, DeliveryState.FAILED, NOW),
        ]
    )
    assert feed.shown == [("assistant", "a", "streaming")]


def test_a_reply_that_was_cut_off_is_completed(feed: Feed) -> None:
    feed.provider("text-delta", textDelta="half")
    feed.apply(interrupt(feed.conversation, NOW))
    feed.apply([MessageCompleted(1, "half and whole", NOW + 9), MessageCompleted(7, "", NOW)])
    assert feed.shown == [("assistant", "half and whole", "complete")]
    assert feed.conversation[1].finished == NOW + 9


def test_a_conversation_goes_on_where_it_was_left() -> None:
    first = Feed()
    first.user("hi")
    first.provider("text-delta", textDelta="yes")
    first("chat_finished", uuid="u")
    second = Feed()
    second.conversation = Conversation("t-1", [message.copy() for message in first.conversation])
    second.user("and?")
    assert second.shown == [*first.shown, ("user", "and?", "complete")]
    assert [message.id for message in second.conversation] == [1, 2, 3]


def test_a_lost_connection_marks_the_reply_and_later_text_starts_a_new_one(feed: Feed) -> None:
    feed.provider("text-delta", textDelta="half")
    feed.apply(interrupt(feed.conversation, NOW))
    feed.provider("text-delta", textDelta="new")
    assert feed.shown == [("assistant", "half", "interrupted"), ("assistant", "new", "streaming")]


def test_persisted_marks_everything_so_far(feed: Feed) -> None:
    feed.user("q")
    feed.provider("text-delta", textDelta="a")
    feed("messages_persisted", data={"threadId": "1", "providerResId": "2"})
    feed("error", error="later")
    # What the user typed is another part's business.
    assert [message.persisted for message in feed.conversation] == [False, True, False]


def test_finished_with_details_that_cannot_be_read_still_ends_the_run() -> None:
    conversation = Conversation()
    conversation.apply(RunChanged(True))
    ignored = SERVER_FRAMES.decode('{"type":"chat_finished","uuid":7}')
    assert isinstance(ignored, IgnoredFrame)
    for change in reduce(conversation, ignored.bare, NOW):
        conversation.apply(change)
    assert not conversation.running


def test_a_late_piece_of_a_run_that_has_ended_begins_no_other(feed: Feed) -> None:
    feed.user("q")
    feed.provider("text-delta", textDelta="a")
    feed("chat_finished")
    feed.provider("text-delta", textDelta="late")
    assert feed.shown[-1] == ("assistant", "late", "streaming")
    assert not feed.conversation.running


@pytest.mark.parametrize("strange", [{"a": 1}, [[[1]]], True, 1.5, -3, None, 10**300])
def test_reasoning_ids_of_any_kind(feed: Feed, strange: Any) -> None:
    nested: Any = strange
    for _ in range(900):  # as deep as the decoder lets through
        nested = [nested]
    for block in (strange, nested):
        frame = ChatEventFrame("provider-event", ChatEventData(type="reasoning-start", id=block))
        feed.apply(reduce(feed.conversation, frame, NOW))
        frame = ChatEventFrame("provider-event", ChatEventData(type="reasoning-end", id=block))
        feed.apply(reduce(feed.conversation, frame, NOW))
    assert all(state == "complete" for _, _, state in feed.shown)


def test_a_flood_of_open_blocks_ends_the_oldest(feed: Feed) -> None:
    for number in range(MAX_OPEN + 10):
        feed.provider("reasoning-start", id=f"r{number}")
    assert len(feed.conversation.streaming) == MAX_OPEN
    assert feed.conversation[1].state is MessageState.INTERRUPTED
    feed.provider("reasoning-delta", id=f"r{MAX_OPEN + 9}", text="still open")
    assert feed.conversation[MAX_OPEN + 10].text == "still open"


def test_a_thread_name_that_is_too_long_is_ignored(feed: Feed) -> None:
    assert feed("thread_created", data={"providerResId": "x" * 1_000_000}) == []
    assert feed.conversation.thread_id is None


texts = st.text(max_size=5)
ids = st.sampled_from(["a", "b", None, 3])
events = st.one_of(
    st.builds(lambda t: ("chat_event", {"event": "content-delta", "data": {"delta": t}}), texts),
    st.builds(
        lambda k, i, t: (
            "chat_event",
            {
                "event": "provider-event",
                "data": {
                    "type": k,
                    "id": i,
                    "text": t,
                    "textDelta": t,
                    "toolCallId": str(i),
                    "toolName": t,
                },
            },
        ),
        st.sampled_from(
            [
                "text-delta",
                "reasoning-start",
                "reasoning-delta",
                "reasoning-end",
                "tool-call",
                "tool-result",
            ]
        ),
        ids,
        texts,
    ),
    st.builds(lambda i, t: ("tool_call_request", {"callId": str(i), "toolName": t}), ids, texts),
    st.sampled_from(
        [
            ("chat_finished", {}),
            ("chat_error", {"error": "x"}),
            ("messages_persisted", {}),
            ("thread_created", {"data": {"providerResId": "t"}}),
        ]
    ),
)


@given(st.lists(st.one_of(events, st.sampled_from(["user", "lost"])), max_size=40))
def test_a_reader_that_applies_the_same_changes_sees_the_same(steps: list[Any]) -> None:
    """Whatever happens: ids rise, texts equal their deltas, and a mirror stays equal."""
    feed, mirror = Feed(), Conversation()
    for step in steps:
        before = len(feed.conversation)
        if step == "user":
            changes = user_sent(feed.conversation, "u", NOW)
        elif step == "lost":
            changes = interrupt(feed.conversation, NOW)
        else:
            frame = SERVER_FRAMES.decode(json.dumps({"type": step[0], **step[1]}))
            assert not isinstance(frame, IgnoredFrame)
            changes = reduce(feed.conversation, frame, NOW)
        # Reducing is pure: nothing has happened yet.
        assert len(feed.conversation) == before
        for change in changes:
            mirror.apply(
                MessageAdded(change.message.copy()) if isinstance(change, MessageAdded) else change
            )
        feed.apply(changes)
    ids_seen = [message.id for message in feed.conversation]
    assert ids_seen == sorted(set(ids_seen))
    assert list(mirror) == list(feed.conversation)
    assert (mirror.running, mirror.thread_id) == (
        feed.conversation.running,
        feed.conversation.thread_id,
    )
    open_texts = [m for m in feed.conversation.streaming if m.kind is MessageKind.ASSISTANT]
    assert len(open_texts) <= 1
