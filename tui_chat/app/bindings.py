"""Every key of the application, in one place.

The bindings that Textual acts on, the help screen, the footer and the command palette are all
made from :data:`REGISTRY`, so that none of them can say something else than the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from textual.binding import Binding

from tui_chat.app.commands import REGISTRY, Command, Scope
from tui_chat.app.keymap import keys_of

__all__ = [
    "REGISTRY",
    "Command",
    "Scope",
    "bindings_for",
    "commands_in",
    "display",
    "display_keys",
    "key_changes",
    "key_of",
    "keys_of",
]

_NAMES: Final = {
    "escape": "Esc",
    "enter": "Enter",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "backslash": "\\",
    "slash": "/",
    "up": "Up",
    "down": "Down",
    "end": "End",
    "left": "Left",
    "right": "Right",
    "tab": "Tab",
    "backspace": "Backspace",
    "home": "Home",
    "space": "Space",
    "delete": "Del",
}


def commands_in(scope: Scope) -> Iterator[Command]:
    """Yield the commands of one scope, in the order of the registry."""
    return (command for command in REGISTRY if command.scope is scope)


def bindings_for(scope: Scope) -> list[Binding]:
    """Return Textual's bindings for one scope, with the registry's keys.

    The user's own keys come in between when a key is pressed, by the bindings' ids
    (:func:`key_changes`). So a command without a key has a binding too, to one that does not exist.
    """
    return [
        Binding(
            key,
            command.action,
            command.label,
            show=False,
            key_display=display(key),
            priority=command.priority,
            id=command.id,
        )
        for command in commands_in(scope)
        for key in command.keys or (_no_key(command.id),)
    ]


def key_changes(changes: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return Textual's keymap for keys that the user has given to commands."""
    return {name: ",".join(keys) or _no_key(name) for name, keys in changes.items()}


def _no_key(command_id: str) -> str:
    return f"none-{command_id}"


def display(key: str) -> str:
    """Return a key as people write it: ``pageup`` is ``PgUp``, ``ctrl+r`` is ``Ctrl+R``."""
    *modifiers, name = key.split("+")
    shown = _NAMES.get(name, name.upper())
    return "+".join([*(modifier.capitalize() for modifier in modifiers), shown])


def key_of(command: Command | str) -> str:
    """Return the first key of a command, as people write it; without any, its name in the palette.

    Args:
        command: the command, or its id.
    """
    keys = keys_of(command)
    if keys:
        return display(keys[0])
    known = next(c for c in REGISTRY if command in {c, c.id})
    return f"/{known.slash}" if known.slash else f"'{known.label}'"


def display_keys(command: Command) -> str:
    """Return all keys of a command, as one text; without any, what finds the command."""
    return ", ".join(display(key) for key in keys_of(command)) or f"{key_of('palette')}, by name"
