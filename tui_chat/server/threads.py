"""Threads and their messages: in memory, and in the journal."""

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
from tui_chat.protocol.codec import encode
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.server.journal import Journal, Kept, NoJournal, Operation

__all__ = ["StoredMessage", "Thread", "ThreadChange", "ThreadLimits", "ThreadStore", "ToolData"]

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
    client_message_id: str | UnsetType = UNSET


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
        weights: how much each message holds, in the same order.
        places: where each of them stands: the number of its question, and of the part within it.
        questions: questions asked so far.
        chars: how much the messages hold, all together.
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
    weights: deque[int] = field(default_factory=deque)
    places: deque[tuple[int, int]] = field(default_factory=deque)
    questions: int = 0
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


@dataclass(frozen=True, slots=True)
class ThreadLimits:
    """How much is kept.

    What a message holds is counted in characters, attachments' URLs and the JSON of tool calls
    included.

    Attributes:
        threads: threads per user; the one that has been quiet longest goes first.
        messages: messages per thread; the oldest go first.
        chars: what a thread's messages may hold together, the last one in any case.
        chars_per_user: what all threads of a user may hold together, the last one in any case.
    """

    threads: int = 200
    messages: int = 2000
    chars: int = 4_000_000
    chars_per_user: int = 32_000_000


class ThreadStore:
    """All threads of all users. A user never learns of another one's threads.

    Args:
        clock: tells the time.
        limits: how much is kept.
        journal: where changes are recorded.
    """

    def __init__(
        self,
        clock: Clock,
        limits: ThreadLimits | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._clock = clock
        self._limits = limits or ThreadLimits()
        self._journal = journal or NoJournal()
        self._touches = 0
        # Per owner, the one that changed last comes last.
        self._threads: dict[str, dict[str, Thread]] = {}

    def open(
        self, owner: str, *, entity_id: str | None = None, entity_type: str | None = None
    ) -> Thread:
        """Start a thread."""
        thread = self.new(owner, entity_id=entity_id, entity_type=entity_type)
        with self._journal.together():
            self._journal.record(self.row(thread))
            self.add(thread)
        return thread

    def new(
        self, owner: str, *, entity_id: str | None = None, entity_type: str | None = None
    ) -> Thread:
        """Return a thread that is in no store yet; see :meth:`add`."""
        now = self._clock.wall()
        return Thread(
            provider_res_id=f"thread_{secrets.token_urlsafe(12)}",
            id=str(uuid.uuid4()),
            owner=owner,
            created=now,
            updated=now,
            entity_id=entity_id,
            entity_type=entity_type,
        )

    def add(self, thread: Thread) -> None:
        """Take in a new thread, whose :meth:`row` is in the journal already."""
        threads = self._threads.setdefault(thread.owner, {})
        threads[thread.provider_res_id] = thread
        self._journal.record(*self._make_room(threads))

    def restore(self, kept: Kept) -> None:
        """Take in what was kept, as much of it as the limits allow now."""
        for touch, body in kept.threads:
            row = msgspec.json.decode(body, type=_Row)
            self._touches = touch
            thread = Thread(**msgspec.structs.asdict(row))
            self._threads.setdefault(thread.owner, {})[thread.provider_res_id] = thread
            for question, part, message in kept.messages.get(thread.provider_res_id, ()):
                found, weight = _weighed(msgspec.json.decode(message, type=StoredMessage))
                thread.messages.append(found)
                thread.weights.append(weight)
                thread.places.append((question, part))
                thread.chars += weight
                thread.questions = max(thread.questions, question)
            self._journal.record(*self._trim(thread))
        for threads in self._threads.values():
            self._journal.record(*self._make_room(threads))

    def find(self, owner: str, provider_res_id: str) -> Thread | None:
        """Return the owner's thread of that id."""
        return self._threads.get(owner, {}).get(provider_res_id)

    def all(self) -> dict[str, Thread]:
        """Return the threads of all users, by their ids."""
        return {
            name: thread for threads in self._threads.values() for name, thread in threads.items()
        }

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
        """Add messages at the end of a thread; its first question becomes its title."""
        self._insert(thread, messages, len(thread.messages))

    def answer(self, thread: Thread, question_id: str, messages: Iterable[StoredMessage]) -> None:
        """Add what answers a question, after it: other questions may have been asked since."""
        for index in range(len(thread.messages) - 1, -1, -1):
            if thread.messages[index].id == question_id:
                question = thread.places[index][0]
                while index < len(thread.places) and thread.places[index][0] == question:
                    index += 1  # noqa: PLW2901 - to the end of the question's parts
                self._insert(thread, messages, index)
                return
        self.append(thread, messages)  # so many messages came since that the question is gone

    def _insert(self, thread: Thread, messages: Iterable[StoredMessage], index: int) -> None:
        operations: list[Operation] = []
        for given in messages:
            message, weight = _weighed(given)
            if message.role == "user" or not index:
                thread.questions += 1
                place = (thread.questions, 0)
            else:
                question, part = thread.places[index - 1]
                place = (question, part + 1)
            thread.messages.insert(index, message)
            thread.weights.insert(index, weight)
            thread.places.insert(index, place)
            thread.chars += weight
            index += 1
            operations.append(
                (
                    "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?)",
                    (thread.provider_res_id, *place, encode(message)),
                )
            )
            if thread.title is None and message.role == "user":
                thread.title = " ".join(message.content[: 4 * TITLE_LENGTH].split())[:TITLE_LENGTH]
        operations += self._trim(thread)
        if self.find(thread.owner, thread.provider_res_id) is not thread:
            return  # It was dropped while its run went on, and must not come back with a restart.
        operations.append(self._touch(thread))
        operations += self._make_room(self._threads[thread.owner])
        self._journal.record(*operations)

    def change(self, thread: Thread, change: ThreadChange) -> None:
        """Apply what a client wants changed."""
        for name in change.__struct_fields__:
            value = getattr(change, name)
            if value is not UNSET:
                setattr(thread, name, value)
        if self.find(thread.owner, thread.provider_res_id) is thread:
            self._journal.record(self._touch(thread))

    def _trim(self, thread: Thread) -> Iterable[Operation]:
        """Drop the oldest messages of a thread, while there are too many."""
        operations: list[Operation] = []
        while len(thread.messages) > 1 and (
            len(thread.messages) > self._limits.messages or thread.chars > self._limits.chars
        ):
            thread.messages.popleft()
            thread.chars -= thread.weights.popleft()
            operations.append(
                (
                    "DELETE FROM messages WHERE thread = ? AND question = ? AND part = ?",
                    (thread.provider_res_id, *thread.places.popleft()),
                )
            )
        return operations

    def _make_room(self, threads: dict[str, Thread]) -> Iterable[Operation]:
        """Drop the threads of one user that have been quiet longest, while there are too many."""
        held = sum(thread.chars for thread in threads.values())
        operations: list[Operation] = []
        while len(threads) > 1 and (
            len(threads) > self._limits.threads or held > self._limits.chars_per_user
        ):
            gone = threads.pop(next(iter(threads)))
            held -= gone.chars
            operations += [
                (f"DELETE FROM {table} WHERE {column} = ?", (gone.provider_res_id,))  # noqa: S608 - ours
                for table, column in (("threads", "provider_res_id"), ("messages", "thread"))
            ]
        return operations

    def _touch(self, thread: Thread) -> Operation:
        thread.updated = self._clock.wall()
        threads = self._threads.get(thread.owner, {})
        if threads.pop(thread.provider_res_id, None) is not None:
            threads[thread.provider_res_id] = thread
        return self.row(thread)

    def row(self, thread: Thread) -> Operation:
        """Return what keeps a thread as it is now, its messages aside."""
        self._touches += 1
        row = _Row(*(getattr(thread, name) for name in _Row.__struct_fields__))
        return (
            "INSERT OR REPLACE INTO threads VALUES (?, ?, ?)",
            (thread.provider_res_id, self._touches, encode(row)),
        )


class _Row(msgspec.Struct):
    """What is kept of a thread beside its messages; a part of :class:`Thread`."""

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


def _weighed(message: StoredMessage) -> tuple[StoredMessage, int]:
    """Return a message as it can be kept, and how much it holds.

    An agent may have yielded a tool result that is not JSON: its run has failed over that, and the
    history must not.
    """
    weight = len(message.content)
    if message.media is not UNSET:
        weight += sum(map(len, message.media))
    if message.tool_data is not UNSET:
        try:
            weight += len(encode(message.tool_data))
        except (TypeError, ValueError, RecursionError):
            message = msgspec.structs.replace(message, tool_data=UNSET)
    return message, weight
