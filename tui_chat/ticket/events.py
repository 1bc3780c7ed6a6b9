"""What the ticket manager tells whoever listens. No event holds a ticket, token or key.

Times are on the boot clock of :mod:`tui_chat.clock` unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui_chat.clock import ClockJump
from tui_chat.errors import TuiChatError

__all__ = [
    "TicketClockJump",
    "TicketDropped",
    "TicketEvent",
    "TicketExpired",
    "TicketRenewalFailed",
    "TicketRenewed",
    "TicketRenewing",
    "TicketView",
]


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket as it may be shown.

    Attributes:
        serial: 1, 2, 3 ... in the order received.
        digest: eight hexadecimal characters that tell tickets of one run apart.
        lifetime: seconds from request to expiry.
        deadline: when it expires.
        renew_at: when it will be renewed.
        expires_at: the server's expiry, epoch seconds by the server's clock.
    """

    serial: int
    digest: str
    lifetime: float
    deadline: float
    renew_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class TicketRenewing:
    """A request for a ticket is about to be sent; ``attempt`` counts from 1."""

    attempt: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class TicketRenewed:
    """A fresh ticket has arrived; ``duration`` is the refresh in seconds, retries included."""

    ticket: TicketView
    duration: float


@dataclass(frozen=True, slots=True)
class TicketRenewalFailed:
    """A refresh has failed for good, or one of its tries has.

    Attributes:
        error: what happened.
        retry_at: when the next try is due by itself; None if nothing is scheduled.
        final: whether the refresh is over (its waiters have the error).
    """

    error: TuiChatError
    retry_at: float | None
    final: bool


@dataclass(frozen=True, slots=True)
class TicketExpired:
    """The ticket has reached its deadline and no other has taken its place."""

    serial: int


@dataclass(frozen=True, slots=True)
class TicketDropped:
    """A ticket, or one being fetched, is no longer held.

    Attributes:
        reason: ``"rejected"`` by the server, ``"leased"`` to a socket under single use,
            ``"cleared"``, ``"credentials"`` changed, ``"discarded"`` on arrival (it belonged to
            older credentials).
        serial: which ticket; None for one that never arrived.
    """

    reason: Literal["rejected", "leased", "cleared", "credentials", "discarded"]
    serial: int | None


@dataclass(frozen=True, slots=True)
class TicketClockJump:
    """The machine slept or its clock was set; the ticket has been looked at again."""

    jump: ClockJump


TicketEvent = (
    TicketRenewing
    | TicketRenewed
    | TicketRenewalFailed
    | TicketExpired
    | TicketDropped
    | TicketClockJump
)
