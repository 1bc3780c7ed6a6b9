"""The widget in a running application: following, scrolling, resizing, repainting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from tests.support.checkout import ROOT
from tui_chat.app.transcript import Transcript
from tui_chat.app.transcript import view as view_module
from tui_chat.app.transcript import widget as widget_module
from tui_chat.app.transcript.rows import paint
from tui_chat.conversation.model import (
    Change,
    Message,
    MessageAdded,
    MessageFinished,
    MessageKind,
    MessageState,
    RunChanged,
    TextAppended,
    ToolCall,
    ToolUpdated,
)


class Screen(App[None]):
    CSS_PATH = ROOT / "styles" / "transcript.tcss"

    def __init__(self, messages: Iterable[Message] = (), now: float = 10.0) -> None:
        super().__init__()
        self.now = now
        self.told: list[tuple[bool, int]] = []
        self._messages = list(messages)

    def compose(self) -> ComposeResult:
        yield Transcript(placeholder="Say something.", now=lambda: self.now)
        yield Input()

    def on_mount(self) -> None:
        self.transcript.reset(self._messages)

    def on_transcript_follow_changed(self, event: Transcript.FollowChanged) -> None:
        self.told.append((event.follow, event.unread))

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    def rows(self) -> list[str]:
        shown = self.transcript
        return [shown.render_line(y).text.rstrip() for y in range(shown.size.height)]

    def apply(self, *changes: Change) -> None:
        self.transcript.apply(changes)
        self.transcript.flush()


def user(number: int, text: str = "") -> Message:
    return Message(number, MessageKind.USER, 1.0, [text or f"message {number}"])


def reply(number: int, text: str = "", *, streaming: bool = False) -> Message:
    state = MessageState.STREAMING if streaming else MessageState.COMPLETE
    return Message(number, MessageKind.ASSISTANT, 1.0, [text] if text else [], state=state)


def many(count: int) -> list[Message]:
    """Messages whose real heights differ much from any estimate."""
    odd = ["short", "- item\n" * 9, "| a | b |\n|---|---|\n| c | d |", "long *text* " * 60,
           "[a]: https://a.example\n" * 5, "```\n" + "code\n" * 12 + "```",
           "日本語" * 80]  # fmt: skip
    return [
        user(number) if number % 3 == 0 else reply(number, f"n{number} " + odd[number % len(odd)])
        for number in range(1, count + 1)
    ]


async def test_an_empty_conversation_shows_the_hint() -> None:
    app = Screen()
    async with app.run_test(size=(40, 10)):
        assert "Say something." in "".join(app.rows())
        app.apply(MessageAdded(user(1, "Hello")))
        assert app.rows()[:2] == [" ▌ You", " ▌ Hello"]


async def test_deltas_share_a_frame_and_the_first_is_painted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = Screen()
    async with app.run_test(size=(40, 10)) as pilot:
        flushes: list[int] = []
        flush = app.transcript.flush

        def count_and_flush() -> None:
            flushes.append(1)
            flush()

        monkeypatch.setattr(app.transcript, "flush", count_and_flush)
        monkeypatch.setattr(widget_module, "FRAME", 3600.0)
        app.transcript.apply([MessageAdded(reply(1, streaming=True))])
        await pilot.pause()
        assert len(flushes) == 1
        for _ in range(100):
            app.transcript.apply([TextAppended(1, "word ")])
        await pilot.pause()
        assert len(flushes) == 1, "the next frame is not due for an hour"
        app.transcript.flush()
        assert "word word" in "".join(app.rows())


async def test_frames_come_by_themselves() -> None:
    app = Screen()
    async with app.run_test(size=(40, 10)) as pilot:
        app.transcript.apply([MessageAdded(reply(1, streaming=True))])
        await pilot.pause()
        app.transcript.apply([TextAppended(1, "later")])
        for _ in range(500):
            if "later" in "".join(app.rows()):
                break
            await pilot.pause(0.01)
        assert "   later" in app.rows()


async def test_it_follows_the_end_until_somebody_scrolls_away() -> None:
    app = Screen(many(40))
    async with app.run_test(size=(40, 12)) as pilot:
        shown = app.transcript
        assert shown.follow
        app.apply(MessageAdded(user(41, "the newest")))
        assert app.rows()[shown.size.height - 1] == " ▌ the newest"

        shown.scroll_relative(y=-3)
        await pilot.pause()
        assert app.told == [(False, 0)]
        before = app.rows()
        app.apply(MessageAdded(reply(42, streaming=True)), TextAppended(42, "more\n\n" * 30))
        app.apply(MessageAdded(user(43)))
        assert app.rows() == before
        await pilot.pause()
        assert shown.unread == 2
        assert app.told[-1] == (False, 2)

        shown.scroll_end()
        await pilot.pause()
        assert shown.follow
        assert app.rows()[shown.size.height - 1] == " ▌ message 43"
        assert app.told[-1] == (True, 0)


async def test_scrolling_down_to_the_end_follows_again() -> None:
    app = Screen(many(40))
    async with app.run_test(size=(40, 12)) as pilot:
        shown = app.transcript
        shown.action_page_up()
        assert not shown.follow
        for _ in range(3):
            shown.action_page_down()
        await pilot.pause()
        assert shown.follow


@pytest.mark.parametrize("step", [-1, -3, -7])
async def test_nothing_jumps_when_estimates_are_corrected(step: int) -> None:
    app = Screen(many(120))
    async with app.run_test(size=(50, 15)):
        shown = app.transcript
        moved = 0
        while shown.scroll_y > 20 and moved < 300:
            before = app.rows()
            shown.scroll_relative(y=step)
            after = app.rows()
            moved += 1
            assert after[-step:] == before[: len(before) + step]
        assert moved > 40


async def test_the_first_row_can_be_reached_and_every_row_is_seen_once() -> None:
    app = Screen(many(60))
    async with app.run_test(size=(50, 15)):
        shown = app.transcript
        shown.scroll_home()
        assert app.rows()[0] == " ● Assistant"
        assert shown.scroll_y == 0
        seen = app.rows()
        while not shown.follow:
            top = shown.scroll_y
            shown.scroll_relative(y=5)
            seen += app.rows()[len(app.rows()) - round(shown.scroll_y - top) :]
        text = "\n".join(seen)
        for number in range(1, 61):
            word = f"message {number}\n" if number % 3 == 0 else f"n{number} "
            assert (text + "\n").count(word) == 1, word


async def test_a_resize_keeps_the_text_at_the_top_and_comes_back() -> None:
    app = Screen(many(80))
    async with app.run_test(size=(60, 15)) as pilot:
        shown = app.transcript
        shown.scroll_relative(y=-150)
        await pilot.pause()
        before = app.rows()
        for size in [(37, 15), (24, 9), (90, 20), (60, 15)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert app.rows() == before


async def test_one_place_is_kept_through_any_number_of_resizes() -> None:
    words = " ".join(f"w{number}" for number in range(2_000))
    app = Screen([reply(1, words)])
    async with app.run_test(size=(60, 15)) as pilot:
        app.transcript.scroll_relative(y=-40)
        await pilot.pause()
        before = app.rows()
        for _ in range(4):
            for size in [(41, 15), (33, 15), (60, 15)]:
                await pilot.resize_terminal(*size)
                await pilot.pause()
        assert app.rows() == before


async def test_a_resize_at_the_end_stays_at_the_end() -> None:
    app = Screen([*many(40), user(41, "the newest")])
    async with app.run_test(size=(60, 15)) as pilot:
        for size in [(37, 9), (90, 20)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.rows()[-1] == " ▌ the newest"


async def test_the_owner_of_a_message_may_go_on_changing_it() -> None:
    app = Screen()
    async with app.run_test(size=(40, 10)):
        message = reply(1, "one ", streaming=True)
        app.apply(MessageAdded(message))
        message.chunks.append("two")
        app.apply(TextAppended(1, "two"))
        assert "   one two" in app.rows()
        assert message.chunks == ["one ", "two"]


async def test_changes_nobody_shows_and_unknown_messages_are_ignored() -> None:
    app = Screen([user(1)])
    async with app.run_test(size=(40, 10)):
        before = app.rows()
        app.apply(
            RunChanged(running=True),
            TextAppended(9, "x"),
            MessageFinished(9, MessageState.COMPLETE, 1.0),
            TextAppended(1, "not streaming"),
            MessageAdded(user(1, "twice")),
        )
        assert app.rows() == before


async def test_a_tick_shows_the_time_that_a_tool_has_taken() -> None:
    call = ToolCall("1", "slow", "server")
    running = Message(1, MessageKind.TOOL, 10.0, state=MessageState.STREAMING, tool=call)
    app = Screen([running])
    async with app.run_test(size=(60, 10)):
        assert app.rows()[1] == "   ◌ slow · running · 0.0 s · server tool"
        app.now = 15.0
        app.transcript.tick()
        assert app.rows()[1] == "   ◌ slow · running · 5 s · server tool"
        done = ToolCall("1", "slow", "server", result=3)
        app.apply(ToolUpdated(1, done, MessageState.COMPLETE, 17.0))
        assert app.rows()[1:3] == ["   ✓ slow · done · 7 s · server tool ▸ → 3", ""]


async def test_focus_repaints_nothing_but_a_theme_does(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Screen(many(30))
    async with app.run_test(size=(60, 15)) as pilot:
        painted: list[object] = []

        def note_and_paint(*args: Any) -> Strip:
            painted.append(args)
            return paint(*args)

        monkeypatch.setattr(view_module, "paint", note_and_paint)
        app.query_one(Input).focus()
        await pilot.pause()
        app.transcript.focus()
        await pilot.pause()
        assert painted == []
        app.theme = "textual-light"
        await pilot.pause()
        app.rows()
        assert painted != []


@pytest.mark.parametrize("size", [(20, 1), (20, 4), (3, 3), (1, 2), (200, 60)])
async def test_any_size_works(size: tuple[int, int]) -> None:
    app = Screen([*many(20), Message(99, MessageKind.ERROR, 1.0, ["bad"], code="X" * 99)])
    async with app.run_test(size=size):
        shown = app.transcript
        shown.styles.height = "1fr"
        app.query_one(Input).display = False
        await _settle(app)
        for y in range(size[1]):
            assert shown.render_line(y).cell_length == shown.size.width


async def _settle(app: App[None]) -> None:
    await Pilot(app).pause()


async def test_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui_chat.app.transcript import column

    monkeypatch.setattr(column, "OPEN_ENTRIES", 30)
    monkeypatch.setattr(column, "PARSED_PIECES", 40)
    app = Screen(many(200))
    async with app.run_test(size=(50, 10)):
        shown = app.transcript
        while shown.scroll_y > 0:
            shown.scroll_relative(y=-9)
        entries = shown._column.entries
        assert sum(entry.pieces is not None for entry in entries) <= 31
        assert "n1 " in "".join(app.rows())


async def test_names_relied_on_are_still_there() -> None:
    """Private or barely documented names of Textual and Pygments that the transcript uses."""
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from textual.scroll_view import ScrollView

    assert callable(ScrollView._size_updated)
    assert "root" in get_lexer_by_name("python")._tokens
