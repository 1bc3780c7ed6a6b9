"""What a terminal sends becomes keys or text, decided by how fast it comes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual._xterm_parser import XTermParser
from textual.events import Key, MouseMove, Paste
from textual.message import Message

from tui_chat.app.terminal_input import (
    BURST,
    ESCAPE,
    GAP,
    PASTE_SILENCE,
    STRAGGLERS,
    TerminalInput,
)

LINE = "a line of text that nobody types at once"


class Typist:
    """Feeds reads at chosen times and writes down what comes out."""

    def __init__(self) -> None:
        self.input = TerminalInput(XTermParser())
        self.now = 100.0
        self.out: list[str] = []

    def read(self, data: str) -> Typist:
        self._note(self.input.feed(data, self.now))
        return self

    def wait(self, seconds: float) -> Typist:
        self.now += seconds + 1e-6  # and not a rounding less
        self._note(self.input.tick(self.now))
        return self

    def _note(self, events: list[Message]) -> None:
        for event in events:
            if isinstance(event, Paste):
                self.out.append(f"text:{event.text}")
            elif isinstance(event, Key):
                self.out.append(event.key)
            else:
                self.out.append(type(event).__name__)


@pytest.mark.parametrize("keys", ["a", "\r", "\x11", "ab\r", "hello\r", "\x1b[A", "\x1b[Ahi\r"])
def test_what_is_typed_is_keys_at_once(keys: str) -> None:
    expected = [event.key for event in XTermParser().feed(keys) if isinstance(event, Key)]
    assert Typist().read(keys).out == expected


def test_a_long_text_comes_as_one_when_it_has_ended() -> None:
    typist = Typist().read(LINE)
    assert typist.out == []
    typist.wait(GAP / 2).read(" and more")
    assert typist.wait(GAP / 2).out == []
    assert typist.wait(GAP).out == [f"text:{LINE} and more"]


def test_line_ends_inside_send_nothing() -> None:
    text = f"{LINE}\r{LINE}\r\r{LINE}"
    assert Typist().read(text).wait(GAP).out == [f"text:{text}"]


def test_a_line_end_behind_one_line_is_enter() -> None:
    assert Typist().read(f"{LINE}\r").wait(GAP).out == [f"text:{LINE}", "enter"]


def test_a_new_line_key_does_not_count_as_a_line_end() -> None:
    assert Typist().read(f"{LINE}\nmore\r").wait(GAP).out == [f"text:{LINE}\nmore", "enter"]


def test_whole_lines_wait_for_enter() -> None:
    text = f"{LINE}\r{LINE}\r"
    assert Typist().read(text).wait(GAP).out == [f"text:{text}"]


def test_a_text_is_one_however_its_reads_are_cut() -> None:
    text = f"{LINE}\r" * 20
    typist = Typist()
    for start in range(0, len(text), 41):  # each read ends with a line end
        typist.read(text[start : start + 41]).wait(GAP / 2)
    assert typist.wait(GAP).out == [f"text:{text}"]


def test_stragglers_belong_to_the_text() -> None:
    typist = Typist().read(f"{LINE}\r{LINE}\r").wait(GAP).wait(STRAGGLERS / 2)
    typist.read("the end\r").wait(GAP)
    assert typist.out == [f"text:{LINE}\r{LINE}\r", "text:the end\r"]


def test_a_single_enter_behind_a_text_sends() -> None:
    assert Typist().read(LINE).wait(GAP).read("\r").out == [f"text:{LINE}", "enter"]


def test_later_typing_is_keys_again() -> None:
    typist = Typist().read(f"{LINE}\r{LINE}").wait(GAP).wait(STRAGGLERS)
    assert typist.read("ok\r").out[1:] == ["o", "k", "enter"]
    # and the line ends of one text are no business of the next one
    assert typist.wait(1).read(f"{LINE}\r").wait(GAP).out[4:] == [f"text:{LINE}", "enter"]


def test_a_command_key_behind_a_text_follows_it_at_once() -> None:
    assert Typist().read(f"{LINE}\x11").out == [f"text:{LINE}", "ctrl+q"]


def test_the_mouse_does_not_cut_a_text() -> None:
    typist = Typist().read(f"{LINE}\r\x1b[<35;10;10M{LINE}").wait(GAP)
    assert typist.out == [MouseMove.__name__, f"text:{LINE}\r{LINE}"]


def test_a_sequence_cut_in_two_reads_is_still_one() -> None:
    assert Typist().read("\x1b[1;5").read("A").out == ["ctrl+up"]
    assert Typist().read("\x1b").wait(0.0).read("[A" + LINE).wait(GAP).out == ["up", f"text:{LINE}"]


def test_esc_and_a_letter_behind_it_are_two_keys_and_alt_is_one() -> None:
    assert "escape" not in Typist().read("\x1bd").out, "Textual makes it Alt+D a little later"
    assert Typist().read("\x1b").wait(ESCAPE / 2).read("d").out == ["escape", "d"]
    assert Typist().read("\x1b").read("7").wait(ESCAPE).out == ["escape", "7"]
    assert Typist().read("\x1b").wait(ESCAPE / 2).read(LINE).wait(GAP).out == [
        "escape",
        f"text:{LINE}",
    ]


def test_an_escape_character_is_a_key_when_nothing_follows_it() -> None:
    typist = Typist().read("x\x1b")
    assert typist.out == ["x"]
    assert typist.wait(ESCAPE / 2).out == ["x"]
    assert typist.wait(ESCAPE / 2).out == ["x", "escape"]
    assert typist.wait(ESCAPE).read("y").out == ["x", "escape", "y"]


@pytest.mark.parametrize(
    ("sequence", "key"), [("\x1bOP", "f1"), ("\x1b[A", "up"), ("\x1b\r", "alt+enter")]
)
def test_a_sequence_cut_behind_its_escape_is_still_one(sequence: str, key: str) -> None:
    assert Typist().read(sequence[:1]).wait(ESCAPE / 2).read(sequence[1:]).out == [key]


# -- bracketed pastes -----------------------------------------------------------------------------

ESCAPES = "colour \x1b[31mred\x1b[0m, title \x1b]0;x\x07, a lone \x1b, a key \x1b[A, \x1b\x1b\r end"


def test_a_bracketed_paste_keeps_what_it_holds() -> None:
    assert Typist().read(f"\x1b[200~{ESCAPES}\x1b[201~x").out == [f"text:{ESCAPES}", "x"]


@pytest.mark.parametrize("size", range(1, 9))
def test_a_bracketed_paste_may_be_cut_anywhere(size: int) -> None:
    typist = Typist()
    data = f"a\x1b[200~{ESCAPES}\x1b[201~b"
    for start in range(0, len(data), size):
        typist.read(data[start : start + size])
    assert typist.out == ["a", f"text:{ESCAPES}", "b"]


@given(
    st.lists(st.sampled_from(["x", "\x1b[200~", "\x1b[201~", "\x1b", "[20", "0~", "\r", "é" * 20])),
    st.integers(1, 30),
)
def test_how_the_reads_are_cut_changes_no_paste(parts: list[str], size: int) -> None:
    data = "\x1b[200~" + "".join(parts) + "\x1b[201~"
    text = data.removeprefix("\x1b[200~").partition("\x1b[201~")[0]
    typist = Typist()
    for start in range(0, len(data), size):
        typist.read(data[start : start + size])
    assert typist.out[0] == f"text:{text}"


def test_a_paste_without_an_end_does_not_swallow_the_keyboard() -> None:
    typist = Typist().read("\x1b[200~lost").wait(PASTE_SILENCE / 2)
    assert typist.out == []
    typist.wait(PASTE_SILENCE / 2).read("\x11")
    assert typist.out == ["text:lost", "ctrl+q"]


@given(st.text(alphabet=st.sampled_from("ab \r\n\té漢"), min_size=BURST, max_size=200))
def test_nothing_of_a_text_is_lost(text: str) -> None:
    typist = Typist().read(text).wait(GAP)
    shown = "".join("\r" if o == "enter" else o.removeprefix("text:") for o in typist.out)
    assert shown == text


def test_a_hundred_kilobytes_take_a_moment() -> None:
    """The parser alone needs more than a second for it on a fast machine."""
    text = "a line of some text, as it is pasted\r" * 2_800
    typist = Typist()
    begun = time.perf_counter()
    for start in range(0, len(text), 4096):
        typist.read(text[start : start + 4096])
    typist.wait(GAP)
    assert time.perf_counter() - begun < 0.3
    assert typist.out == [f"text:{text}"]
