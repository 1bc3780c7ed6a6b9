"""What the screens look like, pixel by pixel where a pixel is a cell.

Clock, time zone, versions and ids are pinned, nothing is animated. After
a change that is meant to be seen: ``pytest tests/snapshots --snapshot-update``, and look at the
difference before committing it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app_support import (
    BOOT,
    READY,
    Stage,
    conversation,
    finish,
    make_stage,
    started,
    view,
    wait_until,
)
from tui_chat.app.glyphs import ASCII
from tui_chat.app.screens.help import HelpScreen
from tui_chat.app.screens.too_small import TooSmallScreen
from tui_chat.connection.status import ConnectionState
from tui_chat.errors import CredentialsRejected, NetworkError, TuiChatError
from tui_chat.ticket.events import (
    TicketEvent,
    TicketExpired,
    TicketRenewalFailed,
    TicketRenewed,
    TicketRenewing,
)

Compare = Callable[..., bool]
Act = Callable[[Pilot[Any], Stage], Awaitable[None]]
REFUSED = NetworkError(
    "Nobody answers at chat.example.com:8443 (connection refused). The server may be down."
)


def snap(compare: Compare, act: Act, size: tuple[int, int] = (80, 24), **options: Any) -> bool:
    """Play ``act`` and compare the screen with the accepted one."""
    stage = make_stage(**options)
    stage.app.animation_level = "none"

    async def before(pilot: Pilot[Any]) -> None:
        if stage.app.chat is not None:
            await started(pilot, stage)
        await act(pilot, stage)

    return compare(stage.app, terminal_size=size, run_before=before)


async def connected(pilot: Pilot[Any], stage: Stage) -> None:
    """A conversation 48 seconds into a five-minute ticket, a reply still coming."""
    stage.client.status(READY)
    stage.client.ticket(TicketRenewed(view(), 0.045))
    stage.client.changes(*conversation())
    await wait_until(pilot, lambda: stage.chat.key_hints.running)
    stage.clock.now = 48.0
    await wait_until(pilot, lambda: stage.chat.ticket_bar.face.note == "renews in 02:02")
    # The bar draws itself at the next second of its clock; here the clock jumped.
    stage.chat.ticket_bar.refresh()
    await wait_until(pilot, lambda: stage.transcript.is_vertical_scroll_end)
    await pilot.pause(0.1)


def after(*events: TicketEvent) -> Act:
    """Return the conversation with these things having happened to the ticket."""

    async def act(pilot: Pilot[Any], stage: Stage) -> None:
        await connected(pilot, stage)
        before = stage.chat.ticket_bar.face
        for event in events:
            stage.client.ticket(event)
        await wait_until(pilot, lambda: stage.chat.ticket_bar.face != before)

    return act


def lost(cause: TuiChatError, **status: Any) -> Act:
    """Return the conversation with the connection lost."""

    async def act(pilot: Pilot[Any], stage: Stage) -> None:
        await connected(pilot, stage)
        stage.client.changes(*finish(5))
        stage.client.status(replace(READY, connected=False, cause=cause, **status))
        await wait_until(pilot, lambda: stage.chat.banner.text)
        await wait_until(pilot, lambda: not stage.chat.key_hints.running)

    return act


@pytest.mark.parametrize("width", [60, 80, 120])
def test_chat(snap_compare: Compare, width: int) -> None:
    assert snap(snap_compare, connected, (width, 24))


def test_chat_in_the_smallest_terminal(snap_compare: Compare) -> None:
    assert snap(snap_compare, connected, (40, 10))


def test_chat_light(snap_compare: Compare) -> None:
    assert snap(snap_compare, connected, theme="tui-chat-light")


def test_chat_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap(snap_compare, connected)


def test_chat_in_ascii(snap_compare: Compare) -> None:
    assert snap(snap_compare, connected, glyphs=ASCII)


def test_nothing_said_yet(snap_compare: Compare) -> None:
    async def act(pilot: Pilot[Any], stage: Stage) -> None:
        stage.client.status(READY)
        await wait_until(pilot, lambda: stage.chat.status_bar.status.connected)

    assert snap(snap_compare, act)


def test_ticket_renewing(snap_compare: Compare) -> None:
    assert snap(snap_compare, after(TicketRenewing(2, 3)))


def test_ticket_renewal_failed(snap_compare: Compare) -> None:
    error = NetworkError("The ticket server cannot be reached (connection refused).")
    assert snap(snap_compare, after(TicketRenewalFailed(error, BOOT + 60, final=True)))


def test_ticket_expired(snap_compare: Compare) -> None:
    assert snap(snap_compare, after(TicketExpired(1)))


@pytest.mark.parametrize("width", [60, 80])
def test_reconnecting(snap_compare: Compare, width: int) -> None:
    act = lost(
        REFUSED,
        state=ConnectionState.BACKOFF,
        is_reconnecting=True,
        reconnect_attempts=3,
        retry_at=BOOT + 52,
    )
    assert snap(snap_compare, act, (width, 24))


def test_sign_in_needed(snap_compare: Compare) -> None:
    cause = CredentialsRejected("The server does not accept the token. Get a new one.")
    assert snap(snap_compare, lost(cause, state=ConnectionState.FAILED))


def test_help(snap_compare: Compare) -> None:
    async def act(pilot: Pilot[Any], stage: Stage) -> None:
        await connected(pilot, stage)
        await pilot.press("f1")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, HelpScreen))

    assert snap(snap_compare, act, (90, 40))


async def welcomed(pilot: Pilot[Any], stage: Stage) -> None:
    panel = stage.app.screen.query_one("#welcome-panel")
    await wait_until(pilot, lambda: panel.has_focus and panel.size.height > 5)


@pytest.mark.parametrize("size", [(40, 12), (80, 24)])
def test_welcome(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap(snap_compare, welcomed, size, welcome=True)


def test_too_small(snap_compare: Compare) -> None:
    async def act(pilot: Pilot[Any], stage: Stage) -> None:
        await wait_until(pilot, lambda: isinstance(stage.app.screen, TooSmallScreen))

    assert snap(snap_compare, act, (32, 8))
