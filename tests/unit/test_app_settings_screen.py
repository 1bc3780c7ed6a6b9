"""The settings screen: every setting is on it, changes hold at once and are written down."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app_support import Stage, make_stage, started, wait_until
from tui_chat.app import preferences_file
from tui_chat.app.preferences import SETTINGS, Preferences
from tui_chat.app.preferences_file import FILE, Loaded, NotSaved, load
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.settings import SettingsScreen


def stage_in(folder: Path) -> Stage:
    return make_stage(preferences=load(folder), theme="")


def _kept(folder: Path, name: str, value: str | bool) -> bool:
    return bool(getattr(load(folder).preferences, name) == value)


async def opened(pilot: Pilot[Any], stage: Stage, *, how: tuple[str, ...] = ("f2",)) -> Any:
    await started(pilot, stage)
    await pilot.press(*how)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, SettingsScreen))
    await wait_until(pilot, lambda: stage.app.screen.query_one("#messages").has_focus)
    return stage.app.screen


def shown(screen: Any) -> str:
    return "\n".join(str(line) for _, line in screen._shown)


async def test_every_setting_is_there_with_its_value_and_its_choices(tmp_path: Path) -> None:
    stage = stage_in(tmp_path)
    async with stage.app.run_test(size=(80, 30)) as pilot:
        screen = await opened(pilot, stage)
        for at, setting in enumerate(SETTINGS):
            assert setting.title in shown(screen)
            screen.messages.highlighted = at
            await pilot.pause()
            assert screen.about.text == setting.help
            assert f"[{setting.choices[setting.default]}]" in screen.choices.text
            for word in setting.choices.values():
                assert word in screen.choices.text
        assert str(tmp_path / FILE) in screen.file.text


@pytest.mark.parametrize("how", [("f2",), ("alt+o",), (*tuple("/settings"), "enter")])
async def test_there_are_three_ways_to_it(tmp_path: Path, how: tuple[str, ...]) -> None:
    stage = stage_in(tmp_path)
    keys = tuple("slash" if key == "/" else key for key in how)
    async with stage.app.run_test() as pilot:
        await opened(pilot, stage, how=keys)
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        assert stage.chat.prompt.text == ""


@pytest.mark.parametrize("at", range(len(SETTINGS)), ids=[s.name for s in SETTINGS])
async def test_each_can_be_changed_through_all_values_and_back(tmp_path: Path, at: int) -> None:
    setting = SETTINGS[at]
    values = list(setting.choices)
    stage = stage_in(tmp_path)
    async with stage.app.run_test() as pilot:
        screen = await opened(pilot, stage)
        screen.messages.highlighted = at
        for value in [*values[1:], values[0]] if setting.default == values[0] else [True, False]:
            if isinstance(value, bool) and value == getattr(stage.app.preferences, setting.name):
                continue
            await pilot.press("enter")
            assert getattr(stage.app.preferences, setting.name) == value
            assert f"[{setting.choices[value]}]" in screen.choices.text
            await wait_until(pilot, partial(_kept, tmp_path, setting.name, value))
        before = getattr(stage.app.preferences, setting.name)
        await pilot.press("right", "left")
        assert getattr(stage.app.preferences, setting.name) == before
        assert load(tmp_path).problems == ()


async def test_a_theme_holds_at_once_and_at_the_next_start(tmp_path: Path) -> None:
    stage = stage_in(tmp_path)
    async with stage.app.run_test() as pilot:
        await opened(pilot, stage)
        await pilot.press("enter", "enter")
        assert stage.app.theme == "tui-chat-light"
        await wait_until(pilot, lambda: load(tmp_path).preferences.theme == "light")
    assert stage_in(tmp_path).app.theme == "tui-chat-light"
    assert make_stage(preferences=load(tmp_path), theme="dark").app.theme == "tui-chat-dark"


async def test_the_slash_command_chooses_a_theme_too(tmp_path: Path) -> None:
    stage = stage_in(tmp_path)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.app.action_change_theme("high-contrast")
        assert stage.app.theme == "tui-chat-high-contrast"
        await wait_until(pilot, lambda: load(tmp_path).preferences.theme == "high-contrast")
        stage.app.action_change_theme("drak")
        await pilot.pause()
        assert "Did you mean 'dark'?" in [str(n.message) for n in stage.app._notifications][-1]
        assert stage.app.theme == "tui-chat-high-contrast"


async def test_quick_changes_are_all_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    saved: list[dict[str, Any]] = []
    real = preferences_file.save

    def slow(path: Path, changes: Any) -> None:
        gate.wait(10)
        saved.append(dict(changes))
        real(path, changes)

    monkeypatch.setattr(preferences_file, "save", slow)
    stage = stage_in(tmp_path)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.app.change_preference("notify", "bell")
        await pilot.pause()
        for value in ("osc9", "none", "osc9"):
            stage.app.change_preference("notify", value)
        stage.app.change_preference("plain", True)
        await pilot.pause()
        gate.set()
        await wait_until(pilot, lambda: load(tmp_path).preferences.plain)
        assert load(tmp_path).preferences == Preferences(notify="osc9", plain=True)
        assert saved == [{"notify": "bell"}, {"notify": "osc9", "plain": True}]


async def test_what_was_changed_last_survives_quitting_at_once(tmp_path: Path) -> None:
    stage = stage_in(tmp_path)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.app.change_preference("notify", "bell")
        stage.app.exit()
    assert load(tmp_path).preferences.notify == "bell"


async def test_a_file_that_cannot_be_written_is_said_and_the_change_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotSaved("The disk is full.")

    monkeypatch.setattr(preferences_file, "save", refuse)
    stage = stage_in(tmp_path)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.app.change_preference("theme", "light")
        await wait_until(pilot, lambda: len(stage.app._notifications))
        assert [str(n.message) for n in stage.app._notifications] == ["The disk is full."]
        assert stage.app.theme == "tui-chat-light"


async def test_errors_in_the_file_stand_on_the_screen(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('theme = "drak"\n[keys]\nhelp = ["f3"]\n')
    stage = stage_in(tmp_path)
    async with stage.app.run_test(size=(80, 40)) as pilot:
        screen = await opened(pilot, stage)
        assert "Did you mean 'dark'?" in screen.notice.text
        assert "'keys.help'" in screen.notice.text


async def test_without_a_file_changes_hold_until_the_end() -> None:
    stage = make_stage(preferences=None)
    async with stage.app.run_test() as pilot:
        screen = await opened(pilot, stage)
        assert screen.file.text == "Changes hold until you quit."
        await pilot.press("enter")
        assert stage.app.preferences != Preferences()


@pytest.mark.parametrize("size", [(40, 12), (60, 20), (120, 40)])
async def test_it_fits(tmp_path: Path, size: tuple[int, int]) -> None:
    stage = stage_in(tmp_path)
    async with stage.app.run_test(size=size) as pilot:
        screen = await opened(pilot, stage)
        panel = screen.query_one("#panel").region
        assert panel.right <= size[0]
        assert panel.bottom <= size[1]
        assert screen.messages.size.height >= 2
        assert screen.keys.region.bottom <= panel.bottom


def test_problems_are_bounded() -> None:
    many = Loaded(Preferences(), tuple(f"Problem {n}." for n in range(50)), Path("/x"))
    assert many.notice.count("Problem") == 3
    assert "47 more" in many.notice
