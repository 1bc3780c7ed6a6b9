"""Threads, and what a run leaves in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tui_chat.clock import SystemClock
from tui_chat.protocol.codec import encode
from tui_chat.server.agent import (
    AgentEvent,
    DropConnection,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ServerToolCall,
    ServerToolResult,
    Text,
)
from tui_chat.server.narration import Narration, TextShape
from tui_chat.server.threads import (
    TITLE_LENGTH,
    StoredMessage,
    ThreadChange,
    ThreadLimits,
    ThreadStore,
    ToolData,
)

NOW = "2026-01-15T11:30:00.000Z"


def message(number: int, role: str = "user", content: str = "") -> StoredMessage:
    return StoredMessage(str(number), role, content or f"message {number}", NOW)


@pytest.fixture
def store() -> ThreadStore:
    return ThreadStore(SystemClock())


def test_users_do_not_see_each_others_threads(store: ThreadStore) -> None:
    thread = store.open("ann")
    assert store.find("ann", thread.provider_res_id) is thread
    assert store.find("bob", thread.provider_res_id) is None
    assert store.list("bob") == []
    assert store.latest("bob") is None


def test_the_thread_that_changed_last_comes_first(store: ThreadStore) -> None:
    first, second = store.open("ann"), store.open("ann")
    assert store.list("ann") == [second, first]
    store.append(first, [message(1)])
    assert store.list("ann") == [first, second]
    assert store.latest("ann") is first
    assert store.list("ann", limit=1) == [first]


def test_threads_are_found_by_entity_and_metadata(store: ThreadStore) -> None:
    brand = store.open("ann", entity_id="7", entity_type="BRAND")
    account = store.open("ann", entity_id="7", entity_type="ACCOUNT")
    assert store.latest("ann", entity_id="7") is account
    assert store.latest("ann", entity_id="7", entity_type="BRAND") is brand
    assert store.latest("ann", entity_id="8") is None
    store.change(brand, ThreadChange(metadata={"a": 1, "b": None}))
    assert store.latest("ann", metadata={"a": 1}) is brand
    assert store.latest("ann", metadata={"b": None}) is brand
    assert store.latest("ann", metadata={"c": None}) is None


def test_the_first_question_is_the_title(store: ThreadStore) -> None:
    thread = store.open("ann")
    store.append(thread, [message(1, content="  What\nis   this? " + "x" * 100), message(2)])
    assert thread.title is not None
    assert thread.title.startswith("What is this? xxx")
    assert len(thread.title) == TITLE_LENGTH


def test_a_change_sets_clears_and_leaves_alone(store: ThreadStore) -> None:
    thread = store.open("ann", entity_id="7")
    store.change(thread, ThreadChange(title="One", tag="t"))
    store.change(
        thread, msgspec.json.decode(b'{"tag": null, "entityType": "USER"}', type=ThreadChange)
    )
    assert (thread.title, thread.tag, thread.entity_id, thread.entity_type) == (
        "One",
        None,
        "7",
        "USER",
    )


def test_pages_go_backwards_from_the_end(store: ThreadStore) -> None:
    thread = store.open("ann")
    store.append(thread, [message(number) for number in range(10)])

    def ids(before: str | None, limit: int | None) -> list[int]:
        return [int(found.id) for found in thread.page(before=before, limit=limit)]

    assert ids(None, None) == list(range(10))
    assert ids(None, 3) == [7, 8, 9]
    assert ids("7", 3) == [4, 5, 6]
    assert ids("1", 3) == [0]
    assert ids("0", 3) == []
    assert ids("no such message", 3) == []


def test_threads_and_messages_are_bounded() -> None:
    store = ThreadStore(SystemClock(), ThreadLimits(threads=3, messages=20))
    threads = [store.open("ann") for _ in range(3)]
    store.append(threads[0], [message(1)])
    store.open("ann")
    assert store.find("ann", threads[1].provider_res_id) is None
    assert store.find("ann", threads[0].provider_res_id) is threads[0]
    store.append(threads[0], [message(number) for number in range(25)])
    assert len(threads[0].messages) == 20
    assert threads[0].messages[-1].id == "24"


def test_what_a_thread_holds_is_bounded() -> None:
    store = ThreadStore(SystemClock(), ThreadLimits(chars=100))
    thread = store.open("ann")
    store.append(thread, [message(number, content="x" * 40) for number in range(5)])
    assert [found.id for found in thread.messages] == ["3", "4"]
    store.append(thread, [message(5, content="x" * 1000)])
    assert [found.id for found in thread.messages] == ["5"]
    assert thread.chars == 1000
    # What hangs on a message counts as well.
    heavy = StoredMessage(
        "6", "tooling", "", NOW, media=["u" * 30], tool_data=ToolData("t", "c", result="r" * 60)
    )
    store.append(thread, [message(6, content="x"), heavy, message(7, content="x" * 10)])
    assert [found.id for found in thread.messages] == ["7"]
    assert thread.chars == sum(thread.weights) == 10


def test_all_a_user_keeps_is_bounded() -> None:
    store = ThreadStore(SystemClock(), ThreadLimits(chars_per_user=100))
    first, second = store.open("ann"), store.open("ann")
    theirs = store.open("bob")
    store.append(theirs, [message(1, content="x" * 90)])
    store.append(first, [message(1, content="x" * 60)])
    assert store.find("ann", second.provider_res_id) is second
    store.append(second, [message(2, content="x" * 60)])
    assert store.find("ann", first.provider_res_id) is None
    assert store.find("ann", second.provider_res_id) is second
    assert store.find("bob", theirs.provider_res_id) is theirs


def test_a_result_that_is_not_json_does_not_spoil_the_history(store: ThreadStore) -> None:
    thread = store.open("ann")
    tool = ToolData("t", "c", result=object())
    store.append(thread, [StoredMessage("1", "tooling", "", NOW, tool_data=tool)])
    msgspec.json.encode(thread.page(before=None, limit=None))
    assert thread.messages[0].tool_data is UNSET


# -- narration ------------------------------------------------------------------------------------


def tell(shape: TextShape, events: Iterable[AgentEvent]) -> tuple[list[Any], list[StoredMessage]]:
    narration = Narration(shape, lambda: NOW)
    frames = [narration.frame(event) for event in events]
    assert all(frame is not None for frame in frames)
    decoded = [msgspec.json.decode(encode(frame)) for frame in frames if frame is not None]
    return decoded, narration.stored()


def test_text_has_two_shapes() -> None:
    frames, stored = tell("content-delta", [Text("Hel"), Text("lo")])
    assert frames == [
        {"type": "chat_event", "event": "content-delta", "data": {"delta": "Hel"}},
        {"type": "chat_event", "event": "content-delta", "data": {"delta": "lo"}},
    ]
    assert [(found.role, found.content) for found in stored] == [("assistant", "Hello")]
    frames, stored = tell("provider-event", [Text("Hello")])
    assert frames == [
        {
            "type": "chat_event",
            "event": "provider-event",
            "data": {"type": "text-delta", "textDelta": "Hello"},
        }
    ]
    assert [(found.role, found.content) for found in stored] == [("assistant", "Hello")]


def test_results_of_server_tools_have_two_shapes() -> None:
    events: list[AgentEvent] = [
        ServerToolCall("look", "c1", {"at": 1}),
        ServerToolResult("look", "c1", None),
    ]
    expected = {"type": "tool-result", "toolName": "look", "toolCallId": "c1", "result": None}
    frames, stored = tell("content-delta", events)
    assert frames[0]["event"] == "provider-event"
    assert frames[0]["data"] == {
        "type": "tool-call",
        "toolName": "look",
        "toolCallId": "c1",
        "args": {"at": 1},
    }
    assert (frames[1]["event"], frames[1]["data"]) == ("latitude-event", expected)
    frames, stored = tell("provider-event", events)
    assert (frames[1]["event"], frames[1]["data"]) == ("provider-event", expected)
    assert msgspec.to_builtins(stored[0])["toolData"] == {
        "toolName": "look",
        "callId": "c1",
        "parameters": {"at": 1},
        "result": None,
        "status": "completed",
    }


def test_reasoning_and_tools_end_a_block_of_text() -> None:
    _, stored = tell(
        "content-delta",
        [
            Text("a"),
            ReasoningStart("r1"),
            ReasoningStart("r2"),
            ReasoningDelta("one ", "r1"),
            ReasoningDelta("two", "r2"),
            ReasoningDelta("more", "r1"),
            ReasoningEnd("r1"),
            ReasoningEnd("r2"),
            Text("b"),
            ServerToolCall("look", "c1"),
            Text("c"),
            Text("d"),
        ],
    )
    assert [(found.role, found.content) for found in stored] == [
        ("assistant", "a"),
        ("reasoning", "one more"),
        ("reasoning", "two"),
        ("assistant", "b"),
        ("tooling", ""),
        ("assistant", "cd"),
    ]
    assert len({found.id for found in stored}) == 6


def test_what_concerns_the_server_only_has_no_frame() -> None:
    assert Narration("content-delta", lambda: NOW).frame(DropConnection()) is None


def test_a_result_without_a_call_is_kept() -> None:
    _, stored = tell("content-delta", [ServerToolResult("look", "c9", 5)])
    assert msgspec.to_builtins(stored[0])["toolData"]["result"] == 5
