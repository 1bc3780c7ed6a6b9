"""What can be done while writing in the prompt."""

from __future__ import annotations

from typing import Final

from tui_chat.app.commands.command import Command, Scope

__all__ = ["WRITING"]

WRITING: Final[tuple[Command, ...]] = (
    # The prompt looks at its keys itself, before its text area inserts them.
    Command(
        "send",
        ("enter",),
        "send",
        "send",
        "Send the message",
        Scope.PROMPT,
    ),
    Command(
        "newline",
        ("shift+enter", "ctrl+j", "alt+enter"),
        "newline",
        "new line",
        "Begin a new line (so does a backslash before Enter)",
        Scope.PROMPT,
    ),
    Command(
        "older",
        ("up",),
        "recall_older",
        "older",
        "In the first line: bring back what you wrote before",
        Scope.PROMPT,
    ),
    Command(
        "newer",
        ("down",),
        "recall_newer",
        "newer",
        "In the last line: go back towards what you were writing",
        Scope.PROMPT,
    ),
)
