"""What delivery has to know of a ready session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tui_chat.delivery.item import OutboxItem

__all__ = ["CLIENT_MESSAGE_ID", "Session"]

CLIENT_MESSAGE_ID: Final = "client_message_id"
"""The capability of a server that applies each message id once."""


@dataclass(frozen=True, eq=False, slots=True)
class Session:
    """A ready session; every one is another object.

    Attributes:
        capabilities: what the server announced.
        memory: which memory of message ids it has; empty where it does not say.
    """

    capabilities: frozenset[str]
    memory: str

    @property
    def identifies(self) -> bool:
        """Whether messages carry their ids."""
        return CLIENT_MESSAGE_ID in self.capabilities

    def tells_apart(self, item: OutboxItem) -> bool:
        """Say whether the server can tell a repeat of this message from a new one."""
        return self.identifies and item.identified and item.memory == self.memory
