"""Every key of the application, in one place.

The bindings that Textual acts on, the help screen, the footer and the command palette are all
made from :data:`REGISTRY`, so that none of them can say something else than the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from textual.binding import Binding

from tui_chat.app.commands import REGISTRY, Command, Scope

__all__ = [
    "REGISTRY",
    "Command",
    "Scope",
    "bindings_for",
    "commands_in",
    "display",
    "display_keys",
    "key_of",
]

_NAMES: Final = {
    "escape": "Esc",
    "enter": "Enter",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "backslash": "\\",
    "up": "Up",
    "down": "Down",
    "end": "End",
    "delete": "Del",
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


def key_of(command_id: str) -> str:
    """Return the first key of a command, as people write it."""
    return display(next(c for c in REGISTRY if c.id == command_id).keys[0])


def display_keys(keys: Iterable[str]) -> str:
    """Return several keys for the same thing, as one text; without any, what finds the command."""
    return ", ".join(display(key) for key in keys) or f"{key_of('palette')}, by name"
