"""Whoever listens to the ticket manager, and callbacks that must not be able to break it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from tui_chat.ticket.events import TicketEvent

__all__ = ["Listeners", "call_safely"]

_LOGGER: Final = logging.getLogger(__name__)


def call_safely(callback: Callable[..., object], *arguments: Any) -> None:
    """Call somebody else's function; if it raises, log that and go on.

    Only the kind of error and the function's name are logged: an exception's text and traceback
    may hold anything.
    """
    try:
        callback(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not ours
        name = getattr(callback, "__qualname__", type(callback).__name__)
        _LOGGER.error("%s raised %s; ignored", name, type(error).__name__)  # noqa: TRY400 - see above


class Listeners:
    """Functions that are called with each event, in the order they subscribed."""

    def __init__(self) -> None:
        self._listeners: dict[int, Callable[[TicketEvent], None]] = {}
        self._next = 0

    def add(self, listener: Callable[[TicketEvent], None]) -> Callable[[], None]:
        """Call ``listener`` with each event from now on; calling what is returned ends that."""
        key = self._next
        self._next += 1
        self._listeners[key] = listener

        def unsubscribe() -> None:
            self._listeners.pop(key, None)

        return unsubscribe

    def emit(self, event: TicketEvent) -> None:
        """Tell everybody who listens right now."""
        for listener in list(self._listeners.values()):
            call_safely(listener, event)

    def clear(self) -> None:
        """Forget everybody."""
        self._listeners.clear()
