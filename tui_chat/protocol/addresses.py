"""Where the API's calls go, and the headers they carry.

Apart from the bodies of these calls, because checking a URL must not cost what the codec costs.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AGENT_CONFIGURATION_PATH",
    "KEY_HEADER",
    "REQUEST_ID_HEADER",
    "THREADS_PATH",
    "TICKETS_PATH",
    "TOKEN_HEADER",
    "UPLOAD_PATH",
    "VALIDATE_PATH",
    "WEBSOCKET_PATH",
]

TICKETS_PATH: Final = "/api/v1/tickets"
THREADS_PATH: Final = "/api/v1/threads"
VALIDATE_PATH: Final = "/api/v1/tickets/validate"
UPLOAD_PATH: Final = "/api/v1/upload"
AGENT_CONFIGURATION_PATH: Final = "/api/v1/agent-configuration"
WEBSOCKET_PATH: Final = "/ws"

TOKEN_HEADER: Final = "x-oddle-mp-auth-token"  # noqa: S105 - a header's name
"""Carries the user's token."""
KEY_HEADER: Final = "x-oddle-chat-server-key"
"""Carries the key of the application that is calling."""
REQUEST_ID_HEADER: Final = "x-request-id"
"""One id per attempt, on the ticket request and the handshake, so that two logs can be matched."""
