"""The list of conversations, and words found in all of them."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app_support import NOW, SERVER, make_stage, started, wait_until
from tests.snapshots.test_app_snapshots import Compare
from tui_chat.app.messages import ConversationsListed
from tui_chat.app.screens.conversations import ConversationsScreen
from tui_chat.conversation.model import DeliveryState
from tui_chat.storage import ConversationSummary, Scope, SearchHit

SCOPE = Scope(SERVER)
KEPT = (
    ConversationSummary("a" * 32, SCOPE, "Why is the ticket [refused]?", 4, NOW, NOW - 40, 12),
    ConversationSummary(
        "b" * 32, SCOPE, "Deploy the release, and tell everybody who waits for it when it is there",
        3, NOW, NOW - 7_300, 1_204, {DeliveryState.QUEUED: 2}, draft=True,
    ),
    ConversationSummary("c" * 32, SCOPE, "日本語の会話", 2, NOW, NOW - 90_000, 2, open_in=4711),
    ConversationSummary("d" * 32, SCOPE, "", 1, NOW, NOW - 864_000, 0),
)  # fmt: skip
HITS = (
    SearchHit("a" * 32, 3, NOW - 60, "It was refused: the ticket has been used before"),
    SearchHit("b" * 32, 8, NOW - 7_400, "… and then the Ticket of the release is closed, which"),
    SearchHit("c" * 32, 1, NOW - 90_000, "ticket \u241b[31m"),
)


def snap(
    compare: Compare,
    size: tuple[int, int] = (80, 24),
    words: str = "",
    **options: Any,
) -> bool:
    stage = make_stage(**options)
    stage.app.animation_level = "none"

    async def before(pilot: Pilot[Any]) -> None:
        await started(pilot, stage)
        await pilot.press("ctrl+l", *words)
        screen = stage.app.screen
        assert isinstance(screen, ConversationsScreen)
        nothing = "No message holds these words." if words else "Nothing is kept in this session."
        await wait_until(pilot, lambda: screen.empty.text == nothing)
        screen.show(ConversationsListed(words, "a" * 32, KEPT, HITS if words else ()))
        await wait_until(pilot, lambda: screen.list.option_count)
        await pilot.pause(0.1)

    return compare(stage.app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 30)], ids=str)
@pytest.mark.parametrize("theme", ["tui-chat-dark", "tui-chat-light"])
def test_conversations(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap(snap_compare, size, theme=theme)


def test_conversations_in_the_smallest_terminal(snap_compare: Compare) -> None:
    assert snap(snap_compare, (40, 12))


def test_conversations_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap(snap_compare)


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 30)], ids=str)
def test_words_in_all(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap(snap_compare, size, "ticket")
