"""The symbols of the transcript. Each has a word beside it that says the same.

For screen readers there are only the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ASCII", "PLAIN", "UNICODE", "Marks"]


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
        folded: behind the first line of something that can be opened.
        unfolded: behind the first line of something that can be folded.
        cursor: beside the message that the cursor is at.
        colon: behind the name of who speaks.
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
    folded: str = "▸"
    unfolded: str = "▾"
    cursor: str = "┃"
    colon: str = ""


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
    folded="[+]",
    unfolded="[-]",
    cursor=">",
)
PLAIN: Final = Marks(
    assistant=" ",
    bar=" ",
    thought="Reasoning:",
    thought_bar=" ",
    running=" ",
    done=" ",
    failed=" ",
    stopped=" ",
    unknown=" ",
    waiting=" ",
    notice=" ",
    arrow="result",
    dot=",",
    folded="(folded)",
    unfolded="(unfolded)",
    cursor=">",
    colon=":",
)
