"""Who asks for a ticket, how the manager behaves, and what a ticket is."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from tui_chat.errors import ConfigurationError, TuiChatError
from tui_chat.secret import Secret

__all__ = [
    "REQUEST_ID",
    "AuthData",
    "ReusePolicy",
    "Ticket",
    "TicketGrant",
    "TicketManagerConfig",
    "TicketSource",
]

ReusePolicy = Literal["auto", "reusable", "single_use"]

REQUEST_ID: ContextVar[str | None] = ContextVar("tui_chat_request_id", default=None)
"""While a source fetches, the id that goes out with the request, so that logs can be matched."""


@dataclass(frozen=True)
class AuthData:
    """The credentials and the identity a ticket is asked for. Immutable; secrets stay masked.

    Attributes:
        user_mp_auth_token: the user's token; a plain string is wrapped.
        chat_server_key: which application is calling; a plain string is wrapped.
        user_id: sent only to servers of the older generation.
        entity_id: whom the user acts for.
        entity_type: ``BRAND``, ``ACCOUNT`` or ``USER``.
        provider_res_id: the thread the ticket is for, where the server wants to know.

    Raises:
        ConfigurationError: if a secret holds what an HTTP header cannot carry.
    """

    user_mp_auth_token: Secret
    chat_server_key: Secret
    user_id: str | None = None
    entity_id: str | None = None
    entity_type: str | None = None
    provider_res_id: str | None = None

    def __init__(
        self,
        user_mp_auth_token: str | Secret,
        chat_server_key: str | Secret,
        user_id: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        provider_res_id: str | None = None,
    ) -> None:
        # Written out so that callers may pass plain strings and types still hold.
        put = object.__setattr__
        put(self, "user_mp_auth_token", _header_secret(user_mp_auth_token, "token"))
        put(self, "chat_server_key", _header_secret(chat_server_key, "server key"))
        put(self, "user_id", user_id)
        put(self, "entity_id", entity_id)
        put(self, "entity_type", entity_type)
        put(self, "provider_res_id", provider_res_id)

    @property
    def secrets(self) -> tuple[Secret, Secret]:
        """Token and server key."""
        return self.user_mp_auth_token, self.chat_server_key

    def changed(self, **changes: Any) -> AuthData:
        """Return a copy with some fields replaced.

        Raises:
            TypeError: for a name that is not a field.
        """
        return replace(self, **changes)


def _header_secret(value: str | Secret, name: str) -> Secret:
    secret = Secret(value)
    text = secret.reveal()
    if text.strip() != text or not text.isascii() or not text.isprintable():
        raise ConfigurationError(
            f"The {name} holds characters that cannot be sent (blanks around it, a line break, or "
            "something that is not ASCII). Copy it again."
        )
    return secret


@dataclass(frozen=True, slots=True)
class TicketManagerConfig:
    """How a :class:`~tui_chat.ticket.TicketManager` behaves. All times in seconds.

    Attributes:
        check_interval: upper bound between two looks of the proactive renewal.
        renewal_threshold: renew when less than this remains; at most half a ticket's lifetime.
        max_attempts: tries per refresh, in all.
        retry_base_delay: base of the exponential backoff between tries, full jitter.
        request_timeout: one deadline over a whole request, body included.
        reuse: whether a ticket serves several handshakes; ``"auto"`` finds out.
        on_error: called with the error of each failed refresh.
    """

    check_interval: float = 60.0
    renewal_threshold: float = 300.0
    max_attempts: int = 3
    retry_base_delay: float = 1.0
    request_timeout: float = 30.0
    reuse: ReusePolicy = "auto"
    on_error: Callable[[TuiChatError], object] | None = None

    def __post_init__(self) -> None:
        for name in ("check_interval", "request_timeout"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigurationError(f"{name} must be a positive number of seconds.")
        for name in ("renewal_threshold", "retry_base_delay"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigurationError(f"{name} must not be negative.")
        if self.max_attempts < 1:
            raise ConfigurationError("max_attempts must be at least 1.")
        if self.reuse not in ("auto", "reusable", "single_use"):
            raise ConfigurationError("reuse must be 'auto', 'reusable' or 'single_use'.")


@dataclass(frozen=True, slots=True)
class TicketGrant:
    """What a ticket server hands out.

    Attributes:
        value: the ticket.
        expires_at: its expiry in epoch seconds, by the server's clock.
        server_time: the server's clock when it answered (its ``Date``), epoch seconds; None when
            unknown, and then this machine's wall clock has to do.
        request_id: the id that went out with the request, for matching logs.
    """

    value: Secret
    expires_at: float
    server_time: float | None = None
    request_id: str | None = None


class TicketSource(Protocol):
    """Where tickets come from. Implement this for another ticket API and keep everything else."""

    async def fetch(self, auth: AuthData) -> TicketGrant:
        """Ask for one ticket, once; retrying, timing out and sharing are the manager's part.

        ``REQUEST_ID.get()`` is the id that should go out with the request.

        Raises:
            TuiChatError: whose class says what the manager does about it: a ``TransientError`` is
                retried, ``CredentialsRejected`` and ``RequestRejected`` are not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket this process holds. Times on the boot clock of :mod:`tui_chat.clock`.

    Attributes:
        value: the ticket itself.
        serial: 1, 2, 3 ... in the order this process received them.
        obtained: when the request for it was sent.
        deadline: when it expires, safety included; it must not be used from then on.
        usable_until: when this client stops handing it out (deadline less the buffer).
        renew_at: when the proactive renewal replaces it.
        expires_at: the server's own expiry, epoch seconds by the server's clock.
        skew: server clock less this machine's wall clock, seconds; None without a server time.
        clamped: whether the server claims a longer life than is believed.
    """

    value: Secret
    serial: int
    obtained: float
    deadline: float
    usable_until: float
    renew_at: float
    expires_at: float
    skew: float | None
    clamped: bool = False

    @property
    def lifetime(self) -> float:
        """Seconds from request to deadline."""
        return self.deadline - self.obtained
