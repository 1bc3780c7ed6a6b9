"""Several processes use one store; some of them are killed in the middle."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.storage_support import child, codes, item, message, open_store, resumed, told
from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import ConversationBusy
from tui_chat.storage import WRITE_POINTS, Surroundings
from tui_chat.storage.locks import LockUnavailable
from tui_chat.storage.schema import MIGRATIONS

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

HOLD = """
async def main():
    store = await Store.open(folder)
    conversation = await store.resume(SCOPE)
    await conversation.save_items([item(argument or "held")])
    say(conversation.id, os.getpid())
    await heard()
    await store.aclose()
"""


async def test_a_claim_is_held_while_the_process_lives_and_not_longer(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    async with child(HOLD, folder) as process, open_store(folder) as store:
        name, pid = await told(process)
        [summary] = await store.conversations()
        assert (summary.id, summary.open_in) == (name, pid)
        with pytest.raises(ConversationBusy) as busy:
            await store.claim(name)
        assert busy.value.pid == pid
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(ConversationBusy):
            await store.claim(name)
        assert (await store.purge(everything=True, unsent=True)).kept_open == 1
        process.kill()
        await process.wait()
        [summary] = await store.conversations()
        assert summary.open_in is None
        again = await resumed(store)
        assert again.id == name
        assert [each.held for each in again.items] == [True]
    [left] = (folder / "instances").iterdir()
    assert left.read_text() == f"{pid}\n", "the next one that opens sweeps it away"


async def test_lock_files_of_the_dead_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    async with child(HOLD, folder) as living:
        await told(living)
        async with child(HOLD, folder) as process:
            await told(process)
            assert len(list((folder / "instances").iterdir())) == 2
        assert len(list((folder / "instances").iterdir())) == 2, "it was killed"
        async with open_store(folder):
            assert len(list((folder / "instances").iterdir())) == 2, "the living, and this one"


async def test_without_locks_the_process_decides(tmp_path: Path) -> None:
    def none(_: int, __: bool) -> bool:
        raise LockUnavailable

    folder = tmp_path / "s"
    body = HOLD.replace("Store.open(folder)", "Store.open(folder, surroundings=without_locks())")
    body = (
        "from tui_chat.storage.locks import _none\n"
        "def without_locks():\n    return Surroundings(locking=_none)\n" + body
    )
    async with child(body, folder) as process:
        name, _ = await told(process)
        async with open_store(folder, surroundings=Surroundings(locking=none)) as store:
            assert codes(store) == ["LOCKS"]
            with pytest.raises(ConversationBusy):
                await store.claim(name)
            process.kill()
            await process.wait()
            assert (await store.claim(name)).id == name


START = """
async def main():
    sys.stdin.readline()
    store = await Store.open(folder)
    conversation = await store.resume(SCOPE)
    say(conversation.id)
    await heard()
    await store.aclose()
"""


@pytest.mark.parametrize("left_over", [0, 2])
async def test_those_that_start_at_the_same_moment_claim_different_ones(
    tmp_path: Path, left_over: int
) -> None:
    folder = tmp_path / "s"
    left: set[str] = set()
    if left_over:
        async with open_store(folder) as store:
            for number in range(left_over):
                conversation = await resumed(store, fresh=True)
                await conversation.save_items([item(str(number))])
                left.add(conversation.id)
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(child(START, folder)) for _ in range(4)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
        names = {(await told(process))[0] for process in processes}
        assert len(names) == 4
        assert left <= names


# -- killed at each write point -------------------------------------------------------------------

VICTIM = """
async def main():
    point, count = argument.rsplit("*", 1)
    left = int(count)

    def probe(reached):
        nonlocal left
        if reached == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    store = await Store.open(folder, probe=probe)
    conversation = await store.resume(SCOPE)
    say("claimed", conversation.id)
    await conversation.save_items([item("a", 2), item("b", 3)])
    say("items")
    conversation.record_thread("thread 2")
    conversation.record_messages([message(1, "new"), message(2, "second")])
    conversation.record_draft("draft 2")
    await conversation.flush()
    say("recorded")
    await conversation.save_items(
        [item("a", 2, state=DeliveryState.WRITTEN, message_id=3), item("b", 3, note="n")]
    )
    say("written")
    await store.add_prompt("prompt 2")
    say("prompt")
    await store.purge(older_than=1e9)
    await conversation.release()
    say("released")
    await store.aclose()
"""

POINTS = [(point, 1) for point in WRITE_POINTS] + [
    (point, 2) for point in WRITE_POINTS if point.startswith("items:")
]


@pytest.mark.parametrize(("point", "count"), POINTS, ids=str)
async def test_killed_at_each_write_point(tmp_path: Path, point: str, count: int) -> None:
    folder = tmp_path / "s"
    kind, _, moment = point.partition(":")
    if kind != "migrate":  # that one is killed while it makes the database
        async with open_store(folder) as store:
            conversation = await resumed(store)
            await conversation.save_items([item("old", 1)])
            conversation.record_thread("thread 1")
            conversation.record_messages([message(1, "old")])
            conversation.record_draft("draft 1")
            await store.add_prompt("prompt 1")
    said: list[str] = []
    async with child(VICTIM, folder, f"{point}*{count}") as process:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            said = [line.decode().split('"')[1] async for line in process.stdout]
            assert await process.wait() == -signal.SIGKILL, "the point was reached"
    done = moment == "committed"
    async with open_store(folder) as store:
        assert (store.kind, codes(store)) == ("file", [])
        again = await resumed(store)
        items = state_of(again.items)
        if kind == "migrate":
            assert (items, said) == ({}, [])
            return
        first = "items" in said or (point, count) == ("items:committed", 1)
        recorded = "recorded" in said or (done and kind in ("messages", "thread", "draft"))
        second = "written" in said or (point, count) == ("items:committed", 2)
        expected: dict[str, tuple[DeliveryState, str]] = {"old": (DeliveryState.QUEUED, "")}
        if first:
            expected |= {"a": (DeliveryState.QUEUED, ""), "b": (DeliveryState.QUEUED, "")}
        if second:
            expected |= {"a": (DeliveryState.UNKNOWN, again.items[1].note)}
            expected |= {"b": (DeliveryState.QUEUED, "n")}
        assert items == expected
        texts = [each.text for each in again.messages]
        assert texts == (["new", "second"] if recorded else ["old"]) + (["text a"] * second)
        assert again.thread_id in (
            ("thread 2",) if "recorded" in said else ("thread 1", "thread 2")
        )
        if kind in ("messages", "draft") and done:
            assert again.draft == "draft 2"
        if recorded and kind == "thread":
            assert again.thread_id == "thread 2"
        prompts = ["prompt 1"]
        if "prompt" in said or point == "prompt:committed":
            prompts.append("prompt 2")
        assert await store.prompts() == prompts


def state_of(items: Sequence[OutboxItem]) -> dict[str, tuple[DeliveryState, str]]:
    return {each.id: (each.state, each.note) for each in items}


async def test_killed_in_a_migration(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    async with open_store(folder) as store:
        await (await resumed(store)).save_items([item("a")])
    body = """
from tui_chat.storage.schema import MIGRATIONS
async def main():
    def probe(point):
        if point == argument:
            os.kill(os.getpid(), signal.SIGKILL)
    migrations = (*MIGRATIONS, ("ALTER TABLE prompts ADD COLUMN extra TEXT",))
    await Store.open(folder, probe=probe, surroundings=Surroundings(migrations=migrations))
"""
    newer = (*MIGRATIONS, ("ALTER TABLE prompts ADD COLUMN extra TEXT",))
    for point in ("migrate:before", "migrate:in-transaction"):
        async with child(body, folder, point) as process:
            assert await process.wait() == -signal.SIGKILL
        async with open_store(folder) as store:
            assert len(await store.outbox()) == 1, "it is the older version still"
    async with child(body, folder, "migrate:committed") as process:
        assert await process.wait() == -signal.SIGKILL
    async with open_store(folder, surroundings=Surroundings(migrations=newer)) as store:
        assert (store.kind, len(await store.outbox())) == ("file", 1)


async def test_a_transaction_cut_short_in_another_journal_mode(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    body = """
async def main():
    def probe(point):
        if point == "items:in-transaction" and armed:
            os.kill(os.getpid(), signal.SIGKILL)
    armed = False
    store = await Store.open(
        folder, probe=probe, surroundings=Surroundings(file_system=lambda _: "nfs")
    )
    conversation = await store.resume(SCOPE)
    await conversation.save_items([item("a", 1)])
    armed = True
    # More than SQLite's cache holds, so that the file itself is written before the end.
    await conversation.save_items([item(str(n), n, text="x" * 50_000) for n in range(2, 100)])
"""
    async with child(body, folder) as process:
        assert await process.wait() == -signal.SIGKILL
    assert (folder / "tui-chat.db-journal").stat().st_size > 0, "there is something to undo"
    async with open_store(folder, surroundings=Surroundings(file_system=lambda _: "nfs")) as store:
        assert [each.id for each in (await resumed(store)).items] == ["a"]
