"""Compares what was typed and decided with what is kept, shown, and was applied in truth."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.property.delivery_record import Disk
from tests.property.delivery_server import ChatServer
from tui_chat import WebSocketChatClient
from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.item import OPEN, OutboxItem

__all__ = ["Typed", "Witness", "complaints_into"]

_S = DeliveryState
ARRIVED = frozenset({_S.RECEIVED, _S.PERSISTED})
SHOWN = OPEN | {_S.FAILED}


@dataclass
class Typed:
    """A message the user typed, as the user knows it.

    Attributes:
        tag: tells it from all others, also from those with the same text.
        texts: what it may say: as typed, or as it was edited.
        began: when it took its place in the order of typing, or of being released; it is
            certain from ``settled`` on.
        item_id: empty before it was accepted.
        refused: whether the user was told that it was not taken in.
        out_of_turn: whether the user sent it at once, or again.
        resends: how often the user chose to send it again while it was unknown.
        given_up: when the user was told that it will not be sent (any more).
    """

    tag: str
    texts: set[str]
    began: int
    settled: float = math.inf
    item_id: str = ""
    refused: bool = False
    out_of_turn: bool = False
    resends: int = 0
    given_up: float | None = None


class Witness:
    """Looks at everything when all has come to rest.

    Args:
        typed: what the user typed, by tag.
        disk: what is kept.
        server: what was applied.
        client: what is shown.
        dedupes: whether the server knows message ids.
        certain: whether the server tells every repeat apart, and so nothing may stay unknown.
        violations: gets what must not be.
    """

    def __init__(
        self,
        typed: dict[str, Typed],
        disk: Disk,
        server: ChatServer,
        client: WebSocketChatClient,
        *,
        dedupes: bool,
        certain: bool,
        violations: list[str],
    ) -> None:
        self._typed, self._disk, self._server, self._client = typed, disk, server, client
        self._dedupes, self._certain, self._violations = dedupes, certain, violations

    def _violated(self, what: str) -> None:
        self._violations.append(what)

    def compare(self) -> None:
        kept = {item.media[0]: item for item in self._disk.items.values()}
        shown = {item.id: item for item in self._client.delivery.items()}
        for tag, message in self._typed.items():
            applied = self._server.applied.count(tag)
            item = kept.get(tag)
            if item is None:
                if message.item_id:
                    self._violated(f"{tag} was accepted, and is not kept")
                if applied:
                    self._violated(f"{tag} was applied, and nobody knows of it")
                continue
            if message.refused:
                self._violated(f"{tag} was refused, and is kept")
            self._compare_states(tag, item, shown.get(item.id))
            self._compare_applied(tag, message, item, applied)
        self._compare_conversation()

    def _compare_states(self, tag: str, item: OutboxItem, shown: OutboxItem | None) -> None:
        if (shown is not None) is not (item.state in SHOWN):
            self._violated(f"invariant 11: {tag} is kept as {item.state} and shown as {shown}")
        elif shown is not None and shown.state is not item.state:
            self._violated(f"invariant 11: {tag} is {shown.state}, and kept as {item.state}")

    def _compare_applied(self, tag: str, message: Typed, item: OutboxItem, applied: int) -> None:
        number = 13 if self._dedupes else 14
        note = (
            f"{tag} was applied {applied} times and is {item.state}: {self._disk.states[item.id]}"
        )
        most = 1 if self._certain else 1 + message.resends
        if applied > most:
            self._violated(f"invariant {number}: {note}, with {message.resends} resends")
        if not applied and item.state in ARRIVED:
            self._violated(f"invariant {number}: {note}")
        if applied and item.state is _S.FAILED and not message.resends:
            self._violated(f"invariant {number}: {note}")
        if applied and item.state is _S.DISCARDED and not self._was_on_its_way(item):
            self._violated(f"invariant {number}: {note}")
        if self._certain and item.state is _S.UNKNOWN:
            self._violated(f"invariant 13: {note}")

    def _was_on_its_way(self, item: OutboxItem) -> bool:
        return _S.UNKNOWN in self._disk.states[item.id]

    def _compare_conversation(self) -> None:
        messages = [m for m in self._client.snapshot() if m.outbox_id]
        for item in self._disk.items.values():
            here = [m for m in messages if m.outbox_id == item.id]
            if len(here) != (1 if item.message_id is not None else 0):
                self._violated(f"invariant 11: {item.media[0]} stands {len(here)} times, {item}")
            elif here and here[0].delivery is not item.state:
                self._violated(f"invariant 11: {item.state} is shown as {here[0].delivery}")
        shown = [m.outbox_id for m in messages]
        if len(shown) != len(set(shown)):
            self._violated("invariant 11: a message stands twice in the conversation")


class _Complaints(logging.Handler):
    def __init__(self, violations: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._violations = violations

    def emit(self, record: logging.LogRecord) -> None:
        self._violations.append(f"a complaint in the log: {record.getMessage()}")


@contextmanager
def complaints_into(violations: list[str]) -> Iterator[None]:
    """Take every warning of the library, such as a frame it could not handle, for a violation."""
    handler, logger = _Complaints(violations), logging.getLogger("tui_chat")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
