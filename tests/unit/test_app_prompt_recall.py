"""Older texts in the prompt, and the draft: nothing that was being written is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import Paste
from textual.pilot import Pilot

from tests.app_support import READY, FakeClient, Stage, make_stage, started, wait_until
from tui_chat.app import messages
from tui_chat.app.archive import StoredArchive
from tui_chat.app.recall import LONGEST, Recall
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.settings import ChatSettings, Wish
from tui_chat.app.widgets import prompt as prompt_module
from tui_chat.app.widgets.prompt import PASTE_LIMIT
from tui_chat.app.workers import ClientWorker
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import StorageError
from tui_chat.secret import Secret

FULL = "The disk is full, so the message was not taken. Make room, then press Enter again."


def test_stepping_back_and_forth_ends_at_the_draft() -> None:
    recall = Recall()
    recall.load(["a", "b"])
    recall.add("c")
    assert recall.older("draft") == "c"
    assert recall.draft == "draft"
    assert recall.older("c") == "b"
    assert recall.older("b, edited") == "a"
    assert recall.older("a") is None
    assert recall.newer("a") == "b, edited"
    assert recall.changed("b, edited")
    assert recall.newer("b, edited") == "c"
    assert recall.newer("c") == "draft"
    assert recall.newer("draft") is None
    assert not recall.recalling


def test_a_text_is_remembered_once_as_the_latest() -> None:
    recall = Recall()
    for text in ("a", "b", "a", " "):
        recall.add(text)
    assert recall.older("") == "a"
    assert recall.older("a") == "b"
    assert recall.older("b") is None


def test_older_texts_that_come_late_do_not_move_what_is_recalled() -> None:
    recall = Recall()
    recall.add("new")
    assert recall.older("draft") == "new"
    recall.load(["old", "new"])
    assert recall.older("new, edited") == "old"
    assert recall.newer("old") == "new, edited"
    assert recall.newer("new, edited") == "draft"


def test_sending_ends_recalling_and_gives_the_draft_back() -> None:
    recall = Recall()
    recall.load(["a", "b"])
    recall.older("draft")
    recall.older("b, edited")
    assert recall.end() == "draft"
    assert recall.end() == ""
    assert recall.older("") == "b, edited", "what was not sent is not lost"


def test_it_keeps_no_more_than_it_has_to() -> None:
    recall = Recall()
    for number in range(LONGEST + 5):
        recall.add(str(number))
    recall.load(["older still"])
    found = 0
    text: str | None = ""
    while (text := recall.older(text or "")) is not None:
        found += 1
    assert found == LONGEST


@given(st.lists(st.sampled_from(["up", "down", "type"]), max_size=30))
def test_whatever_is_pressed_the_draft_comes_back(keys: list[str]) -> None:
    recall = Recall()
    recall.load(["a", "b", "c"])
    shown = draft = "draft"
    for key in keys:
        if key == "type":
            shown += "!"
        else:
            found = recall.older(shown) if key == "up" else recall.newer(shown)
            shown = shown if found is None else found
        if not recall.recalling:
            draft = shown
        else:
            assert recall.draft == draft
    while (found := recall.newer(shown)) is not None:
        shown = found
    assert shown == draft


# -- in the prompt --------------------------------------------------------------------------------


@pytest.fixture
def never_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no draft be reported only because time has passed."""
    monkeypatch.setattr(prompt_module, "DRAFT_DELAY", 3600.0)


def noting(stage: Stage) -> list[str]:
    """Let the worker note the drafts that it is handed."""
    noted: list[str] = []
    worker = stage.chat.worker
    assert isinstance(worker, ClientWorker)
    worker.save_draft = noted.append  # type: ignore[assignment,method-assign]
    return noted


async def drafts(pilot: Pilot[Any], stage: Stage) -> list[str]:
    """The same, once the client's thread has been heard of."""
    stage.client.status(READY)
    await wait_until(pilot, lambda: stage.chat.status_bar.status.connected)
    return noting(stage)


async def _loaded(pilot: Pilot[Any], stage: Stage, *texts: str) -> None:
    await started(pilot, stage)
    stage.app.post_message(messages.PromptsLoaded(texts))
    await pilot.pause()


async def test_up_moves_the_cursor_until_it_is_in_the_first_row() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(40, 20)) as pilot:
        await _loaded(pilot, stage, "before")
        prompt = stage.chat.prompt
        await pilot.press("a", "ctrl+j", *("word " * 9), "up")
        assert prompt.text.startswith("a\nword"), "from a wrapped row into the one above"
        await pilot.press("up")
        assert prompt.text.startswith("a\nword"), "now it stands in the first row"
        await pilot.press("up")
        assert prompt.text == "before"
        await pilot.press("down")
        assert prompt.text.startswith("a\nword")


async def test_what_was_sent_can_be_recalled_and_an_unsent_text_returns() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await _loaded(pilot, stage)
        await pilot.press(*"one", "enter")
        await wait_until(pilot, lambda: stage.chat.prompt.text == "" and stage.client.sent)
        await pilot.press(*"half", "up")
        assert stage.chat.prompt.text == "one"
        await pilot.press("!", "enter")
        await wait_until(pilot, lambda: stage.client.sent == ["one", "one!"])
        await wait_until(pilot, lambda: stage.chat.prompt.text == "half")
        assert stage.chat.prompt.cursor_location == (0, 4)


async def test_the_draft_is_reported_soon_and_when_it_is_sent() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        noted = await drafts(pilot, stage)
        await pilot.press(*"hi")
        assert noted == [], "not at every key"
        await wait_until(pilot, lambda: noted == ["hi"])
        await pilot.press("enter")
        await wait_until(pilot, lambda: noted == ["hi", ""])


async def test_the_draft_is_reported_at_once_when_the_prompt_is_left_and_at_the_end(
    never_by_itself: None,
) -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        noted = await drafts(pilot, stage)
        await pilot.press("h", "f1")
        await wait_until(pilot, lambda: noted == ["h"])
        await pilot.press("f1", "i", "ctrl+q")
        await wait_until(pilot, lambda: noted[-1] == "hi")
    assert noted[-1] == "hi"


async def test_no_draft_is_kept_before_an_earlier_one_can_have_come() -> None:
    """Else an empty prompt, or one that was typed into early, would take the other's place."""
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        noted = noting(stage)
        await pilot.press("x", "f1")
        await pilot.press("f1")
        stage.chat.keep_draft()
        assert noted == []
        stage.app.post_message(messages.DraftRestored("old"))
        stage.client.status(READY)
        await wait_until(pilot, lambda: noted == ["old\nx"])


async def test_what_was_typed_before_it_could_be_kept_is_handed_over_later(
    never_by_itself: None,
) -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        noted = noting(stage)
        await pilot.press("x", "f1")  # leaving the prompt reports its draft
        await wait_until(pilot, lambda: not isinstance(stage.app.screen, ChatScreen))
        assert noted == []
        stage.client.status(READY)
        await wait_until(pilot, lambda: noted == ["x"])


async def test_while_an_older_text_is_shown_the_draft_is_what_was_being_written() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await _loaded(pilot, stage, "older")
        await pilot.press(*"half", "up")
        assert stage.chat.prompt.text == "older"
        assert stage.chat.prompt.draft == "half"
        await pilot.press("!")
        assert stage.chat.prompt.draft == "half\nolder!", "neither of the two is lost"


async def test_an_earlier_draft_stands_before_what_was_typed_meanwhile() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"new")
        stage.app.post_message(messages.DraftRestored("old\x1b[2J"))
        await wait_until(pilot, lambda: stage.chat.prompt.text == "old␛[2J\nnew")
        assert stage.chat.prompt.cursor_location == (1, 3)
        await pilot.press("!")
        assert stage.chat.prompt.text == "old␛[2J\nnew!"


async def test_an_earlier_draft_does_not_get_into_what_is_being_sent() -> None:
    stage = make_stage(FakeClient(gate=asyncio.Event()))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"new", "enter")
        stage.app.post_message(messages.DraftRestored("old"))
        await pilot.pause()
        assert stage.chat.prompt.draft == "old\nnew"
        stage.client.open_gate()
        await wait_until(pilot, lambda: stage.chat.prompt.text == "old")
        assert stage.client.sent == ["new"]


async def test_a_large_draft_survives_as_a_placeholder() -> None:
    big = "x" * PASTE_LIMIT + " the end"
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        noted = await drafts(pilot, stage)
        stage.app.post_message(Paste(big))
        await wait_until(pilot, lambda: noted == [big])
        await pilot.press("ctrl+q")
    again = make_stage()
    async with again.app.run_test() as pilot:
        await started(pilot, again)
        again.app.post_message(messages.DraftRestored(noted[-1]))
        await wait_until(pilot, lambda: "pasted text 1" in again.chat.prompt.text)
        assert len(again.chat.prompt.text) < 100
        await pilot.press("enter")
        await wait_until(pilot, lambda: again.client.sent == [big])
        await wait_until(pilot, lambda: again.chat.prompt.text == "")
        await pilot.press("up")
        assert len(again.chat.prompt.text) < 100, "nor is it edited in full when recalled"
        assert again.chat.prompt.draft == ""


async def test_a_full_disk_keeps_the_text_in_the_prompt() -> None:
    stage = make_stage(FakeClient(refusal=StorageError(FULL)))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"hello", "enter")
        await wait_until(pilot, lambda: stage.chat.notice.text)
        assert "disk is full" in stage.chat.notice.text
        assert stage.chat.prompt.text == "hello"
        assert stage.chat.prompt.draft == "hello"


def test_an_edit_of_another_text_survives_the_sending_of_one() -> None:
    recall = Recall()
    for text in ("alpha", "beta"):
        recall.add(text)
    assert recall.older("") == "beta"
    assert recall.older("a long new thought") == "alpha"  # beta was edited into that
    recall.end()
    recall.add("alpha")  # it was sent
    assert recall.older("") == "alpha"
    assert recall.older("alpha") == "a long new thought"


async def test_messages_that_wait_in_other_conversations_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_CHAT_DATA", str(tmp_path / "data"))
    settings = ChatSettings("http://localhost:1", Secret("t"), Secret("k"))
    told: list[tuple[str, str]] = []
    first = await StoredArchive.open(settings, told.append)
    waits = OutboxItem(id="1" * 32, position=1, text="x", created=1.0)
    await first.record.save_items([waits])
    await first.aclose()
    assert told == []
    second = await StoredArchive.open(settings, told.append, wish=Wish(fresh=True))
    await second.aclose()
    [(sentence, code)] = told
    assert (sentence.startswith("1 message waits in another conversation"), code) == (
        True,
        "OTHERS",
    )


async def test_a_text_that_is_no_command_is_not_in_prompt_and_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed between the sending of ``/word`` and the emptying of the prompt."""
    monkeypatch.setenv("TUI_CHAT_DATA", str(tmp_path / "data"))
    settings = ChatSettings("http://localhost:1", Secret("t"), Secret("k"))
    first = await StoredArchive.open(settings, lambda _: None)
    await first.record.save_items([OutboxItem(id="1" * 32, position=1, text="/word", created=1.0)])
    first.save_draft("//word")
    await first.aclose()
    second = await StoredArchive.open(settings, lambda _: None)
    assert second.draft == ""
    await second.aclose()
