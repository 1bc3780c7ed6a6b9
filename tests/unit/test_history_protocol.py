"""Reading the answer of the history call, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tui_chat.protocol import history
from tui_chat.protocol.history import HistoryMessage, HistoryPage, HistoryTool, read_history


def read(*entries: Any, **fields: Any) -> HistoryPage:
    return read_history(json.dumps({"messages": entries, **fields}).encode())


def test_everything_that_is_there_is_taken_over() -> None:
    page = read(
        {
            "id": "1",
            "role": "user",
            "content": "a\x1b[31m",
            "timestamp": "2026-01-15T11:30:00.000Z",
            "media": ["https://h/a"],
            "clientMessageId": "mine",
        },
        {
            "id": "2",
            "role": "tooling",
            "content": "",
            "timestamp": "",
            "toolData": {
                "toolName": "look",
                "callId": "c",
                "parameters": {"a": 1},
                "result": [2],
                "status": "error",
            },
        },
        providerResId="thread",
        threadId="row",
    )
    time = "2026-01-15T11:30:00.000Z"
    assert page == HistoryPage(
        (
            HistoryMessage("1", "user", "a\x1b[31m", time, ("https://h/a",), None, "mine"),
            HistoryMessage("2", "tooling", tool=HistoryTool("look", "c", {"a": 1}, [2], "error")),
        ),
        "thread",
        "row",
        0,
    )


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        "text",
        [],
        {},
        {"role": "wizard", "content": "x"},
        {"role": ["user"], "content": "x"},
        {"role": "user", "content": {"parts": []}},
        {"role": "tooling", "content": ""},
        {"role": "tooling", "toolData": {"toolName": "look"}},
        {"role": "tooling", "toolData": {"callId": "c"}},
        {"role": "tooling", "toolData": {"callId": "c" * 1001, "toolName": "look"}},
    ],
)
def test_a_bad_entry_costs_itself_only(entry: Any) -> None:
    page = read({"role": "user", "content": "a"}, entry, {"role": "assistant", "content": "b"})
    assert [message.content for message in page.messages] == ["a", "b"]
    assert page.skipped == 1
    assert (page.provider_res_id, page.thread_id) == (None, None)


def test_a_bad_detail_costs_itself_only() -> None:
    (message,) = read(
        {
            "role": "user",
            "id": "x" * 1001,
            "content": None,
            "timestamp": 7,
            "media": ["ok", 7, "x" * 9000],
            "clientMessageId": {"a": 1},
            "toolData": {"callId": "c", "toolName": "look"},
        }
    ).messages
    assert message == HistoryMessage("", "user", media=("ok",))
    (message,) = read(
        {"role": "tooling", "id": 12, "toolData": {"callId": 5, "toolName": "a\nb", "status": 1}}
    ).messages
    assert message == HistoryMessage("12", "tooling", tool=HistoryTool("a b", "5"))


def test_half_characters_cost_nothing() -> None:
    body = rb'{"messages":[{"role":"user","content":"a\ud83d"},{"role":"user","content":"b"}]}'
    assert [message.content for message in read_history(body).messages] == ["a\ud83d", "b"]
    body = rb'{"providerResId":"\ud83d","messages":[{"role":"user","content":"a\ud83d"}]}'
    assert [message.content for message in read_history(body).messages] == ["a\ud83d"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"messages": {}}',
        b'{"messages": [}',
        b"\xff",
        b'{"messages": [], "x": "\\ud83d}',
        b'{"messages": [], "success": false}',
        b'{"messages": [' + b"[" * 200_000 + b"]" * 200_000 + b"]}",
    ],
)
def test_what_is_no_history_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is not part of the contract
        read_history(body)


def test_an_endless_page_is_cut_at_its_old_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_ENTRIES", 2)
    page = read(*({"role": "user", "content": str(number)} for number in range(5)))
    assert [message.content for message in page.messages] == ["3", "4"]
    assert page.skipped == 3
