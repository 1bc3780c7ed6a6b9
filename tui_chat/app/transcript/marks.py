"""The symbols of the transcript. Each has a word beside it that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ASCII", "UNICODE", "Marks"]


@dataclass(frozen=True, slots=True)
class Marks:
    """One symbol each, one column wide.

    Attributes:
        assistant: before the assistant's name.
        bar: beside everything that the user wrote.
        thought: before reasoning.
        thought_bar: beside it.
        running: something is under way.
        done: it went well.
        failed: it did not.
        stopped: it was interrupted.
        unknown: it may or may not have arrived.
        waiting: it has not begun.
        notice: before a message of the system.
        arrow: from arguments to result.
        dot: between facts.
    """

    assistant: str = "●"
    bar: str = "▌"
    thought: str = "✻"
    thought_bar: str = "│"
    running: str = "◌"
    done: str = "✓"
    failed: str = "✗"
    stopped: str = "■"
    unknown: str = "▲"
    waiting: str = "◷"
    notice: str = "◆"
    arrow: str = "→"
    dot: str = "·"


UNICODE: Final = Marks()
ASCII: Final = Marks(
    assistant="*",
    bar="|",
    thought="~",
    thought_bar="|",
    running="o",
    done="+",
    failed="x",
    stopped="#",
    unknown="?",
    waiting="~",
    notice="!",
    arrow="->",
    dot="-",
)
