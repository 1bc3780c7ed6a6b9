"""What each key of the settings does: for the tests of the registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from tests.app_support import Stage, wait_until
from tui_chat.app.screens.settings import SettingsScreen

__all__ = ["SETTINGS_PLAYS"]

Play = Callable[[Pilot[Any], Stage, str], Awaitable[None]]


async def _open(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, SettingsScreen))
    await pilot.press(key)
    await wait_until(pilot, lambda: not isinstance(stage.app.screen, SettingsScreen))


async def _change(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press("f2")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, SettingsScreen))
    screen = stage.app.screen
    assert isinstance(screen, SettingsScreen)
    await wait_until(pilot, lambda: bool(screen.chosen))
    before = stage.app.preferences
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.app.preferences != before)


SETTINGS_PLAYS: dict[str, Play] = {
    "settings": _open,
    "settings-next": _change,
    "settings-previous": _change,
}
