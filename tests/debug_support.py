"""What each key of the debug info does, and what tests of it share."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from textual.pilot import Pilot

from tests.app_support import Stage, wait_until
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.debug import DebugScreen

Play = Callable[[Pilot[Any], Stage, str], Awaitable[None]]


async def open_debug(pilot: Pilot[Any], stage: Stage, *keys: str) -> DebugScreen:
    await pilot.press("f12")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, DebugScreen))
    screen = stage.app.screen
    assert isinstance(screen, DebugScreen)
    await pilot.press(*keys)
    if "4" in keys:
        await wait_until(pilot, lambda: screen.log_view.counts[1])
    return screen


def _debug_tab(name: str, before: str = "3") -> Play:
    async def play(pilot: Pilot[Any], stage: Stage, key: str) -> None:
        screen = await open_debug(pilot, stage, "2" if key == "1" else before)
        assert screen.tab != name or key == before
        await pilot.press(key)
        await wait_until(pilot, lambda: screen.tab == name)
        assert stage.app.focused is not None

    return play


async def _debug_unfold(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    screen = await open_debug(pilot, stage, "4")
    before = screen.log_view.virtual_size.height
    await pilot.press(key)
    await wait_until(pilot, lambda: screen.log_view.virtual_size.height > before)
    await pilot.press(key)
    await wait_until(pilot, lambda: screen.log_view.virtual_size.height == before)


async def _debug_filter(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    screen = await open_debug(pilot, stage, "4")
    await pilot.press(key, *"ready")
    await wait_until(pilot, lambda: screen.log_view.counts == (1, 3))
    await pilot.press("escape")
    await wait_until(pilot, lambda: screen.log_view.counts == (3, 3))
    assert isinstance(stage.app.screen, DebugScreen)


async def _debug_pause(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    screen = await open_debug(pilot, stage, "4")
    await pilot.press(key)
    assert screen.log_view.paused
    await pilot.press(key)
    assert not screen.log_view.paused


async def _debug_keep(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await open_debug(pilot, stage)
    await wait_until(pilot, lambda: stage.client.keeps_frames)
    await pilot.press(key, "escape")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
    assert stage.client.keeps_frames
    await open_debug(pilot, stage)
    await pilot.press(key, "escape")
    await wait_until(pilot, lambda: not stage.client.keeps_frames)


async def _debug_copy(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await open_debug(pilot, stage)
    await pilot.press(key)
    await wait_until(pilot, lambda: "1f2e3d4c" in stage.app.clipboard)
    assert stage.app.clipboard.startswith("{" if key == "j" else "tui-chat debug info")


async def _debug_save(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        await open_debug(pilot, stage)
        await pilot.press(key)
        await wait_until(pilot, lambda: _saved(folder))


def _saved(folder: str) -> list[Path]:
    return [*Path(folder).glob("tui-chat-debug-*.json")]


DEBUG_PLAYS: dict[str, Play] = {
    "debug-overview": _debug_tab("overview"),
    "debug-queue": _debug_tab("queue"),
    "debug-environment": _debug_tab("environment"),
    "debug-log": _debug_tab("log"),
    "debug-next": _debug_tab("queue", before="1"),
    "debug-previous": _debug_tab("log", before="1"),
    "debug-unfold": _debug_unfold,
    "debug-filter": _debug_filter,
    "debug-pause": _debug_pause,
    "debug-keep": _debug_keep,
    "debug-copy": _debug_copy,
    "debug-json": _debug_copy,
    "debug-save": _debug_save,
}
