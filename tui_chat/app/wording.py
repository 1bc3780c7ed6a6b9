"""Numbers and states of what is kept, in words; the same on the screen and on the command line."""

from __future__ import annotations

from typing import Final

__all__ = ["age", "open_in", "plural"]

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def age(seconds: float) -> str:
    """Return a duration in its largest unit; a clock that was set back makes nothing negative."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "now"


def plural(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 message``, ``2 messages``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def open_in(process: int | None) -> str:
    """Return where a conversation is open, in words; 0 is a process that cannot be told."""
    return f"open in process {process}" if process else "open in another tui-chat"
