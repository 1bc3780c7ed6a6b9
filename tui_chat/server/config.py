"""Everything about the server that can be chosen, with its default and its unit."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from typing import Final, Literal

from tui_chat.errors import ConfigurationError
from tui_chat.protocol.codec import MAX_FRAME_BYTES
from tui_chat.server.users import User

__all__ = ["CAPABILITIES", "ServerConfig", "is_loopback"]

LONGEST_TTL: Final = 366 * 86_400.0
"""Seconds; nobody's ticket lives longer, and later years cannot be written as a time."""

CAPABILITIES: Final = ("client_message_id", "thread_list", "history_pages")
"""The extensions this server implements; ``session_established`` announces them."""

RejectMode = Literal["handshake", "frame"]


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
        max_sessions: open WebSockets, all users together.
        max_message_chars: length of one chat message.
        max_body_bytes: size of an HTTP request's body.
        max_frame_bytes: size of a WebSocket message; a larger one ends the connection with 1009.
        request_timeout: how long a request's body may take to arrive.
        allowed_hosts: names accepted in ``Host`` beside loopback and ``host`` itself.
        allowed_origins: values accepted in ``Origin``. Programs send none; browsers always do.
        date_skew: how far the server's wall clock is off. For tests.
        announce: the extensions to announce.
        record: whether to keep every frame clients send, for tests.

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
    max_sessions: int = 256
    max_message_chars: int = 1_000_000
    max_body_bytes: int = 256 * 1024
    max_frame_bytes: int = MAX_FRAME_BYTES
    request_timeout: float = 10.0
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    date_skew: float = 0.0
    announce: tuple[str, ...] = CAPABILITIES
    record: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigurationError("The port must be from 0 to 65535; 0 takes any free one.")
        for name in ("ticket_ttl", "tool_timeout", "run_timeout", "request_timeout"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ConfigurationError(f"{name} must be a positive number of seconds.")
        if self.ticket_ttl > LONGEST_TTL:
            raise ConfigurationError("ticket_ttl must be at most a year.")
        for name in ("ticket_rate", "heartbeat_interval"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ConfigurationError(f"{name} must not be negative; 0 switches it off.")
        for name in ("ticket_burst", "max_sessions", "max_body_bytes", "max_frame_bytes"):
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
