"""Whatever is on the disk, the store opens; what it finds there and cannot use is not touched."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.storage_support import (
    SCOPE,
    TestClock,
    codes,
    item,
    message,
    on_thread,
    open_store,
    user_message,
)
from tui_chat.conversation.model import DeliveryState
from tui_chat.errors import StorageError
from tui_chat.storage import Store, Surroundings
from tui_chat.storage.file_system import is_network, type_in
from tui_chat.storage.folder import DATABASE
from tui_chat.storage.schema import APPLICATION_ID, MIGRATIONS

posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes and owners are POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def fill(folder: Path, name: str = "a") -> str:
    """Keep one conversation with one unsent message; return its id."""
    async with open_store(folder) as store:
        conversation = await store.resume(SCOPE)
        await conversation.save_items([item(name)])
        assert store.kind == "file"
        return conversation.id


async def works_in_memory(store: Store, *, why: str) -> None:
    assert (store.kind, store.path) == ("memory", None)
    [notice] = [each for each in store.notices if each.code == "IN_MEMORY"]
    assert why in notice.sentence
    conversation = await store.resume(SCOPE)
    await conversation.save_items([item("a")])
    assert len(await store.outbox()) == 1


# -- who may read it ------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
async def test_only_the_owner_can_read_it(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        async with open_store(tmp_path / "s") as store:
            await store.add_prompt("p")
            assert store.notices == ()
            files = {path.name: path for path in (tmp_path / "s").rglob("*")}
            assert {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "setup.lock"} < files.keys()
            for path in files.values():
                assert mode(path) == (0o700 if path.is_dir() else 0o600), path
            assert mode(tmp_path / "s") == 0o700
    finally:
        os.umask(before)


@posix
async def test_what_others_could_read_is_tightened_and_said(tmp_path: Path) -> None:
    await fill(tmp_path / "s")
    (tmp_path / "s").chmod(0o755)
    (tmp_path / "s" / DATABASE).chmod(0o644)
    async with open_store(tmp_path / "s") as store:
        assert codes(store) == ["PERMISSIONS", "PERMISSIONS"]
        assert (mode(tmp_path / "s"), mode(tmp_path / "s" / DATABASE)) == (0o700, 0o600)


@posix
async def test_links_are_not_followed(tmp_path: Path) -> None:
    await fill(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    async with open_store(tmp_path / "link") as store:
        await works_in_memory(store, why="symbolic link")
    for end in ("", "-wal", "-shm", "-journal"):
        folder = tmp_path / f"folder{end}"
        folder.mkdir(mode=0o700)
        target = tmp_path / f"target{end}"
        target.write_bytes(b"untouched")
        (folder / f"{DATABASE}{end}").symlink_to(target)
        async with open_store(folder) as store:
            await works_in_memory(store, why="symbolic link")
        assert target.read_bytes() == b"untouched"


@posix
async def test_what_belongs_to_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tmp_path / "s")
    before = (tmp_path / "s" / DATABASE).read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    async with open_store(tmp_path / "s") as store:
        await works_in_memory(store, why="belongs to another user")
    assert (tmp_path / "s" / DATABASE).read_bytes() == before


# -- where there is no place for it ---------------------------------------------------------------


async def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    async with open_store(file) as store:
        await works_in_memory(store, why="is not a folder")
    async with open_store(file / "below") as store:
        await works_in_memory(store, why="cannot be made")
    async with open_store(Path("relative")) as store:
        await works_in_memory(store, why="not an absolute path")
    (tmp_path / "s").mkdir(mode=0o700)
    (tmp_path / "s" / DATABASE).mkdir()
    async with open_store(tmp_path / "s") as store:
        await works_in_memory(store, why="not a regular file")
    assert file.read_text() == "mine"


async def test_a_read_only_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, kind, **_: not kind & os.W_OK)
    async with open_store(tmp_path / "s") as store:
        await works_in_memory(store, why="read-only")


async def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("tui_chat.storage.store.data_folder", homeless)
    store = await Store.open()
    await works_in_memory(store, why="not an absolute path")
    await store.aclose()


async def test_a_disk_that_is_full_when_it_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tui_chat.storage.folder.create_private", full)
    async with open_store(tmp_path / "s") as store:
        await works_in_memory(store, why="Free some space")


async def test_a_disk_that_is_full_when_a_conversation_is_opened(tmp_path: Path) -> None:
    name = await fill(tmp_path / "s")
    async with open_store(tmp_path / "s") as store:
        await on_thread(store, lambda c: c.execute("PRAGMA query_only = ON"))
        assert (await store.resume(SCOPE)).id != name
        await works_in_memory(store, why="read-only")
    async with open_store(tmp_path / "s") as store:
        assert (await store.resume(SCOPE)).id == name, "it is as it was"


async def test_a_disk_that_becomes_full(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as store:
        conversation = await store.resume(SCOPE)
        await conversation.save_items([item("a")])
        [pages] = await on_thread(store, lambda c: c.execute("PRAGMA page_count").fetchone())
        await on_thread(
            store, lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone()
        )
        with pytest.raises(StorageError) as raised:
            await conversation.save_items([item("b", 2), item("c", 3, text="x" * 100_000)])
        assert raised.value.code == "DISK_FULL"
        assert str(tmp_path / "s") in str(raised.value)
        assert "Free some space" in str(raised.value)
        assert [[i.id for i in items] for _, items in await store.outbox()] == [["a"]]
        # What nobody waits for and does not fit must not take along what does.
        conversation.record_messages([message(1, "y" * 100_000)])
        await conversation.save_items([item("d", 4)])
        assert codes(store) == ["DISK_FULL"]
        await on_thread(store, lambda c: c.execute("PRAGMA max_page_count = 100000").fetchone())
        await conversation.flush()
        assert codes(store) == ["DISK_FULL", "WORKS_AGAIN"]
    async with open_store(tmp_path / "s") as store:
        again = await store.resume(SCOPE)
        assert [each.id for each in again.items] == ["a", "d"]
        assert again.messages[0].text == "y" * 100_000


# -- journals -------------------------------------------------------------------------------------


async def journal(store: Store) -> str:
    [kind] = await on_thread(store, lambda c: c.execute("PRAGMA journal_mode").fetchone())
    return str(kind)


async def test_the_log_where_it_works(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as store:
        assert await journal(store) == "wal"
        [level] = await on_thread(store, lambda c: c.execute("PRAGMA synchronous").fetchone())
        assert level == 2, "FULL: committed means on the disk"


@pytest.mark.parametrize("was", ["new", "wal"])
async def test_another_journal_on_a_network_file_system(tmp_path: Path, was: str) -> None:
    if was == "wal":
        await fill(tmp_path / "s")
    surroundings = Surroundings(file_system=lambda _: "nfs4")
    async with (
        open_store(tmp_path / "s", surroundings=surroundings) as store,
        open_store(tmp_path / "s", surroundings=surroundings) as other,
    ):
        assert await journal(store) == "truncate"
        assert codes(store) == ["JOURNAL"]
        assert "nfs4" in store.notices[0].sentence
        await (await store.resume(SCOPE)).save_items([item("n")])
        await (await other.resume(SCOPE)).save_items([item("m")])
        assert len(await other.outbox()) == 2
        assert not (tmp_path / "s" / f"{DATABASE}-wal").exists()


def test_file_systems_are_told_apart() -> None:
    mounts = (
        b"27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        b"28 27 0:25 / /home rw shared:1 - nfs4 server:/home rw\n"
        b"29 28 0:26 / /home/a\\040b rw - fuse.sshfs x rw\n"
        b"30 27 0:27 / /home rw - tmpfs tmpfs rw\n"
        b"nonsense\n31 - \n"
    )
    assert type_in(mounts, b"/homely") == "ext4"
    assert type_in(mounts, b"/home/x") == "tmpfs", "the later mount covers the earlier"
    assert type_in(mounts, b"/home/a b/c") == "fuse.sshfs"
    assert type_in(b"", b"/") is None
    assert all(map(is_network, ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "remote")))
    assert not any(map(is_network, ("ext4", "tmpfs", "apfs", "zfs", None)))


# -- versions -------------------------------------------------------------------------------------


async def test_a_newer_database_is_listed_and_not_changed(tmp_path: Path) -> None:
    name = await fill(tmp_path / "s")
    path = tmp_path / "s" / DATABASE
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    async with open_store(tmp_path / "s") as store:
        assert (store.kind, codes(store), store.path) == ("read_only", ["NEWER"], path)
        assert "newer version" in store.notices[0].sentence
        assert [each.id for each in await store.conversations()] == [name]
        assert [items[0].id for _, items in await store.outbox()] == ["a"]
        conversation = await store.resume(SCOPE)
        assert conversation.id != name
        await conversation.save_items([item("b")])
        await store.add_prompt("p")
        for attempt in (store.claim(name), store.purge(everything=True)):
            with pytest.raises(StorageError) as raised:
                await attempt
            assert raised.value.code == "NEWER"
    assert path.read_bytes() == before


async def test_migrations_run_once_and_keep_a_copy_until_they_are_done(tmp_path: Path) -> None:
    name = await fill(tmp_path / "s")
    second = ("ALTER TABLE conversations ADD COLUMN extra TEXT", "UPDATE conversations SET extra=1")
    copies: list[list[str]] = []
    modes: list[int] = []

    def probe(point: str) -> None:
        if point == "migrate:in-transaction":
            found = list((tmp_path / "s").glob("*.version-1"))
            copies.append([path.name for path in found])
            modes.extend(mode(path) for path in found)

    surroundings = Surroundings(migrations=(*MIGRATIONS, second))
    for expected in (1, 1):
        async with open_store(tmp_path / "s", surroundings=surroundings, probe=probe) as store:
            assert store.notices == ()
            assert [each.id for each in await store.conversations()] == [name]
            version = await on_thread(store, lambda c: c.execute("PRAGMA user_version").fetchone())
            assert (version[0], len(copies)) == (2, expected)
    assert copies == [[f"{DATABASE}.version-1"]]
    assert not list((tmp_path / "s").glob("*.version-1"))
    if hasattr(os, "geteuid"):
        assert modes == [0o600]


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    await fill(tmp_path / "s")
    broken = (
        "ALTER TABLE conversations ADD COLUMN extra TEXT",
        "INSERT INTO seen SELECT 2, 0, 0 FROM conversations",
    )
    async with open_store(
        tmp_path / "s", surroundings=Surroundings(migrations=(*MIGRATIONS, broken))
    ) as store:
        await works_in_memory(store, why="as it was")
    async with open_store(tmp_path / "s") as store:
        assert store.kind == "file"
        assert len(await store.outbox()) == 1


# -- damage ---------------------------------------------------------------------------------------


def garbage(path: Path) -> None:
    path.write_bytes(b"this is not a database at all, it is a text" * 100)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 17])


def scribbled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [garbage, truncated, scribbled])
async def test_a_damaged_database_is_set_aside(tmp_path: Path, damage: Any) -> None:
    await fill(tmp_path / "s")
    path = tmp_path / "s" / DATABASE
    damage(path)
    damaged = path.read_bytes()
    for number in (1, 2):
        async with open_store(tmp_path / "s", clock=TestClock(0.0)) as store:
            assert (store.kind, codes(store)) == ("file", ["SET_ASIDE"])
            aside = path.with_name(f"{DATABASE}.damaged-19700101T000000Z-{number}")
            assert aside.read_bytes() == damaged
            assert aside.name in store.notices[0].sentence
            assert await store.conversations() == []
            await (await store.resume(SCOPE)).save_items([item("b")])
        path.write_bytes(damaged)


async def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o700)
    (tmp_path / "s" / DATABASE).touch(mode=0o600)
    async with open_store(tmp_path / "s") as store:
        assert (store.kind, codes(store)) == ("file", [])
        application = await on_thread(
            store, lambda c: c.execute("PRAGMA application_id").fetchone()
        )
        assert application == (APPLICATION_ID,)


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o700)
    path = tmp_path / "s" / DATABASE
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    path.chmod(0o600)
    before = path.read_bytes()
    async with open_store(tmp_path / "s") as store:
        await works_in_memory(store, why="another program")
    assert path.read_bytes() == before


async def test_damage_in_the_middle_of_work(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as other:
        await (await other.resume(SCOPE)).save_items([item("old", 0)])
    async with open_store(tmp_path / "s") as store, open_store(tmp_path / "s") as second:
        conversation = await store.resume(SCOPE)
        elsewhere = await second.resume(SCOPE)
        await elsewhere.save_items([item("elsewhere")])
        conversation.record_messages([user_message(7, "a", DeliveryState.WRITTEN)])
        conversation.record_thread("t1")
        conversation.record_draft("draft")
        await conversation.save_items([item("a", state=DeliveryState.WRITTEN, message_id=7)])
        await on_thread(store, lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
        scribbled(tmp_path / "s" / DATABASE)
        await on_thread(store, lambda c: c.execute("PRAGMA shrink_memory"))
        await conversation.save_items([item("b", 2)])
        assert (store.kind, codes(store)) == ("file", ["SET_ASIDE"])
        await elsewhere.save_items([item("more", 2)])
        assert codes(second) == ["REPLACED"], "it follows to the new file"
        assert (await store.resume(SCOPE)).id not in (conversation.id, elsewhere.id)
        assert len(list((tmp_path / "s").glob("*.damaged-*"))) >= 1
    async with open_store(tmp_path / "s") as store:
        again = await store.claim(conversation.id)
        assert [each.id for each in again.items] == ["old", "a", "b"]
        assert [each.id for each in again.messages] == [7]
        assert (again.thread_id, again.draft) == ("t1", "draft")
        assert [i.id for i in (await store.claim(elsewhere.id)).items] == ["elsewhere", "more"]


async def test_a_database_that_was_removed_is_written_anew(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as store:
        conversation = await store.resume(SCOPE)
        await conversation.save_items([item("a")])
        for path in (tmp_path / "s").glob(f"{DATABASE}*"):
            path.unlink()
        await conversation.save_items([item("b", 2)])
        assert (store.kind, codes(store)) == ("file", ["REPLACED"])
    async with open_store(tmp_path / "s") as store:
        assert [each.id for each in (await store.resume(SCOPE)).items] == ["a", "b"]


async def test_what_cannot_be_read_of_one_conversation_costs_only_itself(tmp_path: Path) -> None:
    await fill(tmp_path / "s")
    with closing(sqlite3.connect(tmp_path / "s" / DATABASE)) as connection:
        connection.execute("INSERT INTO items VALUES (1, 'bad', 9, 'queued', '{\"x\":')")
        connection.execute(
            "INSERT INTO messages VALUES (1, 5, 'oracle', 'asleep', 1, NULL, '', '', 0, '', "
            "'lost', '', CAST(x'ff41' AS TEXT), '[1]')"
        )
        connection.commit()
    async with open_store(tmp_path / "s") as store:
        again = await store.resume(SCOPE)
        assert [each.id for each in again.items] == ["a"]
        assert [each.text for each in again.messages] == ["�A"]
        assert codes(store) == ["UNREADABLE"]


async def test_two_threads_that_open_at_once_make_one_database(tmp_path: Path) -> None:
    import asyncio

    stores = await asyncio.gather(*(Store.open(tmp_path / "s") for _ in range(6)))
    conversations = await asyncio.gather(*(store.resume(SCOPE) for store in stores))
    assert len({each.id for each in conversations}) == 6
    assert {store.kind for store in stores} == {"file"}
    assert threading.active_count() >= 6
    await asyncio.gather(*(store.aclose() for store in stores))
