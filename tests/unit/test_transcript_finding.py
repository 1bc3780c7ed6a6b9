"""Looking for words in the transcript: every place is found, in order, and shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app_support import wait_until
from tests.unit.test_transcript_folding import mixed, thought, tool
from tests.unit.test_transcript_widget import Screen, many, reply, user
from tui_chat.app.transcript.anchor import Anchor
from tui_chat.app.transcript.copying import snapshot
from tui_chat.app.transcript.finding import Finding, Found
from tui_chat.app.transcript.piece import PieceKind
from tui_chat.app.transcript.query import LONGEST, Query
from tui_chat.app.transcript.steps import row_of
from tui_chat.conversation.model import (
    MessageAdded,
    MessageFinished,
    MessageState,
    TextAppended,
)


class Searched(Screen):
    """Notes what is known of a search."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.standings: list[Found] = []

    def on_transcript_searched(self, event: Finding.Searched) -> None:
        self.standings.append(event.found)

    @property
    def match(self) -> Anchor | None:
        return self.transcript._match

    def folded(self) -> list[bool]:
        return [entry.folded for entry in self.transcript.entries]

    def matched(self) -> str:
        """Return the row that the place is in."""
        assert self.match is not None
        y = row_of(self.transcript._column, self.match)
        assert y is not None, "the place is in view"
        return self.rows()[y].strip()


async def whole(pilot: Pilot[Any], app: Searched, text: str) -> Found:
    """Look for words until all messages have been looked at."""
    app.transcript.search(text)
    found: Callable[[], Found | None] = lambda: app.transcript.found  # noqa: E731 - short
    await wait_until(pilot, lambda: (now := found()) is not None and now.complete)
    result = found()
    assert result is not None
    return result


def places(app: Searched, text: str) -> list[Anchor]:
    """Return every place of a text in what unfolded messages show, the plain way."""
    result = []
    for number, entry in enumerate(app.transcript.entries):
        shown = snapshot(entry, unfolded=True)
        for at, piece in enumerate(shown.pieces or ()):
            if piece.kind is PieceKind.FIXED and (at or entry.tool is None):
                continue
            for line, each in enumerate(shown.lines(at)):
                start = each.text.lower().find(text)
                while start >= 0:
                    result.append(Anchor(number, at, line, start))
                    start = each.text.lower().find(text, start + len(text))
    return result


# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "source", "there"),
    [
        ("ticket", "A Ticket", True),
        ("Ticket", "A ticket", False),
        ("Ticket", "A Ticket", True),
        ("bold word", "a **bold** word", True),
        ("one two", "one\ntwo", True),
        ("snake_case", "snake\\_case", True),
        ("a.c", "abc", False),
        ("(", "f(x)", True),
        ("stra\u00dfe", "STRASSE", False),
        ("\u00c9t\u00c9", "\u00e9t\u00e9", False),
        ("\u00e9t\u00e9", "\u00c9T\u00c9", True),
        ("**", "a **b**", True),
    ],
)
def test_words_as_they_stand(words: str, source: str, there: bool) -> None:
    assert Query(words).may_be_in(source) is there


def test_words_are_one_clean_line_of_bounded_length() -> None:
    assert Query(" a\nb\x1b ").text == "a b\u241b"
    assert len(Query("x" * 10_000).text) == LONGEST
    assert not Query(" \n ")
    assert [*Query("").spans("text")] == []


def test_where_a_line_has_them_does_not_depend_on_the_case_of_other_letters() -> None:
    line = "\u0130\u0130 ticket"  # lower() would make this longer
    assert [*Query("ticket").spans(line)] == [(3, 9)]


# -- the way -------------------------------------------------------------------------------------


async def test_it_begins_with_the_nearest_above_what_is_in_view() -> None:
    app = Searched(many(100))
    async with app.run_test(size=(60, 20)) as pilot:
        app.transcript.scroll_to(y=app.transcript._column.total // 2)
        await pilot.pause()
        bottom = app.transcript._column.last_shown().id
        await whole(pilot, app, "message")
        assert app.match is not None
        here = app.transcript.entries[app.match.entry].id
        assert bottom - 4 <= here <= bottom
        assert "message" in app.matched()


@pytest.mark.parametrize("seed", range(6))
async def test_stepping_passes_every_place_in_order_and_goes_on_at_the_other_end(seed: int) -> None:
    random = Random(seed)
    app = Searched(mixed(30, seed))
    words = random.choice(["e", "n", "line", "m1"])
    async with app.run_test(size=(random.choice([34, 60, 90]), 16)) as pilot:
        expected = places(app, words)
        assert expected, words
        found = await whole(pilot, app, words)
        assert found.messages == len({place.entry for place in expected})
        seen = [app.match]
        for _ in range(len(expected) - 1):
            app.transcript.search_step(-1)
            seen.append(app.match)
            assert words in app.matched().lower()
        first = expected.index(seen[0])  # type: ignore[arg-type]
        around = expected[first::-1] + expected[:first:-1]
        assert seen == around
        for place in reversed(around[:-1]):
            app.transcript.search_step(1)
            assert app.match == place
        await pilot.pause()
        assert any(each.wrapped for each in app.standings) is (first < len(expected) - 1)


async def test_folded_messages_open_for_a_place_and_close_behind_it() -> None:
    app = Searched(
        [user(1, "ask"), thought(2, "a needle"), tool(3, result={"x": "needle"}), reply(4, "So")]
    )
    async with app.run_test(size=(60, 20)) as pilot:
        assert app.folded() == [False, True, True, False]
        await whole(pilot, app, "needle")
        assert app.folded() == [False, True, False, False]
        assert "needle" in app.matched()
        app.transcript.search_step(-1)
        assert app.folded() == [False, False, True, False]
        assert "needle" in app.matched()
        app.transcript.end_search()
        assert app.folded() == [False, False, True, False], "what is being read stays"


async def test_a_name_of_a_tool_is_found_without_opening_it() -> None:
    app = Searched([user(1, "ask"), tool(2, result=1), reply(3, "So")])
    async with app.run_test(size=(60, 20)) as pilot:
        name = app.transcript.entries[1].tool.name  # type: ignore[union-attr]
        await whole(pilot, app, name)
        assert app.match is not None
        assert app.match.entry == 1
        assert app.transcript.entries[1].folded
        assert name in app.matched()


async def test_labels_around_a_message_are_no_text_of_it() -> None:
    app = Searched([user(1, "hello"), reply(2, "hi")])
    async with app.run_test(size=(60, 20)) as pilot:
        assert await whole(pilot, app, "assistant") == Found(0, 0, complete=True)
        assert app.match is None


async def test_what_only_the_source_has_leads_to_the_message() -> None:
    app = Searched([user(1, "hello"), reply(2, "text ~~\n\n```whatlang\ncode\n```")])
    async with app.run_test(size=(60, 20)) as pilot:
        found = await whole(pilot, app, "reply to nobody")
        assert not found.messages
        app.transcript.search("whatlang")
        assert app.match is None or app.match.entry == 1


# -- while things happen ---------------------------------------------------------------------------


async def test_what_arrives_is_looked_at_when_it_is_complete() -> None:
    app = Searched([user(1, "a needle")])
    async with app.run_test(size=(60, 20)) as pilot:
        await whole(pilot, app, "needle")
        app.transcript.apply([MessageAdded(reply(2, streaming=True))])
        app.transcript.apply([TextAppended(2, "another nee")])
        app.transcript.flush()
        app.transcript.apply([TextAppended(2, "dle")])
        app.transcript.flush()
        assert app.transcript.found == Found(1, 1, complete=True)
        app.transcript.apply([MessageFinished(2, MessageState.COMPLETE, 1.0)])
        app.transcript.flush()
        assert app.transcript.found == Found(2, 1, complete=True)
        app.transcript.search_step(1)
        assert app.match is not None
        assert app.match.entry == 1


async def test_what_streams_in_does_not_carry_the_place_away() -> None:
    app = Searched([user(1, "a needle")])
    async with app.run_test(size=(60, 12)) as pilot:
        await whole(pilot, app, "needle")
        app.transcript.apply([MessageAdded(reply(2, "line\n\n" * 50))])
        app.transcript.flush()
        await pilot.pause()
        assert "needle" in app.matched()
        app.transcript.end_search()
        assert not app.transcript.follow


async def test_at_the_end_the_end_is_followed_again() -> None:
    app = Searched([user(1, "a needle")])
    async with app.run_test(size=(60, 12)) as pilot:
        await whole(pilot, app, "needle")
        assert not app.transcript.follow
        app.transcript.end_search()
        assert app.transcript.follow


async def test_another_conversation_is_searched_for_the_same_words() -> None:
    app = Searched([user(1, "a needle")])
    async with app.run_test(size=(60, 12)) as pilot:
        await whole(pilot, app, "needle")
        app.transcript.reset([user(1, "x"), user(2, "needle"), user(3, "needle")])
        await wait_until(pilot, lambda: app.transcript.found == Found(2, 2, complete=True))


async def test_fewer_letters_begin_where_the_reader_was() -> None:
    app = Searched(
        [*many(60), user(1_000, "zebra"), *(user(2_000 + n, "zeppelin") for n in range(9))]
    )
    async with app.run_test(size=(60, 12)) as pilot:
        await whole(pilot, app, "zeb")
        assert app.matched() == "▌ zebra"
        await whole(pilot, app, "ze")
        assert app.match is not None
        assert app.match.entry == len(app.transcript.entries) - 1
        app.transcript.search("")
        assert app.transcript.found is None


async def test_a_message_to_begin_with() -> None:
    app = Searched([user(n, "zebra") for n in range(1, 100)])
    async with app.run_test(size=(60, 12)) as pilot:
        app.transcript.search("zebra", 40)
        await wait_until(pilot, lambda: app.transcript.found is not None)
        assert app.match == Anchor(39, 1, 0, 0)
        assert "zebra" in app.matched()


async def test_ten_thousand_messages_keep_nobody_waiting() -> None:
    app = Searched(many(10_000))
    longest = 0.0
    async with app.run_test(size=(80, 24)) as pilot:
        loop = asyncio.get_running_loop()
        app.transcript.search("nowhere to be found")
        slices = 1
        while (now := app.transcript.found) is None or not now.complete:
            begin = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - begin)
            slices += 1
        assert app.transcript.found == Found(0, 0, complete=True)
        assert slices > 1
        await pilot.pause()


# -- what is seen ----------------------------------------------------------------------------------


async def test_places_are_marked_and_the_one_that_is_shown_stands_out() -> None:
    app = Searched([user(1, "needle"), reply(2, "a **nee**dle and a needle")])
    async with app.run_test(size=(60, 20)) as pilot:
        await whole(pilot, app, "needle")
        palette = app.transcript._palette
        assert palette is not None
        match, here = palette.own("match").bgcolor, palette.own("match-here").bgcolor
        marked = [
            (segment.text, segment.style.bgcolor == here)
            for y in range(8)
            for segment in app.transcript.render_line(y)
            if segment.style is not None and segment.style.bgcolor in (match, here)
        ]
        assert "".join(text for text, shown in marked if shown) == "needle"
        assert "".join(text for text, _ in marked) == "needle" * 3
        app.transcript.end_search()
        assert not any(
            segment.style is not None and segment.style.bgcolor in (match, here)
            for y in range(8)
            for segment in app.transcript.render_line(y)
        )


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Found(0, 0, complete=False), "looking..."),
        (Found(0, 0, complete=True), "not found"),
        (Found(1, 1, complete=True), "1 of 1 message"),
        (Found(1_200, 3, complete=False), "3 of 1,200 messages so far"),
        (Found(4, 4, complete=True, wrapped=True), "4 of 4 messages, from the other end"),
    ],
)
def test_how_it_stands_in_words(found: Found, text: str) -> None:
    assert str(found) == text
