"""Which messages have been taken in already: the ``client_message_id`` extension.

A client that lost its connection does not know whether its last message arrived. It sends it again
with the same ``clientMessageId``; the server applies each id once and acknowledges the repeat.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

__all__ = ["Receipt", "Receipts"]

MAX_RECEIPTS: Final = 10_000
"""Ids remembered per user; the oldest are forgotten first."""


@dataclass(slots=True)
class Receipt:
    """What became of one message.

    Attributes:
        message_id: the client's id for it.
        provider_res_id: the thread it went to.
        thread_id: that thread's other id.
        finished: whether its run has ended; then question and answer are stored too.
    """

    message_id: str
    provider_res_id: str
    thread_id: str
    finished: bool = False


class Receipts:
    """The messages of all users, by the ids their clients gave them."""

    def __init__(self) -> None:
        self._receipts: dict[str, OrderedDict[str, Receipt]] = {}

    def find(self, owner: str, message_id: str) -> Receipt | None:
        """Return the receipt of a message that has been taken in before."""
        return self._receipts.get(owner, OrderedDict()).get(message_id)

    def keep(self, owner: str, receipt: Receipt) -> None:
        """Remember a message from now on."""
        receipts = self._receipts.setdefault(owner, OrderedDict())
        receipts[receipt.message_id] = receipt
        if len(receipts) > MAX_RECEIPTS:
            receipts.popitem(last=False)
