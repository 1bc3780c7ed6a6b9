"""Folding: what is one line, what it opens into, and that folding moves nobody who reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from tests.unit.test_transcript_entry import entry, rows
from tests.unit.test_transcript_widget import Screen, many, reply, user
from tui_chat.app.transcript.copying import code_blocks, message_text
from tui_chat.app.transcript.folding import tool_pieces
from tui_chat.app.transcript.json_text import DEPTH, LIMIT, formatted_json
from tui_chat.conversation.model import (
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


def thought(number: int, text: str = "", *, streaming: bool = False) -> Message:
    state = MessageState.STREAMING if streaming else MessageState.COMPLETE
    finished = None if streaming else 3.0
    return Message(number, MessageKind.REASONING, 1.0, [text or "Hm."], state, finished)


def tool(number: int, **fields: Any) -> Message:
    call = ToolCall(f"c{number}", f"tool{number}", "server", **fields)
    return Message(number, MessageKind.TOOL, 1.0, [], finished=2.0, tool=call)


def mixed(count: int, seed: int = 5) -> list[Message]:
    """Reasoning, tool calls and replies, of many heights."""
    random = Random(seed)
    found: list[Message] = []
    for number in range(1, count + 1):
        lines = "\n\n".join(f"m{number} line {at}" for at in range(random.randint(1, 12)))
        match random.randrange(4):
            case 0:
                found.append(thought(number, lines))
            case 1:
                found.append(tool(number, arguments={"n": number}, result=lines.split("\n")))
            case 2:
                found.append(user(number, lines))
            case _:
                found.append(reply(number, lines))
    return found


# -- JSON for people ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": [True, None, 2.5, "x\n\u001b"], "c": {}, "d": [], "e": {"f": "ü"}},
        [],
        {},
        "text",
        [[[]]],
    ],
)
def test_formatted_json_is_what_the_library_makes_of_it(value: object) -> None:
    expected = json.dumps(value, indent=2, ensure_ascii=False)
    assert formatted_json(value) == (expected, True)


@pytest.mark.parametrize(
    "value",
    [
        ["word"] * 1_000_000,
        {str(number): number for number in range(200_000)},
        "x" * 5_000_000,
        {"k" * 5_000_000: 1},
        {"a": ["y" * 1_000_000] * 1_000},
    ],
)
def test_no_more_is_formatted_than_can_be_looked_at(value: object) -> None:
    text, whole = formatted_json(value)
    assert not whole
    assert len(text) < LIMIT + 200


def test_formatted_json_is_not_led_astray() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    text, whole = formatted_json(deep)
    assert not whole
    assert text.count("[") == DEPTH + 1
    assert formatted_json(10**5_000) == ("…", False)
    assert formatted_json(object()) == ('"object"', True)


# -- one message ----------------------------------------------------------------------------------


def test_an_opened_tool_call_shows_what_went_in_and_what_came_out() -> None:
    call = ToolCall("1", "look", "client", arguments={"zone": "UTC"}, result=[1, "a\x1b[2J"])
    shown = entry(MessageKind.TOOL, tool=call, finished=101.5)
    shown.fold = False
    assert rows(shown)[1:] == [
        "  ✓ look · done · 2 s · client tool ▾",
        "    Arguments",
        "    │ {",
        '    │   "zone": "UTC"',
        "    │ }",
        "    Result",
        "    │ [",
        "    │   1,",
        '    │   "a\\u001b[2J"',
        "    │ ]",
    ]


def test_an_opened_tool_call_that_failed_shows_all_of_the_error() -> None:
    call = ToolCall("1", "look", "client", error="no\nsuch \x1b]0;zone\u202e")
    shown = entry(MessageKind.TOOL, tool=call, state=MessageState.FAILED, finished=101.5)
    shown.fold = False
    assert rows(shown)[2:5] == ["    Error", "    no", "    such ␛]0;zone<U+202E>"]


def test_results_of_megabytes_are_cut_into_pieces_that_are_made_when_seen() -> None:
    call = ToolCall("1", "look", "server", result={"a": ["z" * 300] * 20_000, "b": "w" * 10**6})
    pieces = list(tool_pieces(call))
    assert all(len(piece.source) <= 5_000 for piece in pieces)
    assert sum(len(piece.source) for piece in pieces) < LIMIT + 1_000
    shown = entry(MessageKind.TOOL, tool=call, finished=101.5)
    shown.fold = False
    shown.open(60, 104.0)
    made = [piece for piece in shown.pieces or () if piece.lines is not None]
    assert len(made) <= 3, "the head and the labels"
    assert "There is more than can be shown here." in rows(shown, width=100)[-1]


def test_a_line_of_a_result_that_was_cut_is_copied_whole() -> None:
    call = ToolCall("1", "look", "server", result="ab" * 10_000)
    shown = entry(MessageKind.TOOL, tool=call, finished=101.5)
    assert message_text(shown) == "Result\n" + json.dumps("ab" * 10_000)


def test_the_result_of_an_open_tool_call_appears_when_it_comes() -> None:
    call = ToolCall("1", "look", "server", arguments={"a": 1})
    shown = entry(MessageKind.TOOL, tool=call, state=MessageState.STREAMING)
    shown.fold = False
    assert "    Result" not in rows(shown)
    done = ToolCall("1", "look", "server", arguments={"a": 1}, result="found")
    shown.take(ToolUpdated(1, done, MessageState.COMPLETE, 103.0))
    assert rows(shown)[-2:] == ["    Result", '    │ "found"']


def test_what_hides_nothing_cannot_be_opened() -> None:
    for empty in (
        entry(MessageKind.TOOL, tool=ToolCall("1", "look", "server", arguments={})),
        entry(MessageKind.REASONING, ""),
        entry(MessageKind.ASSISTANT, "text"),
        entry(MessageKind.USER, "text"),
    ):
        assert not empty.foldable
        assert not {"▸", "▾"} & set("".join(rows(empty)))


def test_a_folded_message_is_copied_whole() -> None:
    shown = entry(MessageKind.REASONING, "One.\n\n```py\nx = 1\n```", finished=103.0)
    assert rows(shown) == ["● Assistant", "  ✻ Thought for 3 s ▸"]
    assert message_text(shown) == "One.\n\nx = 1"
    assert [block.text for block in code_blocks(shown)] == ["x = 1"]
    assert rows(shown) == ["● Assistant", "  ✻ Thought for 3 s ▸"], "and stays folded"


def test_reasoning_the_user_folded_stays_folded_while_it_streams() -> None:
    shown = entry(MessageKind.REASONING, "One.", state=MessageState.STREAMING)
    assert rows(shown)[1:] == ["  ✻ Thinking… 4 s ▾", "  │ One."]
    shown.fold = True
    shown.append(" Two.")
    assert rows(shown)[1:] == ["  ✻ Thinking… 4 s ▸"]
    shown.fold = False
    assert rows(shown)[1:] == ["  ✻ Thinking… 4 s ▾", "  │ One. Two."]
    shown.append(" Three.")
    assert rows(shown)[-1] == "  │ One. Two. Three."
    shown.finish(MessageState.COMPLETE, 105.0)
    assert rows(shown)[1:] == ["  ✻ Thought for 5 s ▾", "  │ One. Two. Three."]


def test_the_estimate_of_a_folded_message_is_its_height() -> None:
    for before in (None, entry(MessageKind.USER, "x"), entry(MessageKind.TOOL)):
        call = ToolCall("1", "look", "server", result="x" * 9_000)
        for shown in (
            entry(MessageKind.REASONING, "x\n" * 99, before=before),
            entry(MessageKind.TOOL, tool=call, before=before),
        ):
            assert shown.estimate(40) == len(rows(shown, width=40))


# -- in the transcript ----------------------------------------------------------------------------


async def test_reasoning_is_open_while_it_streams_and_folds_when_it_is_done() -> None:
    app = Screen([user(1)], now=1.0)
    async with app.run_test(size=(50, 12)):
        app.apply(MessageAdded(thought(2, "One.", streaming=True)))
        app.apply(TextAppended(2, "\n\nTwo."))
        assert app.rows()[4:8] == ["   ✻ Thinking… ▾", "   │ One.", "   │", "   │ Two."]
        app.apply(MessageFinished(2, MessageState.COMPLETE, 13.0))
        assert app.rows()[4:7] == ["   ✻ Thought for 12 s ▸", "", ""]


@pytest.mark.parametrize("above", [True, False])
async def test_reasoning_that_is_done_moves_nothing_for_who_scrolled_away(above: bool) -> None:
    long = "\n\n".join(f"step {number}" for number in range(30))
    messages = [thought(1, long, streaming=True), *many(60)[1:]]
    app = Screen(messages if above else [*messages[1:], thought(99, long, streaming=True)])
    async with app.run_test(size=(50, 12)):
        app.transcript.scroll_relative(y=-70)
        before, total = app.rows(), app.transcript.virtual_size.height
        app.apply(MessageFinished(1 if above else 99, MessageState.COMPLETE, 2.0))
        assert app.rows() == before
        assert app.transcript.virtual_size.height < total, "it did fold"


async def test_reasoning_that_is_being_read_stays_open_until_the_reader_has_gone_on() -> None:
    long = "\n\n".join(f"step {number}" for number in range(30))
    app = Screen([*many(20), thought(99, long, streaming=True), user(100, "next")])
    async with app.run_test(size=(50, 12)):
        shown = app.transcript
        shown.scroll_relative(y=-20)
        before = app.rows()
        assert any("step" in row for row in before)
        app.apply(MessageFinished(99, MessageState.COMPLETE, 2.0))
        assert app.rows() == before
        shown.scroll_relative(y=-3)
        assert any("step" in row for row in app.rows()), "still in view"
        shown.scroll_home()
        assert shown.find(99).folded  # type: ignore[union-attr]
        shown.scroll_end()
        assert "   ✻ Thought for 1 s ▸" in app.rows()
        assert not any("step" in row for row in app.rows())


async def test_going_to_the_end_folds_what_was_kept_open() -> None:
    app = Screen([*many(20), thought(99, "step\n\n" * 9, streaming=True)])
    async with app.run_test(size=(50, 12)):
        app.transcript.scroll_relative(y=-4)
        app.apply(MessageFinished(99, MessageState.COMPLETE, 2.0))
        assert any("step" in row for row in app.rows())
        app.transcript.scroll_end()
        assert not any("step" in row for row in app.rows())
        assert app.transcript.follow


async def test_a_click_on_the_first_line_opens_and_folds() -> None:
    app = Screen([user(1), thought(2, "Because."), reply(3, "So.")])
    async with app.run_test(size=(50, 14)) as pilot:
        row = app.rows().index("   ✻ Thought for 2 s ▸")
        await pilot.click(app.transcript, offset=(8, row))
        await pilot.pause()
        assert app.rows()[row : row + 2] == ["   ✻ Thought for 2 s ▾", "   │ Because."]
        await pilot.click(app.transcript, offset=(8, row + 1))
        await pilot.pause(0.6)  # a second click within half a second would be a double click
        assert app.rows()[row + 1] == "   │ Because.", "the text is for selecting"
        await pilot.click(app.transcript, offset=(8, row))
        await pilot.pause()
        assert app.rows()[row : row + 2] == ["   ✻ Thought for 2 s ▸", ""]


@pytest.mark.parametrize("seed", range(8))
async def test_the_first_line_of_what_is_folded_or_opened_stays_in_its_place(seed: int) -> None:
    random = Random(seed)
    app = Screen(mixed(80, seed))
    async with app.run_test(size=(50, 15)):
        shown = app.transcript
        column = shown._column
        for _ in range(40):
            shown.scroll_to(y=random.randint(0, int(shown.max_scroll_y)))
            spots = [(y, column.spot(y)) for y in range(column.height)]
            here = [
                (y, shown.entries[spot.entry])
                for y, spot in spots
                if spot and spot.piece == 0 and shown.entries[spot.entry].foldable
            ]
            if not here:
                continue
            y, chosen = random.choice(here)
            first = column.ends_at(chosen) - chosen.height - column.top
            was_open = not chosen.folded
            assert shown.toggle_fold(chosen)
            after = column.ends_at(chosen) - chosen.height - column.top
            if column.top < column.end and first >= 0:
                assert after == first, (y, was_open)
            assert_whole(app)


def assert_whole(app: Screen) -> None:
    """The column's idea of itself agrees with what its entries say."""
    column = app.transcript._column
    for entry_ in column.entries:
        height = column._index[column.number(entry_)]
        assert height == (entry_.height or entry_.estimate(column.width))
    for y in range(min(column.height, column.total)):
        assert column.row(y) is not None


async def test_all_are_folded_and_opened() -> None:
    app = Screen(mixed(300))
    async with app.run_test(size=(50, 15)):
        shown = app.transcript
        foldable = [each for each in shown.entries if each.foldable]
        tools = [each for each in foldable if each.kind is MessageKind.TOOL]
        assert shown.fold_all(folded=False) == len(foldable)
        assert not any(each.folded for each in foldable)
        assert_whole(app)
        assert shown.fold_all([MessageKind.TOOL], folded=True) == len(tools)
        assert {each.kind for each in foldable if each.folded} == {MessageKind.TOOL}
        assert_whole(app)
        assert shown.fold_all(folded=True) == len(foldable) - len(tools)
        assert shown.fold_all(folded=True) == 0
        assert_whole(app)
        assert shown.follow


async def test_folding_all_leaves_the_top_row_where_it_is() -> None:
    app = Screen(mixed(120))
    async with app.run_test(size=(50, 15)):
        shown = app.transcript
        column = shown._column
        for top in (40, 90, 140):
            shown.scroll_to(y=top)
            spot = column.spot(0)
            assert spot is not None
            before = shown.entries[spot.entry]
            for folded in (False, True):
                shown.fold_all(folded=folded)
                spot = column.spot(0)
                assert spot is not None
                assert shown.entries[spot.entry] is before


def opened(app: Screen, numbers: Iterable[int]) -> list[bool]:
    return [not found.folded for number in numbers if (found := app.transcript.find(number))]


async def test_what_the_user_folded_survives() -> None:
    cut = thought(2, "cut o")
    cut.state = MessageState.INTERRUPTED
    messages = [user(1), cut, tool(3, result=1), thought(4), tool(5, result=2)]
    app = Screen(messages)
    async with app.run_test(size=(50, 24)) as pilot:
        shown = app.transcript
        for number in (2, 3):
            found = shown.find(number)
            assert found is not None
            assert shown.toggle_fold(found)
        expected = [True, True, False, False]
        assert opened(app, (2, 3, 4, 5)) == expected
        before = app.rows()
        app.theme = "textual-light"
        await pilot.pause()
        assert app.rows() == before
        await pilot.resize_terminal(40, 24)
        await pilot.resize_terminal(50, 24)
        assert app.rows() == before

        app.apply(MessageCompleted(2, "cut off no more", 9.0))
        assert "   │ cut off no more" in app.rows(), "and is open still"
        app.apply(MessageFinished(4, MessageState.COMPLETE, 9.0), MessageAdded(user(6)))
        assert opened(app, (2, 3, 4, 5)) == expected

        shown.reset([*messages, user(6)])
        assert opened(app, (2, 3, 4, 5)) == expected, "after the conversation was read again"
        shown.reset([tool(2, result=1), *messages[2:]])
        assert opened(app, (2, 3)) == [False, True], "another message of the same id is another one"
