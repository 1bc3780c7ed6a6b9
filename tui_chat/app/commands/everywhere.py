"""What can be done on every screen."""

from __future__ import annotations

from typing import Final

from tui_chat.app.commands.command import Command, Scope

__all__ = ["EVERYWHERE"]

EVERYWHERE: Final[tuple[Command, ...]] = (
    Command(
        "queue",
        ("f3", "ctrl+o"),
        "toggle_queue",
        "queue",
        "Show or hide the queue: what waits, failed or may not have arrived",
        Scope.APP,
        priority=True,
        palette="Queue",
    ),
    Command(
        "said",
        ("f4", "ctrl+g"),
        "toggle_said",
        "your messages",
        "Show or hide your messages, to send one again",
        Scope.APP,
        priority=True,
        palette="Your messages",
    ),
    Command(
        "reconnect",
        ("ctrl+r",),
        "reconnect",
        "reconnect",
        "Reconnect now, without waiting for the next try",
        Scope.APP,
        footer=4,
        priority=True,
        palette="Reconnect now",
    ),
    Command(
        "help",
        ("f1",),
        "toggle_help",
        "help",
        "Show or hide this help",
        Scope.APP,
        footer=1,
        priority=True,
        palette="Help",
    ),
    Command(
        "debug",
        ("f12", "ctrl+backslash"),
        "toggle_debug",
        "debug info",
        "Show or hide the debug info: connection, ticket, counters, latest events",
        Scope.APP,
        footer=5,
        priority=True,
        palette="Debug info",
    ),
    Command(
        "palette",
        ("ctrl+p",),
        "command_palette",
        "commands",
        "Find and run a command by its name",
        Scope.APP,
        footer=2,
        priority=True,
    ),
    Command(
        "interrupt",
        ("ctrl+c",),
        "interrupt",
        "copy",
        "Copy the selection; without one, press it twice to quit",
        Scope.APP,
    ),
    Command(
        "quit",
        ("ctrl+q",),
        "quit",
        "quit",
        "Quit",
        Scope.APP,
        footer=3,
        priority=True,
        palette="Quit",
    ),
)
