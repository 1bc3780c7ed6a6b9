"""Text from outside reaches no terminal with its controls in it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.text import ELLIPSIS, clean, is_clean, one_line, shorten

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x00\x07\x1b\x7f\x9b\x9d\r\n\t\x85\u2028\u2029\u202e\u2066\u200b\ufeff"),
        st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]),
    )
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, \u00fcn\u00efcode, \u65e5\u672c\u8a9e \U0001f600", None),
        ("a\nb\tc", None),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 family", None),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", None),
        ("[bold]not markup[/bold]", None),
        ("\x1b[31mred\x1b[0m", "\u241b[31mred\u241b[0m"),
        (
            "\x1b]8;;http://evil\x07click\x1b]8;;\x07",
            "\u241b]8;;http://evil\u2407click\u241b]8;;\u2407",
        ),
        ("\x1b]52;c;cm0gLXJm\x07", "\u241b]52;c;cm0gLXJm\u2407"),
        ("\x9b31m", "<U+009B>31m"),
        ("\x00\x7f", "\u2400\u2421"),
        ("one\r\ntwo\rthree\u2028four\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("safe\u202egnp.exe", "safe<U+202E>gnp.exe"),
        ("a\u2066b\u2069", "a<U+2066>b<U+2069>"),
        ("zero\u200bwidth\ufeff", "zero<U+200B>width<U+FEFF>"),
        ("tag\U000e0041", "tag<U+E0041>"),
        ("lone\ud800", "lone<U+D800>"),
        ("note\U0001d173", "note<U+1D173>"),
        ("shorthand\U0001bca0", "shorthand<U+1BCA0>"),
    ],
)
def test_clean_makes_the_hidden_visible(text: str, expected: str | None) -> None:
    assert clean(text) == (text if expected is None else expected)
    assert is_clean(text) is (expected is None)


@given(HOSTILE)
def test_what_was_cleaned_is_clean_and_stays_so(text: str) -> None:
    cleaned = clean(text)
    assert is_clean(cleaned)
    assert clean(cleaned) == cleaned
    cleaned.encode("utf-8")
    for character in cleaned:
        if character not in "\n\t":
            assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
            assert unicodedata.bidirectional(character) not in (
                "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
            )  # fmt: skip


@given(HOSTILE, st.integers(1, 300))
def test_one_line_is_one_bounded_clean_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert is_clean(line)
    assert "\n" not in line
    assert "\t" not in line
    assert line == line.strip()


@given(st.text(), st.integers(1, 50))
def test_shorten_marks_what_it_cuts(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    if len(text) <= limit:
        assert short == text
    else:
        assert short == text[: limit - 1] + ELLIPSIS


def test_a_hostile_megabyte_is_cut() -> None:
    assert len(one_line("\x1b\r\n \u202e" * 2_000_000)) == 200


def test_clean_text_is_not_copied() -> None:
    text = "nothing to do " * 1000
    assert clean(text) is text
