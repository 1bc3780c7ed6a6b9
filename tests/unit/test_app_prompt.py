"""The prompt: nothing that was typed or pasted is lost."""

from __future__ import annotations

import asyncio

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key, Paste

from tests.app_support import FakeClient, Stage, make_stage, started, wait_until
from tui_chat.app.screens import chat_delivery
from tui_chat.app.widgets.prompt import PASTE_LIMIT
from tui_chat.errors import NotConnected

OFFLINE = "Not connected, so nothing was sent."


async def test_enter_sends_and_only_then_the_prompt_is_empty() -> None:
    stage = make_stage(FakeClient(gate=asyncio.Event()))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"hello", "enter")
        assert stage.chat.prompt.pending
        assert stage.chat.prompt.text == "hello", "kept until it is accepted"
        stage.client.open_gate()
        await wait_until(pilot, lambda: stage.chat.prompt.text == "")
        assert stage.client.sent == ["hello"]


async def test_enter_does_not_overtake_what_was_typed_before_it() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        for character in "fast":
            stage.app.post_message(Key(character, character))
        stage.app.post_message(Key("ctrl+j", None))
        for character in "typing":
            stage.app.post_message(Key(character, character))
        stage.app.post_message(Key("enter", "\r"))
        await wait_until(pilot, lambda: stage.client.sent == ["fast\ntyping"])
        await wait_until(pilot, lambda: stage.chat.prompt.text == "")


async def test_a_refused_message_stays_and_the_notice_says_why() -> None:
    stage = make_stage(FakeClient(refusal=NotConnected(OFFLINE)))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"hello", "enter")
        await wait_until(pilot, lambda: stage.chat.notice.text)
        assert stage.chat.notice.text == OFFLINE
        assert stage.chat.prompt.text == "hello"
        assert stage.chat.notice.display

        stage.client.refusal = None
        await pilot.press("enter")
        await wait_until(pilot, lambda: stage.client.sent)
        await wait_until(pilot, lambda: stage.chat.prompt.text == "")
        assert stage.client.sent == ["hello"]
        assert stage.chat.notice.text == ""


async def test_an_unexpected_error_keeps_the_text_too() -> None:
    stage = make_stage(FakeClient(refusal=ValueError("canary")))  # type: ignore[arg-type]
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"hello", "enter")
        await wait_until(pilot, lambda: stage.chat.notice.text)
        assert "ValueError" in stage.chat.notice.text
        assert "canary" not in stage.chat.notice.text
        assert stage.chat.prompt.text == "hello"


async def test_what_is_typed_while_sending_stays_and_follows() -> None:
    stage = make_stage(FakeClient(gate=asyncio.Event()))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"one", "enter", *"two")
        stage.client.open_gate()
        await wait_until(pilot, lambda: stage.chat.prompt.text == "two")
        assert stage.client.sent == ["one"]
        assert stage.chat.prompt.cursor_location == (0, 3)
        await pilot.press("enter")
        await wait_until(pilot, lambda: stage.client.sent == ["one", "two"])


async def test_two_messages_typed_faster_than_the_first_is_accepted() -> None:
    stage = make_stage(FakeClient(gate=asyncio.Event()))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"one", "enter", *"two", "enter")
        stage.client.open_gate()
        await wait_until(pilot, lambda: stage.client.sent == ["one", "two"])
        await wait_until(pilot, lambda: stage.chat.prompt.text == "")


async def test_two_messages_of_which_the_first_is_refused() -> None:
    stage = make_stage(FakeClient(gate=asyncio.Event(), refusal=NotConnected(OFFLINE)))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"one", "enter", *"two", "enter")
        stage.client.open_gate()
        await wait_until(pilot, lambda: stage.chat.notice.text)
        assert stage.chat.prompt.text == "one\ntwo"


async def test_blank_text_is_not_sent() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("space", "enter", "x", "enter")
        await wait_until(pilot, lambda: stage.client.sent)
        assert stage.client.sent == [" x"]


@pytest.mark.parametrize("key", ["shift+enter", "ctrl+j", "alt+enter"])
async def test_newline_keys(key: str) -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("a", key, "b", "enter")
        await wait_until(pilot, lambda: stage.client.sent)
        assert stage.client.sent == ["a\nb"]


async def test_shift_enter_as_xterm_reports_it() -> None:
    """``modifyOtherKeys`` names the key by its code; Textual leaves the code in the name."""
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("a")
        for event in XTermParser().feed("\x1b[27;2;13~"):
            stage.app.post_message(event)
        await wait_until(pilot, lambda: stage.chat.prompt.text == "a\n")


async def test_a_backslash_before_enter_is_a_newline() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("a", "backslash", "enter", "b")
        assert stage.chat.prompt.text == "a\nb"
        await pilot.press("enter")
        await wait_until(pilot, lambda: stage.client.sent == ["a\nb"])


async def test_the_prompt_grows_to_a_third_of_the_screen() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 30)) as pilot:
        await started(pilot, stage)
        assert stage.chat.prompt.size.height == 1
        await pilot.press("a", "ctrl+j", "b", "ctrl+j", "c")
        await wait_until(pilot, lambda: stage.chat.prompt.size.height == 3)
        for _ in range(20):
            await pilot.press("ctrl+j")
        await wait_until(pilot, lambda: stage.chat.prompt.outer_size.height == 9)


async def _paste(stage: Stage, text: str) -> None:
    stage.app.post_message(Paste(text))


async def test_a_small_paste_is_inserted_as_it_is() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        # Terminals send CR for the line ends of a paste.
        await _paste(stage, "line one\rline [two]\t!\r\nend")
        await wait_until(pilot, lambda: stage.chat.prompt.text)
        assert stage.chat.prompt.text == "line one\nline [two]\t!\nend"
        assert not stage.app._notifications


async def test_a_large_paste_becomes_a_placeholder_and_is_sent_in_full() -> None:
    stage = make_stage()
    big = "x" * PASTE_LIMIT + "\nend"
    other = "y" * (PASTE_LIMIT + 5) + "[pasted text 1: 65,540 characters]"
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("a")
        await _paste(stage, big)
        await wait_until(pilot, lambda: "pasted text 1" in stage.chat.prompt.text)
        await _paste(stage, other)
        await wait_until(pilot, lambda: "pasted text 2" in stage.chat.prompt.text)
        assert len(stage.chat.prompt.text) < 200
        await pilot.press("b", "enter")
        await wait_until(pilot, lambda: stage.client.sent)
        assert stage.client.sent == [f"a{big}{other}b"]
        await wait_until(pilot, lambda: stage.chat.prompt.text == "")


async def test_hidden_characters_in_a_paste_become_visible() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await _paste(stage, "a\x9b31mb\u202ec")
        await wait_until(pilot, lambda: stage.chat.prompt.text)
        assert stage.chat.prompt.text == "a<U+009B>31mb<U+202E>c"
        assert [n.message for n in stage.app._notifications] == [
            "The pasted text held hidden characters. They are visible now."
        ]


async def test_enter_twice_sends_nothing_that_was_typed_afterwards() -> None:
    stage = make_stage(FakeClient(gate=asyncio.Event()))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"one", "enter", "enter", *"tail")
        stage.client.open_gate()
        await wait_until(pilot, lambda: stage.client.sent == ["one"])
        await wait_until(pilot, lambda: stage.chat.prompt.text == "tail")
        assert not stage.chat.prompt.pending


async def test_a_second_message_is_sent_as_far_as_it_went_at_its_enter() -> None:
    stage = make_stage(FakeClient(gate=asyncio.Event()))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"one", "enter", *"two", "enter", *"tail")
        stage.client.open_gate()
        await wait_until(pilot, lambda: stage.client.sent == ["one", "two"])
        await wait_until(pilot, lambda: stage.chat.prompt.text == "tail")
        assert not stage.chat.prompt.pending


async def test_it_is_said_when_keeping_a_message_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chat_delivery, "SLOW", 0.01)
    stage = make_stage(FakeClient(gate=asyncio.Event()))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"one", "enter")
        await wait_until(pilot, lambda: "being kept" in stage.chat.notice.text)
        stage.client.open_gate()
        await wait_until(pilot, lambda: stage.chat.prompt.text == "")
        assert stage.chat.notice.text == ""


async def test_no_character_overtakes_a_key_that_was_pressed_before_it() -> None:
    """They did, where several keys came at once: over a slow link, or after a busy moment."""
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        typed = ("a", "b", "backspace", "c", "left", "d", "home", "e", "delete", "f")
        for key in (*typed, "ctrl+j", "g", "up", "end", "h"):
            stage.app.post_message(Key(key, key if len(key) == 1 else None))
        prompt = stage.chat.prompt
        await wait_until(pilot, lambda: "h" in prompt.text)
        assert prompt.text == "efh\ngdc"
