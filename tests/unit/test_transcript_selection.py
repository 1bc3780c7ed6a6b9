"""Selecting in the transcript: with the mouse and with keys, over messages, widths and streams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.pilot import Pilot
from textual.strip import Strip

from tests.app_support import make_stage, started, wait_until
from tests.unit.test_transcript_widget import Screen, many, reply, user
from tui_chat.app.bindings import Scope, commands_in
from tui_chat.app.transcript import Transcript
from tui_chat.app.transcript import selecting as selecting_module
from tui_chat.app.transcript.places import restyle, word_at
from tui_chat.conversation.model import Message, MessageAdded, TextAppended

TABLE = "| name | what |\n|---|---|\n| alpha | the first of all |\n| beta | 日本 |"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


class Stage(Screen):
    def __init__(self, messages: Iterable[Message] = ()) -> None:
        super().__init__(messages)
        self.copied: list[str] = []

    def on_transcript_copy_wanted(self, event: Transcript.CopyWanted) -> None:
        self.copied.append("".join(event.parts))

    @property
    def chosen(self) -> str:
        return "".join(self.transcript.selection())

    def find(self, text: str) -> tuple[int, int]:
        """Return column and row of a text on the screen."""
        for y, row in enumerate(self.rows()):
            if text in row:
                return cell_len(row[: row.index(text)]), y
        raise AssertionError(f"{text!r} is not in {self.rows()}")

    def lit(self) -> str:
        """Return what is highlighted on the screen, row by row."""
        background = self.transcript._own("selection").bgcolor
        rows = [self.transcript.render_line(y) for y in range(self.transcript.size.height)]
        found = [
            "".join(s.text for s in row if s.style is not None and s.style.bgcolor == background)
            for row in rows
        ]
        return "\n".join(row for row in found if row)


async def drag(
    pilot: Pilot[Any], start: tuple[int, int], end: tuple[int, int], *, drop: bool = True
) -> None:
    await pilot.mouse_down(Transcript, offset=start)
    await move(pilot, *end)
    if drop:
        await pilot.mouse_up(Transcript, offset=end)
    await pilot.pause()


async def move(pilot: Pilot[Any], x: int, y: int) -> None:
    """Move the mouse with the button held, beyond the widget's edges as well."""
    shown = pilot.app.query_one(Transcript)
    left, top = shown.region.offset
    pilot.app.screen._forward_event(
        events.MouseMove(
            shown, x=x + left, y=y + top, delta_x=1, delta_y=0, button=1, shift=False, meta=False,
            ctrl=False, screen_x=x + left, screen_y=y + top,
        )
    )  # fmt: skip
    await pilot.pause()


async def test_a_drag_selects_both_characters_and_all_between() -> None:
    app = Stage([user(1, "alpha beta gamma")])
    async with app.run_test(size=(40, 10)) as pilot:
        x, y = app.find("beta")
        await drag(pilot, (x, y), (x + 3, y))
        assert app.chosen == app.lit() == "beta"
        await drag(pilot, (x + 3, y), (x - 2, y))
        assert app.chosen == app.lit() == "a beta"


async def test_a_selection_over_messages_has_no_bars_and_no_row_ends() -> None:
    words = " ".join(f"word{number}" for number in range(40))
    app = Stage(
        [user(1, words), reply(2, f"- one\n- two\n\n> said\n\n```py\nx = 1\n```\n\n{words}")]
    )
    async with app.run_test(size=(40, 60)) as pilot:
        start, end = app.find("word0"), app.find("x = 1")
        await drag(pilot, start, (end[0] + 4, end[1]))
        assert app.chosen == f"{words}\n\nAssistant\n• one\n• two\n\nsaid\n\nx = 1"


async def test_a_selection_stays_where_it_is_when_the_window_is_resized() -> None:
    app = Stage(many(12))
    async with app.run_test(size=(70, 20)) as pilot:
        await drag(pilot, (10, 3), (20, 15))
        before = app.chosen
        assert before
        for width, height in ((33, 20), (120, 8), (1, 1), (70, 20)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert app.chosen == before
        assert "".join(app.lit().split()).strip() != ""


async def test_resizing_in_the_middle_of_a_drag_goes_on_selecting() -> None:
    app = Stage([user(1, "one two three four five six seven eight nine ten eleven twelve")])
    async with app.run_test(size=(60, 12)) as pilot:
        x, y = app.find("two")
        await drag(pilot, (x, y), (x + 8, y), drop=False)
        assert app.chosen == "two three"
        await pilot.resize_terminal(24, 12)
        await pilot.pause()
        x, y = app.find("seven")
        await move(pilot, x + 4, y)
        assert app.chosen == "two three four five six seven"
        await pilot.mouse_up(Transcript, offset=(x + 4, y))
        assert app.chosen == "two three four five six seven"


async def test_streaming_below_and_inside_does_not_move_a_selection() -> None:
    app = Stage([user(1, "question")])
    async with app.run_test(size=(50, 12)) as pilot:
        app.apply(
            MessageAdded(reply(2, streaming=True)), TextAppended(2, "First paragraph here.\n\n")
        )
        await pilot.pause()
        x, y = app.find("paragraph")
        await drag(pilot, (x, y), (x + 8, y))
        for _ in range(30):
            app.apply(TextAppended(2, "More of it comes in.\n\n"))
            assert app.chosen == "paragraph"
        shown = app.transcript
        shown.scroll_home()
        await pilot.pause()
        assert app.lit() == "paragraph"


async def test_dragging_while_text_streams_in() -> None:
    app = Stage()
    async with app.run_test(size=(50, 12)) as pilot:
        app.apply(MessageAdded(reply(1, streaming=True)), TextAppended(1, "alpha beta\n\ngamma "))
        await pilot.pause()
        x, y = app.find("beta")
        await drag(pilot, (x, y), (x + 1, y), drop=False)
        app.apply(TextAppended(1, "delta"))
        x, y = app.find("gamma")
        await move(pilot, x + 6, y)
        assert app.chosen == "beta\n\ngamma d"


@pytest.mark.parametrize(
    ("text", "x", "wanted"),
    [
        ("ab日本cd", 2, "日"),
        ("ab日本cd", 3, "日"),
        (f"a{FAMILY}b", 1, FAMILY),
        (f"a{FAMILY}b", 2, FAMILY),
        ("xe\u0301y", 1, "e\u0301"),
        ("a\u2764\ufe0fb", 2, "\u2764\ufe0f"),
        ("a\U0001f1e9\U0001f1eaz", 2, "\U0001f1e9\U0001f1ea"),
    ],
)
async def test_a_character_of_several_code_points_is_selected_as_a_whole(
    text: str, x: int, wanted: str
) -> None:
    app = Stage([user(1, text)])
    async with app.run_test(size=(40, 10)) as pilot:
        left, y = app.find(text[0])
        width = app.transcript.render_line(y).cell_length
        await drag(pilot, (left + x, y), (38, y))
        assert app.chosen == text[text.index(wanted) :]
        assert app.lit() == app.chosen
        assert app.transcript.render_line(y).cell_length == width
        await drag(pilot, (left + x, y), (left, y))
        assert app.chosen == app.lit() == text[: text.index(wanted) + len(wanted)]


async def test_cells_of_a_table_are_selected_where_they_stand() -> None:
    app = Stage([reply(1, TABLE)])
    async with app.run_test(size=(50, 12)) as pilot:
        x, y = app.find("first")
        await drag(pilot, (x, y), (x + 4, y))
        assert app.chosen == app.lit() == "first"
        x, y = app.find("日本")
        await drag(pilot, app.find("alpha"), (x + 2, y))
        assert app.chosen == "alpha | the first of all\nbeta | 日本"
        assert app.lit().split() == ["alphathe", "first", "of", "all", "beta日本"]


async def test_a_narrow_table_in_stacked_rows() -> None:
    app = Stage([reply(1, "| aaaaaaaaaa | bbbbbbbbbb |\n|---|---|\n| one two | three four |")])
    async with app.run_test(size=(18, 14)) as pilot:
        x, y = app.find("four")
        await drag(pilot, (x, y), (x + 3, y))
        assert app.chosen == app.lit() == "four"


async def test_two_clicks_take_the_word_and_three_the_line() -> None:
    long = "see /etc/hosts, " + "and more " * 12
    app = Stage([reply(1, f"{long.strip()}\n\nnext")])
    async with app.run_test(size=(40, 12)) as pilot:
        x, y = app.find("hosts")
        await pilot.click(Transcript, offset=(x + 1, y), times=2)
        assert app.chosen == "/etc/hosts"
        await pilot.click(Transcript, offset=(x + 1, y), times=3)
        assert app.chosen == long.strip()


async def test_a_click_ends_a_selection_and_selects_nothing() -> None:
    app = Stage([user(1, "alpha beta")])
    async with app.run_test(size=(40, 10)) as pilot:
        x, y = app.find("alpha")
        await drag(pilot, (x, y), (x + 4, y))
        assert app.chosen
        await pilot.click(Transcript, offset=(x, y))
        assert not app.chosen
        assert app.transcript.selected is None
        assert not app.lit()


async def test_holding_the_mouse_beyond_an_edge_goes_on_scrolling_and_selecting() -> None:
    app = Stage([user(1, "\n".join(f"line {number}" for number in range(60)))])
    async with app.run_test(size=(40, 12)) as pilot:
        shown = app.transcript
        height = shown.size.height
        await drag(pilot, (5, 5), (5, -3), drop=False)
        for _ in range(500):
            if shown.scroll_y == 0:
                break
            await pilot.pause(0.01)
        assert shown.scroll_y == 0
        assert app.chosen.startswith("You\nline 0\nline 1\n")
        await move(pilot, 5, height + 4)
        for _ in range(500):
            if shown.follow:
                break
            await pilot.pause(0.01)
        await move(pilot, 38, height - 1)
        assert app.chosen.endswith("line 58\nline 59")
        assert shown._edge is None
        await pilot.mouse_up(Transcript)
        assert app.mouse_captured is None


async def test_the_mouse_that_is_let_go_beyond_an_edge_stops_scrolling() -> None:
    app = Stage(many(30))
    async with app.run_test(size=(40, 12)) as pilot:
        shown = app.transcript
        await drag(pilot, (5, 5), (5, -3), drop=False)
        assert shown._edge is not None
        app.screen._forward_event(
            events.MouseUp(
                shown, x=5, y=-3, delta_x=0, delta_y=0, button=1, shift=False, meta=False,
                ctrl=False, screen_x=5, screen_y=-3,
            )
        )  # fmt: skip
        await pilot.pause()
        edge: object = shown._edge
        assert edge is None
        assert app.mouse_captured is None


async def test_shift_and_arrows_select_and_y_copies() -> None:
    app = Stage([user(1, "alpha beta"), reply(2, "gamma delta")])
    async with app.run_test(size=(40, 12)) as pilot:
        app.transcript.focus()
        await pilot.press("shift+left", "shift+left")
        assert app.chosen == app.lit() == "ta"
        await pilot.press("ctrl+shift+left", "y")
        assert app.copied == ["delta"]
        assert app.transcript.selected is None


async def test_plain_arrows_move_the_caret_once_there_is_one() -> None:
    app = Stage([reply(1, "one two three\n\nfour")])
    async with app.run_test(size=(40, 12)) as pilot:
        app.transcript.focus()
        app.transcript.show_caret()
        await pilot.press("up", "up", "home", "ctrl+right", "ctrl+shift+right")
        assert app.chosen == "two "
        await pilot.press("shift+end")
        assert app.chosen == "two three"
        await pilot.press("shift+down", "shift+down", "shift+home")
        assert app.chosen == "two three\n\n"
        await pilot.press("shift+right")
        assert app.chosen == "two three\n\nf"
        await pilot.press("escape")
        assert not app.chosen
        assert app.transcript._caret is False


async def test_the_caret_crosses_lines_messages_and_pages() -> None:
    app = Stage(many(30))
    async with app.run_test(size=(44, 14)) as pilot:
        app.transcript.focus()
        await pilot.press("shift+up")
        places = []
        for _ in range(200):
            await pilot.press("shift+left")
            assert app.transcript._point is not None
            places.append(app.transcript._point)
        assert places == sorted(places, reverse=True)
        assert len(set(places)) == len(places)
        await pilot.press(*["shift+pageup"] * 60)
        assert app.transcript.scroll_y == 0
        await pilot.press("ctrl+shift+end")
        assert app.transcript.follow
        await pilot.press("ctrl+shift+home")
        everything = app.chosen
        assert everything.startswith("Assistant")
        point = app.transcript._point
        await pilot.press("shift+right", "shift+left")
        assert app.transcript._point == point


async def test_everything_can_be_selected() -> None:
    app = Stage(many(25))
    async with app.run_test(size=(50, 12)) as pilot:
        app.transcript.focus()
        await pilot.press("ctrl+a", "y")
        text = app.copied[0]
        assert all(f"message {number}" in text for number in range(3, 25, 3))
        assert "n25 " in text
        assert "▌" not in text
        assert "│" not in text


async def test_another_conversation_takes_the_selection_away() -> None:
    app = Stage([user(1, "alpha beta")])
    async with app.run_test(size=(40, 10)) as pilot:
        x, y = app.find("alpha")
        await drag(pilot, (x, y), (x + 4, y))
        app.transcript.reset([user(1, "else")])
        assert app.transcript.selected is None
        await pilot.pause()
        assert not app.lit()


async def test_only_rows_of_the_selection_are_laid_over(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(many(20))
    async with app.run_test(size=(50, 20)) as pilot:
        made: list[Strip] = []

        def count(strip: Strip, *arguments: Any) -> Strip:
            made.append(strip)
            return restyle(strip, *arguments)

        monkeypatch.setattr("tui_chat.app.transcript.pointing.restyle", count)
        monkeypatch.setattr(selecting_module, "restyle", count)
        app.rows()
        assert not made
        app.transcript.focus()
        await pilot.press("shift+left")
        made.clear()
        app.rows()
        assert len(made) == 2, "the selection and the caret, in one row"


async def test_keys_do_nothing_when_there_is_nothing_to_do() -> None:
    app = Stage()
    async with app.run_test(size=(50, 20)) as pilot:
        app.transcript.focus()
        for command in commands_in(Scope.SELECTING):
            await pilot.press(*command.keys)
            assert app.transcript.selected is None
        assert not app.copied


async def test_ctrl_c_copies_the_selection_before_it_quits() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        await wait_until(pilot, lambda: stage.chat.transcript is not None)
        stage.transcript.apply([MessageAdded(user(1, "alpha beta"))])
        stage.transcript.flush()
        stage.transcript.select_all()
        await pilot.press("ctrl+c")
        await wait_until(pilot, lambda: stage.app.clipboard == "You\nalpha beta")
        await pilot.press("ctrl+c")
        assert not stage.app._exit, "the first one was for copying"
        await pilot.press("ctrl+c")
        await wait_until(pilot, lambda: stage.app._exit)


async def test_walking_and_selecting_share_the_arrows() -> None:
    app = Stage([user(1, "alpha beta"), user(2, "gamma delta")])
    async with app.run_test(size=(50, 20)) as pilot:
        shown = app.transcript
        shown.focus()
        await pilot.press("up", "up")
        assert shown.current is shown.find(1)
        await pilot.press("shift+right", "shift+right", "shift+right")
        assert app.chosen == "You", "it begins at the message that the cursor is at"
        await pilot.press("down")
        assert shown.current is shown.find(1), "the arrows belong to the caret"
        await pilot.press("escape", "down")
        assert shown.current is shown.find(2)


def test_every_key_of_the_registry_has_an_action() -> None:
    for action in Transcript.ACTIONS.values():
        name = action.partition("(")[0]
        assert callable(getattr(Transcript, f"action_{name}"))


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        ("one two", 5, "two"),
        ("go to https://a.example/x?y=1.", 12, "https://a.example/x?y=1"),
        ("f(a, b)", 1, "("),
        ("a   b", 2, "   "),
        ("日本語", 1, "本"),
        ("naïve café", 7, "café"),
        ("", 3, ""),
        ("end", 9, "end"),
    ],
)
def test_words(text: str, at: int, wanted: str) -> None:
    start, end = word_at(text, at)
    assert text[start:end] == wanted


@pytest.mark.parametrize("text", ["plain text", f"日本{FAMILY}x", "e\u0301e\u0301"])
def test_a_style_on_some_columns_changes_neither_text_nor_width(text: str) -> None:
    strip = Strip([Segment(text, Style())])
    width = strip.cell_length
    for first in range(width):
        for last in range(first + 1, width + 1):
            over = restyle(strip, [(first, last)], Style(bold=True))
            assert over.text == text
            assert sum(cell_len(s.text) for s in over) == width
