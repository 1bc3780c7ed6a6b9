"""What becomes of a message that the server has refused by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.evidence import Evidence, Sign
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import ConnectionClosed, TuiChatError

__all__ = ["Refusals", "Verdict", "too_large"]

MAX_WAIT: Final = 60.0
"""Seconds at most between two tries of a message that the server puts off without a time."""
MAX_REFUSALS: Final = 10
"""Times a message is put off by the server before it is not tried any more."""

_TOO_BIG: Final = 1009


class Verdict(NamedTuple):
    """What to do.

    Attributes:
        state: where the message stands now.
        wait: seconds until anything is sent again; None if this message is not tried again.
    """

    state: DeliveryState
    wait: float | None


class Refusals:
    """Counts, for each message, how often it has been put off."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def judge(self, item_id: str, found: Evidence, *, repeated: bool) -> Verdict:
        """Return what to do about a refusal.

        Args:
            item_id: the message.
            found: what the server said.
            repeated: whether the message was written before, and it is not known what became of
                that. To refuse the repeat says nothing about the first time, so it stays unknown:
                as a message that waits, it would be sent again to whatever server comes next.
        """
        count = self._counts[item_id] = self._counts.get(item_id, 0) + 1
        if found.sign is Sign.REFUSED or count >= MAX_REFUSALS:
            del self._counts[item_id]
            return Verdict(DeliveryState.UNKNOWN if repeated else DeliveryState.FAILED, None)
        wait = min(2.0**count / 2, MAX_WAIT) if found.wait is None else found.wait
        return Verdict(DeliveryState.UNKNOWN if repeated else DeliveryState.QUEUED, wait)


def too_large(error: TuiChatError | None, written: Iterable[OutboxItem]) -> OutboxItem | None:
    """Return the message that the server has closed the connection for, as too large; or None.

    Only the server's own word counts: a client closes with the same code when a frame is too large
    for itself.

    Args:
        error: what the connection ended with.
        written: the messages of which the server had given no sign.
    """
    if (
        isinstance(error, ConnectionClosed)
        and error.close_code == _TOO_BIG
        and error.initiator == "server"
    ):
        return max(written, key=lambda item: len(item.text), default=None)
    return None
