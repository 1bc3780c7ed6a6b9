"""The menu of a message, and the keys that lead to it, in the running application."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app_support import (
    Stage,
    conversation,
    finish,
    make_stage,
    said,
    started,
    wait_until,
)
from tests.outbox_support import LOST, mine, name, waiting
from tests.unit.test_app_screens import screen_text
from tui_chat.app.safe_app import SafeApp
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.links import LinksScreen
from tui_chat.app.screens.message_menu import MessageMenu
from tui_chat.conversation.model import (
    Change,
    DeliveryState,
    MessageAdded,
    MessageKind,
    MessageState,
    ToolCall,
)
from tui_chat.events import OutboxChanged

CODE = (
    "See [this](https://a.example/x).\n\n```python\n\nimport os\n```\n\n"
    "1. and\n\n   ```\n   make \x1b[31mall\n   ```\n"
)


async def shown(pilot: Pilot[Any], stage: Stage, *changes: Change) -> None:
    await started(pilot, stage)
    stage.client.changes(*changes)
    added = sum(isinstance(change, MessageAdded) for change in changes)
    await wait_until(
        pilot,
        lambda: stage.chat.transcript is not None and len(stage.transcript.entries) == added,
    )


async def menu_of(pilot: Pilot[Any], stage: Stage, number: int) -> MessageMenu:
    entry = stage.transcript.find(number)
    assert entry is not None
    await pilot.press("alt+up")
    stage.transcript.walk_to(entry)
    await pilot.press("enter")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, MessageMenu))
    menu = stage.app.screen
    assert isinstance(menu, MessageMenu)
    return menu


async def choose(pilot: Pilot[Any], stage: Stage, number: int, label: str) -> None:
    menu = await menu_of(pilot, stage, number)
    at = list(menu.labels()).index(label)
    await pilot.press(*["down"] * at, "enter")
    await wait_until(pilot, lambda: stage.app.screen is not menu)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Take what is copied, whatever this machine has for a clipboard."""

    found: list[str] = []

    def copy(_app: object, text: Any, _what: str = "") -> None:
        found.append(text if isinstance(text, str) else "".join(text))

    monkeypatch.setattr(SafeApp, "copy", copy)
    return found


async def test_walking_takes_the_focus_and_typing_gives_it_back() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, stage, *conversation())
        await pilot.press("h", "alt+up")
        await wait_until(pilot, lambda: stage.app.focused is stage.transcript)
        current = stage.transcript.current
        assert current is stage.transcript.entries[-1]
        await pilot.press("up", "i")
        await wait_until(pilot, lambda: stage.app.focused is stage.chat.prompt)
        assert stage.chat.prompt.text == "hi"
        current = stage.transcript.current
        assert current is None
        assert stage.client.stops == 0


async def test_escape_leaves_the_message_first_and_stops_the_reply_then() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, stage, *conversation())
        await wait_until(pilot, lambda: stage.chat.key_hints.running)
        await pilot.press("alt+up", "escape")
        await wait_until(pilot, lambda: stage.app.focused is stage.chat.prompt)
        assert stage.transcript.current is None
        assert stage.client.stops == 0
        await pilot.press("escape")
        await wait_until(pilot, lambda: stage.client.stops == 1)


async def test_a_blank_where_nothing_folds_goes_to_the_prompt() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, stage, *conversation())
        await pilot.press("h", "alt+up", "space", "i")
        await wait_until(pilot, lambda: stage.chat.prompt.text == "h i")


async def test_the_menu_says_what_it_is_about_and_closes() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        hostile = said(1, MessageKind.ASSISTANT, "\n[red]x\x1b]0;t\x07\u202e y\nmore")
        await shown(pilot, stage, MessageAdded(hostile))
        await menu_of(pilot, stage, 1)
        assert "Reply: [red]x␛]0;t␇<U+202E> y " in screen_text(stage)
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        assert stage.transcript.current is stage.transcript.entries[0], "the cursor is where it was"
        assert stage.app.focused is stage.transcript


async def test_each_block_of_code_is_offered_by_language_and_first_line(copied: list[str]) -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, stage, MessageAdded(said(1, MessageKind.ASSISTANT, CODE)))
        assert list(stage.chat.choices_for(stage.transcript.entries[0])) != []
        labels = [each.label for each in stage.chat.choices_for(stage.transcript.entries[0])]
        assert labels == [
            "Copy the text",
            "Copy the Markdown",
            "Copy the code, python: import os",
            "Copy the code, make ␛[31mall",
            "Copy all 2 blocks of code",
            "Show its links",
            "Save to a file",
        ]
        await choose(pilot, stage, 1, "Copy the code, make ␛[31mall")
        await wait_until(pilot, lambda: copied == ["make ␛[31mall"])
        await choose(pilot, stage, 1, "Copy the Markdown")
        await wait_until(pilot, lambda: copied[1:] == [CODE])
        await choose(pilot, stage, 1, "Copy the text")
        await wait_until(pilot, lambda: len(copied) == 3)
        assert copied[2].splitlines()[-1].endswith("make ␛[31mall")
        await choose(pilot, stage, 1, "Copy all 2 blocks of code")
        await wait_until(pilot, lambda: copied[3:] == ["\nimport os\n\nmake ␛[31mall"])
        await choose(pilot, stage, 1, "Show its links")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, LinksScreen))


async def test_a_message_of_hundreds_of_blocks_has_a_menu_of_some() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        text = "".join(f"```\nblock {number}\n```\n\n" for number in range(300))
        await shown(pilot, stage, MessageAdded(said(1, MessageKind.ASSISTANT, text)))
        labels = [each.label for each in stage.chat.choices_for(stage.transcript.entries[0])]
        assert len(labels) < 20
        assert "Copy all 300 blocks of code" in labels


async def test_a_message_of_the_user_is_sent_again_or_edited() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await shown(
            pilot,
            stage,
            mine(1, "first words", DeliveryState.PERSISTED),
            MessageAdded(said(2, MessageKind.ASSISTANT, "answer")),
            mine(3, "second words", DeliveryState.PERSISTED),
        )
        await choose(pilot, stage, 1, "Send it again")
        await wait_until(pilot, lambda: stage.client.sent == ["first words"])
        await choose(pilot, stage, 1, "Edit it and send it again")
        await wait_until(pilot, lambda: stage.chat.prompt.text == "first words")
        await wait_until(pilot, lambda: stage.app.focused is stage.chat.prompt)
        assert stage.client.sent == ["first words"]


async def test_a_message_that_may_not_have_arrived_is_sent_again_or_discarded() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await shown(
            pilot,
            stage,
            mine(1, "lost", DeliveryState.UNKNOWN, LOST),
            mine(2, "lost too", DeliveryState.UNKNOWN, LOST),
        )
        items = tuple(
            waiting(number, text, DeliveryState.UNKNOWN, message_id=number)
            for number, text in ((1, "lost"), (2, "lost too"))
        )
        stage.client.emit(OutboxChanged(items))
        await wait_until(pilot, lambda: stage.chat.outbox == items)
        await choose(pilot, stage, 1, "Send it now, or again")
        await wait_until(pilot, lambda: ("resend", name(1)) in stage.client.delivery.asked)
        await choose(pilot, stage, 2, "Discard it")
        await wait_until(pilot, lambda: ("drop", name(2)) in stage.client.delivery.asked)


@pytest.mark.parametrize("state", ["interrupted", "failed", "stopped"])
async def test_a_reply_that_did_not_end_well_is_asked_for_again(state: str) -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await shown(
            pilot,
            stage,
            MessageAdded(said(1, MessageKind.USER, "before")),
            MessageAdded(said(2, MessageKind.USER, "question")),
            MessageAdded(said(3, MessageKind.ASSISTANT, "Tw", state=MessageState(state))),
            MessageAdded(said(4, MessageKind.USER, "after")),
            MessageAdded(said(5, MessageKind.ASSISTANT, "whole")),
        )
        told = "Alt+Up, then Enter: ask again." in screen_text(stage)
        assert told == (state != "stopped"), "who stopped it knows"
        await choose(pilot, stage, 3, "Ask again")
        await wait_until(pilot, lambda: stage.client.sent == ["question"])
        whole = stage.transcript.entries[4]
        assert "Ask again" not in [each.label for each in stage.chat.choices_for(whole)]


async def test_reasoning_and_tool_calls_are_folded_from_the_menu() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        call = ToolCall("c", "look", "server", arguments={"a": 1}, result=2)
        await shown(
            pilot,
            stage,
            *conversation(),
            *finish(5),
            MessageAdded(said(6, MessageKind.TOOL, "", tool=call)),
            MessageAdded(said(7, MessageKind.REASONING, "More.")),
        )
        found = {number: stage.transcript.find(number) for number in (2, 6, 7)}

        def folded() -> list[bool]:
            return [each.folded for each in found.values() if each is not None]

        assert folded() == [True, True, True]
        await choose(pilot, stage, 2, "Unfold it")
        await wait_until(pilot, lambda: folded() == [False, True, True])
        await choose(pilot, stage, 2, "Unfold all reasoning")
        await wait_until(pilot, lambda: folded() == [False, True, False])
        await choose(pilot, stage, 6, "Unfold all tool calls")
        await wait_until(pilot, lambda: folded() == [False, False, False])
        assert "Copy the Markdown" not in [
            each.label for each in stage.chat.choices_for(stage.transcript.entries[5])
        ]
        await choose(pilot, stage, 2, "Fold it")
        await wait_until(pilot, lambda: folded() == [True, False, False])


async def test_all_is_folded_and_unfolded_by_command() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        call = ToolCall("c", "look", "server", result=2)
        await shown(
            pilot, stage, *conversation(), MessageAdded(said(6, MessageKind.TOOL, "", tool=call))
        )
        entries = [stage.transcript.entries[1], stage.transcript.entries[5]]

        async def typed(text: str, *expected: bool) -> None:
            stage.chat.prompt.insert(text)
            await pilot.press("enter")
            await wait_until(pilot, lambda: [each.folded for each in entries] == [*expected])

        await typed("/unfold", False, False)
        await typed("/fold tools", False, True)
        await typed("/fold", True, True)
        await typed("/unfold reasoning", False, True)
        stage.chat.action_fold_all("nonsense")
        await pilot.pause()
        assert "'nonsense'" in [each.message for each in stage.app._notifications][-1]
