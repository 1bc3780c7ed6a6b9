"""How a stream is cut into pieces, and that the cuts do not show."""

from __future__ import annotations

import pytest

from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.lines import LineKind
from tui_chat.app.transcript.marks import UNICODE
from tui_chat.app.transcript.piece import Piece, PieceKind
from tui_chat.app.transcript.stream import BlockScanner
from tui_chat.conversation.model import Message, MessageKind, MessageState

WIDTH = 48

SAMPLE = """\
# Title

Text with **bold**, `code` and [a link](https://a.example/x).\r
Second line\\
third line \ud83d\ude00 你好 [brackets] \x1b[31mred

1. one
   - nested
     ```py
     def f(): pass

     # not a heading
     ```
2. two

~~~js title="x"
let a = `b`;  /* not
closed */

```
still code
~~~
| A | B |
|---|---|
| 1 | `2` |

> quote
lazy

Setext
======
[ref]: https://ref.example
See [ref].

````
```
````
\tcode by tab
***
last"""


def shown(entry: Entry, width: int = WIDTH) -> list[tuple[str, str]]:
    entry.open(width, 0.0)
    rows = []
    for number in range(len(entry.pieces or ())):
        for row in entry.rows(number):
            line = row.line
            prefix = "".join(text for text, _ in row.prefix)
            text = "".join(part for part, _ in row.parts or ()) or line.text[row.start : row.end]
            spans = line.spans if line.code is None else line.code.spans(line.number)
            rows.append((prefix + text, f"{line.base} {spans}"))
    return rows


def message(text: str = "", *, streaming: bool = False) -> Message:
    state = MessageState.STREAMING if streaming else MessageState.COMPLETE
    return Message(1, MessageKind.ASSISTANT, 0.0, [text] if text else [], state=state)


def at_once(text: str) -> list[tuple[str, str]]:
    return shown(Entry(message(text), None, UNICODE))


def streamed(*deltas: str, look_every: int = 1) -> list[tuple[str, str]]:
    entry = Entry(message(streaming=True), None, UNICODE)
    for number, delta in enumerate(deltas):
        entry.append(delta)
        if number % look_every == 0:
            shown(entry)
    entry.finish(MessageState.COMPLETE, 1.0)
    return shown(entry)


def pieces(text: str) -> list[Piece]:
    scanner = BlockScanner()
    scanner.feed(text)
    scanner.finish()
    return scanner.take()


def test_the_sample_shows_what_it_should() -> None:
    text = "\n".join(row for row, _ in at_once(SAMPLE))
    for part in ("│ # not a heading", "│ let a = `b`;", "│ ```", "ref (https://ref.example)", "😀",
                 "␛[31mred", "▎ quote lazy", "╭ js"):  # fmt: skip
        assert part in text
    assert "\r" not in text


@pytest.mark.parametrize("at", range(len(SAMPLE) + 1))
def test_cut_anywhere_it_looks_as_in_one_piece(at: int) -> None:
    assert streamed(SAMPLE[:at], SAMPLE[at:]) == at_once(SAMPLE)


def test_character_by_character_it_looks_as_in_one_piece() -> None:
    assert streamed(*SAMPLE, look_every=5) == at_once(SAMPLE)


def long_documents() -> list[str]:
    return [
        "word *and* more words. " * 900,
        "x" * 20_000,
        "日本語テキスト" * 2_000,
        "- item *one*\n" * 900,
        "1. item\n" * 900,
        "- " + "long item text " * 900,
        "- item\n" + "  more of it\n" * 1_500,
        "- item\n  ```py\n" + "  x = 1\n" * 2_500 + "  ```\n- next",
        "> quote\n>\n" * 900,
        "| a | b |\n|---|--:|\n" + "| one | two |\n" * 700,
        "```py\n" + 'text = """\n' + "still a string\n" * 300 + '"""\nx = 1\n```\nend',
        "```\n" + "x" * 30_000 + "\n```",
        "para\n\n" * 900,
        "    code\n\n" * 900,
    ]


@pytest.mark.parametrize("document", long_documents())
def test_long_documents_look_the_same_however_they_come(document: str) -> None:
    size = 997
    deltas = [document[at : at + size] for at in range(0, len(document), size)]
    assert streamed(*deltas, look_every=7) == at_once(document)


@pytest.mark.parametrize("document", long_documents())
def test_no_piece_is_large(document: str) -> None:
    assert max(len(piece.source) for piece in pieces(document)) <= 3 * 4096


def test_what_follows_an_open_fence_is_never_parsed() -> None:
    found = pieces("```py\n" + "# x\n\n- y\n" * 100)
    assert {piece.kind for piece in found} == {PieceKind.CODE}
    assert [piece.opens for piece in found] == [True] + [False] * (len(found) - 1)


def test_a_long_numbered_list_goes_on_counting() -> None:
    rows = [row for row, _ in at_once("1. item\n" * 900)]
    assert rows[-1].strip() == "900. item"
    assert "" not in [row.strip() for row in rows]


def test_a_long_table_keeps_its_columns_and_shows_its_head_once() -> None:
    rows = [row for row, _ in at_once("| head | b |\n|---|---|\n" + "| one | two |\n" * 700)]
    assert sum("head" in row for row in rows) == 1
    assert {row.index("│") for row in rows if "one" in row} == {rows[1].index("│")}
    assert sum("one" in row for row in rows) == 700


def test_a_string_that_goes_on_in_the_next_piece_is_still_one() -> None:
    entry = Entry(message('```py\ntext = """\n' + "word\n" * 70 + '"""\n```'), None, UNICODE)
    shown(entry)
    lines = [
        line
        for piece in entry.pieces or ()
        for line in piece.lines or ()
        if line.kind is LineKind.CODE and line.text == "word"
    ]
    styles = [[span.style for span in line.code.spans(line.number)] for line in lines if line.code]
    assert styles == [["code-string"]] * 70


def test_while_a_block_grows_its_colours_are_those_it_will_have() -> None:
    code = 'def f(x):  # c\n    """Doc\n    more\n    """\n    return "s" + 1\n\n' * 5
    entry = Entry(message(streaming=True), None, UNICODE)
    entry.append("```py\n")
    so_far = "```py\n"
    for line in code.splitlines(keepends=True):
        entry.append(line)
        so_far += line
        assert shown(entry) == at_once(so_far)


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        ("- a\n  ```\n  x\n\n  y\n  ```\n  b",
         ["• a", "  ╭ code", "  │ x", "  │ ", "  │ y", "  b"]),
        ("- a\n```\nx\n\n# y\n```\nb", ["• a", "", "╭ code", "│ x", "│ ", "│ # y", "", "b"]),
        ("> a\n```\nx\n", ["▎ a", "", "╭ code", "│ x"]),
        ("a\n2. b\n   ```\nc\n\nd\n```", ["a 2. b", "", "╭ code", "│ c", "│ ", "│ d"]),
        ("```\na\n   ```\nb", ["╭ code", "│ a", "", "b"]),
        ("```\na\n    ```\nb", ["╭ code", "│ a", "│     ```", "│ b"]),
        ("````\n```\n`````", ["╭ code", "│ ```"]),
        ("``` a`b\nc", ["``` a`b c"]),
        ("```", ["╭ code", "│ "]),
        ("- a\n\n\n  b\n\nc", ["• a", "  ", "  b", "", "c"]),
        ("- a\n# H\n  ```\nx\n\ny", ["• a", "", "H", "", "╭ code", "│ x", "│ ", "│ y"]),
        ("- - -\n  ```\nx\n\ny", ["─" * 46, "", "╭ code", "│ x", "│ ", "│ y"]),
        ("a\n\n    b\n\n    c", ["a", "", "│ b", "│ ", "│ c"]),
    ],
)  # fmt: skip
def test_where_blocks_begin_and_end(source: str, rows: list[str]) -> None:
    assert [row.removeprefix("  ") for row, _ in at_once(source)[1:]] == rows


def test_in_the_middle_a_stream_looks_like_what_has_come_so_far() -> None:
    entry = Entry(message(streaming=True), None, UNICODE)
    so_far = ""
    for line in SAMPLE.splitlines(keepends=True):
        entry.append(line)
        so_far += line
        # Definitions are the exception: they reach back when the line is complete.
        if "ref" not in so_far:
            assert shown(entry) == at_once(so_far)


def test_a_definition_reaches_back() -> None:
    text = "See [it].\n\n" + "para\n\n" * 50 + "[it]: https://it.example\n"
    assert any("it (https://it.example)" in row for row, _ in streamed(*text))
