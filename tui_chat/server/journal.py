"""What a server remembers beyond its memory: nothing, or what a data file holds.

The stores live in memory and are what counts while the server runs. Each change of them is also a
:data:`Operation`, recorded in a journal; before the server acknowledges anything to a client it
waits until that is committed.
"""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from tui_chat.errors import TuiChatError

__all__ = ["Journal", "JournalFailed", "Kept", "KeptMessage", "NoJournal", "Operation"]

Operation = tuple[str, tuple[Any, ...]]
"""An SQL statement and its values."""


class JournalFailed(TuiChatError):
    """Something could not be committed."""

    code = "STORAGE"


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message that was taken in: what a server needs to know of it after a restart.

    Attributes:
        number: its own, rising.
        owner: the identity of the user who sent it.
        message_id: the client's id for it, empty if it had none.
        provider_res_id: the thread it went to.
        thread_id: that thread's other id.
        body: the question, as JSON of a ``StoredMessage``; empty once its run has ended.
        asked: whether its question stands in the thread.
        finished: whether its run has ended.
    """

    number: int
    owner: str
    message_id: str
    provider_res_id: str
    thread_id: str
    body: bytes
    asked: bool
    finished: bool


@dataclass(slots=True)
class Kept:
    """Everything a data file holds, oldest first.

    Attributes:
        threads: when each thread changed, as a rising number, and its row as JSON.
        messages: per thread, place and JSON of each message, in order.
        received: the messages that were taken in.
    """

    threads: list[tuple[int, bytes]] = field(default_factory=list)
    messages: dict[str, list[tuple[int, int, bytes]]] = field(default_factory=dict)
    received: list[KeptMessage] = field(default_factory=list)


class Journal(Protocol):
    """Keeps changes."""

    @property
    def receipts_id(self) -> str:
        """Which memory of message ids this is; another one after that memory was lost."""
        ...

    def load(self) -> Kept:
        """Return what was kept. Called once, before anything is recorded."""
        ...

    def record(self, *operations: Operation) -> None:
        """Commit these soon, all or none, after what was recorded before."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Commit what is recorded within the block in one piece, all or none.

        A process that is killed in between would leave half of it. The block must not await, and
        blocks do not nest.
        """
        ...

    async def commit(self, *operations: Operation) -> None:
        """Commit these, and everything recorded before; return when that has been done.

        Raises:
            JournalFailed: if it has not. These are forgotten then; what was recorded before is
                tried again.
        """
        ...

    async def aclose(self) -> None:
        """Commit what is left, and let go of the file. Idempotent."""
        ...

    def close(self) -> None:
        """Do the same without an event loop."""
        ...


class NoJournal:
    """Keeps nothing: the memory of this process is all there is."""

    def __init__(self) -> None:
        self.receipts_id = secrets.token_urlsafe(12)

    def load(self) -> Kept:
        """Return nothing."""
        return Kept()

    def record(self, *operations: Operation) -> None:
        """Nothing to do."""

    def together(self) -> AbstractContextManager[None]:
        """Nothing to hold together."""
        return nullcontext()

    async def commit(self, *operations: Operation) -> None:
        """Nothing to wait for."""

    async def aclose(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""
