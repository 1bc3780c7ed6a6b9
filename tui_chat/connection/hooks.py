"""What the owner of a connection is told."""

from __future__ import annotations

from typing import Protocol

from tui_chat.connection.status import ConnectionStatus
from tui_chat.errors import TuiChatError
from tui_chat.protocol.client_frames import ConfigureTools
from tui_chat.protocol.codec import IgnoredFrame
from tui_chat.protocol.server_frames import ServerFrame

__all__ = ["SessionHooks"]


class SessionHooks(Protocol):
    """What the owner of a connection wants to know. Called on the loop, must not block."""

    def configuration(self) -> ConfigureTools | None:
        """Return the tools and context a new session is configured with, None for nothing."""

    def session_ready(self, capabilities: frozenset[str], memory: str) -> None:
        """Messages may be sent from now on.

        Args:
            capabilities: what the server announced.
            memory: which memory of message ids it has, empty where it does not say.
        """

    def session_lost(self, error: TuiChatError | None) -> None:
        """A session that was ready has ended; None if this client wanted that."""

    def frame_received(self, frame: ServerFrame) -> None:
        """A frame arrived that is not about setting up or keeping the session."""

    def frame_ignored(self, frame: IgnoredFrame) -> None:
        """A frame arrived that could not be used, or not wholly."""

    def status_changed(self, status: ConnectionStatus) -> None:
        """The status is different from what it was."""
