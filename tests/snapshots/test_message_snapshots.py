"""What the kinds of messages look like, folded, opened and with the cursor at one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tests.app_support import NOW, Stage, conversation, make_stage, said, started, wait_until
from tests.finding_plays import open_find
from tests.outbox_support import LOST, mine
from tests.support.checkout import ROOT
from tui_chat.app.screens.message_menu import MessageMenu
from tui_chat.app.screens.save import SaveScreen
from tui_chat.app.theme import DARK, LIGHT, THEMES
from tui_chat.app.transcript import Transcript
from tui_chat.app.transcript.finding import Found
from tui_chat.conversation.model import (
    DeliveryState,
    Message,
    MessageAdded,
    MessageKind,
    MessageState,
    ToolCall,
)

Compare = Callable[..., bool]

CODE = "Like this:\n\n```python\nawait client.reconnect()\n```\n\n```sh\ntui-chat demo\n```\n"


def kinds() -> Iterator[Message]:
    """Yield one message of each sort, the reasoning and the tool calls in every state."""
    k, s, d = MessageKind, MessageState, DeliveryState
    yield mine(1, "What is the time?", d.PERSISTED).message
    yield said(2, k.REASONING, "Long ago I thought about this.\n\n- so\n- and so")
    yield said(3, k.REASONING, "This one is open.")
    arguments = {"zone": "UTC", "precise": True}
    result = {"time": "11:00", "offset": 0, "notes": [None, "an \x1b[31mescape"]}
    for number, state, fields in (
        (4, s.COMPLETE, {"result": result}),
        (5, s.COMPLETE, {"result": result}),
        (6, s.FAILED, {"error": "There is no clock here."}),
        (7, s.INTERRUPTED, {}),
        (8, s.STREAMING, {}),
    ):
        call = ToolCall(f"c{number}", "get_time", "server", arguments, **fields)
        finished = None if state is s.STREAMING else NOW + 0.4
        yield Message(number, k.TOOL, NOW, [], state, finished, tool=call)
    yield Message(9, k.ASSISTANT, NOW, ["It is eleven, or"], s.INTERRUPTED, NOW + 2)
    yield said(10, k.SYSTEM, "The server was restarted.")
    yield said(11, k.ERROR, "Too much is asked of the server.", code="SERVER_BUSY")
    yield mine(12, "And now?", d.UNKNOWN, LOST).message
    yield mine(13, "Hello?", d.QUEUED).message
    yield Message(14, k.REASONING, NOW, ["I wonder whether"], s.STREAMING)


class Kinds(App[None]):
    """The transcript and nothing else."""

    CSS_PATH = ROOT / "styles" / "transcript.tcss"

    def __init__(self, theme: str, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.animation_level = "none"
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme
        self._ascii = ascii_only

    def compose(self) -> ComposeResult:
        yield Transcript(ascii_only=self._ascii, now=lambda: NOW + 7)

    def on_mount(self) -> None:
        shown = self.query_one(Transcript)
        shown.reset(kinds())
        for number in (3, 5):
            if (entry := shown.find(number)) is not None:
                shown.toggle_fold(entry)
        if (entry := shown.find(5)) is not None:
            shown.walk_to(entry)


def snap_kinds(compare: Compare, width: int, theme: str = DARK.name, **options: Any) -> bool:
    return compare(Kinds(theme, **options), terminal_size=(width, 62))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_kinds(snap_compare: Compare, width: int) -> None:
    assert snap_kinds(snap_compare, width)


def test_kinds_light(snap_compare: Compare) -> None:
    assert snap_kinds(snap_compare, 80, LIGHT.name)


def test_kinds_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_kinds(snap_compare, 80)


def test_kinds_in_ascii(snap_compare: Compare) -> None:
    assert snap_kinds(snap_compare, 80, ascii_only=True)


async def _with_code(pilot: Pilot[Any], stage: Stage) -> None:
    await started(pilot, stage)
    stage.client.changes(*conversation()[:2], MessageAdded(said(3, MessageKind.ASSISTANT, CODE)))
    await wait_until(pilot, lambda: len(stage.transcript.entries) == 3)
    stage.transcript.flush()


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
def test_menu_of_a_message(snap_compare: Compare, size: tuple[int, int]) -> None:
    stage = make_stage()
    stage.app.animation_level = "none"

    async def before(pilot: Pilot[Any]) -> None:
        await _with_code(pilot, stage)
        await pilot.press("alt+up", "enter")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, MessageMenu))

    assert snap_compare(stage.app, terminal_size=size, run_before=before)


def test_where_to_save(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("TZ", "UTC")
    stage = make_stage()
    stage.app.animation_level = "none"

    async def before(pilot: Pilot[Any]) -> None:
        await _with_code(pilot, stage)
        await stage.chat.action_save_conversation()
        await wait_until(pilot, lambda: isinstance(stage.app.screen, SaveScreen))

    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 24)], ids=str)
@pytest.mark.parametrize("theme", ["tui-chat-dark", "tui-chat-light"])
def test_words_found(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    stage = make_stage(theme=theme)
    assert snap_compare(stage.app, terminal_size=size, run_before=_looking(stage, "reconnect"))


def test_words_found_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stage = make_stage()
    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=_looking(stage, "reconnect"))


def test_words_not_found(snap_compare: Compare) -> None:
    stage = make_stage()
    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=_looking(stage, "nowhere"))


def _looking(stage: Stage, words: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    stage.app.animation_level = "none"

    async def before(pilot: Pilot[Any]) -> None:
        await started(pilot, stage)
        await open_find(pilot, stage, words)
        bar = stage.chat.find_bar
        assert bar is not None
        await wait_until(pilot, lambda: bar.field.value == words)
        known = [Found(2, 2, complete=True), Found(0, 0, complete=True)]
        await wait_until(pilot, lambda: stage.transcript.found in known)
        await pilot.pause(0.1)

    return before
