"""Settings, slash commands, what was written before, links; the chat in other sets of colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app_support import BOOT, Stage, said, wait_until
from tests.snapshots.test_app_snapshots import REFUSED, Act, Compare, connected, lost, snap
from tui_chat.app.glyphs import PLAIN
from tui_chat.app.preferences import Preferences
from tui_chat.app.preferences_file import Loaded
from tui_chat.app.screens.links import LinksScreen
from tui_chat.app.screens.prompt_history import PromptHistoryScreen
from tui_chat.app.screens.settings import SettingsScreen
from tui_chat.connection.status import ConnectionState
from tui_chat.conversation.model import MessageAdded, MessageKind

SIZES = pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 30)], ids=str)
THEMES = pytest.mark.parametrize("theme", ["tui-chat-dark", "tui-chat-light"])
FILE = Path("/home/somebody/.config/tui-chat/settings.toml")


async def set_up(pilot: Pilot[Any], stage: Stage) -> None:
    """The settings, with the second one chosen."""
    await pilot.press("f2")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, SettingsScreen))
    screen = stage.app.screen
    assert isinstance(screen, SettingsScreen)
    await wait_until(pilot, lambda: screen.messages.has_focus)
    await pilot.press("down")
    await wait_until(pilot, lambda: screen.messages.highlighted == 1)
    await pilot.pause(0.1)


@SIZES
@THEMES
def test_settings(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    loaded = Loaded(Preferences(), (), FILE)
    assert snap(snap_compare, set_up, size, preferences=loaded, theme=theme)


def test_settings_in_the_smallest_terminal(snap_compare: Compare) -> None:
    assert snap(snap_compare, set_up, (40, 12), preferences=Loaded(Preferences(), (), FILE))


def test_settings_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap(snap_compare, set_up, preferences=Loaded(Preferences(), (), FILE))


def completing(text: str) -> Act:
    async def act(pilot: Pilot[Any], stage: Stage) -> None:
        await connected(pilot, stage)
        await pilot.press(*text)
        await wait_until(pilot, lambda: stage.chat.completion.display)
        await wait_until(pilot, lambda: stage.chat.prompt.text == text)
        await pilot.pause(0.1)

    return act


@SIZES
def test_slash_commands(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap(snap_compare, completing("/co"), size)


def test_slash_commands_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap(snap_compare, completing("/s"))


def test_what_a_command_takes(snap_compare: Compare) -> None:
    assert snap(snap_compare, completing("/theme "))


async def remembering(pilot: Pilot[Any], stage: Stage) -> None:
    stage.chat.prompt.load(("deploy the release", "what is [this]?", "日本語 release\nnotes"))
    await pilot.press("f7", *"release")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, PromptHistoryScreen))
    screen = stage.app.screen
    assert isinstance(screen, PromptHistoryScreen)
    await wait_until(pilot, lambda: screen.list.option_count == 2)
    await pilot.pause(0.1)


@SIZES
def test_what_was_written_before(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap(snap_compare, remembering, size)


def test_what_was_written_before_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap(snap_compare, remembering)


async def linking(pilot: Pilot[Any], stage: Stage) -> None:
    text = (
        "See [the manual](https://docs.example.com/a/very/long/path/that/goes/on?and=on#here), "
        "[the same name](https://other.example.com) or <https://example.org/plain>."
    )
    stage.client.changes(MessageAdded(said(1, MessageKind.ASSISTANT, text)))
    await wait_until(pilot, lambda: stage.transcript.entries)
    stage.transcript.flush()
    await pilot.press("alt+l")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, LinksScreen))
    await pilot.pause(0.1)


@SIZES
def test_links(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap(snap_compare, linking, size)


# -- the chat -------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["tui-chat-high-contrast", "tui-chat-ansi"])
def test_chat_in_other_colours(snap_compare: Compare, theme: str) -> None:
    assert snap(snap_compare, connected, theme=theme)


def test_chat_in_words(snap_compare: Compare) -> None:
    plain = Loaded(Preferences(plain=True), (), FILE)
    assert snap(snap_compare, connected, preferences=plain, glyphs=PLAIN)


WAITING = lost(
    REFUSED,
    state=ConnectionState.BACKOFF,
    is_reconnecting=True,
    reconnect_attempts=3,
    retry_at=BOOT + 52,
)


@pytest.mark.parametrize("width", [40, 120])
def test_reconnecting_at_other_widths(snap_compare: Compare, width: int) -> None:
    assert snap(snap_compare, WAITING, (width, 20))


@pytest.mark.parametrize("theme", ["tui-chat-light", "tui-chat-high-contrast", "tui-chat-ansi"])
def test_reconnecting_in_other_colours(snap_compare: Compare, theme: str) -> None:
    assert snap(snap_compare, WAITING, theme=theme)


def test_reconnecting_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap(snap_compare, WAITING)


@pytest.mark.parametrize("width", [40, 60, 120])
def test_other_states(snap_compare: Compare, width: int) -> None:
    act = lost(REFUSED, state=ConnectionState.PAUSED, retry_at=BOOT + 660)
    assert snap(snap_compare, act, (width, 20))
