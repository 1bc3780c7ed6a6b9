"""Heads, feet and tool lines: who speaks and how it went, in words."""

from __future__ import annotations

from typing import Any

import pytest

from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.intake import Intake
from tui_chat.app.transcript.marks import ASCII, UNICODE, Marks
from tui_chat.app.transcript.tool_line import compact_json, duration
from tui_chat.conversation.model import Message, MessageKind, MessageState, ToolCall


def entry(kind: MessageKind, text: str = "", **fields: Any) -> Entry:
    before = fields.pop("before", None)
    marks: Marks = fields.pop("marks", UNICODE)
    return Entry(Message(1, kind, 100.0, [text] if text else [], **fields), before, marks)


def rows(shown: Entry, width: int = 60, now: float = 104.0) -> list[str]:
    shown.open(width, now)
    found = []
    for number in range(len(shown.pieces or ())):
        for row in shown.rows(number):
            parts = row.parts
            text = row.line.text[row.start : row.end] if parts is None else ""
            found.append("".join(part for part, _ in (*row.prefix, *(parts or ()))) + text)
    return found


def test_what_the_user_wrote_is_shown_as_it_is() -> None:
    assert rows(entry(MessageKind.USER, "# *not* a heading\n\n  - [x]\tend")) == [
        "▌ You",
        "▌ # *not* a heading",
        "▌ ",
        "▌   - [x] end",
    ]


def test_the_assistant_is_named_once_a_turn() -> None:
    first = entry(MessageKind.ASSISTANT, "One.")
    second = entry(MessageKind.ASSISTANT, "Two.", before=first)
    assert rows(first) == ["● Assistant", "  One."]
    assert rows(second) == ["", "  Two."]


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        (MessageKind.ASSISTANT, MessageState.INTERRUPTED, "■ Interrupted"),
        (MessageKind.ASSISTANT, MessageState.FAILED, "✗ Failed"),
        (MessageKind.USER, MessageState.FAILED, "✗ Failed"),
        (MessageKind.REASONING, MessageState.INTERRUPTED, "interrupted"),
        (MessageKind.REASONING, MessageState.FAILED, "failed"),
        (MessageKind.ASSISTANT, MessageState.STOPPED, "■ Stopped."),
        (MessageKind.REASONING, MessageState.STOPPED, "stopped"),
    ],
)
def test_what_went_wrong_is_said_in_words(
    kind: MessageKind, state: MessageState, words: str
) -> None:
    assert words in "\n".join(rows(entry(kind, "text", state=state, finished=103.0)))


def test_reasoning_says_how_long_it_took() -> None:
    thinking = entry(MessageKind.REASONING, "Hm.", state=MessageState.STREAMING)
    assert rows(thinking) == ["● Assistant", "  ✻ Thinking… 4 s ▾", "  │ Hm."]
    thinking.finish(MessageState.COMPLETE, 103.0)
    assert rows(thinking) == ["● Assistant", "  ✻ Thought for 3 s ▸"]


def test_system_and_error_messages_are_named() -> None:
    assert rows(entry(MessageKind.SYSTEM, "Connected.\nAgain.")) == [
        "◆ Notice Connected.",
        "         Again.",
    ]
    assert rows(entry(MessageKind.ERROR, "Busy.", code="SERVER_BUSY")) == [
        "✗ Error · SERVER_BUSY",
        "▌ Busy.",
    ]
    assert rows(entry(MessageKind.ERROR, "Busy.", marks=ASCII)) == ["x Error", "| Busy."]


def tool(state: MessageState = MessageState.COMPLETE, **fields: Any) -> list[str]:
    call = ToolCall("1", fields.pop("name", "get_time"), "client", **fields)
    finished = None if state is MessageState.STREAMING else 101.5
    shown = entry(MessageKind.TOOL, state=state, tool=call, finished=finished)
    return rows(shown, width=100)[1:]


def test_a_tool_call_says_where_it_ran_and_how_it_went() -> None:
    assert tool(arguments={"zone": "UTC"}, result=[1, None, True]) == [
        '  ✓ get_time · done · 2 s · client tool ▸ {"zone": "UTC"} → [1, null, true]'
    ]
    assert tool(MessageState.FAILED, arguments={"zone": "?"}, error="no such\nzone") == [
        "  ✗ get_time · failed · 2 s · client tool ▸ no such zone"
    ]
    assert tool(MessageState.STREAMING) == ["  ◌ get_time · running · 4 s · client tool"]
    assert "interrupted" in tool(MessageState.INTERRUPTED)[0]
    assert "■ get_time · stopped" in tool(MessageState.STOPPED)[0]


def test_a_tools_data_takes_one_row_whatever_it_holds() -> None:
    shown = tool(name="a\x1b]0;x\x07\nb", arguments={"x": "\x1b[31m" + "y" * 100_000})
    assert len(shown) == 1
    assert len(shown[0]) == 100
    assert "\x1b" not in shown[0]
    assert shown[0].endswith("…")


def test_how_a_tool_call_went_is_seen_in_a_narrow_terminal() -> None:
    call = ToolCall("1", "n" * 500, "client", arguments={"x": 1})
    shown = entry(MessageKind.TOOL, state=MessageState.INTERRUPTED, tool=call, finished=101.5)
    assert "… · interrupted · 2 s" in rows(shown, width=60)[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None]}, '{"a": [1, 2.5, null]}'),
        ("\x1b\n", '"\\u001b\\n"'),
        ([[[[[[[[1]]]]]]]], "[[[[[[…]]]]]]"),
        (object(), '"object"'),
        (float("nan"), "NaN"),
    ],
)
def test_compact_json(value: object, text: str) -> None:
    assert compact_json(value) == text


def test_compact_json_of_a_number_too_long_for_python_to_write() -> None:
    assert compact_json([10**5000]) == "[…]"


def test_compact_json_of_megabytes_is_short() -> None:
    assert len(compact_json([{"k" * 1000: "v" * 1000}] * 100_000)) <= 400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.24, "0.2 s"),
        (3.0, "3 s"),
        (59.9, "1 min"),
        (125.0, "2 min 5 s"),
        (3725.0, "1 h 2 min"),
        (float("nan"), "0 s"),
        (-5.0, "0 s"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_entry_that_was_forgotten_looks_the_same_again() -> None:
    shown = entry(MessageKind.ASSISTANT, "# A\n\n" + "text *more* text\n\n" * 300)
    before = rows(shown)
    shown.forget()
    assert shown.pieces is None
    assert rows(shown) == before


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["a\r", "\nb"], "a\nb"),
        (["a\r", "b"], "a\nb"),
        (["a\r"], "a\n"),
        (["\x1b", "[31mx"], "␛[31mx"),
        (["\ud83d", "\ude00"], "😀"),
        (["\ud83d", "x"], "<U+D83D>x"),
        (["x\ude00"], "x<U+DE00>"),
    ],
)
def test_what_deltas_cut_apart_is_cleaned_as_a_whole(parts: list[str], text: str) -> None:
    intake = Intake()
    assert "".join(map(intake.feed, parts)) + intake.finish() == text
