"""Which messages have been taken in already: the ``client_message_id`` extension.

A client that lost its connection does not know whether its last message arrived. It sends it again
with the same ``clientMessageId``; the server applies each id once and acknowledges the repeat.

A message without an id is noted too until its run has ended, so that its question is in the thread
also when the server dies before that.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import UNSET

from tui_chat.protocol.codec import encode
from tui_chat.server.journal import Journal, Kept, NoJournal, Operation
from tui_chat.server.threads import StoredMessage, Thread

__all__ = ["Receipt", "Receipts"]

MAX_RECEIPTS: Final = 10_000
"""Ids remembered per user; the oldest are forgotten first."""


@dataclass(slots=True, eq=False)
class Receipt:
    """What became of one message.

    Attributes:
        number: of all messages that were ever taken in, the how-manyth it is.
        owner: the identity of the user who sent it.
        message_id: the client's id for it, empty if it had none.
        provider_res_id: the thread it went to.
        thread_id: that thread's other id.
        question: the message as the thread holds it, or will; None once its run has ended.
        asked: whether it stands in the thread.
        finished: whether its run has ended; then question and answer are stored too.
    """

    number: int
    owner: str
    message_id: str
    provider_res_id: str
    thread_id: str
    question: StoredMessage | None
    asked: bool = False
    finished: bool = False


class Receipts:
    """The messages of all users, by the ids their clients gave them.

    Args:
        journal: where changes are recorded.
    """

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal or NoJournal()
        self._numbers = itertools.count(1)
        self._receipts: dict[str, OrderedDict[str, Receipt]] = {}

    def restore(self, kept: Kept, threads: dict[str, Thread]) -> list[Receipt]:
        """Take in what was kept; return the messages whose questions are in no thread yet.

        Args:
            kept: what was kept.
            threads: all threads, by the ids that clients use.
        """
        unasked = []
        last = 0
        for row in kept.received:
            last = row.number
            thread = threads.get(row.provider_res_id)
            receipt = Receipt(
                row.number,
                row.owner,
                row.message_id,
                row.provider_res_id,
                row.thread_id,
                msgspec.json.decode(row.body, type=StoredMessage) if row.body else None,
                row.asked,
                # A thread that is gone takes its runs with it: there is nothing left to answer.
                row.finished or thread is None,
            )
            if row.message_id:
                self._receipts.setdefault(row.owner, OrderedDict())[row.message_id] = receipt
            elif row.asked:
                self._delete(receipt)  # nobody can ask for its run again
            if not row.asked and thread is not None:
                unasked.append(receipt)
        self._numbers = itertools.count(last + 1)
        return unasked

    def find(self, owner: str, message_id: str) -> Receipt | None:
        """Return the receipt of a message that has been taken in before."""
        return self._receipts.get(owner, OrderedDict()).get(message_id)

    def keep(self, thread: Thread, question: StoredMessage) -> tuple[Receipt, Operation]:
        """Note a message that is being taken in; it has been once the operation is committed."""
        message_id = "" if question.client_message_id is UNSET else question.client_message_id
        receipt = Receipt(
            next(self._numbers),
            thread.owner,
            message_id,
            thread.provider_res_id,
            thread.id,
            question,
        )
        operation: Operation = (
            "INSERT INTO received VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
            (
                receipt.number,
                receipt.owner,
                message_id,
                receipt.provider_res_id,
                receipt.thread_id,
                encode(question),
            ),
        )
        if message_id:
            receipts = self._receipts.setdefault(thread.owner, OrderedDict())
            receipts[message_id] = receipt
            if len(receipts) > MAX_RECEIPTS:
                self._delete(receipts.popitem(last=False)[1])
        return receipt, operation

    def forget(self, receipt: Receipt) -> None:
        """The message was not taken in after all."""
        self._receipts.get(receipt.owner, OrderedDict()).pop(receipt.message_id, None)

    def asked(self, receipt: Receipt) -> None:
        """The question stands in the thread."""
        receipt.asked = True
        self._journal.record(("UPDATE received SET asked = 1 WHERE number = ?", (receipt.number,)))

    def finished(self, receipt: Receipt) -> None:
        """The run has ended, and the answer stands in the thread."""
        receipt.finished = True
        receipt.question = None
        if receipt.message_id:
            self._journal.record(
                ("UPDATE received SET finished = 1, body = x'' WHERE number = ?", (receipt.number,))
            )
        else:
            self._delete(receipt)

    def _delete(self, receipt: Receipt) -> None:
        self._journal.record(("DELETE FROM received WHERE number = ?", (receipt.number,)))
