"""What is deleted is gone from every byte; what is kept is kept, whatever the clock says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage_support import (
    SCOPE,
    TestClock,
    codes,
    file_bytes,
    item,
    message,
    on_thread,
    open_store,
)
from tests.support.canaries import Canary, find_below
from tui_chat.conversation.model import DeliveryState, MessageKind
from tui_chat.delivery.item import SecretReference
from tui_chat.errors import ConfigurationError
from tui_chat.secret import Secret
from tui_chat.storage import Retention, Scope, Store, Surroundings

DAY = 86_400.0


async def keep(store: Store, text: str, *, unsent: bool = False) -> str:
    """Keep a conversation that says something, at length; return its id."""
    conversation = await store.resume(SCOPE, fresh=True)
    said = [message(n, f"{text}-{n} " * 50, kind=MessageKind.USER) for n in range(1, 30)]
    conversation.record_messages(said)
    if unsent:
        conversation.record_draft(f"{text}-draft")
    await conversation.save_items(
        [
            item("w", text=f"{text}-item", state=state)
            for state in ((DeliveryState.QUEUED,) if unsent else (DeliveryState.RECEIVED,))
        ]
    )
    # Grown and shrunk: old versions of it lie about in free pages.
    conversation.record_messages([message(1, f"{text}-grown " * 5_000)])
    await conversation.flush()
    conversation.record_messages([message(1, f"{text}-again")])
    await conversation.release()
    return conversation.id


@pytest.mark.parametrize("file_system", ["ext4", "nfs"])
async def test_nothing_that_was_purged_is_in_any_file(tmp_path: Path, file_system: str) -> None:
    folder = tmp_path / "s"
    clock = TestClock()
    surroundings = Surroundings(file_system=lambda _: file_system)
    async with open_store(folder, clock=clock, surroundings=surroundings) as store:
        # Some builds of SQLite overwrite what is deleted at any time, others do not.
        await on_thread(store, lambda c: c.execute("PRAGMA secure_delete = OFF").fetchone())
        await keep(store, "marmalade")
        unsent = await keep(store, "porcupine", unsent=True)
        await store.add_prompt("marmalade-prompt")
        clock.pass_by(100)
        recent = await keep(store, "zeppelin")
        await store.add_prompt("zeppelin-prompt")
        assert b"marmalade" in file_bytes(folder), "the search finds it"
        report = await store.purge(older_than=50)
        assert (report.conversations, report.messages, report.items) == (1, 29, 0)
        assert (report.prompts, report.kept_unsent, report.kept_open) == (1, 1, 0)
        assert report.erased
        assert b"marmalade" not in file_bytes(folder), "while it is open still"
        assert {each.id for each in await store.conversations()} == {unsent, recent}
        assert await store.prompts() == ["zeppelin-prompt"]
        report = await store.purge(everything=True)
        assert (report.conversations, report.kept_unsent) == (1, 1)
        assert b"zeppelin" not in file_bytes(folder)
        assert b"porcupine" in file_bytes(folder)
        report = await store.purge(everything=True, unsent=True)
        assert (report.conversations, report.items) == (1, 1)
        assert b"porcupine" not in file_bytes(folder)
        assert await store.purge() == type(report)()


async def test_what_is_open_stays_and_damaged_files_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    async with open_store(folder) as store:
        aside = folder / "tui-chat.db.damaged-x-1"
        aside.write_text("old text")
        conversation = await store.resume(SCOPE)
        await conversation.save_items([item("a")])
        report = await store.purge(everything=True)
        assert (report.kept_open, report.left) == (1, (aside,))
        report = await store.purge(everything=True, unsent=True)
        assert (report.kept_open, report.left) == (1, ())
        assert not aside.exists()
        await conversation.save_items([item("b", 2)])
        assert len((await store.outbox())[0][1]) == 2


async def opened(folder: Path, clock: TestClock, days: float | None = 30) -> list[str]:
    """Start the program and end it; return the notices."""
    async with open_store(folder, clock=clock, retention=Retention(days)) as store:
        conversation = await store.resume(Scope("http://another"), fresh=True)
        await conversation.release()
        return codes(store)


async def ids(folder: Path, clock: TestClock) -> set[str]:
    async with open_store(folder, clock=clock) as store:
        return {each.id for each in await store.conversations()}


async def test_retention_deletes_what_is_old_and_says_so(tmp_path: Path) -> None:
    folder, clock = tmp_path / "s", TestClock()
    async with open_store(folder, clock=clock) as store:
        old = await store.resume(SCOPE, fresh=True)
        old.record_messages([message(1)])
        drafted = await store.resume(SCOPE, fresh=True)
        drafted.record_draft("not sent")
        unsent = await store.resume(SCOPE, fresh=True)
        await unsent.save_items([item("a")])
    for _ in range(9):
        clock.pass_by(3.4 * DAY)
        assert await opened(folder, clock, None) == [], "for ever by default"
        if clock.at < 1_700_000_000 + 30 * DAY:
            assert await opened(folder, clock) == []
    assert await opened(folder, clock) == ["RETENTION"]
    assert await ids(folder, clock) == {drafted.id, unsent.id}


@pytest.mark.parametrize("days", [1, 30])
async def test_a_clock_that_jumps_wipes_nothing(tmp_path: Path, days: float) -> None:
    folder, clock = tmp_path / "s", TestClock()
    async with open_store(folder, clock=clock) as store:
        conversation = await store.resume(SCOPE)
        conversation.record_messages([message(1)])
    for jump in (3_650 * DAY, 0.0, -3_650 * DAY, -1_000 * DAY):
        clock.at += jump
        assert await opened(folder, clock, days) == []
    assert await ids(folder, clock) == {conversation.id}


async def test_what_is_open_outlives_any_retention(tmp_path: Path) -> None:
    folder, clock = tmp_path / "s", TestClock()
    async with open_store(folder, clock=clock, retention=Retention(1)) as store:
        conversation = await store.resume(SCOPE)
        conversation.record_messages([message(1)])
        await conversation.flush()
        clock.pass_by(400 * DAY)
        await (await store.resume(SCOPE)).release()
        assert codes(store) == []
        assert [each.id for each in await store.conversations()] == [conversation.id]


def test_retention_takes_days_above_zero() -> None:
    for days in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            Retention(days)


async def test_no_secret_reaches_the_files(tmp_path: Path) -> None:
    canary = Canary("header", "canary-7f3e9a1b5c2d-value")
    secrets = {"weather-key": Secret(canary.value)}
    async with open_store(tmp_path / "s") as store:
        scope = Scope(f"https://h/base?key={canary.value}", "e", "t", "u")
        conversation = await store.resume(scope)
        names = {"weather": {"Authorization": SecretReference(*secrets)}}
        await conversation.save_items([item("a", mcp_headers=names)])
        conversation.record_messages([message(1)])
        await conversation.flush()
        assert b"weather-key" in file_bytes(tmp_path / "s"), "the search would find it"
        assert find_below(tmp_path / "s", [canary]) == []
        assert (await store.conversations())[0].scope.server == "https://h/base"
    with pytest.raises(ConfigurationError) as raised:
        Scope(f"https://me:{canary.value}@h")
    assert canary.value not in str(raised.value)
