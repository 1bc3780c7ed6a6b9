"""Words looked for in everything that is kept."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from tests.storage_support import SCOPE, message, open_store, resumed
from tui_chat.errors import StorageError
from tui_chat.storage import Scope, Store, searching


async def kept(store: Store, *texts: str, scope: Scope = SCOPE) -> str:
    """Keep a conversation of such messages; return its id."""
    conversation = await store.resume(scope, fresh=True)
    conversation.record_messages([message(n, text) for n, text in enumerate(texts, 1)])
    await conversation.release()
    return conversation.id


async def found(store: Store, words: str, scope: Scope = SCOPE) -> list[tuple[str, int]]:
    return [(hit.conversation_id, hit.message_id) for hit in await store.search(scope, words)]


async def test_the_latest_conversation_and_in_it_the_latest_message_come_first(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        one = await kept(store, "a needle", "hay", "Needle and needle")
        two = await kept(store, "NEEDLE")
        assert await found(store, "needle") == [(two, 1), (one, 3), (one, 1)]
        assert await found(store, "Needle") == [(one, 3)]
        assert await found(store, "nowhere") == []


async def test_only_conversations_with_this_server_on_this_behalf(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        other = Scope("https://other.example.com")
        await kept(store, "needle", scope=other)
        mine = await kept(store, "needle")
        assert await found(store, "needle") == [(mine, 1)]


@pytest.mark.parametrize(
    ("text", "words"),
    [("50% of", "50%"), ("a_b", "a_b"), ("it's", "it's"), ("one\ntwo", "one two"), ("É", "é")],
)
async def test_words_are_no_pattern(tmp_path: Path, text: str, words: str) -> None:
    async with open_store(tmp_path) as store:
        await kept(store, "axb 5000", text)
        assert [number for _, number in await found(store, words)] == [2]


async def test_an_excerpt_is_clean_and_short_and_holds_the_words(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await kept(store, "x" * 5_000 + "\x1b]0;t\x07 a needle\n" + "y" * 5_000)
        [hit] = await store.search(SCOPE, "needle")
        assert hit.excerpt.startswith("… ")
        assert "needle" in hit.excerpt
        assert "\x1b" not in hit.excerpt
        assert len(hit.excerpt) <= searching.EXCERPT + 2


async def test_there_is_a_limit(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await kept(store, *["needle"] * (searching.MOST_HITS + 5))
        hits = await found(store, "needle")
        assert len(hits) == searching.MOST_HITS
        assert hits[0][1] == searching.MOST_HITS + 5


async def test_in_memory_too() -> None:
    store = await Store.ephemeral()
    one = await kept(store, "needle")
    assert await found(store, "needle") == [(one, 1)]
    await store.aclose()


async def test_what_is_sent_meanwhile_is_kept_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, may_end = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> int:
        going.set()
        assert may_end.wait(20)
        return 0

    async with open_store(tmp_path) as store:
        await kept(store, "needle")
        monkeypatch.setattr(searching, "_place", slow)
        search = asyncio.create_task(store.search(SCOPE, "needle"))
        await asyncio.to_thread(going.wait, 20)
        conversation = await resumed(store, fresh=True)
        conversation.record_messages([message(1, "written")])
        await conversation.release()
        assert not search.done()
        may_end.set()
        assert len(await search) == 1


async def test_a_search_that_nobody_waits_for_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    going, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    search = searching.search

    def place(*_: object, **__: object) -> None:
        looked.append(1)
        going.set()
        assert go_on.wait(20)

    def noted(*arguments: object) -> object:
        try:
            return search(*arguments)  # type: ignore[arg-type]
        finally:
            ended.set()

    async with open_store(tmp_path) as store:
        await kept(store, *["hay"] * 1_000)
        monkeypatch.setattr(searching, "_place", place)
        monkeypatch.setattr(searching, "search", noted)
        task = asyncio.create_task(store.search(SCOPE, "needle"))
        await asyncio.to_thread(going.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        assert await asyncio.to_thread(ended.wait, 20)
        assert len(looked) <= searching._BETWEEN_LOOKS


async def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        path = store.path
        assert path is not None
        store._engine.database.path = path.with_name("gone")
        with pytest.raises(StorageError, match="cannot be searched"):
            await store.search(SCOPE, "x")
        store._engine.database.path = path
