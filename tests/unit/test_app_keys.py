"""Every key of the registry, pressed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.screen import Screen

from tests.app_support import (
    Stage,
    conversation,
    make_stage,
    said,
    started,
    wait_until,
)
from tests.debug_support import DEBUG_PLAYS
from tests.finding_plays import FINDING_PLAYS
from tests.outbox_support import name, waiting
from tests.selection_plays import SELECTION_PLAYS
from tests.settings_plays import SETTINGS_PLAYS
from tests.walking_plays import WALKING_PLAYS
from tui_chat.app import messages
from tui_chat.app.bindings import REGISTRY, Command
from tui_chat.app.conversation_side import NOT_KEPT
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.conversations import ConversationsScreen
from tui_chat.app.screens.debug import DebugScreen
from tui_chat.app.screens.help import HelpScreen
from tui_chat.app.screens.prompt_history import PromptHistoryScreen
from tui_chat.app.screens.queue import QueueScreen
from tui_chat.app.screens.said import SaidScreen
from tui_chat.app.settings import ChatSettings
from tui_chat.conversation.model import DeliveryState, MessageAdded, MessageKind
from tui_chat.delivery.item import OutboxItem
from tui_chat.events import OutboxChanged
from tui_chat.secret import Secret

Play = Callable[[Pilot[Any], Stage, str], Awaitable[None]]


async def _send(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press("h", "i", key)
    await wait_until(pilot, lambda: stage.client.sent == ["hi"])


async def _newline(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press("h", key, "i")
    assert stage.chat.prompt.text == "h\ni"
    assert stage.client.sent == []


async def _stop(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press("h", key)
    stage.client.run(running=True)
    await wait_until(pilot, lambda: stage.chat.key_hints.running)
    assert stage.client.stops == 0, "nothing was running yet"
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.client.stops == 1)
    assert stage.chat.prompt.text == "h", "it stops the reply, and only that"
    assert isinstance(stage.app.screen, ChatScreen)


async def _long(pilot: Pilot[Any], stage: Stage) -> None:
    stage.client.changes(
        *(MessageAdded(said(n, MessageKind.ASSISTANT, f"message {n}")) for n in range(1, 80))
    )
    await wait_until(pilot, lambda: stage.transcript.max_scroll_y > 40)
    await wait_until(pilot, lambda: stage.transcript.is_vertical_scroll_end)


async def _up(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _long(pilot, stage)
    before = stage.transcript.scroll_y
    await pilot.press("x", key)
    await wait_until(pilot, lambda: stage.transcript.scroll_y < before)
    assert stage.chat.prompt.has_focus
    assert stage.chat.prompt.text == "x"


async def _down(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _long(pilot, stage)
    await pilot.press("pageup", "pageup")
    before = stage.transcript.max_scroll_y
    await wait_until(pilot, lambda: stage.transcript.scroll_y < before - 10)
    low = stage.transcript.scroll_y
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.transcript.scroll_y > low)
    assert stage.chat.prompt.has_focus


async def _live(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _long(pilot, stage)
    await pilot.press("pageup")
    await wait_until(pilot, lambda: not stage.transcript.follow)
    await wait_until(pilot, lambda: stage.chat.prompt.border_title)
    assert "Ctrl+End" in str(stage.chat.prompt.border_title)
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.transcript.follow)
    await wait_until(pilot, lambda: stage.transcript.is_vertical_scroll_end)
    assert not stage.chat.prompt.border_title


async def _reconnect(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.client.reconnects == 1)


async def _help(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, HelpScreen))
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
    assert stage.chat.prompt.has_focus


async def _debug(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, DebugScreen))
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))


async def _palette(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, CommandPalette))


async def _interrupt(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: len(stage.app._notifications) == 1)
    stage.clock.now += 10  # too late for "again"
    await pilot.press(key)
    await wait_until(pilot, lambda: len(stage.app._notifications) == 2)
    assert not stage.app._exit
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.app._exit)


async def _quit(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.app._exit)


async def _demo(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
    await started(pilot, stage)
    assert stage.client.started is not None
    assert stage.client.started["chat_server_url"] == "http://127.0.0.1:4711"


async def _close(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press("f1")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, HelpScreen))
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
    await pilot.press("f12")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, DebugScreen))
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
    assert stage.client.stops == 0


async def _older(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    stage.app.post_message(messages.PromptsLoaded(("first", "second")))
    await pilot.press("x", key)
    await wait_until(pilot, lambda: stage.chat.prompt.text == "second")
    await pilot.press(key)
    assert stage.chat.prompt.text == "first"


async def _newer(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    stage.app.post_message(messages.PromptsLoaded(("first", "second")))
    await pilot.press("x", "up", "up")
    await wait_until(pilot, lambda: stage.chat.prompt.text == "first")
    await pilot.press(key, key)
    assert stage.chat.prompt.text == "x"


async def _outbox(pilot: Pilot[Any], stage: Stage, *items: OutboxItem) -> None:
    stage.client.emit(OutboxChanged(items))
    await wait_until(pilot, lambda: stage.chat.outbox == items)


def _asks(*wanted: Any) -> Play:
    """Return a play in which a key asks this of the outbox."""

    async def play(pilot: Pilot[Any], stage: Stage, key: str) -> None:
        await _outbox(
            pilot,
            stage,
            waiting(1, "old", DeliveryState.UNKNOWN, message_id=1),
            waiting(2, "unclear", DeliveryState.UNKNOWN, message_id=2),
            waiting(3, "left", held=True),
        )
        await pilot.press("h", key, "i")
        await wait_until(pilot, lambda: stage.client.delivery.asked)
        assert stage.client.delivery.asked == [wanted]
        assert stage.chat.prompt.text == "hi", "it is no key to write with"

    return play


async def _keep(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _outbox(pilot, stage, waiting(1, "left", held=True))
    await wait_until(pilot, lambda: "left over" in str(stage.chat.queue_strip.render()))
    await pilot.press(key)
    await wait_until(pilot, lambda: "kept for later" in str(stage.chat.queue_strip.render()))
    assert stage.client.delivery.asked == []


async def _dismiss(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    stage.app.post_message(messages.StorageNoticed("The disk is full.", "DISK_FULL"))
    await wait_until(pilot, lambda: stage.chat.storage_notice.display)
    await pilot.press(key)
    await wait_until(pilot, lambda: not stage.chat.storage_notice.display)


def _opens(kind: type[Screen[Any]]) -> Play:
    async def play(pilot: Pilot[Any], stage: Stage, key: str) -> None:
        await pilot.press(key)
        await wait_until(pilot, lambda: isinstance(stage.app.screen, kind))
        await pilot.press(key)
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))

    return play


async def _history(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, PromptHistoryScreen))


async def _editor(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)  # what a driver says that cannot lend its terminal, such as the test's
    await wait_until(pilot, lambda: "editor cannot be started" in stage.chat.notice.text)


def _in_queue(*wanted: Any, at: int = 0) -> Play:
    """Return a play in which a key asks this about one of three messages in the queue."""

    async def play(pilot: Pilot[Any], stage: Stage, key: str) -> None:
        await _outbox(
            pilot,
            stage,
            waiting(1, "one"),
            waiting(2, "two", DeliveryState.FAILED),
            waiting(3, "three", held=True),
        )
        await pilot.press("f3")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, QueueScreen))
        await pilot.press(*["down"] * at, key)
        await wait_until(pilot, lambda: stage.client.delivery.asked)
        assert stage.client.delivery.asked == [wanted]

    return play


async def _queue_edit(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _outbox(pilot, stage, waiting(1, "one"))
    await pilot.press("f3")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, QueueScreen))
    queue = stage.app.screen
    assert isinstance(queue, QueueScreen)
    await pilot.press(key)
    await wait_until(pilot, lambda: queue.editor is not None and queue.editor.has_focus)
    await pilot.press("!", "enter")
    await wait_until(pilot, lambda: stage.client.delivery.asked)
    assert stage.client.delivery.asked == [("edit", name(1), "one!")]


async def _open_said(pilot: Pilot[Any], stage: Stage) -> None:
    stage.client.changes(*(MessageAdded(said(n, MessageKind.USER, f"m{n}")) for n in (1, 2)))
    await wait_until(pilot, lambda: len(list(stage.transcript.said())) == 2)
    await pilot.press("f4")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, SaidScreen))
    await pilot.press("down")  # the newest comes first


async def _said_retry(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _open_said(pilot, stage)
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.client.sent == ["m1"])
    await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))


async def _said_edit(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press("d")
    await _open_said(pilot, stage)
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.chat.prompt.text == "m1")
    assert isinstance(stage.app.screen, ChatScreen)
    assert stage.client.sent == []
    await pilot.press("down")
    await wait_until(pilot, lambda: stage.chat.prompt.text == "d")


async def _new(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: stage.chat.notice.text == NOT_KEPT)


PLAYS: dict[str, Play] = {
    "older": _older,
    "newer": _newer,
    "resend": _asks("resend", name(2)),
    "discard": _asks("drop", name(2)),
    "release": _asks("release", None),
    "keep": _keep,
    "dismiss": _dismiss,
    "editor": _editor,
    "history": _history,
    "queue": _opens(QueueScreen),
    "said": _opens(SaidScreen),
    "conversations": _opens(ConversationsScreen),
    "new": _new,
    "queue-edit": _queue_edit,
    "queue-send-now": _in_queue("send_now", name(1)),
    "queue-drop": _in_queue("drop", name(1)),
    "queue-resend": _in_queue("resend", name(2), at=1),
    "queue-release": _in_queue("release", None, at=2),
    "said-retry": _said_retry,
    "said-edit": _said_edit,
    "send": _send,
    "newline": _newline,
    "stop": _stop,
    "page-up": _up,
    "page-down": _down,
    "line-up": _up,
    "line-down": _down,
    "live": _live,
    "reconnect": _reconnect,
    "help": _help,
    "debug": _debug,
    **DEBUG_PLAYS,
    **FINDING_PLAYS,
    **SELECTION_PLAYS,
    **SETTINGS_PLAYS,
    **WALKING_PLAYS,
    "palette": _palette,
    "interrupt": _interrupt,
    "quit": _quit,
    "demo": _demo,
    "leave": _quit,
    "close": _close,
}


def demo_settings() -> ChatSettings:
    return ChatSettings("http://127.0.0.1:4711", Secret("t"), Secret("k"), demo=True)


@pytest.mark.parametrize(
    ("command", "key"),
    [pytest.param(c, key, id=f"{c.id}-{key}") for c in REGISTRY for key in c.keys],
)
async def test_key(command: Command, key: str) -> None:
    welcome = command.id in {"demo", "leave"}
    stage = make_stage(welcome=welcome, start_demo=demo_settings)
    async with stage.app.run_test() as pilot:
        if not welcome:
            await started(pilot, stage)
        await PLAYS[command.id](pilot, stage, key)


async def test_typing_and_pasting_into_the_transcript_goes_to_the_prompt() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.changes(*conversation())
        stage.transcript.focus()
        await wait_until(pilot, lambda: stage.transcript.has_focus)
        await pilot.press("h", "i")
        await wait_until(pilot, lambda: stage.chat.prompt.text == "hi")
        assert stage.chat.prompt.has_focus


async def test_ctrl_c_copies_a_selection_in_the_prompt() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("h", "i", "shift+left", "ctrl+c")
        await wait_until(pilot, lambda: stage.app.clipboard == "i")
        await wait_until(pilot, lambda: len(stage.app._notifications))
        assert not stage.app._exit
        notes = [n.message for n in stage.app._notifications]
        assert len(notes) == 1
        assert "(1 line)" in notes[0]


async def test_what_is_copied_holds_nothing_hidden() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await pilot.pause()
        stage.app.copy_to_clipboard("rm\u202e -rf\x1b[8m")
        assert stage.app.clipboard == "rm<U+202E> -rf␛[8m"


async def test_a_hint_can_be_clicked() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.click("#key-hints", offset=(3, 0))
        await wait_until(pilot, lambda: isinstance(stage.app.screen, HelpScreen))


async def test_only_themes_that_were_tested_are_offered() -> None:
    stage = make_stage(theme="tui-chat-light")
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        assert sorted(stage.app.available_themes) == [
            "tui-chat-ansi",
            "tui-chat-dark",
            "tui-chat-high-contrast",
            "tui-chat-light",
        ]
        assert stage.app.theme == "tui-chat-light"
        stage.app.theme = "tui-chat-dark"
        await pilot.pause()
        assert stage.app.current_theme.name == "tui-chat-dark"


async def test_the_palette_offers_our_commands() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        titles = [command.title for command in stage.app.get_system_commands(stage.app.screen)]
        assert titles == [c.palette for c in REGISTRY if c.palette]
        for command in stage.app.get_system_commands(stage.app.screen):
            if command.title == "Reconnect now":
                await command.callback()
        await wait_until(pilot, lambda: stage.client.reconnects == 1)
