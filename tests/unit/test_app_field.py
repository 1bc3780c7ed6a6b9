"""A line to type into takes a paste as one clean line."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.events import Key, Paste

from tests.app_support import make_stage, started, wait_until
from tests.debug_support import open_debug
from tui_chat.app.widgets.field import MOST, Field


class _Form(App[None]):
    def compose(self) -> ComposeResult:
        yield Field("old", id="field")


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("new", "new"),
        ("two\r\nlines\x1b]0;title\x07", "two lines\u241b]0;title\u2407"),
        ("", ""),
        ("x" * (MOST + 1), "x" * (MOST - 1) + "…"),
    ],
)
async def test_a_paste_is_one_clean_line_in_the_place_of_what_was_selected(
    text: str, taken: str
) -> None:
    app = _Form()
    async with app.run_test() as pilot:
        field = app.query_one(Field)
        field.focus()
        await pilot.press("home", "shift+end")
        app.post_message(Paste(text))
        await wait_until(pilot, lambda: field.value == taken, what=field.value)
        assert field.cursor_position == len(taken)


async def test_no_character_overtakes_a_key_that_was_pressed_before_it() -> None:
    app = _Form()
    async with app.run_test() as pilot:
        field = app.query_one(Field)
        field.focus()
        await pilot.press("end")
        for key in ("a", "b", "backspace", "c", "left", "d", "home", "e", "delete", "f"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await wait_until(pilot, lambda: field.value == "efldadc", what=field.value)


async def test_nothing_was_selected_when_it_begins() -> None:
    app = _Form()
    async with app.run_test() as pilot:
        field = app.query_one(Field)
        field.focus()
        await pilot.press("end", "a")
        assert field.value == "olda"


async def test_the_cursor_of_a_field_wakes_nobody() -> None:
    app = _Form()
    async with app.run_test():
        field = app.query_one(Field)
        field.focus()
        assert field._blink_timer is not None
        assert not field._blink_timer._active.is_set()  # paused


@pytest.mark.parametrize("text", ["/ready", "ready\n"])
async def test_a_filter_of_the_log_typed_in_one_burst_or_pasted(text: str) -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage, "4")
        stage.app.post_message(Paste(text))
        await wait_until(pilot, lambda: screen.log_view.counts == (1, 3))
        assert screen.query_one("#filter", Field).value == "ready"
        await pilot.press("escape")
        await wait_until(pilot, lambda: screen.log_view.counts == (3, 3))
