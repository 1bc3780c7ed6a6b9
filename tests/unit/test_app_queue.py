"""The queue on the screen: what it says, and that no text is lost over editing or dropping."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot

from tests.app_support import (
    BOOT,
    READY,
    FakeClient,
    Stage,
    make_stage,
    said,
    started,
    view,
    wait_until,
)
from tests.outbox_support import LOST, mine, name, waiting
from tests.unit.test_app_screens import screen_text
from tui_chat.app import messages
from tui_chat.app.glyphs import ASCII, UNICODE
from tui_chat.app.queue_face import QueueFace, addressed, age, preview, standing
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.queue import QueueScreen
from tui_chat.app.screens.said import SaidScreen
from tui_chat.app.settings import ChatSettings
from tui_chat.app.widgets.editor import PASTE_LIMIT
from tui_chat.app.workers import ClientWorker
from tui_chat.connection.status import ConnectionState
from tui_chat.conversation.model import DeliveryState, MessageAdded, MessageKind
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import MessageRefused, NetworkError
from tui_chat.events import OutboxChanged
from tui_chat.secret import Secret
from tui_chat.ticket.events import TicketRenewalFailed, TicketRenewed, TicketRenewing

D = DeliveryState
REFUSED = NetworkError("Nobody answers.")
OUTAGE = replace(
    READY,
    connected=False,
    cause=REFUSED,
    state=ConnectionState.BACKOFF,
    is_reconnecting=True,
    retry_at=BOOT + 9,
)


# -- without any widget ---------------------------------------------------------------------------


def test_items_are_sorted_by_what_has_to_be_said() -> None:
    face = QueueFace.of(
        (
            waiting(1, "a"),
            waiting(2, "b", held=True),
            waiting(3, "c", D.UNKNOWN, message_id=3),
            waiting(4, "d", D.FAILED),
            waiting(5, "e", D.WRITTEN),
        )
    )
    assert [item.text for item in face.waiting] == ["a"]
    assert [item.text for item in face.held] == ["b"]
    assert (face.unknown, face.failed, face.hidden) == (1, 1, 1)
    assert face.counts() == "2 queued, 1 not known, 1 failed"
    assert QueueFace.of(()).counts() == ""


@pytest.mark.parametrize(
    ("ready", "running", "note", "reason"),
    [
        (False, True, "", "goes out when connected"),
        (True, True, "Busy.", "after this reply"),
        (True, False, "Busy.\nWait.", "Busy. Wait."),
        (True, False, "", ""),
    ],
)
def test_why_a_message_waits(ready: bool, running: bool, note: str, reason: str) -> None:
    face = QueueFace.of((waiting(1, "a", note=note),))
    assert face.reason(ready=ready, running=running) == reason


def test_the_keys_are_about_the_latest_unclear_message() -> None:
    first, second = (
        waiting(1, "a", D.UNKNOWN, message_id=9),
        waiting(2, "b", D.FAILED, message_id=4),
    )
    assert addressed((first, second)) is first, "by its place in the conversation"
    assert addressed((second, waiting(3, "c", D.FAILED))) is second, "by what can be seen"
    assert addressed((waiting(3, "c", D.FAILED),)) is not None
    assert addressed((waiting(1, "a"), waiting(2, "b", D.WRITTEN))) is None


def test_every_standing_has_words() -> None:
    words = {standing(waiting(1, "a", state), UNICODE).words for state in D}
    assert {"queued", "not known whether it arrived", "not sent", "being sent"} == words
    assert standing(waiting(1, "a", held=True), ASCII).glyph.isascii()


def test_texts_and_ages_from_outside_are_made_safe() -> None:
    item = waiting(1, "a\x1b]0;b\nc\u202e", media=("u", "v"))
    assert preview(item) == "a␛]0;b c<U+202E> [+2 files]"
    assert age(item, item.created - 1e6) == "0 s old", "a clock that was set back"


# -- on the screen --------------------------------------------------------------------------------


async def queued(pilot: Pilot[Any], stage: Stage, *items: OutboxItem) -> None:
    stage.client.emit(OutboxChanged(items))
    await wait_until(pilot, lambda: stage.chat.outbox == items)


async def opened(pilot: Pilot[Any], stage: Stage, *items: OutboxItem) -> QueueScreen:
    await started(pilot, stage)
    await queued(pilot, stage, *items)
    await pilot.press("f3")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, QueueScreen))
    screen = stage.app.screen
    assert isinstance(screen, QueueScreen)
    return screen


@pytest.mark.parametrize("width", [60, 120])
async def test_the_strip_says_what_waits_and_why(width: int) -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(width, 24)) as pilot:
        await started(pilot, stage)
        assert not stage.chat.queue_strip.display
        stage.client.status(OUTAGE)
        await queued(pilot, stage, *(waiting(n, f"text\x1b {n}") for n in range(1, 6)))
        await wait_until(pilot, lambda: "5 queued · goes out when connected" in screen_text(stage))
        shown = screen_text(stage)
        assert "text␛ 3" in shown
        assert "text␛ 4" not in shown
        assert "+2 more" in shown
        assert shown.count("5 queued") == 2, "in the status line as well"
        await queued(pilot, stage)
        await wait_until(pilot, lambda: not stage.chat.queue_strip.display)
        assert "queued" not in screen_text(stage)


async def test_a_low_screen_has_no_room_for_previews() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(60, 12)) as pilot:
        await started(pilot, stage)
        stage.client.status(OUTAGE)
        await queued(pilot, stage, waiting(1, "one"), waiting(2, "two"))
        await wait_until(pilot, lambda: "2 queued" in screen_text(stage))
        assert "one" not in screen_text(stage)


async def test_a_message_that_leaves_at_once_never_flashes_up() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.status(READY)
        await wait_until(pilot, lambda: stage.chat.status_bar.status.connected)
        await queued(pilot, stage, waiting(1, "one"))
        assert not stage.chat.queue_strip.display
        await wait_until(pilot, lambda: stage.chat.queue_strip.display, what="it waits after all")
        assert "going out now" in screen_text(stage)


async def test_leftovers_are_offered_and_can_be_kept() -> None:
    stage = make_stage(glyphs=ASCII)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await queued(pilot, stage, waiting(1, "one", held=True))
        offer = "! 1 left over from an earlier session - Alt+S sends - Alt+K later - F3 queue"
        await wait_until(pilot, lambda: offer in screen_text(stage))
        await pilot.press("alt+k")
        await wait_until(pilot, lambda: "1 kept for later - F3" in screen_text(stage))
        await queued(pilot, stage)
        await queued(pilot, stage, waiting(2, "two", held=True))
        await wait_until(pilot, lambda: "1 left over" in screen_text(stage), what="others")


async def test_the_marked_message_in_the_conversation_is_the_one_the_keys_are_about() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.changes(mine(1, "one", D.UNKNOWN, LOST), mine(2, "two", D.UNKNOWN, LOST))
        one, two = (waiting(n, "t", D.UNKNOWN, message_id=n) for n in (1, 2))
        await queued(pilot, stage, one, two)
        await wait_until(pilot, lambda: "Alt+R sends it again" in screen_text(stage))
        shown = screen_text(stage)
        assert shown.index("two") < shown.index("Alt+R")
        await queued(pilot, stage, one)
        await wait_until(
            pilot, lambda: screen_text(stage).index("Alt+R") < screen_text(stage).index("two")
        )


async def test_without_an_unclear_message_the_keys_say_so() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        for key in ("alt+r", "alt+d"):
            await pilot.press(key)
            await wait_until(pilot, lambda: "no message that failed" in stage.chat.notice.text)
            stage.chat.notice.show("")
        await pilot.press("alt+s")
        await wait_until(pilot, lambda: "Nothing was left over" in stage.chat.notice.text)
        assert stage.client.delivery.asked == []


@pytest.mark.parametrize("letter", ["r", "d", "s", "k", "x"])
async def test_alt_and_a_letter_writes_nothing_on_old_terminals_either(letter: str) -> None:
    """They send Esc and the letter; Textual makes a key of it that brings the letter along."""
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.app.post_message(messages.StorageNoticed("Full.", "DISK_FULL"))
        await queued(pilot, stage, waiting(1, "a", D.FAILED), waiting(2, "b", held=True))
        stage.app.post_message(Key(f"alt+{letter}", letter))
        chat = stage.chat
        await wait_until(
            pilot,
            lambda: (
                stage.client.delivery.asked
                or not chat.storage_notice.display
                or "kept" in str(chat.queue_strip.render())
            ),
        )
        assert chat.prompt.text == ""


async def test_a_discarded_message_can_be_recalled() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await queued(pilot, stage, waiting(1, "precious", D.UNKNOWN, message_id=1))
        await pilot.press("alt+d")
        await wait_until(pilot, lambda: stage.client.delivery.asked == [("drop", name(1))])
        await pilot.press("up")
        assert stage.chat.prompt.text == "precious"


# -- the queue's own screen -----------------------------------------------------------------------


async def test_only_what_is_possible_is_offered_and_done() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        queue = await opened(
            pilot,
            stage,
            waiting(1, "one", D.WRITTEN),
            waiting(2, "two", D.UNKNOWN, note=LOST),
            waiting(3, "three", writes=1),
            waiting(4, "four"),
        )
        assert queue.keys.text == "Esc closes"
        await pilot.press("s", "r", "d", "a", "enter")
        await pilot.press("down")
        assert queue.keys.text == "R sends again, Del discards, Esc closes"
        assert "The connection" in screen_text(stage)
        await pilot.press("s", "enter", "down")
        assert queue.keys.text == "S sends now, Del discards, Esc closes"
        await pilot.press("enter", "r", "down")
        assert queue.keys.text == "Enter edits, S sends now, Del discards, Esc closes"
        await pilot.pause()
        assert stage.client.delivery.asked == []
        assert queue.editor is None


async def test_the_list_follows_the_queue_and_the_choice_stays() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        one, two, three = (waiting(n, f"text {n}") for n in (1, 2, 3))
        queue = await opened(pilot, stage, one, two, three)
        await pilot.press("down")
        assert queue.chosen == name(2)
        await queued(pilot, stage, two, three)
        assert queue.chosen == name(2)
        await queued(pilot, stage, three)
        assert queue.chosen == name(3)
        stage.clock.now = 3600.0
        await wait_until(pilot, lambda: "63 min old" in screen_text(stage))
        await queued(pilot, stage)
        await wait_until(pilot, lambda: "Nothing waits" in screen_text(stage))
        assert queue.chosen == ""


async def test_a_dropped_text_is_in_the_prompt_s_history() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        queue = await opened(pilot, stage, waiting(1, "precious"))
        await pilot.press("delete")
        await wait_until(pilot, lambda: stage.client.delivery.asked == [("drop", name(1))])
        assert "Up in the prompt" in queue.notice.text
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        await pilot.press("up")
        assert stage.chat.prompt.text == "precious"


async def test_an_edit_is_saved_and_the_editor_closes_when_it_is_kept() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        queue = await opened(pilot, stage, waiting(1, "one\ntwo"))
        await pilot.press("enter")
        await wait_until(pilot, lambda: queue.editor is not None and queue.editor.has_focus)
        await pilot.press("ctrl+j", "q", "d", "enter")
        await wait_until(pilot, lambda: stage.client.delivery.asked)
        assert stage.client.delivery.asked == [("edit", name(1), "one\ntwo\nqd")]
        assert queue.editor is not None, "not before it is kept"
        await queued(pilot, stage, waiting(1, "one\ntwo\nqd"))
        await wait_until(pilot, lambda: queue.editor is None)
        assert queue.messages.has_focus


async def test_an_edit_that_could_not_be_kept_stays_in_the_editor() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        queue = await opened(pilot, stage, waiting(1, "one"))

        async def refuse(_item_id: str, _text: str) -> None:
            raise MessageRefused("The disk is full.")

        stage.client.delivery.edit = refuse  # type: ignore[assignment,method-assign]
        await pilot.press("enter")
        await wait_until(pilot, lambda: queue.editor is not None and queue.editor.has_focus)
        await pilot.press("!", "enter")
        await wait_until(pilot, lambda: "disk is full" in queue.notice.text)
        assert queue.editor is not None
        assert queue.editor.text == "one!"


@pytest.mark.parametrize("key", ["escape", "f3"])
async def test_an_edit_that_is_left_changes_nothing_and_can_be_recalled(key: str) -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        queue = await opened(pilot, stage, waiting(1, "one"))
        await pilot.press("enter")
        await wait_until(pilot, lambda: queue.editor is not None and queue.editor.has_focus)
        await pilot.press("!", key)
        if key == "escape":
            await wait_until(pilot, lambda: queue.editor is None)
            assert isinstance(stage.app.screen, QueueScreen)
            await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        assert stage.client.delivery.asked == []
        await pilot.press("up")
        await wait_until(pilot, lambda: stage.chat.prompt.text == "one!")


async def test_a_message_that_leaves_while_it_is_edited_loses_nothing() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        queue = await opened(pilot, stage, waiting(1, "one"))
        await pilot.press("enter")
        await wait_until(pilot, lambda: queue.editor is not None and queue.editor.has_focus)
        await pilot.press("!")
        await queued(pilot, stage)
        await wait_until(pilot, lambda: "on its way" in queue.notice.text)
        await pilot.press("enter")
        await wait_until(pilot, lambda: stage.chat.prompt.text == "one!")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        assert stage.client.delivery.asked == []


async def test_what_cannot_be_edited_here_says_so() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        queue = await opened(pilot, stage, waiting(1, "x" * (PASTE_LIMIT + 1)))
        await pilot.press("enter")
        await wait_until(pilot, lambda: "too long" in queue.notice.text)
        assert queue.editor is None


# -- retry, edit and resend -----------------------------------------------------------------------


async def _spoken(pilot: Pilot[Any], stage: Stage) -> None:
    await started(pilot, stage)
    stage.client.changes(
        MessageAdded(said(1, MessageKind.USER, "first")),
        mine(2, "second", D.UNKNOWN),
        MessageAdded(said(3, MessageKind.ASSISTANT, "reply")),
    )
    await wait_until(pilot, lambda: len(list(stage.transcript.said())) == 2)


async def test_retry_sends_a_new_message_or_the_unclear_one_again() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await _spoken(pilot, stage)
        await pilot.press(*"half")
        await stage.chat.run_action("retry")
        await wait_until(pilot, lambda: stage.client.sent == ["second"])
        assert stage.chat.prompt.text == "half", "the prompt is not concerned"
        await queued(pilot, stage, waiting(2, "second", D.UNKNOWN, message_id=2))
        await stage.chat.run_action("retry")
        await wait_until(pilot, lambda: stage.client.delivery.asked == [("resend", name(2))])
        assert stage.client.sent == ["second"]


async def test_a_retry_that_is_refused_says_why() -> None:
    stage = make_stage(FakeClient(refusal=MessageRefused("The outbox is full.")))
    async with stage.app.run_test() as pilot:
        await _spoken(pilot, stage)
        await stage.chat.run_action("retry")
        await wait_until(pilot, lambda: "outbox is full" in stage.chat.notice.text)


async def test_edit_and_resend_keeps_what_was_being_written() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await _spoken(pilot, stage)
        await pilot.press(*"half")
        await stage.chat.run_action("edit_and_resend")
        assert stage.chat.prompt.text == "second"
        assert stage.chat.prompt.draft == "half"
        await pilot.press("!", "enter")
        await wait_until(pilot, lambda: stage.client.sent == ["second!"])
        await wait_until(pilot, lambda: stage.chat.prompt.text == "half")


async def test_with_nothing_said_there_is_nothing_to_retry() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await stage.chat.run_action("retry")
        assert "written nothing" in stage.chat.notice.text
        await pilot.press("f4")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, SaidScreen))
        await wait_until(pilot, lambda: "written nothing" in screen_text(stage))
        await pilot.press("r", "enter", "escape")
        assert stage.client.sent == []


async def test_the_palette_does_what_belongs_to_the_conversation() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await _spoken(pilot, stage)
        for command in stage.app.get_system_commands(stage.app.screen):
            if command.title == "Retry the last message":
                await command.callback()
        await wait_until(pilot, lambda: stage.client.sent == ["second"])


# -- storage, ticket, leaving ---------------------------------------------------------------------


async def test_notices_about_storage_stay_until_they_are_put_away() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        for code in ("DISK_FULL", "READ_ONLY", "DISK_FULL"):
            stage.app.post_message(messages.StorageNoticed(f"It is {code}.", code))
        notice = stage.chat.storage_notice
        both = "It is DISK_FULL. Alt+X hides this (and 1 more)."
        await wait_until(pilot, lambda: notice.text == both)
        await pilot.press("x", "alt+x")
        assert notice.text == "It is READ_ONLY. Alt+X hides this."
        await pilot.press("alt+x")
        assert not notice.display


async def test_while_the_banner_explains_the_outage_the_ticket_keeps_calm() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.status(OUTAGE)
        stage.client.ticket(TicketRenewalFailed(REFUSED, BOOT + 4, final=True))
        bar = stage.chat.ticket_bar
        await wait_until(pilot, lambda: bar.face.note == "no ticket while disconnected")
        assert not stage.chat.ticket_failure.display
        assert screen_text(stage).count("Nobody answers") == 1
        before = bar.face
        stage.client.ticket(TicketRenewing(2, 3))
        stage.clock.now = 2.0
        await pilot.pause(0.2)
        assert bar.face == before, "tries come and go elsewhere"
        stage.client.status(READY)
        await wait_until(pilot, lambda: bar.face.note == "fetching, try 2 of 3")
        stage.client.ticket(TicketRenewalFailed(REFUSED, None, final=True))
        await wait_until(pilot, lambda: stage.chat.ticket_failure.display)


async def test_a_ticket_that_is_still_good_counts_down_through_an_outage() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.ticket(TicketRenewed(view(), 0.1))
        stage.client.status(OUTAGE)
        stage.client.ticket(TicketRenewalFailed(REFUSED, BOOT + 4, final=True))
        bar = stage.chat.ticket_bar
        await wait_until(pilot, lambda: bar.face.note == "renews when connected")
        assert bar.face.time == "05:00"


async def test_the_application_knows_what_was_not_sent_when_it_has_ended() -> None:
    stage = make_stage()
    stage.client.delivery.unsent = 2
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await queued(pilot, stage, waiting(1, "a"), waiting(2, "b"))
        await pilot.press("ctrl+q")  # asks: they would be lost
        await pilot.press("ctrl+q")
        await wait_until(pilot, lambda: stage.app._exit)
    assert stage.app.unsent == 2
    assert not stage.app.lasting


async def test_an_application_without_a_client_has_nothing_unsent() -> None:
    stage = make_stage(welcome=True)
    async with stage.app.run_test() as pilot:
        await pilot.pause()
        assert stage.app.unsent == 0


async def test_quitting_asks_once_when_messages_would_be_lost() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        await queued(pilot, stage, waiting(1, "not yet"))
        await pilot.press("ctrl+q")
        await wait_until(pilot, lambda: stage.app._notifications)
        [notice] = stage.app._notifications
        assert "1 message is not sent yet and would be lost" in notice.message
        assert not stage.app._exit
        await pilot.press("ctrl+q")
        await wait_until(pilot, lambda: stage.app._exit)


async def test_what_is_typed_before_the_client_s_thread_runs_is_sent_by_it() -> None:
    client = FakeClient()
    posted: list[Any] = []
    settings = ChatSettings("http://localhost:1", Secret("t"), Secret("k"))
    worker = ClientWorker(settings, posted.append, client_factory=lambda _record: client)
    worker.send(1, "early")
    worker.send(2, "birds")
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        await wait_for(lambda: len(posted) >= 2 and len(client.sent) == 2)
    finally:
        worker.stop()
        await asyncio.to_thread(thread.join, 5)
    assert client.sent == ["early", "birds"]
    assert [type(m).__name__ for m in posted if isinstance(m, messages.SendAccepted)] == [
        "SendAccepted"
    ] * 2


async def wait_for(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)
