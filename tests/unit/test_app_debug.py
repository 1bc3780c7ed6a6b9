"""The debug info on the screen: live, at every size, filtered, unfolded, without secrets."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.strip import Strip

from tests.app_support import (
    DEBUG_INFO,
    KEY,
    NOW,
    READY,
    TOKEN,
    FakeClock,
    Stage,
    make_stage,
    started,
    wait_until,
)
from tests.debug_support import open_debug
from tui_chat.app.glyphs import ASCII
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.debug import DebugScreen, debug_sections
from tui_chat.app.screens.debug.log_view import LogView
from tui_chat.debug_info import ClientDebugInfo
from tui_chat.flight_recorder import FlightHistory, FrameRecord

SIZES = pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
HOSTILE = "\x1b]52;c;x\x07\u202e[bold]evil[/bold]"


def frame(number: int, **changes: Any) -> FrameRecord:
    content = f'{{"type":"error","error":"frame {number}","deep":{{"list":[1,2]}}}}'
    return replace(FrameRecord(number, NOW + number, "in", "error", 77, content), **changes)


def with_frames(count: int, first: int = 1) -> ClientDebugInfo:
    frames = tuple(frame(number) for number in range(first, first + count))
    return replace(DEBUG_INFO, recent=(), flight=FlightHistory(frames=frames, keeping=True))


def shown(stage: Stage) -> str:
    screen = stage.app.screen
    return "\n".join(strip.text for strip in screen._compositor.render_strips())


def _counts(log: LogView, left: int) -> bool:
    return log.counts == (left, 6)


def _begins(stage: Stage, text: str) -> bool:
    return stage.app.clipboard.startswith(text)


def frames_in(screen: str) -> list[str]:
    return re.findall('"frame ([0-9]+)"', screen)


@SIZES
async def test_every_tab_is_useful_at_every_size(size: tuple[int, int]) -> None:
    stage = make_stage()
    stage.client.info = with_frames(50)
    async with stage.app.run_test(size=size) as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage)
        await wait_until(pilot, lambda: "ready for" in shown(stage))
        assert "1 Overview" in shown(stage)
        assert "4 Log" in shown(stage)
        await pilot.press("2")
        await wait_until(pilot, lambda: "whatever you sent has arrived" in shown(stage))
        await pilot.press("3")
        await wait_until(pilot, lambda: "websockets" in shown(stage))
        await pilot.press("4")
        await wait_until(pilot, lambda: "frame 50" in shown(stage))
        assert screen.log_view.size.height >= size[1] - 11
        assert "Enter unfolds" in shown(stage)
        # Nothing may reach over the panel's right border.
        panel = screen.query_one("#debug-panel").region
        assert all(widget.region.right <= panel.right for widget in screen.query("#debug-panel *"))


async def test_the_debug_overlay_is_live_and_holds_no_secret() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(60, 20)) as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage)
        await wait_until(pilot, lambda: "generation" in shown(stage))
        assert screen.body.virtual_size.height > 20
        stage.client.info = replace(DEBUG_INFO, recent=(), counters={"frames.in": 9_999})
        await pilot.press("end")
        await wait_until(pilot, lambda: "9,999" in shown(stage), what="a second look")
        whole = repr(debug_sections(DEBUG_INFO, stage.clock, "v"))
        assert TOKEN not in whole
        assert KEY not in whole


async def test_frames_are_kept_only_while_somebody_looks() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        assert not stage.client.keeps_frames
        await open_debug(pilot, stage)
        await wait_until(pilot, lambda: stage.client.keeps_frames)
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        await wait_until(pilot, lambda: not stage.client.keeps_frames)


async def test_the_log_follows_until_somebody_goes_elsewhere() -> None:
    stage = make_stage()
    stage.client.info = with_frames(100)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage, "4")
        log = screen.log_view
        await wait_until(pilot, lambda: "frame 100" in shown(stage))
        stage.client.info = with_frames(110)
        await wait_until(pilot, lambda: "frame 110" in shown(stage))
        await pilot.press("pageup", "pageup")
        assert not log.following
        assert log.current is not None
        key, row = log.current.key, log._starts[log._cursor] - log.scroll_offset.y
        before = shown(stage)
        stage.client.info = with_frames(150, first=41)  # the oldest are gone, and 80 are new
        await wait_until(pilot, lambda: log.counts == (150, 150))
        assert log.current.key == key
        assert log._starts[log._cursor] - log.scroll_offset.y == row
        assert frames_in(before) == frames_in(shown(stage))
        await pilot.press("end")
        await wait_until(pilot, lambda: "frame 190" in shown(stage))
        assert log.following


async def test_scrolling_up_with_the_mouse_stops_following() -> None:
    stage = make_stage()
    stage.client.info = with_frames(100)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage, "4")
        log = screen.log_view
        log.scroll_to(y=10, animate=False, force=True)
        await wait_until(pilot, lambda: not log.following)
        top = log.scroll_offset.y
        stage.client.info = with_frames(150)
        await wait_until(pilot, lambda: log.counts[0] == 150)
        assert log.scroll_offset.y == top


async def test_paused_it_stands_still_and_catches_up() -> None:
    stage = make_stage()
    stage.client.info = with_frames(5)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage, "4", "p")
        stage.client.info = with_frames(9)
        await wait_until(
            pilot, lambda: screen._info is not None and len(screen._info.flight.frames) == 9
        )
        assert screen.log_view.counts == (5, 5)
        assert "paused" in shown(stage)
        await pilot.press("p")
        await wait_until(pilot, lambda: screen.log_view.counts == (9, 9))


async def test_filtering_by_direction_kind_and_text() -> None:
    frames = (
        frame(1),
        frame(2, direction="out", kind="stop_run", content='{"type":"stop_run"}'),
        frame(3, content='{"type":"error","error":"other"}'),
    )
    stage = make_stage()
    stage.client.info = replace(DEBUG_INFO, flight=FlightHistory(frames=frames, keeping=True))
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage, "4", "f")
        log = screen.log_view
        for words, left in (("in", 2), ("out", 1), ("event", 3), ("in other", 1), ("STOP", 1)):
            await pilot.press(*(key if key != " " else "space" for key in words))
            await wait_until(pilot, partial(_counts, log, left), what=words)
            await pilot.press(*["backspace"] * len(words))
            await wait_until(pilot, lambda: log.counts == (6, 6))
        await pilot.press("x", "y", "enter")
        assert log.has_focus
        assert log.counts == (0, 6)
        assert log.current is None
        await pilot.press("enter", "up", "down", "pageup", "home", "end")
        assert isinstance(stage.app.screen, DebugScreen)


async def test_a_frame_unfolds_and_stays_unfolded() -> None:
    stage = make_stage()
    stage.client.info = with_frames(30)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage, "4", "up", "up", "enter")
        await wait_until(pilot, lambda: '"error": "frame 28"' in shown(stage))
        stage.client.info = with_frames(40)
        await wait_until(pilot, lambda: screen.log_view.counts[0] == 40)
        assert '"error": "frame 28"' in shown(stage)
        await pilot.resize_terminal(60, 20)
        await wait_until(pilot, lambda: '"error": "frame 28"' in shown(stage))


async def test_of_a_full_log_only_what_is_visible_is_drawn() -> None:
    stage = make_stage()
    stage.client.info = with_frames(2_000)
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage, "4")
        log, drawn = screen.log_view, [0]
        await wait_until(pilot, lambda: log.counts == (2_000, 2_000))
        draw = log.render_line

        def counted(y: int) -> Strip:
            drawn[0] += 1
            return draw(y)

        log.render_line = counted  # type: ignore[method-assign]
        stage.client.info = with_frames(2_000, first=1_001)
        await wait_until(pilot, lambda: "frame 3000" in shown(stage))
        assert 0 < drawn[0] <= 6 * log.size.height


async def test_the_client_is_asked_one_question_at_a_time() -> None:
    """However often frames arrive: what is shown is asked for twice a second at most."""
    stage = make_stage()
    asked = [0]

    class Counting(DebugScreen):
        def show(self, info: ClientDebugInfo | None) -> None:
            """The answer does not come."""

    def ask() -> bool:
        asked[0] += 1
        return True

    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        screen = Counting(stage.clock, "v")
        stage.app.ask_debug_info = ask  # type: ignore[method-assign]
        await stage.app.push_screen(screen)
        for _ in range(20):
            screen._ask()
        assert asked[0] == 1


async def test_hostile_frames_are_harmless_on_the_screen() -> None:
    frames = (
        frame(1, kind=HOSTILE, content=json.dumps({"type": HOSTILE, "error": HOSTILE})),
        frame(2, content="not JSON " + HOSTILE),
    )
    stage = make_stage(glyphs=ASCII)
    stage.client.info = replace(
        DEBUG_INFO,
        connection=replace(READY, server=HOSTILE, request_id=HOSTILE),
        flight=FlightHistory(frames=frames, keeping=True),
    )
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await started(pilot, stage)
        await open_debug(pilot, stage, "4", "enter", "up", "enter")
        await wait_until(pilot, lambda: "evil" in shown(stage))
        for tab in "14":
            await pilot.press(tab)
            await pilot.pause()
            assert "\x1b" not in shown(stage)
            assert "\u202e" not in shown(stage)
            assert "[bold]evil" in shown(stage)


def test_debug_info_shows_hostile_values_harmlessly() -> None:
    assert DEBUG_INFO.ticket is not None
    hostile = replace(
        DEBUG_INFO,
        connection=replace(READY, server="http://h\x1b]52;c;x\x07", request_id="\u202eabc"),
        ticket=replace(DEBUG_INFO.ticket, expires_at=1e300, expires_in=10**18, clock_skew=1e12),
    )
    text = repr(debug_sections(hostile, FakeClock(), "v"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "--:--:--" in text


async def test_a_secret_that_slipped_through_is_not_copied_and_not_saved(tmp_path: Path) -> None:
    stage = make_stage()
    leaky = frame(1, content=json.dumps({"error": f"{TOKEN} and {KEY}"}))
    stage.client.info = replace(DEBUG_INFO, flight=FlightHistory(frames=(leaky,), keeping=True))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        screen = await open_debug(pilot, stage)
        await wait_until(pilot, lambda: screen._info is not None)
        assert TOKEN in repr(screen._info), "it is there to be found"
        with contextlib.chdir(tmp_path):
            await pilot.press("s")
            await wait_until(pilot, lambda: contents(tmp_path))
        await wait_until(pilot, lambda: _notices(stage))
        for key in "cj":
            await pilot.press(key)
            begins = "{" if key == "j" else "tui-chat"
            await wait_until(pilot, partial(_begins, stage, begins))
            assert TOKEN not in stage.app.clipboard
            assert KEY not in stage.app.clipboard
            assert "********" in stage.app.clipboard
        (saved,) = contents(tmp_path)
        assert "********" in saved
        assert TOKEN not in saved
        assert KEY not in saved


def contents(folder: Path) -> list[str]:
    return [path.read_text("utf-8") for path in folder.glob("tui-chat-debug-*")]


def _notices(stage: Stage) -> list[str]:
    return [str(notice.message) for notice in stage.app._notifications]


async def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "gone")
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await open_debug(pilot, stage, "s")
        await wait_until(pilot, lambda: "could not be saved" in " ".join(_notices(stage)))


async def test_without_a_client_it_says_so() -> None:
    stage = make_stage(welcome=True)
    async with stage.app.run_test() as pilot:
        await _welcome(pilot, stage)
        assert "no client is running" in shown(stage)
        await pilot.press("4", "enter", "p", "c")
        await wait_until(pilot, lambda: stage.app.clipboard)
        assert "no client is running" in stage.app.clipboard


async def _welcome(pilot: Pilot[Any], stage: Stage) -> None:
    await open_debug(pilot, stage)
    await wait_until(pilot, lambda: "no client is running" in shown(stage))
