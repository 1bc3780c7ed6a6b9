"""What delivery looks like: marks in the conversation, the queue above the prompt, its screen.

See :mod:`tests.snapshots.test_app_snapshots` for how these pictures are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app_support import BOOT, NOW, READY, Stage, finish, view, wait_until
from tests.outbox_support import LOST, mine, waiting
from tests.snapshots.test_app_snapshots import REFUSED, Act, Compare, connected, snap
from tui_chat.app import messages
from tui_chat.app.glyphs import ASCII
from tui_chat.app.screens.queue import QueueScreen
from tui_chat.app.screens.said import SaidScreen
from tui_chat.connection.status import ConnectionState
from tui_chat.conversation.model import (
    DeliveryState,
    Message,
    MessageAdded,
    MessageKind,
    MessageState,
)
from tui_chat.delivery.item import OutboxItem
from tui_chat.events import OutboxChanged
from tui_chat.ticket.events import TicketRenewalFailed, TicketRenewed

D = DeliveryState
QUEUE = (
    waiting(1, "Please look at the failing test\nand say what is wrong"),
    waiting(2, "\x1b[31mthen\u202e fix it"),
    waiting(3, "and run all of them again, three times, because now and then one fails"),
    waiting(4, "thanks"),
    waiting(5, "one more"),
)


async def show(pilot: Pilot[Any], stage: Stage, *items: OutboxItem) -> None:
    stage.client.emit(OutboxChanged(items))
    await wait_until(pilot, lambda: stage.chat.outbox == items)
    strip = stage.chat.queue_strip
    wanted = any(item.state is D.QUEUED for item in items)
    await wait_until(pilot, lambda: strip.display == wanted and bool(strip.size.height) == wanted)
    await wait_until(pilot, lambda: stage.transcript.is_vertical_scroll_end)
    await pilot.pause(0.1)


async def marked(pilot: Pilot[Any], stage: Stage) -> None:
    """One message in each state, and a reply that was cut off."""
    stage.client.status(READY)
    stage.client.ticket(TicketRenewed(view(), 0.045))
    cut = Message(4, MessageKind.ASSISTANT, NOW, ["They take about"], finished=NOW + 3)
    cut.state = MessageState.INTERRUPTED
    stage.client.changes(
        mine(1, "Here is the whole log.", D.FAILED, "It is too large for the server."),
        mine(2, "Delete the old one.", D.DISCARDED),
        mine(3, "How large are they?", D.PERSISTED, "Sent again."),
        MessageAdded(cut),
        mine(5, "Restart the nightly job, and tell me when it has run.", D.UNKNOWN, LOST),
        mine(6, "Thanks.", D.WRITTEN),
    )
    await show(
        pilot,
        stage,
        waiting(1, "Here is the whole log.", D.FAILED, message_id=1),
        waiting(
            5, "Restart the nightly job, and tell me when it has run.", D.UNKNOWN, message_id=5
        ),
        waiting(6, "Thanks.", D.WRITTEN, message_id=6),
    )


async def offline(pilot: Pilot[Any], stage: Stage) -> None:
    """Five messages wait for the connection; the ticket could not be renewed either."""
    await connected(pilot, stage)
    stage.client.changes(*finish(5))
    status = replace(
        READY,
        connected=False,
        cause=REFUSED,
        state=ConnectionState.BACKOFF,
        is_reconnecting=True,
        reconnect_attempts=3,
        retry_at=BOOT + 52,
    )
    stage.client.status(status)
    stage.client.ticket(TicketRenewalFailed(REFUSED, BOOT + 60, final=True))
    await wait_until(pilot, lambda: stage.chat.ticket_bar.face.note == "renews when connected")
    await wait_until(pilot, lambda: not stage.chat.key_hints.running)
    await show(pilot, stage, *QUEUE)


async def behind_a_reply(pilot: Pilot[Any], stage: Stage) -> None:
    await connected(pilot, stage)
    await show(pilot, stage, *QUEUE[:2])


async def leftovers(pilot: Pilot[Any], stage: Stage) -> None:
    await connected(pilot, stage)
    await show(
        pilot,
        stage,
        waiting(1, "What about the invoice?", held=True),
        waiting(2, "And the other one", held=True),
        waiting(3, "Never mind", D.FAILED, note="No value for the header X-Key."),
    )


async def in_queue(pilot: Pilot[Any], stage: Stage) -> None:
    await connected(pilot, stage)
    await show(
        pilot,
        stage,
        waiting(1, "What about the invoice?", held=True),
        waiting(2, "Did this arrive?", D.UNKNOWN, note=LOST, message_id=9),
        waiting(3, "Here is the whole log.", D.FAILED, note="It is too large for the server."),
        *(waiting(item.position + 9, item.text) for item in QUEUE[1:3]),
        waiting(20, "on its way", D.WRITTEN, message_id=10),
    )
    await pilot.press("f3")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, QueueScreen))
    await pilot.press("down")
    await wait_until(pilot, lambda: "again" in _queue(stage).keys.text)


def _queue(stage: Stage) -> QueueScreen:
    screen = stage.app.screen
    assert isinstance(screen, QueueScreen)
    return screen


async def editing(pilot: Pilot[Any], stage: Stage) -> None:
    await behind_a_reply(pilot, stage)
    await pilot.press("f3")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, QueueScreen))
    await pilot.press("enter")
    await wait_until(pilot, lambda: (e := _queue(stage).editor) is not None and e.has_focus)
    await wait_until(pilot, lambda: (e := _queue(stage).editor) is not None and e.size.height == 2)


async def own_messages(pilot: Pilot[Any], stage: Stage) -> None:
    await connected(pilot, stage)
    await pilot.press("f4")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, SaidScreen))


async def storage(pilot: Pilot[Any], stage: Stage) -> None:
    await connected(pilot, stage)
    stage.app.post_message(
        messages.StorageNoticed(
            "The folder for conversations cannot be written to, so this one is kept in memory "
            "only, and is gone when you quit.",
            "IN_MEMORY",
        )
    )
    await wait_until(pilot, lambda: stage.chat.storage_notice.size.height)
    await wait_until(pilot, lambda: stage.transcript.is_vertical_scroll_end)
    await pilot.pause(0.1)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_marks(snap_compare: Compare, width: int) -> None:
    assert snap(snap_compare, marked, (width, 32))


def test_marks_light(snap_compare: Compare) -> None:
    assert snap(snap_compare, marked, (80, 32), theme="tui-chat-light")


def test_marks_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap(snap_compare, marked, (80, 32))


def test_marks_in_ascii(snap_compare: Compare) -> None:
    assert snap(snap_compare, marked, (80, 32), glyphs=ASCII)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_queue_while_disconnected(snap_compare: Compare, width: int) -> None:
    assert snap(snap_compare, offline, (width, 24))


@pytest.mark.parametrize("act", [behind_a_reply, leftovers, own_messages, storage, editing])
def test_at_60_columns(snap_compare: Compare, act: Act) -> None:
    assert snap(snap_compare, act, (60, 24))


def test_leftovers(snap_compare: Compare) -> None:
    assert snap(snap_compare, leftovers)


@pytest.mark.parametrize("width", [60, 100])
def test_queue_screen(snap_compare: Compare, width: int) -> None:
    assert snap(snap_compare, in_queue, (width, 26))


def test_queue_screen_light(snap_compare: Compare) -> None:
    assert snap(snap_compare, in_queue, (80, 26), theme="tui-chat-light")


def test_queue_screen_in_ascii_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap(snap_compare, in_queue, (80, 26), glyphs=ASCII)
