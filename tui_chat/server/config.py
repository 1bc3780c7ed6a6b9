"""Everything about the server that can be chosen, with its default and its unit."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tui_chat.errors import ConfigurationError
from tui_chat.protocol.codec import MAX_FRAME_BYTES
from tui_chat.protocol.http import MAX_UPLOAD_BYTES
from tui_chat.server.users import User

__all__ = ["CAPABILITIES", "ServerConfig", "is_loopback"]

LONGEST_TTL: Final = 366 * 86_400.0
"""Seconds; nobody's ticket lives longer, and later years cannot be written as a time."""

CAPABILITIES: Final = ("client_message_id", "thread_list", "history_pages", "ticket_revoke")
"""The extensions this server implements; ``session_established`` announces them."""

RejectMode = Literal["handshake", "frame"]

_DURATIONS: Final = (
    "ticket_ttl",
    "tool_timeout",
    "run_timeout",
    "request_timeout",
    "upload_timeout",
)
_AT_LEAST_ONE: Final = (
    "ticket_burst",
    "message_burst",
    "max_connections",
    "max_sessions",
    "max_sessions_per_user",
    "max_media",
    "max_header_bytes",
    "max_body_bytes",
    "max_frame_bytes",
    "max_upload_bytes",
    "upload_space",
    "max_uploads",
    "max_threads",
    "max_messages",
    "max_thread_chars",
    "max_history_chars",
)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How a server behaves. Times in seconds, sizes in bytes.

    Attributes:
        host: the address to listen on. Anything but loopback is for whoever knows why.
        port: the port; 0 takes any free one.
        users: who may connect; empty makes one user with random credentials.
        ticket_ttl: how long a ticket lives.
        single_use: whether a handshake spends its ticket.
        ticket_rate: ticket requests a minute and user; 0 switches the limit off.
        ticket_burst: how many of them may come at once.
        reject_mode: a bad ticket is answered with 401 at the handshake, or is accepted and
            answered with an ``authentication_error`` frame and a close, as some servers do.
        reject_close_code: the close code in the second case.
        heartbeat_interval: time between two ``heartbeat_ping`` frames on a session; 0 sends none.
        tool_timeout: how long a client has for a tool call.
        run_timeout: how long the agent has for an answer.
        max_queued_runs: messages that may wait while a thread's run goes on.
        max_connections: open TCP connections, all together; one more is cut at once.
        max_sessions: open WebSockets, all users together; one more is answered with 503.
        max_sessions_per_user: open WebSockets of one user; one more is answered with 429.
        message_rate: frames a minute and connection; 0 switches the limit off. A frame too many
            is ignored with an ``error`` frame, ``RATE_LIMITED``; going on ends the connection
            with 1008.
        message_burst: how many of them may come at once.
        max_message_chars: length of one chat message.
        max_media: attachments of one message, and files of one upload.
        max_header_bytes: size of a request's line and headers together (431).
        max_body_bytes: size of an HTTP request's body, uploads excepted (413).
        max_frame_bytes: size of a WebSocket message; a larger one ends the connection with 1009.
        request_timeout: how long a request's headers may take to arrive, and its body.
        max_upload_bytes: size of one uploaded file (413).
        upload_space: size of all uploaded files together; see
            :class:`~tui_chat.server.uploads.UploadStore` for which ones make room.
        max_uploads: number of uploaded files, likewise.
        upload_timeout: how long the body of an upload may take to arrive.
        max_threads: threads kept per user; the one that has been quiet longest goes first.
        max_messages: messages kept per thread; the oldest go first.
        max_thread_chars: what a thread's messages may hold together, the last one in any case.
        max_history_chars: what all threads of one user may hold together.
        allowed_hosts: names accepted in ``Host`` beside loopback and ``host`` itself.
        allowed_origins: values accepted in ``Origin``. Programs send none; browsers always do.
        date_skew: how far the server's wall clock is off. For tests.
        announce: the extensions to announce.
        record: whether to keep every frame clients send, for tests.
        data: the file that keeps threads and applied messages over restarts; None for none.

    Raises:
        ConfigurationError: for a value that makes no sense.
    """

    host: str = "127.0.0.1"
    port: int = 0
    users: tuple[User, ...] = ()
    ticket_ttl: float = 300.0
    single_use: bool = False
    ticket_rate: float = 120.0
    ticket_burst: int = 60
    reject_mode: RejectMode = "handshake"
    reject_close_code: int = 1008
    heartbeat_interval: float = 30.0
    tool_timeout: float = 60.0
    run_timeout: float = 600.0
    max_queued_runs: int = 8
    max_connections: int = 512
    max_sessions: int = 256
    max_sessions_per_user: int = 32
    message_rate: float = 1200.0
    message_burst: int = 200
    max_message_chars: int = 1_000_000
    max_media: int = 5
    max_header_bytes: int = 32 * 1024
    max_body_bytes: int = 256 * 1024
    max_frame_bytes: int = MAX_FRAME_BYTES
    request_timeout: float = 10.0
    max_upload_bytes: int = MAX_UPLOAD_BYTES
    upload_space: int = 256 * 1024 * 1024
    max_uploads: int = 1000
    upload_timeout: float = 120.0
    max_threads: int = 200
    max_messages: int = 2000
    max_thread_chars: int = 4_000_000
    max_history_chars: int = 32_000_000
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    date_skew: float = 0.0
    announce: tuple[str, ...] = CAPABILITIES
    record: bool = False
    data: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigurationError("The port must be from 0 to 65535; 0 takes any free one.")
        for name in _DURATIONS:
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ConfigurationError(f"{name} must be a positive number of seconds.")
        if self.ticket_ttl > LONGEST_TTL:
            raise ConfigurationError("ticket_ttl must be at most a year.")
        for name in ("ticket_rate", "message_rate", "heartbeat_interval"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ConfigurationError(f"{name} must not be negative; 0 switches it off.")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1.")
        if self.reject_mode not in ("handshake", "frame"):
            raise ConfigurationError("reject_mode must be 'handshake' or 'frame'.")
        if unknown := set(self.announce) - set(CAPABILITIES):
            names = ", ".join(sorted(unknown))
            raise ConfigurationError(f"This server cannot announce what it cannot do: {names}.")


def is_loopback(host: str) -> bool:
    """Say whether a name or address can only mean this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
