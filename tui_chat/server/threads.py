"""Threads and their messages, in memory."""

from __future__ import annotations

import secrets
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from tui_chat.clock import Clock
from tui_chat.protocol.timestamps import format_timestamp

__all__ = ["StoredMessage", "Thread", "ThreadChange", "ThreadStore", "ToolData"]

MAX_THREADS: Final = 200
"""Threads kept per user; the one that has been quiet longest goes first."""
MAX_MESSAGES: Final = 2000
"""Messages kept per thread; the oldest go first."""
MAX_CHARS: Final = 4_000_000
"""Characters kept per thread, the last message's in any case; the oldest messages go first."""
MAX_PAGE: Final = 200
"""Messages or threads in one answer."""
TITLE_LENGTH: Final = 60


class ToolData(msgspec.Struct, frozen=True, rename="camel"):
    """What a message of role ``tooling`` is about."""

    tool_name: str
    call_id: str
    parameters: Any = UNSET
    result: Any = UNSET
    status: str = "completed"


class StoredMessage(msgspec.Struct, frozen=True, rename="camel"):
    """One message as ``GET /api/v1/messages/query`` returns it."""

    id: str
    role: str
    content: str
    timestamp: str
    media: list[str] | UnsetType = UNSET
    tool_data: ToolData | UnsetType = UNSET


class ThreadChange(msgspec.Struct, frozen=True, rename="camel"):
    """The body of ``PATCH /api/v1/threads/{id}``; what is absent stays, null clears."""

    title: str | UnsetType | None = UNSET
    tag: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    entity_id: str | UnsetType | None = UNSET
    entity_type: str | UnsetType | None = UNSET


@dataclass(slots=True)
class Thread:
    """A conversation of one user.

    Attributes:
        provider_res_id: the id that clients use for it.
        id: the id of its own database row, as it were.
        owner: the identity of the user it belongs to.
        created: epoch seconds.
        updated: epoch seconds.
        messages: what was said, the oldest first.
        chars: how long the messages are, all together.
    """

    provider_res_id: str
    id: str
    owner: str
    created: float
    updated: float
    title: str | None = None
    tag: str | None = None
    metadata: dict[str, Any] | None = None
    entity_id: str | None = None
    entity_type: str | None = None
    messages: deque[StoredMessage] = field(default_factory=deque)
    chars: int = 0

    def to_wire(self) -> dict[str, Any]:
        """Return the thread as the HTTP API shows it."""
        return {
            "id": self.id,
            "convUuid": self.provider_res_id,
            "providerResId": self.provider_res_id,
            "title": self.title or "",
            "agentType": "offline",
            "isArchived": False,
            "createdAt": format_timestamp(self.created),
            "updatedAt": format_timestamp(self.updated),
        }

    def page(self, *, before: str | None, limit: int | None) -> list[StoredMessage]:
        """Return messages in the order they were written.

        Args:
            before: only what came before the message with this id; an unknown id gives nothing.
            limit: at most so many, the latest of them; None gives as many as one answer holds.
        """
        messages = list(self.messages)
        if before is not None:
            places = (place for place, message in enumerate(messages) if message.id == before)
            messages = messages[: next(places, 0)]
        return messages[-min(limit or MAX_PAGE, MAX_PAGE) :]


class ThreadStore:
    """All threads of all users. A user never learns of another one's threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Per owner, the one that changed last comes last.
        self._threads: dict[str, dict[str, Thread]] = {}

    def open(
        self, owner: str, *, entity_id: str | None = None, entity_type: str | None = None
    ) -> Thread:
        """Start a thread."""
        now = self._clock.wall()
        thread = Thread(
            provider_res_id=f"thread_{secrets.token_urlsafe(12)}",
            id=str(uuid.uuid4()),
            owner=owner,
            created=now,
            updated=now,
            entity_id=entity_id,
            entity_type=entity_type,
        )
        threads = self._threads.setdefault(owner, {})
        threads[thread.provider_res_id] = thread
        while len(threads) > MAX_THREADS:
            del threads[next(iter(threads))]
        return thread

    def find(self, owner: str, provider_res_id: str) -> Thread | None:
        """Return the owner's thread of that id."""
        return self._threads.get(owner, {}).get(provider_res_id)

    def list(self, owner: str, *, limit: int | None = None) -> list[Thread]:
        """Return the owner's threads, the one that changed last first."""
        threads = list(self._threads.get(owner, {}).values())
        return threads[::-1][: min(limit or MAX_PAGE, MAX_PAGE)]

    def latest(
        self,
        owner: str,
        *,
        entity_id: str | None = None,
        entity_type: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Thread | None:
        """Return the owner's thread that changed last among those that match what is given."""
        wanted = metadata or {}
        for thread in reversed(self._threads.get(owner, {}).values()):
            has = thread.metadata or {}
            if (
                entity_id in (None, thread.entity_id)
                and entity_type in (None, thread.entity_type)
                and all(name in has and has[name] == value for name, value in wanted.items())
            ):
                return thread
        return None

    def append(self, thread: Thread, messages: Iterable[StoredMessage]) -> None:
        """Add messages to a thread; its first question becomes its title."""
        for message in messages:
            thread.messages.append(message)
            thread.chars += len(message.content)
            if thread.title is None and message.role == "user":
                thread.title = " ".join(message.content[: 4 * TITLE_LENGTH].split())[:TITLE_LENGTH]
        while len(thread.messages) > 1 and (
            len(thread.messages) > MAX_MESSAGES or thread.chars > MAX_CHARS
        ):
            thread.chars -= len(thread.messages.popleft().content)
        self._touch(thread)

    def change(self, thread: Thread, change: ThreadChange) -> None:
        """Apply what a client wants changed."""
        for name in change.__struct_fields__:
            value = getattr(change, name)
            if value is not UNSET:
                setattr(thread, name, value)
        self._touch(thread)

    def _touch(self, thread: Thread) -> None:
        thread.updated = self._clock.wall()
        threads = self._threads.get(thread.owner, {})
        if threads.pop(thread.provider_res_id, None) is not None:
            threads[thread.provider_res_id] = thread
