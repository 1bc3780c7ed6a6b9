"""From one conversation to another, with a real store: nothing of either is lost or mixed up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot

from tests.app_support import NOW, SERVER, wait_until
from tests.conversation_support import Kept, keep, said_by
from tui_chat.app import conversation_side
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.conversations import NAMELESS, ConversationsScreen
from tui_chat.app.transcript.finding import Found
from tui_chat.conversation.model import MessageKind
from tui_chat.errors import StorageError
from tui_chat.storage import Scope, Store

USER, ASSISTANT = MessageKind.USER, MessageKind.ASSISTANT

ALPHA = [said_by(USER, 1, "Where is the ticket?"), said_by(ASSISTANT, 2, "In the *first* URL.")]
BETA = [said_by(USER, 1, "Deploy beta"), said_by(ASSISTANT, 2, "Done, with a Ticket.")]


async def listed(pilot: Pilot[Any], kept: Kept, *keys: str) -> ConversationsScreen:
    """Open the list, type, and wait for what is there."""
    await pilot.press("ctrl+l", *keys)
    await wait_until(pilot, lambda: isinstance(kept.app.screen, ConversationsScreen))
    screen = kept.app.screen
    assert isinstance(screen, ConversationsScreen)
    await wait_until(pilot, lambda: screen.empty.text != "Looking..." or lines(screen))
    return screen


def lines(screen: ConversationsScreen) -> list[str]:
    return [str(each.prompt) for each in screen.list.options]


def transcript(kept: Kept) -> list[str]:
    assert kept.app.chat is not None
    assert kept.app.chat.transcript is not None
    return [entry.text for entry in kept.app.chat.transcript.entries]


async def shows(pilot: Pilot[Any], kept: Kept, *texts: str) -> None:
    await wait_until(pilot, lambda: transcript(kept) == list(texts), what=str(texts))


async def test_the_latest_comes_first_and_says_how_it_stands() -> None:
    await keep(ALPHA, [], draft="half", now=NOW - 7_200)
    await keep(BETA)
    kept = Kept()
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        screen = await listed(pilot, kept)
        await wait_until(pilot, lambda: len(lines(screen)) == 2)
        assert lines(screen) == [
            "Deploy beta\n  just now · 2 messages · this one",
            "Where is the ticket?\n  2 h ago · 2 messages · a draft",
        ]
        assert screen.list.highlighted == 1, "Enter goes to the one before"


async def test_another_one_is_opened_and_drafts_stay_where_they_are() -> None:
    alpha, beta = await keep(ALPHA, BETA, draft="half a thought")
    kept = Kept()
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        assert kept.conversation == beta
        await shows(pilot, kept, "Deploy beta", "Done, with a Ticket.")
        await pilot.press(*"for beta")
        await listed(pilot, kept)
        await pilot.press("enter")
        await kept.begun(pilot, 2)
        assert kept.conversation == alpha
        assert kept.clients[0].disconnected
        await shows(pilot, kept, "Where is the ticket?", "In the *first* URL.")
        chat = kept.app.chat
        assert chat is not None
        await wait_until(pilot, lambda: chat.prompt.text == "half a thought")
        assert chat.prompt.has_focus
        await pilot.press("ctrl+l")
        await listed_again(pilot, kept)
        await pilot.press("enter")
        await kept.begun(pilot, 3)
        assert kept.conversation == beta
        await wait_until(
            pilot, lambda: kept.app.chat is not None and kept.app.chat.prompt.text == "for beta"
        )
        assert sum(isinstance(s, ChatScreen) for s in kept.app.screen_stack) <= 2


async def listed_again(pilot: Pilot[Any], kept: Kept) -> None:
    await wait_until(
        pilot,
        lambda: (
            isinstance(kept.app.screen, ConversationsScreen) and len(lines(kept.app.screen)) == 2
        ),
    )


async def test_a_new_one_keeps_the_one_before() -> None:
    await keep(ALPHA)
    kept = Kept()
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        first = kept.conversation
        await pilot.press(*"/new", "enter")
        await kept.begun(pilot, 2)
        assert kept.conversation != first
        assert transcript(kept) == []
        screen = await listed(pilot, kept)
        await wait_until(pilot, lambda: len(lines(screen)) == 2)
        assert lines(screen)[0].startswith(NAMELESS)
        assert lines(screen)[1].startswith("Where is the ticket?")
        await pilot.press("ctrl+n")
        await kept.begun(pilot, 3)
        assert kept.conversation not in (first, "")


async def test_impatient_keys_make_one_new_conversation() -> None:
    await keep(ALPHA)
    kept = Kept()
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        for _ in range(5):
            kept.app.post_message(Key("ctrl+n", None))
        await kept.begun(pilot, 2)
        await pilot.press("ctrl+l", "escape")
        assert len(kept.clients) == 2
        assert kept.app.screen is kept.app.chat


async def test_nothing_is_put_away_where_nothing_is_kept() -> None:
    kept = Kept(ephemeral=True)
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        await pilot.press("ctrl+n")
        chat = kept.app.chat
        assert chat is not None
        await wait_until(pilot, lambda: chat.notice.text == conversation_side.NOT_KEPT)
        assert len(kept.clients) == 1
        assert kept.app.screen is chat


async def test_words_are_found_in_all_of_them_and_shown() -> None:
    alpha, _beta = await keep([*ALPHA, *(said_by(USER, n, f"no {n}") for n in range(3, 99))], BETA)
    kept = Kept()
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        screen = await listed(pilot, kept, *"ticket")
        await wait_until(pilot, lambda: lines(screen)[0].startswith("Done"))
        assert lines(screen) == [
            "Done, with a Ticket.\n  just now · this one",
            "Where is the ticket?\n  just now · Where is the ticket?",
        ]
        await pilot.press("down", "enter")
        await kept.begun(pilot, 2)
        assert kept.conversation == alpha
        chat = kept.app.chat
        assert chat is not None
        await wait_until(pilot, lambda: chat.find_bar is not None)
        assert chat.transcript is not None
        shown = chat.transcript
        await wait_until(pilot, lambda: shown.found == Found(1, 1, complete=True))
        assert "Where is the ticket?" in "\n".join(
            strip.text for strip in chat._compositor.render_strips()
        )


async def test_words_in_this_one_are_shown_without_leaving_it() -> None:
    await keep(BETA)
    kept = Kept()
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        await shows(pilot, kept, "Deploy beta", "Done, with a Ticket.")
        await pilot.press(*"/conversations Ticket", "enter")
        await wait_until(pilot, lambda: isinstance(kept.app.screen, ConversationsScreen))
        screen = kept.app.screen
        assert isinstance(screen, ConversationsScreen)
        await wait_until(pilot, lambda: len(lines(screen)) == 1)
        await pilot.press("enter")
        chat = kept.app.chat
        assert chat is not None
        await wait_until(pilot, lambda: chat.find_bar is not None)
        await wait_until(
            pilot, lambda: chat.transcript is not None and chat.transcript.found is not None
        )
        assert len(kept.clients) == 1


async def test_one_that_is_open_elsewhere_is_not_taken_away() -> None:
    await keep(ALPHA, BETA)
    store = await Store.open()
    taken = await store.resume(Scope(SERVER))
    kept = Kept()
    async with kept.app.run_test(notifications=True) as pilot:
        await kept.begun(pilot)
        screen = await listed(pilot, kept)
        await wait_until(pilot, lambda: len(lines(screen)) == 2)
        [line] = [line for line in lines(screen) if "open in process" in line]
        assert line.startswith("Deploy beta")
        screen.list.highlighted = lines(screen).index(line)
        await pilot.press("enter")
        await wait_until(pilot, lambda: len(kept.app._notifications) == 1)
        assert len(kept.clients) == 1
    await taken.release()
    await store.aclose()


async def test_what_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()

    async def fails(*_: object) -> None:
        raise StorageError("The disk is [gone].")

    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        monkeypatch.setattr(Store, "search", fails)
        screen = await listed(pilot, kept, *"word")
        await wait_until(pilot, lambda: screen.empty.text == "The disk is [gone].")


async def test_enter_means_what_is_typed_even_before_it_was_looked_for() -> None:
    await keep(ALPHA, BETA)
    kept = Kept()
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        await listed(pilot, kept)
        for key in (*"deploy", "enter"):
            kept.app.post_message(Key(key, key if len(key) == 1 else None))
        chat = kept.app.chat
        assert chat is not None
        await wait_until(pilot, lambda: chat.find_bar is not None)
        assert len(kept.clients) == 1, "it is in this one, and the other one was highlighted"


async def test_an_answer_to_earlier_words_is_not_shown() -> None:
    await keep(ALPHA)
    kept = Kept()
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        screen = await listed(pilot, kept, *"first")
        await wait_until(pilot, lambda: len(lines(screen)) == 1)
        await pilot.press("x")
        await wait_until(pilot, lambda: screen.empty.text == "No message holds these words.")


async def test_the_screen_of_the_first_one_gives_everything_back() -> None:
    await keep(ALPHA, BETA)
    kept = Kept()
    async with kept.app.run_test() as pilot:
        await kept.begun(pilot)
        first = kept.app.chat
        for count in range(2, 5):
            await pilot.press("ctrl+n")
            await kept.begun(pilot, count)
        assert first is not None
        assert first.transcript is None
        assert not first.children
        assert len([s for s in kept.app.screen_stack if isinstance(s, ChatScreen)]) == 2
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert not [name for name in names if "exchange" in name]
