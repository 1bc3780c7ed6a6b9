"""Markdown as rows of text, and which parts of it look different."""

from __future__ import annotations

import pytest

from tui_chat.app.transcript.lines import Line
from tui_chat.app.transcript.markdown import parse
from tui_chat.app.transcript.rows import lay_out


def rows(source: str, width: int = 40) -> list[str]:
    shown = []
    for row in lay_out(parse(source), width):
        prefix = "".join(text for text, _ in row.prefix)
        if row.parts is None:
            shown.append(prefix + row.line.text[row.start : row.end])
        else:
            shown.append(prefix + "".join(text for text, _ in row.parts))
    return shown


def styled(lines: list[Line]) -> list[tuple[str, str]]:
    return [(line.text[span.start : span.end], span.style) for line in lines for span in line.spans]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("one\ntwo", ["one two"]),
        ("one\\\ntwo", ["one", "two"]),
        ("one  \ntwo", ["one", "two"]),
        ("one\n\ntwo", ["one", "", "two"]),
        ("- a\n- b", ["• a", "• b"]),
        ("- a\n\n- b", ["• a", "", "• b"]),
        ("- a\n  - b\n    - c", ["• a", "  ◦ b", "    ▪ c"]),
        ("9. a\n10. b", ["9. a", "10. b"]),
        ("1) a\n   1. b", ["1) a", "   1. b"]),
        ("- [ ] a\n- [x] b\n- [y] c", ["☐ a", "☑ b", "• [y] c"]),
        ("1. [x] a", ["1. ☑ a"]),
        ("-", ["• "]),
        ("> a\n>\n> > b", ["▎ a", "▎ ", "▎ ▎ b"]),
        ("- a\n\n  > q", ["• a", "  ", "  ▎ q"]),
        ("***", ["─" * 40]),
        ("# A\n## B", ["A", "", "B"]),
        ("<b>bold</b> <!-- seen -->", ["<b>bold</b> <!-- seen -->"]),
        ("[red]x[/red] [a](", ["[red]x[/red] [a]("]),
        ("&lt;&amp;&#35;", ["<&#"]),
        ("    code\n\n    more", ["│ code", "│ ", "│ more"]),
        ("- x\n  ```py\n  a\n  ```", ["• x", "  ╭ py", "  │ a"]),
        ("- x\n\ty", ["• x y"]),
    ],
)
def test_blocks(source: str, shown: list[str]) -> None:
    assert rows(source) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("[text](https://a.example/x)", "text (https://a.example/x)"),
        ("<https://a.example>", "https://a.example"),
        ("[https://good.example](https://bad.example)",
         "https://good.example (https://bad.example)"),
        ("![alt](https://a.example/i.png)", "▣ alt (https://a.example/i.png)"),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
        ("[a] b\n\n[a]: https://a.example", "a (https://a.example) b"),
    ],
)  # fmt: skip
def test_a_link_shows_where_it_goes(source: str, shown: str) -> None:
    assert rows(source, 80) == [shown]


def test_styles_nest() -> None:
    assert styled(parse("**a *b* `c`** ~~d~~")) == [
        ("a ", "strong"),
        ("b", "strong em"),
        (" ", "strong"),
        ("c", "strong code-inline"),
        ("d", "strike"),
    ]


def test_what_entities_hide_is_made_visible() -> None:
    assert rows("a&#x202E;b&#27;[31m&#10;c") == ["a<U+202E>b\ufffd[31m c"]


def test_wrapped_rows_stand_under_the_text_of_their_item() -> None:
    assert rows("- one two three\n- > four five six", 12) == [
        "• one two",
        "  three",
        "• ▎ four",
        "  ▎ five six",
    ]


TABLE = "| Name | Count |\n|:--|--:|\n| tickets | 7 |\n| *sockets* | 12 |\n"


def test_a_table_is_as_wide_as_it_needs() -> None:
    assert rows(TABLE) == [
        "Name    │ Count",
        "────────┼──────",
        "tickets │     7",
        "sockets │    12",
    ]


def test_a_table_is_squeezed_and_its_cells_wrap() -> None:
    source = "| A | B |\n|---|---|\n| one two three | four five six |\n"
    assert rows(source, 17) == [
        "A       │ B      ",
        "────────┼────────",
        "one two │ four   ",
        "three   │ five   ",
        "        │ six    ",
    ]


def test_a_table_that_cannot_stand_side_by_side_is_stacked() -> None:
    source = "|A|B|C|\n|-|-|-|\n|longer text|another one|and a third|\n"
    assert rows(source, 14) == [
        "A: longer text",
        "B: another one",
        "C: and a third",
        " ",
    ]


def test_long_code_wraps_with_a_mark() -> None:
    assert rows("```\nabcdefghij\n```", 8) == ["╭ code", "│ abcdef", "┊ ghij"]


def test_deep_nesting_leaves_room_for_the_text() -> None:
    source = "".join("  " * depth + "- x\n" for depth in range(12))
    assert all(len(row) <= 20 for row in rows(source, 20))
    assert rows(source, 20)[-1].endswith("x")


@pytest.mark.parametrize("mark", ["> ", "- ", "1. "])
def test_text_nested_deeper_than_can_be_shown_is_not_lost(mark: str) -> None:
    assert "hidden" in "".join(rows(mark * 60 + "hidden", 400))
