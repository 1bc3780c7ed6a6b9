"""The keys of a widget one writes in, in the order in which they were pressed.

Textual inserts a character when the widget handles the key, but carries out a binding, such as
Backspace, only after the key has gone up through all containers to the application. Characters that
come right behind it, as they do over a slow link, from a key that is held down or after a busy
moment, overtake it: ``ab``, Backspace and ``c`` become ``ab``. So a widget that is written in looks
up its own bindings itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from textual import events
from textual.binding import Binding
from textual.widget import Widget

__all__ = ["do_own_key"]


async def do_own_key(widget: Widget, event: events.Key) -> None:
    """Carry out what a key means for a widget by its class; leave other keys to Textual.

    Args:
        widget: has the focus.
        event: the key. It goes no further if it was one of the widget's own.
    """
    action = _own_actions(type(widget)).get(event.key)
    if action is not None and await widget.app.run_action(action, widget):
        event.prevent_default()
        event.stop()


@cache
def _own_actions(kind: type[Widget]) -> Mapping[str, str]:
    """Return the actions of a class by their keys; those of a subclass come first."""
    actions: dict[str, str] = {}
    for base in kind.__mro__:
        for binding in vars(base).get("BINDINGS", ()):
            keys, action, *_ = (
                (binding.key, binding.action) if isinstance(binding, Binding) else binding
            )
            for key in keys.split(","):
                actions.setdefault(key.strip(), action)
    return MappingProxyType(actions)
