"""Whatever a message holds and however it comes, rows fit and nothing reaches the terminal raw."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from tui_chat.app.transcript.column import Column
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.marks import UNICODE
from tui_chat.app.transcript.rows import paint
from tui_chat.conversation.model import Message, MessageKind, MessageState, ToolCall
from tui_chat.text import is_clean

FRAGMENTS = st.sampled_from(
    ["\n", "\n\n", "\r", "\r\n", "\t", " ", "  ", "    ", "- ", "* ", "1. ", "12) ", "> ", "# ",
     "```", "```py\n", "~~~", "`", "**", "_", "~~", "|", "|-|-|", ":-:", "---", "===", "***",
     "[", "](", ")", "[a]: b", "![", "<b>", "&#x202e;", "&#10;", "\\", "[ ] ", "[x] ",
     "\x1b[31m", "\x1b]8;;http://x\x07", "\x9b", "\u202e", "\u2028", "\x85", "\ud83d", "\ude00",
     "日本語", "👩‍👩‍👧‍👦", "🇩🇪", "e\u0301", "\u200d", "\ufe0f", "#\ufe0f\u20e3", "\u3000", "\xad",
     "word", "averyveryverylongwordthatdoesnotfit", "x = 1  # c\n", '"""', "/*"]
)  # fmt: skip
TEXT = st.lists(
    st.one_of(FRAGMENTS, FRAGMENTS, st.text(max_size=12), st.text(st.characters(), max_size=3)),
    max_size=40,
).map("".join)
KINDS = st.sampled_from(MessageKind)
STATES = st.sampled_from(MessageState)
STYLE = Style()


def strips(entries: list[Entry], width: int, height: int) -> list[str]:
    """Paint every row of the column, window by window, as the widget would."""
    column = Column(now=lambda: 5.0)
    column.resize(width, height)
    column.replace(entries)
    column.to_end()
    column.to_start()
    shown: list[str] = []
    while True:
        for y in range(height):
            row = column.row(y)
            if row is not None:
                strip = paint(row, width + 2, 1, lambda _: STYLE)
                assert strip.cell_length == width + 2
                shown.append(strip.text)
        if column.follow or column.top >= column.end:
            return shown
        column.scroll(column.top + height)


@given(
    messages=st.lists(st.tuples(KINDS, STATES, TEXT), min_size=1, max_size=4),
    width=st.integers(1, 60),
    height=st.integers(1, 12),
)
def test_every_row_fits_and_is_clean(
    messages: list[tuple[MessageKind, MessageState, str]], width: int, height: int
) -> None:
    entries: list[Entry] = []
    for number, (kind, state, text) in enumerate(messages):
        tool = ToolCall("1", text, "server", {"a": text}, [text], text[:5] or None)
        message = Message(number, kind, 1.0, [text], state=state, tool=tool, code=text)
        entries.append(Entry(message, entries[-1] if entries else None, UNICODE))
    for text in strips(entries, width, height):
        assert is_clean(text)
        assert not re.search(r"[\n\t]", text)
        assert [char for char in text if unicodedata.category(char) in ("Cc", "Cs")] == []


def rows(entry: Entry, width: int) -> list[str]:
    entry.open(width, 0.0)
    found = []
    for number in range(len(entry.pieces or ())):
        for row in entry.rows(number):
            text = "".join(part for part, _ in (*row.prefix, *(row.parts or ())))
            found.append(text + row.line.text[row.start : row.end] + row.line.base)
    return found


@given(text=TEXT, data=st.data(), width=st.integers(10, 60))
def test_a_stream_ends_as_what_it_would_be_in_one_piece(
    text: str, data: st.DataObject, width: int
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6).map(sorted))
    streamed = Message(1, MessageKind.ASSISTANT, 0.0, state=MessageState.STREAMING)
    entry = Entry(streamed, None, UNICODE)
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        entry.append(text[start:end])
        rows(entry, width)
    entry.finish(MessageState.COMPLETE, 1.0)
    whole = Entry(Message(1, MessageKind.ASSISTANT, 0.0, [text]), None, UNICODE)
    assert rows(entry, width) == rows(whole, width)


@given(text=TEXT)
def test_no_letter_is_lost_in_what_the_user_wrote(text: str) -> None:
    entry = Entry(Message(1, MessageKind.USER, 0.0, [text]), None, UNICODE)
    letters = "".join(char for char in text if char.isalnum() and char.isascii())
    entry.open(30, 0.0)
    shown = "".join(
        row.line.text[row.start : row.end]
        for number in range(1, len(entry.pieces or ()))
        for row in entry.rows(number)
    )
    shown = re.sub(r"<U\+[0-9A-F]+>", "", shown)
    assert [char for char in shown if char.isalnum() and char.isascii()] == list(letters)
