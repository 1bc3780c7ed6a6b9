"""Every key of the application, in one place.

The bindings that Textual acts on, the help screen, the footer and the command palette are all
made from :data:`REGISTRY`, so that none of them can say something else than the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from textual.binding import Binding

__all__ = ["REGISTRY", "Command", "Scope", "bindings_for", "commands_in", "display", "display_keys"]


class Scope(StrEnum):
    """Where a key works; the value is the heading on the help screen."""

    PROMPT = "Writing"
    CHAT = "The conversation"
    APP = "Everywhere"
    WELCOME = "The first screen"
    OVERLAY = "Help and debug info"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the user can do, and the keys for it.

    Attributes:
        id: stable name, for configuration and documentation.
        keys: Textual's names of the keys; the first one is shown where there is room for one.
        action: the Textual action that is run.
        label: one or two words for the footer.
        help: a sentence for the help screen and the palette.
        scope: where it works.
        footer: position in the footer, from 1; 0 keeps it out.
        priority: whether it works even where the focused widget uses the key itself.
        palette: the palette's title; empty keeps it out.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    label: str
    help: str
    scope: Scope
    footer: int = 0
    priority: bool = False
    palette: str = ""


REGISTRY: Final[tuple[Command, ...]] = (
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
        "stop",
        ("escape",),
        "stop_run",
        "stop",
        "Stop the reply that is being written, and only that",
        Scope.CHAT,
        palette="Stop the reply",
    ),
    Command(
        "page-up",
        ("pageup",),
        "transcript_page_up",
        "page up",
        "Scroll the conversation a page up",
        Scope.CHAT,
        priority=True,
    ),
    Command(
        "page-down",
        ("pagedown",),
        "transcript_page_down",
        "page down",
        "Scroll the conversation a page down",
        Scope.CHAT,
        priority=True,
    ),
    Command(
        "line-up",
        ("ctrl+up",),
        "transcript_line_up",
        "line up",
        "Scroll the conversation a line up",
        Scope.CHAT,
        priority=True,
    ),
    Command(
        "line-down",
        ("ctrl+down",),
        "transcript_line_down",
        "line down",
        "Scroll the conversation a line down",
        Scope.CHAT,
        priority=True,
    ),
    Command(
        "live",
        ("ctrl+end",),
        "transcript_live",
        "newest",
        "Go to the newest message and follow what arrives",
        Scope.CHAT,
        priority=True,
        palette="Go to the newest message",
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
)

_NAMES: Final = {
    "escape": "Esc",
    "enter": "Enter",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "backslash": "\\",
    "up": "Up",
    "down": "Down",
    "end": "End",
}


def commands_in(scope: Scope) -> Iterator[Command]:
    """Yield the commands of one scope, in the order of the registry."""
    return (command for command in REGISTRY if command.scope is scope)


def bindings_for(scope: Scope) -> list[Binding]:
    """Return Textual's bindings for one scope."""
    return [
        Binding(
            key,
            command.action,
            command.label,
            show=False,
            key_display=display(key),
            priority=command.priority,
        )
        for command in commands_in(scope)
        for key in command.keys
    ]


def display(key: str) -> str:
    """Return a key as people write it: ``pageup`` is ``PgUp``, ``ctrl+r`` is ``Ctrl+R``."""
    *modifiers, name = key.split("+")
    shown = _NAMES.get(name, name.upper())
    return "+".join([*(modifier.capitalize() for modifier in modifiers), shown])


def display_keys(keys: Iterable[str]) -> str:
    """Return several keys for the same thing, as one text."""
    return ", ".join(display(key) for key in keys)
