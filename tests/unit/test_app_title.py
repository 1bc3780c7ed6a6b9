"""The terminal's title: what it says, that nothing hostile gets into it, and that it goes again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events

from tests.app_support import READY, make_stage, started, wait_until
from tui_chat.app.preferences import Preferences
from tui_chat.app.preferences_file import Loaded
from tui_chat.app.terminal_title import LONGEST, RESTORE, TerminalTitle, title_of
from tui_chat.connection.status import ConnectionState, ConnectionStatus


@pytest.mark.parametrize("state", list(ConnectionState))
def test_every_state_has_a_title(state: ConnectionState) -> None:
    title = title_of("chat.example.com", state, 0)
    assert title.startswith("tui-chat - chat.example.com")
    quiet = state in {ConnectionState.READY, ConnectionState.IDLE}
    assert (title == "tui-chat - chat.example.com") == quiet


def test_unread_replies_come_first_where_tabs_show_them() -> None:
    assert title_of("", ConnectionState.READY, 2) == "(2) tui-chat"
    assert title_of("", ConnectionState.READY, 5_000) == "(999) tui-chat"
    assert title_of("", ConnectionState.READY, 0, replying=True) == "tui-chat - replying"
    assert title_of("", ConnectionState.BACKOFF, 0, replying=True) == "tui-chat - reconnecting"


@pytest.mark.parametrize(
    "name", ["a\x07\x1b]0;evil\x07", "\x9c\x9d", "a\nb", "\u202eevil", "x" * 999]
)
def test_a_hostile_name_ends_no_sequence(name: str) -> None:
    written: list[str] = []
    TerminalTitle(written.append).show(title_of(name, ConnectionState.READY, 1))
    text = written[0].removeprefix("\x1b[22;2t").removeprefix("\x1b]2;").removesuffix("\x07")
    assert text.isprintable()
    assert len(text) <= LONGEST


def test_even_an_unclean_title_cannot_break_out() -> None:
    written: list[str] = []
    TerminalTitle(written.append).show("a\x07\x1b]52;c;eA==\x07")
    assert written == ["\x1b[22;2t\x1b]2;a]52;c;eA==\x07"]


def test_the_old_title_is_kept_once_and_put_back_once() -> None:
    written: list[str] = []
    title = TerminalTitle(written.append)
    title.restore()
    assert written == [], "it was never changed"
    title.show("a")
    title.show("a")
    title.show("b")
    title.restore()
    title.restore()
    assert written == ["\x1b[22;2t\x1b]2;a\x07", "\x1b]2;b\x07", RESTORE]


def stage_with(written: list[str], **preferences: Any) -> Any:
    stage = make_stage(preferences=Loaded(Preferences(**preferences), (), Path("/nowhere")))
    stage.app._write = written.append  # type: ignore[assignment,method-assign]
    stage.app.settings_path = None  # nothing is written down
    stage.app._title = TerminalTitle(written.append)
    return stage


async def test_the_title_follows_connection_and_focus() -> None:
    written: list[str] = []
    stage = stage_with(written)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.status(READY)
        await wait_until(pilot, lambda: written)
        assert written[-1].endswith("\x1b]2;tui-chat - chat.example.com:8443\x07")
        stage.client.status(ConnectionStatus(state=ConnectionState.BACKOFF))
        await wait_until(pilot, lambda: "reconnecting" in written[-1])
        stage.client.status(READY)
        stage.app.post_message(events.AppBlur())
        await pilot.pause()
        stage.client.run(running=True)
        await wait_until(pilot, lambda: "replying" in written[-1])
        stage.client.run(running=False)
        await wait_until(pilot, lambda: "(1) tui-chat" in written[-1])
        stage.app.post_message(events.AppFocus())
        await wait_until(pilot, lambda: "(1)" not in written[-1])


async def test_it_can_be_turned_off_while_it_runs_and_never_comes_unasked() -> None:
    written: list[str] = []
    stage = stage_with(written, terminal_title=False)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.status(READY)
        await wait_until(pilot, lambda: stage.chat.status_bar.status == READY)
        assert written == []
        stage.app.change_preference("terminal_title", True)
        assert len(written) == 1
        stage.app.change_preference("terminal_title", False)
        assert written[1:] == [RESTORE]
