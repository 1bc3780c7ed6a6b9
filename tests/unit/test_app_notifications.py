"""The sign that a reply has ended while somebody looked elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from tests.app_support import Stage, conversation, finish, make_stage, started, wait_until
from tui_chat.app.notifications import Attention, signal_for
from tui_chat.app.preferences import SETTINGS, Preferences
from tui_chat.app.preferences_file import Loaded


def stage_that(notify: str) -> tuple[Stage, list[str]]:
    """Return a stage with this setting, and what it writes to the terminal besides the screen."""
    loaded = Loaded(Preferences(notify=notify, terminal_title=False), (), Path("/nowhere"))
    stage = make_stage(preferences=loaded)
    written: list[str] = []
    stage.app._write = written.append  # type: ignore[assignment,method-assign]
    return stage, written


async def _reply(pilot: Pilot[None], stage: Stage) -> None:
    stage.client.changes(*conversation())
    await wait_until(pilot, lambda: stage.chat.key_hints.running)
    stage.client.changes(*finish(5))
    await wait_until(pilot, lambda: not stage.chat.key_hints.running)


def test_only_replies_that_nobody_saw_count() -> None:
    attention = Attention()
    assert not attention.run(running=True)
    assert not attention.run(running=False), "it was in front"
    attention.left()
    assert not attention.run(running=True)
    assert attention.run(running=False)
    assert not attention.run(running=False), "it had ended already"
    assert attention.unread == 1
    attention.returned()
    assert attention.unread == 0


def test_every_setting_has_its_signal() -> None:
    setting = next(s for s in SETTINGS if s.name == "notify")
    assert {str(choice): bool(signal_for(str(choice))) for choice in setting.choices} == {
        "none": False,
        "bell": True,
        "osc9": True,
    }
    # Not a number and a semicolon: that would be a progress bar.
    assert signal_for("osc9").startswith("\x1b]9;t")
    assert signal_for("osc9").endswith("\x07")


@pytest.mark.parametrize("notify", ["none", "bell", "osc9"])
async def test_a_reply_that_ends_while_the_terminal_is_not_in_front(notify: str) -> None:
    stage, written = stage_that(notify)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.app.post_message(events.AppBlur())
        await pilot.pause()
        await _reply(pilot, stage)
        assert written == ([signal_for(notify)] if notify != "none" else [])
        assert "reconnect" not in "".join(written), "no word of the message"


async def test_nothing_is_signalled_while_somebody_looks() -> None:
    stage, written = stage_that("bell")
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.app.post_message(events.AppBlur())
        stage.app.post_message(events.AppFocus())
        await pilot.pause()
        await _reply(pilot, stage)
        assert written == []


def test_it_is_off_by_default() -> None:
    assert Preferences().notify == "none"
