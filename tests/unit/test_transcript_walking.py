"""Walking message by message: the cursor, what it shows, and the keys in the transcript."""

from __future__ import annotations

from random import Random

import pytest
from textual.widgets import Input

from tests.unit.test_transcript_folding import assert_whole, mixed, thought, tool
from tests.unit.test_transcript_widget import Screen, many, reply, user
from tui_chat.app.transcript import Transcript
from tui_chat.app.transcript.entry import Entry
from tui_chat.conversation.model import MessageAdded, MessageFinished, MessageState, TextAppended


class Walked(Screen):
    """Notes what the transcript asks for."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.menus: list[int] = []
        self.left = 0

    def on_transcript_menu_wanted(self, event: Transcript.MenuWanted) -> None:
        self.menus.append(event.entry.id)

    def on_transcript_left(self) -> None:
        self.left += 1

    def here(self) -> int | None:
        current = self.transcript.current
        return None if current is None else current.id

    def follows(self) -> bool:
        return self.transcript.follow

    def marked(self) -> list[str]:
        return [row for row in self.rows() if row.startswith("┃")]


def top_of(app: Screen, entry: Entry) -> int:
    column = app.transcript._column
    return column.ends_at(entry) - column._index[column.number(entry)] - column.top


async def test_the_arrows_go_from_message_to_message() -> None:
    app = Walked([user(1), thought(2), tool(3, result=1), reply(4, "So."), user(5)])
    async with app.run_test(size=(60, 20)) as pilot:
        app.transcript.focus()
        seen = []
        for key in ("up", "up", "up", "down", "home", "up", "end", "down", "up"):
            await pilot.press(key)
            seen.append(app.here())
        assert seen == [5, 4, 3, 4, 1, 1, 5, 5, 4]


async def test_the_cursor_is_seen_without_any_colour() -> None:
    app = Walked([user(1, "one\ntwo"), reply(2, "So.\n\nBe it.")])
    async with app.run_test(size=(40, 12)) as pilot:
        app.transcript.focus()
        assert not app.marked()
        await pilot.press("up")
        assert app.marked() == ["┃● Assistant", "┃  So.", "┃", "┃  Be it."]
        await pilot.press("up")
        assert app.marked() == ["┃▌ You", "┃▌ one", "┃▌ two"]
        await pilot.press("escape")
        assert not app.marked()


@pytest.mark.parametrize("width", [8, 20, 29, 30, 60])
async def test_a_marked_row_is_as_wide_as_any(width: int) -> None:
    table = "日本語\n\n| a | b |\n|---|---|\n| c | d |"
    app = Walked([user(1, "日本語 ab\n\n" * 3), reply(2, table)])
    async with app.run_test(size=(width, 30)) as pilot:
        shown = app.transcript
        shown.focus()
        for _ in range(2):
            await pilot.press("up")
            strips = [shown.render_line(y) for y in range(shown.size.height)]
            assert {strip.cell_length for strip in strips} == {shown.size.width}
            assert {sum(each.cell_length for each in strip) for strip in strips} == {
                shown.size.width
            }
            assert app.marked()


async def test_a_marked_row_has_another_background() -> None:
    app = Walked([user(1), reply(2, "Some `code` here.")])
    async with app.run_test(size=(40, 12)) as pilot:
        shown = app.transcript
        shown.focus()
        y = next(y for y, row in enumerate(app.rows()) if "code" in row)
        plain = [segment.style.bgcolor for segment in shown.render_line(y) if segment.style]
        await pilot.press("up")
        marked = [segment.style.bgcolor for segment in shown.render_line(y) if segment.style]
        assert marked[1] != plain[1]
        own = set(plain) - {plain[0]}
        assert own
        assert own <= set(marked), "the code keeps its own"
        await pilot.press("escape")
        after = [segment.style.bgcolor for segment in shown.render_line(y) if segment.style]
        assert after == plain


@pytest.mark.parametrize("seed", range(6))
async def test_where_the_cursor_is_can_be_seen(seed: int) -> None:
    random = Random(seed)
    app = Walked(mixed(120, seed))
    async with app.run_test(size=(44, 14)):
        shown = app.transcript
        column = shown._column
        shown.walk(0)
        for _ in range(150):
            match random.randrange(8):
                case 0:
                    shown.scroll_to(y=random.randint(0, int(shown.max_scroll_y)))
                case 1 if shown.current is not None:
                    shown.toggle_fold(shown.current)
            before = shown.current
            assert before is not None
            number = column.number(before)
            step = random.choice((-1, 1))
            shown.walk(step)
            here = shown.current
            assert here is not None
            assert column.number(here) == min(max(number + step, 0), 119)
            first = top_of(app, here)
            rows = here.height
            assert first >= 0
            assert first + rows <= column.height or first == 0, (first, rows)
            assert_whole(app)


async def test_walking_far_up_and_down_again_ends_at_the_end() -> None:
    app = Walked(mixed(60))
    async with app.run_test(size=(44, 14)):
        shown = app.transcript
        for _ in range(60):
            shown.walk(-1)
        assert app.here() == 1
        assert shown._column.top == 0
        for _ in range(59):
            shown.walk(1)
        assert app.here() == 60
        assert app.follows()


async def test_what_arrives_moves_neither_the_cursor_nor_what_is_read() -> None:
    app = Walked([*many(30), reply(31, "a", streaming=True)])
    async with app.run_test(size=(44, 14)) as pilot:
        shown = app.transcript
        shown.focus()
        await pilot.press("up", "up")
        assert app.here() == 30
        before = app.marked()
        app.apply(TextAppended(31, "\n\nb" * 20), MessageFinished(31, MessageState.COMPLETE, 2.0))
        app.apply(MessageAdded(user(32)))
        assert app.here() == 30
        assert app.marked() == before
        assert shown.unread == 2
        assert not app.follows()


async def test_at_the_end_the_end_is_followed_again_when_the_cursor_is_put_away() -> None:
    app = Walked([user(number) for number in range(1, 30)])
    async with app.run_test(size=(44, 14)) as pilot:
        shown = app.transcript
        shown.focus()
        await pilot.press("up", "up")
        assert not app.follows()
        assert not [told for told in app.told if not told[0]], "nothing is below"
        await pilot.press("escape")
        assert app.follows()
        assert app.left == 1
        assert app.here() is None
        await pilot.press("escape")
        assert app.left == 1, "there was no cursor any more"


async def test_the_blank_folds_and_enter_asks_for_the_menu() -> None:
    app = Walked([user(1), thought(2, "Because.")])
    async with app.run_test(size=(44, 14)) as pilot:
        app.transcript.focus()
        await pilot.press("enter", "space")
        assert app.menus == [], "there is no cursor yet"
        await pilot.press("up", "space")
        assert "┃  │ Because." in app.rows()
        await pilot.press("space")
        assert "┃  │ Because." not in app.rows()
        await pilot.press("enter")
        await pilot.pause()
        assert app.menus == [2]


async def test_the_keys_are_the_transcripts_only_while_it_has_the_focus() -> None:
    app = Walked(many(9))
    async with app.run_test(size=(44, 14)) as pilot:
        app.query_one(Input).focus()
        await pilot.press("up", "space")
        assert app.here() is None
        assert app.query_one(Input).value == " "


async def test_the_cursor_stays_at_its_message_when_the_conversation_is_read_again() -> None:
    app = Walked(many(30))
    async with app.run_test(size=(44, 14)):
        shown = app.transcript
        shown.walk(0)
        shown.walk(-1)
        shown.reset(many(31))
        assert app.here() == 29
        shown.reset(many(3))
        assert app.here() is None
        shown.walk(-1)
        assert app.here() == 3, "it begins anew"


async def test_an_empty_conversation_cannot_be_walked() -> None:
    app = Walked()
    async with app.run_test(size=(44, 14)) as pilot:
        app.transcript.focus()
        await pilot.press("up", "home", "end", "enter", "space", "escape")
        app.transcript.walk(1)
        assert app.here() is None
        assert app.menus == []


async def test_the_cursor_has_a_plain_mark_without_utf_8() -> None:
    class Plain(Walked):
        def compose(self):  # type: ignore[no-untyped-def]
            yield Transcript(ascii_only=True)

    app = Plain([thought(1, "Because.")])
    async with app.run_test(size=(44, 14)) as pilot:
        app.transcript.focus()
        await pilot.press("up")
        assert app.rows()[:2] == [">* Assistant", ">  ~ Thought for 2 s [+]"]


async def test_the_window_moves_no_farther_than_it_has_to() -> None:
    app = Walked([user(number) for number in range(1, 40)])  # three rows each
    async with app.run_test(size=(44, 15)):
        shown = app.transcript
        column = shown._column
        shown.scroll_home()
        shown.walk_to(shown.entries[2])
        assert column.top == 0, "it was in view"
        shown.walk_to(shown.entries[9])
        assert column.ends_at(shown.entries[9]) == column.top + column.height
        shown.walk(-1)
        assert column.ends_at(shown.entries[9]) == column.top + column.height, "still in view"
        shown.walk_to(shown.entries[0])
        assert column.top == 0
