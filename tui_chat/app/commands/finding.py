"""How words are looked for in the conversation."""

from __future__ import annotations

from typing import Final

from tui_chat.app.commands.command import Command, Scope

__all__ = ["FINDING"]

FINDING: Final[tuple[Command, ...]] = (
    Command(
        "find",
        ("ctrl+f",),
        "find",
        "find",
        "Find words in the conversation; case matters if they have a capital",
        Scope.CHAT,
        priority=True,
        palette="Find words in the conversation",
        slash="find",
        argument="WORDS",
    ),
    Command(
        "find-above",
        ("enter", "up"),
        "find_step(-1)",
        "above",
        "Go to the place above that has them",
        Scope.FINDING,
    ),
    Command(
        "find-below",
        ("down", "shift+enter"),
        "find_step(1)",
        "below",
        "Go to the place below that has them",
        Scope.FINDING,
    ),
    Command(
        "find-close",
        ("escape",),
        "close_find",
        "closes",
        "End the search; what is shown stays",
        Scope.FINDING,
    ),
)
