"""From an open socket to a ready session, as a pure state machine.

Order on the wire: ``session_established``; the client's ``configure_tools`` if there is anything
to configure; ``tools_configured``; ready. A later ``session_established`` is not a new session,
and a later ``configure_tools`` from the server asks for the configuration once more.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from msgspec import UNSET

from tui_chat.protocol.client_frames import ClientFrame, ConfigureTools
from tui_chat.protocol.server_frames import (
    ConfigurationRequest,
    ServerFrame,
    SessionEstablished,
    ToolsConfigured,
)

__all__ = ["SessionSetup"]

MAX_MEMORY: Final = 200
"""Characters of the name of a server's memory of message ids; the rest tells nothing more."""


class _Stage(Enum):
    WAITING = auto()
    CONFIGURING = auto()
    READY = auto()


class SessionSetup:
    """Follows one session from its socket's opening.

    Args:
        configuration: returns what to configure at the moment it is asked, None for nothing.
    """

    def __init__(self, configuration: Callable[[], ConfigureTools | None]) -> None:
        self._configuration = configuration
        self._stage = _Stage.WAITING
        self.capabilities: frozenset[str] = frozenset()
        self.memory = ""

    @property
    def ready(self) -> bool:
        """Whether messages may be sent."""
        return self._stage is _Stage.READY

    def receive(self, frame: ServerFrame) -> ClientFrame | None:
        """Take in a frame; return the one to send in answer, if any."""
        match frame:
            case SessionEstablished() if self._stage is _Stage.WAITING:
                if frame.data:
                    self.capabilities = frozenset(frame.data.capabilities)
                    memory = frame.data.receiptsId
                    self.memory = memory[:MAX_MEMORY] if memory is not UNSET else ""
                return self._configure()
            case ConfigurationRequest() if self._stage is not _Stage.WAITING:
                return self._configuration() or ConfigureTools([])
            case ToolsConfigured() if self._stage is _Stage.CONFIGURING:
                self._stage = _Stage.READY
            case _:
                pass
        return None

    def _configure(self) -> ClientFrame | None:
        frame = self._configuration()
        self._stage = _Stage.READY if frame is None else _Stage.CONFIGURING
        return frame
