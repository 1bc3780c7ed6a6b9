"""What each key does that walks through messages or folds them: for the tests of the registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from tests.app_support import Stage, conversation, wait_until
from tui_chat.app.screens.message_menu import MessageMenu

__all__ = ["WALKING_PLAYS"]

Play = Callable[[Pilot[Any], Stage, str], Awaitable[None]]


async def _show(pilot: Pilot[Any], stage: Stage, at: int | None = None) -> None:
    """Show a conversation of five messages, with the cursor at one of them."""
    stage.client.changes(*conversation())
    await wait_until(pilot, lambda: len(stage.transcript.entries) == 5)
    stage.transcript.flush()
    if at is not None:
        stage.transcript.focus()
        stage.transcript.walk_to(stage.transcript.entries[at])
        await wait_until(pilot, lambda: stage.app.focused is stage.transcript)


def _here(stage: Stage) -> int | None:
    current = stage.transcript.current
    return None if current is None else current.id - 1


def _walks(begin: int | None, end: int) -> Play:
    async def play(pilot: Pilot[Any], stage: Stage, key: str) -> None:
        await _show(pilot, stage, begin)
        await pilot.press(key)
        await wait_until(pilot, lambda: _here(stage) == end)
        assert stage.app.focused is stage.transcript

    return play


async def _fold(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _show(pilot, stage, 1)
    await pilot.press(key)
    await wait_until(pilot, lambda: not stage.transcript.entries[1].folded)
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.transcript.entries[1].folded)


async def _menu(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _show(pilot, stage, 2)
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, MessageMenu))


async def _leave(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _show(pilot, stage, 2)
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.app.focused is stage.chat.prompt)
    assert _here(stage) is None


WALKING_PLAYS: dict[str, Play] = {
    "walk-up": _walks(None, 4),
    "walk-down": _walks(2, 3),
    "message-above": _walks(2, 1),
    "message-below": _walks(2, 3),
    "first-message": _walks(4, 0),
    "last-message": _walks(1, 4),
    "fold": _fold,
    "message-menu": _menu,
    "leave-message": _leave,
}
