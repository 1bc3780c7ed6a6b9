"""A client is killed with SIGKILL at each named moment; the next one goes on where it stood."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.client_support import until
from tests.integration.crash_support import (
    AFTER,
    TEXTS,
    Echo,
    Told,
    applied,
    fall,
    in_state,
    reopened,
    serving,
    shown,
    start,
    unknown,
)
from tests.integration.crash_victim import MOMENTS
from tests.serving import RunningServer, running_server
from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery import resolution
from tui_chat.protocol.urls import ServerUrl
from tui_chat.storage import WRITE_POINTS, StoredConversation

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

REPEATED = ("items", "messages")
"""Kinds of writes that each message has some of."""
POINTS = [(point, 1) for point in WRITE_POINTS] + [
    (point, nth) for point in WRITE_POINTS if point.startswith("items:") for nth in (2, 3, 5)
]
MOMENTS_TWICE = [(moment, nth) for moment in MOMENTS for nth in (1, 2)]
DELIVERING = [
    case for case in POINTS if case[0].split(":")[0] in (*REPEATED, "thread")
] + MOMENTS_TWICE


def check_kept(record: StoredConversation, server: RunningServer, told: Told) -> None:
    """Before anything is sent again: what was taken in is in the store, or has arrived."""
    there = Counter(applied(server)) + Counter(item.text for item in record.items)
    assert all(there[text] for text in told.accepted), (there, told.accepted)
    waiting = [item.text for item in record.items]
    assert waiting == [text for text in TEXTS if text in waiting], "in order"
    assert len(shown(record)) == len(set(shown(record))), "no message is shown twice"


def check_applied(server: RunningServer, told: Told, *, lost: list[str]) -> None:
    """Each message once; those of which it was never said that they were taken in, at most once."""
    found = applied(server)
    counts = Counter(found)
    assert counts[AFTER] == 1
    assert max(counts.values()) == 1, f"doubled: {found}"
    assert [text for text in told.accepted if not counts[text]] == lost
    assert set(found) <= {*told.typing, AFTER}
    assert [text for text in found if text != AFTER] == [text for text in TEXTS if text in found]


@pytest.mark.parametrize(("moment", "nth"), [*POINTS, *MOMENTS_TWICE])
async def test_with_ids_every_message_arrives_once(tmp_path: Path, moment: str, nth: int) -> None:
    async with running_server(serving(deduplicating=True), agent=Echo()) as server:
        code, told = await fall(server, tmp_path, moment, nth)
        assert code == -signal.SIGKILL, f"{moment} came less than {nth} times"
        async with reopened(server, tmp_path) as (record, client):
            check_kept(record, server, told)
            start(client, server)
            await client.delivery.answered(await client.on_trigger_message(AFTER))
            await until(lambda: not client.delivery.items())
            check_applied(server, told, lost=[])
        async with reopened(server, tmp_path) as (record, client):
            assert all(item.settled for item in record.items)
            assert shown(record) == applied(server)


@pytest.mark.parametrize("after", ["accepting", "resending"])
async def test_a_caller_that_gives_up_does_not_hold_up_the_message(
    tmp_path: Path, after: str
) -> None:
    async with running_server(serving(deduplicating=False), agent=Echo()) as server:
        async with reopened(server, tmp_path) as (_, client):
            start(client, server)
            name = await client.on_trigger_message("before")
            await client.delivery.answered(name)
            await until(lambda: not client.delivery.items())
            calling: asyncio.Task[Any]
            if after == "resending":
                name = await client.on_trigger_message(TEXTS[0])
                client.delivery._ledger.move(name, DeliveryState.FAILED)
                calling = asyncio.create_task(client.delivery.resend(name))
            else:
                calling = asyncio.create_task(client.on_trigger_message(TEXTS[0]))
            await asyncio.sleep(0)  # it has begun, and waits for the disk
            assert calling.cancel()
            await asyncio.wait({calling})
            assert calling.cancelled()
            await until(lambda: applied(server) == ["before", TEXTS[0]])
            await until(lambda: not client.delivery.items())


async def test_a_server_that_has_lost_its_memory_is_not_asked_again(tmp_path: Path) -> None:
    """It announces another memory of ids, so it could not tell a repeat from a new message."""
    echo, config = Echo(), serving(deduplicating=True)
    async with running_server(config, agent=echo) as server:
        config = replace(config, port=ServerUrl.parse(server.url).port)
        code, told = await fall(server, tmp_path, "socket:written", 2)
        assert code == -signal.SIGKILL
        await until(lambda: TEXTS[1] in echo.heard)
    async with running_server(config, agent=echo) as server:
        async with reopened(server, tmp_path) as (_, client):
            start(client, server)
            await client.delivery.answered(await client.on_trigger_message(AFTER))
            assert unknown(client) == [TEXTS[1]], "which is for the user to decide"
            third = [text for text in told.accepted if text == TEXTS[2]]
            assert echo.heard == [*TEXTS[:2], *third, AFTER]


@pytest.mark.parametrize(("moment", "nth"), DELIVERING)
async def test_without_ids_nothing_is_doubled_and_nothing_lost_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, nth: int
) -> None:
    monkeypatch.setattr(resolution, "PATIENCE", 0.2)  # or each test would take three seconds
    async with running_server(serving(deduplicating=False), agent=Echo()) as server:
        code, told = await fall(server, tmp_path, moment, nth)
        assert code == -signal.SIGKILL, f"{moment} came less than {nth} times"
        async with reopened(server, tmp_path) as (record, client):
            check_kept(record, server, told)
            open_at_first = in_state(client, DeliveryState.UNKNOWN, DeliveryState.WRITTEN)
            assert in_state(client, DeliveryState.WRITTEN) == [], "nobody knows what became of it"
            start(client, server)
            await client.delivery.answered(await client.on_trigger_message(AFTER))
            await until(lambda: not in_state(client, DeliveryState.QUEUED, DeliveryState.WRITTEN))
            if record.thread_id is not None:  # else nobody can say where to look for it
                await until(lambda: not set(unknown(client)) & set(applied(server)))
            lost = [text for text in told.accepted if text not in applied(server)]
            assert set(lost) <= set(unknown(client)) <= set(open_at_first)
            check_applied(server, told, lost=lost)
