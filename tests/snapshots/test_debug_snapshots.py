"""What the debug info looks like; clock, ids, versions and the machine are pinned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app_support import DEBUG_INFO, NOW, FakeClient, Stage, make_stage, started, wait_until
from tests.debug_support import open_debug
from tests.snapshots.test_app_snapshots import Compare
from tui_chat.app.glyphs import ASCII
from tui_chat.app.screens.debug import screen as debug_screen
from tui_chat.flight_recorder import AttemptRecord, FlightHistory, FrameRecord, RenewalRecord

LOST = AttemptRecord(
    NOW - 3_700, 1, "0f6c2d3d", took=0.2, lasted=3_600.0, code="CONNECTION_CLOSED",
    cause="The server closed the connection (close code 1012: restart).",
    close_code=1012, close_reason="restart", closed_by="server",
)  # fmt: skip
CALL = (
    '{"type":"tool_call_request","callId":"c-17","toolName":"read_file",'
    '"parameters":{"path":"/etc/hosts","limit":20,"api_key":"********"}}'
)
FRAMES = (
    FrameRecord(1, NOW - 9, "in", "session_established", 58),
    FrameRecord(2, NOW - 6, "out", "chat_message", 71, '{"type":"chat_message","content":"Hi"}'),
    *(
        FrameRecord(
            number, NOW - 5.5 + number / 50, "in", "content-delta", 90 + number,
            '{"type":"chat_event","event":"content-delta","data":{"delta":"(4 characters)"}}',
        )
        for number in range(3, 20)
    ),
    FrameRecord(20, NOW - 2, "in", "tool_call_request", len(CALL), CALL),
)  # fmt: skip
INFO = replace(
    DEBUG_INFO,
    counters={
        "websocket.client.frame.count{direction=receive}": 1_204,
        "websocket.client.frame.count{direction=transmit}": 17,
        "websocket.client.frame.io{direction=receive}": 183_500,
        "websocket.client.frame.io{direction=transmit}": 2_900,
    },
    flight=FlightHistory(
        renewals=(
            RenewalRecord(NOW - 500, "failed", 3.2, "ServerError"),
            RenewalRecord(NOW - 48, "ok", 0.045),
        ),
        attempts=(LOST, AttemptRecord(NOW - 61, 2, "0f6c2d3e", "srv-77", took=0.12)),
        round_trips=tuple(0.010 + 0.004 * ((step * 7) % 11) for step in range(60)),
        first_tokens=(0.41, 0.72, 0.35),
        frames=FRAMES,
        keeping=True,
    ),
)
MACHINE = [
    ("Versions", [("Python", "3.0.0 (CPython)"), ("textual", "0.0.0")]),
    ("Terminal", [("TERM", "xterm-256color"), ("inside", "tmux, ssh"), ("encoding", "UTF-8")]),
    ("Machine", [("proxy", "http://proxy.example:3128, with credentials"), ("keyring", "none")]),
]
WIDTHS = pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
THEMES = pytest.mark.parametrize("theme", ["tui-chat-dark", "tui-chat-light"])


@pytest.fixture(autouse=True)
def _pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debug_screen, "environment", lambda _server: MACHINE)


def snap(compare: Compare, size: tuple[int, int], *keys: str, wait: str, **options: Any) -> bool:
    stage = make_stage(FakeClient(info=INFO), **options)
    stage.app.animation_level = "none"

    async def before(pilot: Pilot[Any]) -> None:
        await started(pilot, stage)
        await open_debug(pilot, stage, *keys)
        await wait_until(pilot, lambda: wait in _shown(stage), what=wait)

    return compare(stage.app, terminal_size=size, run_before=before)


def _shown(stage: Stage) -> str:
    return "\n".join(strip.text for strip in stage.app.screen._compositor.render_strips())


@WIDTHS
@THEMES
def test_overview(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap(snap_compare, size, wait="ready for", theme=theme)


@WIDTHS
@THEMES
def test_log(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap(snap_compare, size, "4", "enter", wait='"callId": "c-17"', theme=theme)


def test_log_filtered(snap_compare: Compare) -> None:
    assert snap(snap_compare, (80, 24), "4", "slash", *"out", wait="1 of 23")


@WIDTHS
def test_environment(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap(snap_compare, size, "3", wait="proxy.example")


def test_overview_in_ascii(snap_compare: Compare) -> None:
    assert snap(snap_compare, (80, 24), wait="ready for", glyphs=ASCII)
