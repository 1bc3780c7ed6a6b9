"""What each key does that looks for words in the conversation: for the tests of the registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from tests.app_support import Stage, conversation, wait_until

__all__ = ["FINDING_PLAYS", "open_find"]

Play = Callable[[Pilot[Any], Stage, str], Awaitable[None]]


async def open_find(pilot: Pilot[Any], stage: Stage, words: str) -> None:
    """Show a conversation of five messages and look for words in it."""
    stage.client.changes(*conversation())
    await wait_until(pilot, lambda: len(stage.transcript.entries) == 5)
    stage.transcript.flush()
    await pilot.press("ctrl+f", *words)
    await wait_until(pilot, lambda: stage.transcript.found is not None)


def _position(stage: Stage) -> int:
    found = stage.transcript.found
    return 0 if found is None else found.position


async def _find(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key, "x")
    bar = stage.chat.find_bar
    assert bar is not None
    await wait_until(pilot, lambda: bar.field.value == "x")
    assert not stage.chat.prompt.text


async def _above(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await open_find(pilot, stage, "reconnect")
    await wait_until(pilot, lambda: _position(stage) == 2)
    await pilot.press(key)
    await wait_until(pilot, lambda: _position(stage) == 1)


async def _below(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _above(pilot, stage, "enter")
    await pilot.press(key)
    await wait_until(pilot, lambda: _position(stage) == 2)


async def _close(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await open_find(pilot, stage, "reconnect")
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.app.focused is stage.chat.prompt)
    assert stage.chat.find_bar is None
    assert stage.transcript.found is None


FINDING_PLAYS: dict[str, Play] = {
    "find": _find,
    "find-above": _above,
    "find-below": _below,
    "find-close": _close,
}
