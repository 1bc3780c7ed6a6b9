"""The data file by itself: who may open it, what it holds, what happens when it is full."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tui_chat.clock import SystemClock
from tui_chat.errors import ConfigurationError
from tui_chat.server.chat_server import ChatServer
from tui_chat.server.config import ServerConfig
from tui_chat.server.data_file import DataFile
from tui_chat.server.journal import JournalFailed
from tui_chat.server.listening import CannotListen, serve
from tui_chat.server.receipts import Receipts
from tui_chat.server.threads import StoredMessage, Thread, ThreadLimits, ThreadStore

OPEN_IT = """
import sys
from pathlib import Path
from tui_chat.errors import ConfigurationError
from tui_chat.server.data_file import DataFile
try:
    DataFile(Path(sys.argv[1])).close()
except ConfigurationError as error:
    print(error)
"""


def said(text: str, role: str = "user") -> StoredMessage:
    return StoredMessage(f"id of {text}", role, text, "2026-01-15T11:30:00.000Z")


@contextmanager
def data_file(path: Path) -> Iterator[DataFile]:
    with closing(DataFile(path)) as file:
        yield file


@contextmanager
def thread_store(path: Path, limits: ThreadLimits | None = None) -> Iterator[ThreadStore]:
    """The threads of a file, as a server that starts finds them."""
    with data_file(path) as file:
        store = ThreadStore(SystemClock(), limits, file)
        store.restore(file.load())
        yield store


def names(store: ThreadStore) -> list[str]:
    return [thread.provider_res_id for thread in store.list("me")]


def texts(thread: Thread | None) -> list[str]:
    assert thread is not None
    return [message.content for message in thread.messages]


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_the_thread_used_last_is_the_last_one_after_many_restarts(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    with thread_store(path) as store:
        threads = [store.open("me") for _ in range(3)]
        for thread in threads * 5:
            store.append(thread, [said("hello")])
    expected = [thread.provider_res_id for thread in threads[::-1]]
    for name in (expected[2], expected[1], expected[2]):
        with thread_store(path) as store:
            assert names(store) == expected
            found = store.find("me", name)
            assert found is not None
            store.append(found, [said("again")])
        expected.remove(name)
        expected.insert(0, name)
    with thread_store(path) as store:
        assert names(store) == expected


def test_a_thread_that_was_dropped_does_not_come_back(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    limits = ThreadLimits(threads=1)
    with thread_store(path, limits) as store:
        first = store.open("me")
        store.append(first, [said("question")])
        second = store.open("me")
        store.answer(first, "id of question", [said("answer", "assistant")])
    with thread_store(path) as store:
        assert names(store) == [second.provider_res_id]
    assert rows(path, "SELECT count(*) FROM messages") == [(0,)]


def test_smaller_limits_hold_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    with thread_store(path) as store:
        threads = [store.open("me") for _ in range(3)]
        for thread in threads:
            store.append(thread, [said(f"{number}") for number in range(5)])
    with thread_store(path, ThreadLimits(threads=2, messages=3)) as store:
        assert len(names(store)) == 2
        assert texts(store.find("me", threads[-1].provider_res_id)) == ["2", "3", "4"]
    assert rows(path, "SELECT count(*) FROM threads") == [(2,)]
    assert rows(path, "SELECT count(*) FROM messages") == [(6,)]


def test_an_answer_that_came_late_stays_with_its_question(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    with thread_store(path) as store:
        thread = store.open("me")
        for text in ("one", "two"):
            store.append(thread, [said(text)])
        store.answer(thread, "id of two", [said("to two", "assistant")])
        store.answer(thread, "id of one", [said("to", "reasoning"), said("one!", "assistant")])
    with thread_store(path) as store:
        restored = store.find("me", thread.provider_res_id)
        assert texts(restored) == ["one", "to", "one!", "two", "to two"]
        assert restored is not None
        store.append(restored, [said("three")])
    with thread_store(path) as store:
        assert texts(store.find("me", thread.provider_res_id))[-2:] == ["to two", "three"]


def test_half_a_character_in_an_answer_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    with thread_store(path) as store:
        thread = store.open("me")
        store.append(thread, [said("question")])
        store.answer(thread, "id of question", [said("half \ud83d", "assistant")])
    with thread_store(path) as store:
        assert texts(store.find("me", thread.provider_res_id)) == ["question", "half \ufffd"]


async def test_nothing_of_a_transaction_is_kept_when_a_part_of_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    with data_file(path) as file:
        file.load()
        good = ("INSERT INTO facts VALUES ('a', 'b')", ())
        with pytest.raises(JournalFailed) as caught:
            await file.commit(good, ("INSERT INTO facts VALUES (?, ?)", ("c", object())))
        assert caught.value.code == "STORAGE"
        # What nobody can write is forgotten, and the thread that writes lives on.
        await file.commit(("INSERT INTO facts VALUES ('d', 'e')", ()))
    assert rows(path, "SELECT name FROM facts WHERE name != 'receipts_id'") == [("d",)]


async def test_what_could_not_be_written_is_written_once_it_can(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    with data_file(path) as file:
        file.load()
        pages = file._connection.execute("PRAGMA page_count").fetchone()[0]
        file._connection.execute(f"PRAGMA max_page_count = {pages:d}")
        large = "x" * 100_000
        file.record(("INSERT INTO facts VALUES ('later', ?)", (large,)))
        with pytest.raises(JournalFailed):
            await file.commit()
        file._connection.execute("PRAGMA max_page_count = 100000")
        await file.commit()
    assert rows(path, "SELECT value FROM facts WHERE name = 'later'") == [(large,)]


async def test_a_closed_file_takes_nothing_and_holds_nobody_up(tmp_path: Path) -> None:
    file = DataFile(tmp_path / "server.db")
    file.load()
    await file.aclose()
    await file.aclose()
    async with asyncio.timeout(5):
        with pytest.raises(JournalFailed):
            await file.commit()


def test_a_finished_message_of_a_thread_that_is_gone_keeps_its_ids(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    with data_file(path) as file:
        file.load()
        receipts = Receipts(file)
        thread = Thread("thread_1", "row 1", "me", 0.0, 0.0)
        question = StoredMessage("q", "user", "hi", "", client_message_id="one")
        receipt, operation = receipts.keep(thread, question)
        file.record(operation)
        receipts.asked(receipt)
        receipts.finished(receipt)
    with data_file(path) as file:
        receipts = Receipts(file)
        assert receipts.restore(file.load(), {}) == []
        found = receipts.find("me", "one")
        assert found is not None
        assert (found.provider_res_id, found.thread_id) == ("thread_1", "row 1")
        assert (found.finished, found.question) == (True, None)


@pytest.mark.skipif(os.name != "posix", reason="modes mean nothing on Windows")
def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    DataFile(path).close()
    path.chmod(0o644)
    with data_file(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_lock_outlives_a_second_attempt_in_the_same_process(tmp_path: Path) -> None:
    """A file's POSIX locks end when any of its descriptors in the process is closed."""
    path = tmp_path / "server.db"

    def elsewhere() -> str:
        command = [sys.executable, "-c", OPEN_IT, str(path)]
        return subprocess.run(  # noqa: S603 - this Python
            command, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    with data_file(path):
        with pytest.raises(ConfigurationError, match="used by another server"):
            DataFile(path)
        assert "used by another server" in elsewhere()
    assert elsewhere() == ""
    DataFile(path).close()


def test_nothing_of_a_foreign_database_is_touched(tmp_path: Path) -> None:
    """Not even its write-ahead log, which SQLite would take in."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE t (x)")
        other.commit()
        left = {each: each.read_bytes() for each in tmp_path.glob("other.db*")}
    assert len(left) == 3
    for each, content in left.items():  # as a process leaves it that was killed
        each.write_bytes(content)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="not a server's data file"):
        DataFile(path)
    assert {each: each.read_bytes() for each in tmp_path.glob("other.db*")} == left
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("size", [1, 99, 5000])
def test_a_data_file_that_was_cut_short_is_left_alone(tmp_path: Path, size: int) -> None:
    path = tmp_path / "server.db"
    with thread_store(path) as store:
        thread = store.open("me")
        for number in range(200):
            store.append(thread, [said(f"{number}" * 100)])
    content = path.read_bytes()[:size]
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="damaged"):
        DataFile(path)
    assert path.read_bytes() == content
    with pytest.raises(ConfigurationError, match="damaged"):
        DataFile(path)  # and it is not taken for one in use


def test_a_row_that_makes_no_sense_is_damage_and_the_file_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    with thread_store(path) as store:
        store.append(store.open("me"), [said("hello")])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE messages SET body = x'7b7d'")
        connection.commit()
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="damaged"):
            ChatServer(ServerConfig(data=path))


async def test_a_server_that_cannot_listen_lets_go_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    config = ServerConfig(host="host.invalid", data=path)
    with pytest.raises(CannotListen):
        await serve(config)
    DataFile(path).close()


@pytest.mark.parametrize("content", [None, b"notes" * 100])
def test_serve_says_in_one_line_why_it_does_not_start(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "server.db"
    if content is None:
        path.mkdir()
        path = path / "no" / "file"
    else:
        path.write_bytes(content)
    environment = os.environ | {"TUI_CHAT_TOKEN": "t", "TUI_CHAT_SERVER_KEY": "k"}
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-m", "tui_chat", "serve", "--port", "0", "--data", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert str(path) in done.stderr
    assert done.stdout == ""
    assert content is None or path.read_bytes() == content
