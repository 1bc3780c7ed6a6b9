"""What programs that were killed leave behind, and files that vanish under those that live."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.storage_support import SCOPE, codes, item, message, open_store
from tui_chat.app.archive import Notice, StoredArchive
from tui_chat.app.settings import ChatSettings, Wish
from tui_chat.conversation.model import MessageKind
from tui_chat.secret import Secret
from tui_chat.storage import Store, StoredConversation
from tui_chat.storage import engine as engine_module


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not met():
            await asyncio.sleep(0.005)


async def killed(root: Path, *, draft: str) -> tuple[Path, str, str]:
    """Let a program be killed while another one used a conversation later and ended in order.

    Returns the folder as it was left, the conversation of the first and that of the second.
    """
    store = await Store.open(root / "s")
    conversation = await store.resume(SCOPE)
    conversation.record_draft(draft)
    await conversation.flush()
    async with open_store(root / "s") as other:
        later = await other.resume(SCOPE)
        later.record_messages([message(1, "later", kind=MessageKind.USER)])
        await later.release()
    shutil.copytree(root / "s", root / "left")
    await store.aclose()
    return root / "left", conversation.id, later.id


async def test_what_a_killed_program_left_comes_before_what_was_used_later(tmp_path: Path) -> None:
    folder, left, later = await killed(tmp_path, draft="half a thought")
    async with open_store(folder) as store:
        assert (await store.resume(SCOPE)).id == left
    async with open_store(folder) as store:
        again = await store.claim(later)
        await again.release()
    async with open_store(folder) as store:
        assert (await store.resume(SCOPE)).id == later, "the first was ended in order since"


async def test_what_never_held_anything_goes_with_the_program_that_was_killed(
    tmp_path: Path,
) -> None:
    folder, _, later = await killed(tmp_path, draft="")
    async with open_store(folder) as store:
        assert [each.id for each in await store.conversations()] == [later]
        assert (await store.resume(SCOPE)).id == later


async def test_purging_keeps_drafts_unless_it_is_told_not_to(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s") as store:
        conversation = await store.resume(SCOPE)
        conversation.record_draft("half a thought")
        await conversation.release()
        assert [each.draft for each in await store.conversations()] == [True]
        report = await store.purge(everything=True)
        assert (report.conversations, report.kept_unsent) == (0, 1)
        report = await store.purge(everything=True, unsent=True)
        assert (report.conversations, report.kept_unsent) == (1, 0)


# -- files that vanish ----------------------------------------------------------------------------


async def _open(folder: Path) -> tuple[Store, StoredConversation]:
    store = await Store.open(folder)
    conversation = await store.resume(SCOPE)
    await conversation.save_items([item("a")])
    return store, conversation


async def test_the_folder_vanishes_and_the_conversation_stays_claimed(tmp_path: Path) -> None:
    store, conversation = await _open(tmp_path / "s")
    shutil.rmtree(tmp_path / "s")
    await conversation.save_items([item("b", 2)])
    assert codes(store) == ["REPLACED"]
    async with open_store(tmp_path / "s") as second:
        assert (await second.resume(SCOPE)).id != conversation.id
    await store.aclose()


async def test_a_lock_that_vanishes_is_made_again(tmp_path: Path) -> None:
    store, conversation = await _open(tmp_path / "s")
    for path in (tmp_path / "s" / "instances").glob("*.lock"):
        path.unlink()
    await conversation.save_items([item("b", 2)])
    assert codes(store) == []
    async with open_store(tmp_path / "s") as second:
        assert (await second.resume(SCOPE)).id != conversation.id
    await store.aclose()


async def test_it_is_noticed_while_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "WATCH", 0.01)
    store, conversation = await _open(tmp_path / "s")
    shutil.rmtree(tmp_path / "s")
    await until(lambda: codes(store) == ["REPLACED"])
    await store.conversations()  # its thread has done what it said
    async with open_store(tmp_path / "s") as second:
        assert [each.id for each in await second.conversations()] == [conversation.id]
    await store.aclose()


# -- what the application says --------------------------------------------------------------------


SETTINGS = ChatSettings("https://chat.example.com", Secret("token"), Secret("key"))


async def archive(said: list[Notice], wanted: str | None = None) -> StoredArchive:
    return await StoredArchive.open(SETTINGS, said.append, wish=Wish(wanted=wanted))


async def test_a_certain_conversation_is_opened_by_the_beginning_of_its_id() -> None:
    said: list[Notice] = []
    first = await archive(said)
    assert isinstance(first.record, StoredConversation)
    first.record.record_messages([message(1, "first", kind=MessageKind.USER)])
    await first.aclose()
    second = await StoredArchive.open(SETTINGS, said.append, wish=Wish(fresh=True))
    assert isinstance(second.record, StoredConversation)
    second.save_draft("half a thought")
    await second.aclose()
    again = await archive(said, first.record.id[:8])
    assert isinstance(again.record, StoredConversation)
    assert again.record.id == first.record.id
    assert [code for _, code in said] == ["OTHERS"]
    assert "Ctrl+L" in said[0][0]

    elsewhere = await archive(said, first.record.id[:8])
    assert said[1][1] == "NOT_OPENED"
    assert isinstance(elsewhere.record, StoredConversation)
    assert elsewhere.record.id not in (first.record.id, second.record.id)
    await elsewhere.aclose()
    await again.aclose()


async def test_the_second_one_says_why_it_is_empty() -> None:
    said: list[Notice] = []
    first = await archive(said)
    assert isinstance(first.record, StoredConversation)
    first.record.record_messages([message(1, "first", kind=MessageKind.USER)])
    await first.record.flush()
    second = await archive(said)
    assert [code for _, code in said] == ["OPEN_ELSEWHERE"]
    await second.aclose()
    await first.aclose()


async def test_nothing_of_that_id() -> None:
    said: list[Notice] = []
    opened = await archive(said, "nothing\x1b[2J")
    [(sentence, code)] = said
    assert code == "NOT_OPENED"
    assert "\x1b" not in sentence
    await opened.aclose()
