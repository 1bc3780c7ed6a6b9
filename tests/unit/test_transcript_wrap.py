from __future__ import annotations

import pytest
from rich.cells import cell_len

from tui_chat.app.transcript import wrap as wrapping
from tui_chat.app.transcript.lines import Span
from tui_chat.app.transcript.table import pieces
from tui_chat.app.transcript.wrap import fit, graphemes, is_narrow, wrap, wrap_code


def cut(text: str, width: int) -> list[str]:
    return [text[start:end] for start, end in wrap(text, width)]


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        ("", 10, [""]),
        ("one two three", 7, ["one two", "three"]),
        ("one  two", 4, ["one", "two"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("ab abcdefghij", 4, ["ab", "abcd", "efgh", "ij"]),
        ("one two   ", 7, ["one two"]),
        ("    deep word", 8, ["    deep", "word"]),
        ("café crème brûlée", 10, ["café crème", "brûlée"]),
        ("你好世界", 4, ["你好", "世界"]),
        ("你好世界", 5, ["你好", "世界"]),
        ("ab 你好世界 cd", 6, ["ab 你", "好世界", "cd"]),
        ("你好世。界", 6, ["你好", "世。界"]),
        ("x 👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 4, ["x 👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦"]),
        ("🇩🇪🇫🇷", 3, ["🇩🇪", "🇫🇷"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
        ("日本", 1, ["日", "本"]),
    ],
)
def test_rows_of_prose(text: str, width: int, rows: list[str]) -> None:
    assert cut(text, width) == rows


def test_code_keeps_every_blank() -> None:
    text = "    if x:   # 日本"
    assert "".join(text[start:end] for start, end in wrap_code(text, 6)) == text
    assert all(cell_len(text[start:end]) <= 6 for start, end in wrap_code(text, 6))


def test_what_counts_as_narrow_is_one_column_wide_everywhere() -> None:
    narrow = [chr(point) for point in range(0x20, 0x3000) if is_narrow(chr(point))]
    assert len(narrow) > 1000
    assert [char for char in narrow if cell_len(char) != 1] == []
    assert [char for char in narrow if len(graphemes("a" + char)) != 2] == []


def test_narrow_and_wide_wrapping_agree_on_narrow_text() -> None:
    text = "The quick brown  fox jumps over thelazydogthatsleeps, twice. "
    for width in range(1, 40):
        assert wrapping._wrap_narrow(text, width) == wrapping._wrap_wide(text, width), width


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("x", 0, ""),
        ("x" * 1_000_000, 3, "xx…"),
    ],
)
def test_fit(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


@pytest.mark.parametrize("text", ["👨\u200d👩 x", "#\ufe0f\u20e3", "e\u0301\u200dz"])
def test_a_change_of_style_inside_an_emoji_does_not_change_its_width(text: str) -> None:
    for at in range(1, len(text)):
        parts = pieces(text, [Span(0, at, "strong")], 0, len(text))
        assert "".join(part for part, _ in parts) == text
        assert sum(cell_len(part) for part, _ in parts) == cell_len(text)
