"""What is said about a store and what it holds: plain values, no behaviour to speak of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from tui_chat.conversation.model import DeliveryState
from tui_chat.protocol.urls import ServerUrl
from tui_chat.storage.text import whole

__all__ = [
    "WRITE_POINTS",
    "ConversationSummary",
    "Probe",
    "PurgeReport",
    "Retention",
    "Say",
    "Scope",
    "SearchHit",
    "StorageNotice",
]

WRITE_POINTS: Final = tuple(
    f"{kind}:{moment}"
    for kind in (
        "migrate",
        "claim",
        "items",
        "messages",
        "thread",
        "draft",
        "prompt",
        "release",
        "purge",
    )
    for moment in ("before", "in-transaction", "committed")
)
"""Moments around each transaction, in the thread of the store: before it begins, when everything
is written but not committed, and when it is."""

Probe = Callable[[str], object]
"""Called with one of :data:`WRITE_POINTS` when that moment has come."""


@dataclass(frozen=True)
class Scope:
    """Which server a conversation is held with, and on whose behalf. Holds no secret.

    Attributes:
        server: the server's base URL; made canonical, its query left out.
        entity_id: the entity, None for the server's default.
        entity_type: its type.
        user_id: the user, None where the token says it.

    Raises:
        ConfigurationError: if ``server`` is not a usable URL, or holds a user name or password.
    """

    server: str
    entity_id: str | None = None
    entity_type: str | None = None
    user_id: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "server", str(ServerUrl.parse(self.server)))

    @property
    def key(self) -> str:
        """The four in one text; two scopes have the same one only if they are equal."""
        parts = (self.server, self.entity_id, self.entity_type, self.user_id)
        texts = [None if part is None else whole(part) for part in parts]
        return msgspec.json.encode(texts).decode()


@dataclass(frozen=True)
class StorageNotice:
    """Something about the store that its user should know.

    Attributes:
        code: for machines; ``IN_MEMORY``, ``NEWER``, ``SET_ASIDE``, ``JOURNAL``, ``PERMISSIONS``,
            ``LOCKS``, ``RETENTION``, ``MIGRATION``, ``UNREADABLE``, ``WORKS_AGAIN``, ``CLOSING``,
            or the code of the :class:`~tui_chat.errors.StorageError` that prevents writing.
        sentence: for people; cleaned.
    """

    code: str
    sentence: str


Say = Callable[[str, str], None]
"""Makes a notice of a code and a sentence."""


@dataclass(frozen=True)
class Retention:
    """How long conversations and prompts are kept that nobody uses.

    Attributes:
        days: after this many days without use they are deleted; None keeps them for ever. Days
            are counted in a time of the store's own, which a wall clock that is set far ahead
            moves by a week at most: see :mod:`tui_chat.storage.seen`. Conversations that are open,
            or hold messages that were not sent, stay.
    """

    days: float | None = None

    def __post_init__(self) -> None:
        if self.days is not None and not self.days > 0:
            raise ValueError("days must be above 0, or None to keep everything")


@dataclass(frozen=True)
class ConversationSummary:
    """One conversation in a list.

    Attributes:
        id: names it; 32 hexadecimal digits.
        scope: with which server, and on whose behalf.
        title: the beginning of what the user said first, cleaned, on one line; may be empty.
        touched: rises with every use; the highest is the latest, whatever the clocks said.
        created: epoch seconds by this machine's wall clock.
        updated: the same, of the last use.
        messages: how many it holds.
        unsent: how many messages in the outbox are in which state; only those that are not
            settled, or have failed.
        open_in: the id of the living process that has it open, None if there is none, and 0 where
            there is one that cannot be told.
        draft: whether there is text that was typed and not sent.
    """

    id: str
    scope: Scope
    title: str
    touched: int
    created: float
    updated: float
    messages: int
    unsent: Mapping[DeliveryState, int] = field(default_factory=dict)
    open_in: int | None = None
    draft: bool = False


@dataclass(frozen=True)
class SearchHit:
    """A message that holds what was looked for.

    Attributes:
        conversation_id: the conversation.
        message_id: the message's id in it.
        created: epoch seconds by this machine's wall clock.
        excerpt: the words and some of what stands around them; cleaned, on one line.
    """

    conversation_id: str
    message_id: int
    created: float
    excerpt: str


@dataclass(frozen=True)
class PurgeReport:
    """What a purge did.

    Attributes:
        conversations: how many were deleted.
        messages: how many messages they held.
        items: how many unsent messages were deleted with them.
        prompts: how many remembered prompts were deleted.
        kept_unsent: conversations that stayed because they hold messages that were not sent.
        kept_open: conversations that stayed because a running program has them open.
        erased: whether the database file certainly holds nothing of it any more; false if another
            program was reading it all the time.
        left: files beside the database that may hold old text: damaged databases set aside.
    """

    conversations: int = 0
    messages: int = 0
    items: int = 0
    prompts: int = 0
    kept_unsent: int = 0
    kept_open: int = 0
    erased: bool = True
    left: tuple[Path, ...] = ()
