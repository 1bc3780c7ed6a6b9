"""Messages where the disk fails or the clock is wrong: none lost, none doubled, none in silence."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.client_support import until
from tests.integration.crash_support import (
    AFTER,
    TEXTS,
    Echo,
    applied,
    fall,
    reopened,
    serving,
    shown,
    start,
)
from tests.serving import RunningServer, running_server
from tests.storage_support import codes, on_thread, open_store
from tui_chat import WebSocketChatClient
from tui_chat.errors import StorageError
from tui_chat.server.agent import AgentEvent, Text, Turn
from tui_chat.storage import Scope, Store, Surroundings
from tui_chat.storage.folder import DATABASE

DAY = 86_400
needs_sigkill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


MUCH = "word " * 20_000


class Chatterbox:
    """Has much to say."""

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        yield Text(MUCH)


def storing(folder: Path) -> contextlib.AbstractAsyncContextManager[Store]:
    return open_store(folder / "store", surroundings=Surroundings(retry_interval=0.05))


@contextlib.asynccontextmanager
async def talking(server: RunningServer, store: Store) -> AsyncIterator[WebSocketChatClient]:
    record = await store.resume(Scope(server.url))
    client = WebSocketChatClient(record=record, send_leftovers=True)
    start(client, server)
    try:
        yield client
    finally:
        await client.disconnect()
        await record.release()


async def limit(store: Store, more: int) -> None:
    """Let the disk be full once the database has grown by so many pages."""
    [pages] = await on_thread(store, lambda c: c.execute("PRAGMA page_count").fetchone())
    await on_thread(
        store, lambda c: c.execute(f"PRAGMA max_page_count = {pages + more}").fetchone()
    )


@pytest.mark.parametrize("deduplicating", [True, False])
async def test_a_disk_that_becomes_full(tmp_path: Path, deduplicating: bool) -> None:
    async with running_server(serving(deduplicating=deduplicating), agent=Echo()) as server:
        async with storing(tmp_path) as store, talking(server, store) as client:
            await client.delivery.answered(await client.on_trigger_message("before"))
            await until(lambda: not client.delivery.items() and not client.running)
            await server.drop_all(code=1012)
            await until(lambda: not client.get_connection_status().connected)
            await limit(store, 8)
            accepted, refusal = await fill(client)
            assert refusal.code == "DISK_FULL"
            assert "Free some space" in str(refusal)
            assert set(accepted) >= {item.text for item in client.delivery.items()}
            await limit(store, 100_000)
            await client.delivery.answered(await client.on_trigger_message(AFTER))
            await until(lambda: not client.delivery.items())
            assert applied(server) == ["before", *accepted, AFTER]
        async with reopened(server, tmp_path) as (record, _):
            assert all(item.settled for item in record.items)
            assert shown(record) == ["before", *accepted, AFTER]


async def fill(client: WebSocketChatClient) -> tuple[list[str], StorageError]:
    """Type until there is no room any more."""
    accepted: list[str] = []
    for number in range(1_000):
        text = f"{number} {'x' * 3_000}"
        try:
            await client.on_trigger_message(text)
        except StorageError as error:
            return accepted, error
        accepted.append(text)
    raise AssertionError("the disk is never full")


async def test_a_disk_that_is_full_is_said_and_said_to_work_again(tmp_path: Path) -> None:
    """A reply that cannot be kept is not lost: it is kept as soon as there is room."""
    async with running_server(serving(deduplicating=True), agent=Chatterbox()) as server:
        async with storing(tmp_path) as store, talking(server, store) as client:
            await client.delivery.answered(await client.on_trigger_message("before"))
            await until(lambda: not client.delivery.items() and not client.running)
            await limit(store, 4)
            item = await client.on_trigger_message("tell me")
            await client.delivery.answered(item)
            await until(lambda: codes(store) == ["DISK_FULL"])
            await limit(store, 100_000)
            await until(lambda: codes(store) == ["DISK_FULL", "WORKS_AGAIN"])
            await until(lambda: not client.delivery.items())
            assert applied(server) == ["before", "tell me"]
        async with reopened(server, tmp_path) as (record, _):
            assert [m.text for m in record.messages] == ["before", MUCH, "tell me", MUCH]


@needs_sigkill
async def test_a_database_that_was_damaged_between_two_runs(tmp_path: Path) -> None:
    async with running_server(serving(deduplicating=True), agent=Echo()) as server:
        server.faults.ticket_delay = 60  # nothing leaves
        code, told = await fall(server, tmp_path, "accepted:committed", 3)
        assert (code, told.accepted) == (-signal.SIGKILL, TEXTS[:2])
        server.faults.clear()
        path = tmp_path / "store" / DATABASE
        damaged = b"\xa5" * 20_000
        path.write_bytes(damaged)
        path.with_name(f"{DATABASE}-wal").unlink(missing_ok=True)
        async with reopened(server, tmp_path, notices=["SET_ASIDE"]) as (record, client):
            assert (list(record.items), list(record.messages)) == ([], [])
            start(client, server)
            await client.delivery.answered(await client.on_trigger_message(AFTER))
            await until(lambda: not client.delivery.items())
        assert applied(server) == [AFTER]
        kept = [path.read_bytes() for path in (tmp_path / "store").glob("*.damaged-*")]
        assert damaged in kept, "nothing of it is thrown away"
        async with reopened(server, tmp_path) as (record, _):
            assert shown(record) == [AFTER]


async def test_a_database_that_is_damaged_while_messages_wait(tmp_path: Path) -> None:
    async with running_server(serving(deduplicating=True), agent=Echo()) as server:
        server.faults.ticket_delay = 1
        async with storing(tmp_path) as store, talking(server, store) as client:
            for text in TEXTS[:2]:
                await client.on_trigger_message(text)
            await on_thread(
                store, lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            )
            path = tmp_path / "store" / DATABASE
            data = path.read_bytes()
            path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
            await on_thread(store, lambda c: c.execute("PRAGMA shrink_memory"))
            await client.on_trigger_message(TEXTS[2])
            assert codes(store) == ["SET_ASIDE"]
            server.faults.clear()
            await until(lambda: not client.delivery.items())
            assert applied(server) == TEXTS
        async with reopened(server, tmp_path) as (record, _):
            assert shown(record) == TEXTS


@needs_sigkill
async def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    """It is said that nothing outlives the program; everything else works."""
    (tmp_path / "file").write_text("a file in the way")
    async with running_server(serving(deduplicating=True), agent=Echo()) as server:
        for run in (1, 2):
            code, told = await fall(server, tmp_path, folder=str(tmp_path / "file" / "store"))
            assert (code, told.notice) == (0, ["IN_MEMORY"])
            assert applied(server) == TEXTS * run
    assert (tmp_path / "file").read_text() == "a file in the way"


@needs_sigkill
@pytest.mark.parametrize("deduplicating", [True, False])
async def test_a_clock_set_back_by_a_day_between_two_runs(
    tmp_path: Path, deduplicating: bool
) -> None:
    async with running_server(serving(deduplicating=deduplicating), agent=Echo()) as server:
        code, told = await fall(server, tmp_path, "run:ended", 2)
        assert (code, told.accepted) == (-signal.SIGKILL, TEXTS)
        code, later = await fall(server, tmp_path, texts=["fourth"], set_back=DAY)
        assert (code, later.notice) == (0, [])
        assert applied(server) == [*TEXTS, "fourth"]
        async with reopened(server, tmp_path) as (record, client):
            assert all(item.settled for item in record.items)
            assert shown(record) == [*TEXTS, "fourth"]
            start(client, server)
            await client.delivery.answered(await client.on_trigger_message(AFTER))
            await until(lambda: not client.delivery.items())
        assert applied(server) == [*TEXTS, "fourth", AFTER]
