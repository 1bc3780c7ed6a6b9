"""What can be done on the first screen and on the panels over the conversation."""

from __future__ import annotations

from typing import Final

from tui_chat.app.commands.command import Command, Scope

__all__ = ["PANELS"]

PANELS: Final[tuple[Command, ...]] = (
    Command(
        "demo",
        ("enter", "d"),
        "demo",
        "start the demo",
        "Start the demo: a chat server on this machine, and a chat with it",
        Scope.WELCOME,
    ),
    Command("leave", ("q", "escape"), "app.quit", "quit", "Quit", Scope.WELCOME),
    Command(
        "close",
        ("escape", "q"),
        "close",
        "close",
        "Close what lies over the conversation",
        Scope.OVERLAY,
    ),
    Command(
        "queue-edit",
        ("enter", "e"),
        "edit",
        "edits",
        "Edit a message that waits; Enter saves, Esc leaves it as it was",
        Scope.QUEUE,
    ),
    Command(
        "queue-send-now",
        ("s",),
        "send_now",
        "sends now",
        "Send it before all others",
        Scope.QUEUE,
    ),
    Command(
        "queue-resend",
        ("r",),
        "resend",
        "sends again",
        "Send a message again that failed or may not have arrived",
        Scope.QUEUE,
    ),
    Command(
        "queue-drop",
        ("delete", "d"),
        "drop",
        "discards",
        "Take it out of the queue; Up in the prompt brings its text back",
        Scope.QUEUE,
    ),
    Command(
        "queue-release",
        ("a",),
        "release",
        "sends all leftovers",
        "Send everything that an earlier session left over",
        Scope.QUEUE,
    ),
    Command(
        "said-retry",
        ("r",),
        "retry",
        "sends it again",
        "Send it once more, as a new message",
        Scope.SAID,
    ),
    Command(
        "said-edit",
        ("enter", "e"),
        "edit",
        "edits it",
        "Put it into the prompt, to change it and send it again",
        Scope.SAID,
    ),
)
