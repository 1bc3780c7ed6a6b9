"""The debug info of a real client: what it tells, and that no secret gets out with it."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.app_support import BOOT, DEBUG_INFO, NOW, FakeClock
from tests.integration.client_support import SESSION, Script, until
from tests.support.canaries import Canary, find, find_below
from tui_chat import WebSocketChatClient
from tui_chat.app.glyphs import ASCII
from tui_chat.app.screens.debug.environment import environment
from tui_chat.app.screens.debug.facts import debug_sections, queue_sections
from tui_chat.app.screens.debug.log_lines import formatted, log_items, matches
from tui_chat.app.screens.debug.report import Report, save
from tui_chat.app.screens.debug.sparkline import sparkline
from tui_chat.conversation.delivery_state import DeliveryState
from tui_chat.delivery.item import OutboxItem, SecretReference
from tui_chat.errors import TuiChatError
from tui_chat.flight_recorder import AttemptRecord, FlightHistory, FrameRecord, RenewalRecord
from tui_chat.secret import Secret
from tui_chat.telemetry import LogEntry
from tui_chat.ticket import AuthData, TicketGrant

TOKEN = Canary("token", "tok-9f27c1aa55e0-canary")
KEY = Canary("key", "key-31b8e07d4c66-canary")
TICKET = Canary("ticket", "tkt-6602d1f94b7e-canary")
HEADER = Canary("mcp header", "mcp-c4518ee2907f-canary")
PROXY = Canary("proxy password", "pxy-70d3b95e1a28-canary")
CANARIES = (TOKEN, KEY, TICKET, HEADER, PROXY)


class OneTicket:
    """A ticket source with a ticket that can be searched for."""

    async def fetch(self, auth: AuthData) -> TicketGrant:
        return TicketGrant(Secret(TICKET.value), NOW * 2 + 3600, NOW * 2)


def echo(paths: list[str], received: list[str]) -> Any:
    async def handle(connection: Any) -> None:
        paths.append(connection.request.path)
        await connection.send(SESSION)
        async for text in connection:
            received.append(text)
            if json.loads(text)["type"] != "chat_message":
                continue
            for frame in FRAMES:
                await connection.send(frame)

    return handle


FRAMES = (
    json.dumps({"type": "chat_event", "event": "content-delta", "data": {"delta": "Hello"}}),
    json.dumps(
        {
            "type": "chat_event",
            "event": "provider-event",
            "data": {
                "type": "tool-call",
                "toolName": "fetch",
                "toolCallId": "1",
                "args": {"url": f"wss://u:{KEY.value}@h/?ticket={TICKET.value}&q=1"},
            },
        }
    ),
    json.dumps({"type": "error", "error": f"no such token: {TOKEN.value} / {KEY.value}"}),
    json.dumps({"type": "unknown", "deep": [{"headers": {"Cookie": HEADER.value}}]}),
    f"not JSON at all: {TICKET.value}",
    json.dumps({"type": "chat_finished", "uuid": "run-1"}),
)


async def header_value(name: str) -> Secret:
    return Secret(HEADER.value)


async def test_no_secret_gets_out_with_the_debug_info(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PROXY.value}@proxy.example:3128")
    monkeypatch.setenv("TUI_CHAT_DATA", str(tmp_path / "data"))
    paths: list[str] = []
    received: list[str] = []
    async with Script(echo(paths, received)).running() as script:
        async with WebSocketChatClient(
            source=OneTicket(),
            secrets=header_value,
            chat_server_url=script.url,
            user_mp_auth_token=TOKEN.value,
            chat_server_key=KEY.value,
        ) as client:
            client.keep_frames(on=True)
            headers = {"files": {"X-Env": SecretReference("env")}}
            await client.on_trigger_message("hello", mcp_headers=headers)
            await until(lambda: _kinds(client)[-1:] == ["chat_finished"])
            await until(lambda: client.get_debug_info().flight.first_tokens)
            info = client.get_debug_info()

    wire = {"paths": repr(paths), "sent": repr(received), "frames": repr(FRAMES)}
    planted = {hit.split(" in ")[0] for hit in find({**wire, "proxy": repr(os.environ)}, CANARIES)}
    assert planted == {canary.name for canary in CANARIES}, "the search must be able to find them"

    machine = await asyncio.to_thread(environment, "https://chat.example.com")
    assert "http://proxy.example:3128, with credentials" in repr(machine)
    items = log_items(info.recent, info.flight.frames)
    sections = [*debug_sections(info, FakeClock(), "v"), *machine]
    report = Report(NOW, sections, items, info)
    saved = save(report.json(), tmp_path, NOW, "json")
    shown = {
        "info": repr(info),
        "lines": "\n".join(item.line() for item in items),
        "unfolded": "\n".join(line for item in items for line in formatted(item, 60)),
        "text": report.text(),
        "JSON": report.json(),
    }
    assert find(shown, CANARIES) == []
    assert find_below(tmp_path, CANARIES) == []
    assert "X-Env" in shown["text"]
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600 or os.name == "nt"
    whole = json.loads(saved.read_text("utf-8"))
    assert whole["attempts"][0]["took"] > 0
    assert whole["telemetry"]["schema"] >= 1
    contents = [each["content"] for each in whole["log"] if "content" in each]
    assert {"type": "chat_finished", "uuid": "run-1"} in contents


def _kinds(client: WebSocketChatClient) -> list[str]:
    return [frame.kind for frame in client.get_debug_info().flight.frames]


async def test_frames_attempts_and_the_last_close_are_told() -> None:
    async def close(connection: Any) -> None:
        await connection.send(SESSION)
        await connection.close(4000, "restart \x1b]0;x\x07")

    async with Script(close).running() as script:
        async with WebSocketChatClient(
            source=OneTicket(),
            chat_server_url=script.url,
            user_mp_auth_token="t",
            chat_server_key="k",
        ) as client:
            await until(lambda: client.get_debug_info().flight.attempts[0].lasted is not None)
            flight = client.get_debug_info().flight
    first = flight.attempts[0]
    assert (first.generation, first.close_code, first.closed_by) == (1, 4000, "server")
    assert first.close_reason.startswith("restart")
    assert "\x1b" not in repr(flight)
    assert first.took is not None
    assert first.lasted is not None
    assert first.took <= first.lasted
    assert first.code
    assert first.request_id
    assert [each.kind for each in flight.frames[:1]] == ["session_established"]
    assert flight.frames[0].content is None
    assert flight.renewals[0].outcome == "ok"


# -- words ----------------------------------------------------------------------------------------

FLIGHT = FlightHistory(
    renewals=(
        RenewalRecord(NOW - 400, "failed", 3.2, "ServerError"),
        RenewalRecord(NOW - 100, "ok", 0.045),
    ),
    attempts=(
        AttemptRecord(
            NOW - 90, 1, "aa", lasted=30.0, took=0.2, code="CONNECTION_CLOSED", cause="It closed.",
            close_code=1012, close_reason="restart", closed_by="server",
        ),
        AttemptRecord(NOW - 60, 2, "bb", server_request_id="srv-77", took=0.12),
    ),
    round_trips=(0.01, 0.02, 0.05),
    first_tokens=(0.4, 0.7, 0.35),
)  # fmt: skip


def test_the_overview_tells_what_happened() -> None:
    info = replace(
        DEBUG_INFO,
        flight=FLIGHT,
        counters={
            "websocket.client.frame.count{direction=receive}": 1_204,
            "websocket.client.frame.io{direction=receive}": 3 * 1024 * 1024,
        },
    )
    sections = {title: dict(rows) for title, rows in debug_sections(info, FakeClock(), "v")}
    connection = sections["Connection"]
    assert connection["last close"] == "1012 by the server: restart"
    assert connection["round trip"] == "50 ms (10 ms to 50 ms of late)"
    assert connection[""] == "▁▃█"
    assert connection["first text after"] == "350 ms, median of 3: 400 ms"
    assert connection["frames"] == "1,204 in (3.0 MiB), 0 out (0 B)"
    assert connection["server's id"] == "srv-77"
    attempts = list(sections["Attempts to connect, latest first"].values())
    assert attempts[0] == "number 2, ready after 120 ms, lives"
    assert str(attempts[1]).endswith("ended after 30 s, CONNECTION_CLOSED: It closed.")
    renewals = list(sections["Ticket renewals, latest first"].values())
    assert renewals == ["ok in 45 ms", "failed in 3.2 s, ServerError"]
    plain = debug_sections(info, FakeClock(), "v", glyphs=ASCII)
    assert str(dict(plain[0][1])[""]).isascii()


def test_a_sparkline_shows_the_latest_between_smallest_and_largest() -> None:
    assert sparkline([], 10) == ""
    assert sparkline([5.0, 5.0], 10) == "▁▁"
    assert sparkline([9.0, 0.0, 1.0], 2) == "▁█"
    assert sparkline(range(6), 6, plain=True) == "_.-=*#"
    assert sparkline([1.0], 0) == ""


def test_the_queue_is_told_with_one_bounded_line_of_each_text() -> None:
    item = OutboxItem(
        id="1", position=1, text="line one\nline two " + "x" * 500, created=NOW - 90,
        state=DeliveryState.UNKNOWN, writes=1,
        mcp_headers={"files": {"X": SecretReference("env")}},
    )  # fmt: skip
    total, messages = queue_sections([item], FakeClock())
    assert dict(total[1])["messages"] == "1 not certain to have arrived"
    (_, facts), (_, text) = messages[1]
    assert str(facts).startswith("unknown, 2 min old, 518 characters, written 1x")
    assert str(text).startswith("line one line two")
    assert len(str(text)) <= 60
    assert len(queue_sections([], FakeClock())) == 1


# -- the log --------------------------------------------------------------------------------------


def test_events_and_frames_are_in_one_order_and_can_be_told_apart() -> None:
    frames = [
        FrameRecord(1, NOW + 1, "in", "error", 2048, '{"type":"error","error":"\\u001b[31m"}'),
        FrameRecord(2, NOW + 3, "out", "stop_run", 40),
    ]
    same = [LogEntry(NOW + 2, "ticket", "one"), LogEntry(NOW + 2, "ticket", "two")]
    items = log_items(same, frames)
    assert [item.direction for item in items] == ["in", "event", "event", "out"]
    assert len({item.key for item in items}) == 4
    assert items[0].size == "2.0 KiB"
    assert "\x1b" not in items[0].text + "".join(formatted(items[0], 10))
    assert items[0].text.startswith('{"error"')
    assert formatted(items[3], 80)[0].startswith("The content was not kept")
    assert matches(items[0], ["in"])
    assert not matches(items[0], ["out"])
    assert matches(items[0], ["in", "err"])
    assert matches(items[1], ["one"])


def test_a_formatted_frame_fits_its_width_and_is_bounded() -> None:
    content = json.dumps({"type": "x", "list": ["漢字" * 30] * 400})
    item = log_items([], [FrameRecord(1, NOW, "in", "x", 1, content)])[0]
    lines = formatted(item, 20)
    assert len(lines) == 501
    assert "more lines" in lines[-1]


# -- saving ---------------------------------------------------------------------------------------


def test_saving_takes_a_new_file_and_follows_no_link(tmp_path: Path) -> None:
    first = save("one", tmp_path, NOW, "txt")
    first.unlink()
    precious = tmp_path / "precious"
    precious.write_text("precious")
    first.symlink_to(precious)
    second = save("two", tmp_path, NOW, "txt")
    third = save("three", tmp_path, NOW, "txt")
    assert precious.read_text() == "precious"
    assert [path.read_text() for path in (second, third)] == ["two", "three"]


def test_saving_where_that_is_impossible_is_said(tmp_path: Path) -> None:
    with pytest.raises(TuiChatError, match="could not be saved"):
        save("one", tmp_path / "missing", NOW, "txt")


def test_a_report_without_a_client_and_with_hostile_numbers() -> None:
    hostile = replace(
        DEBUG_INFO, connection=replace(DEBUG_INFO.connection, ready_since=BOOT - 1e300)
    )
    for info in (None, hostile):
        report = Report(float("nan"), debug_sections(info, FakeClock(), "v"), [], info)
        assert json.loads(report.json())["schema"] == 1
        assert "unknown-time" in report.text()
