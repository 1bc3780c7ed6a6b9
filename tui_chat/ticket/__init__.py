"""Tickets: asking for them, renewing them in time, handing them out and forgetting them.

This package knows no socket: a renewal cannot touch a connection because it has no way to reach
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui_chat.ticket.auth import (
    REQUEST_ID,
    AuthData,
    ReusePolicy,
    Ticket,
    TicketGrant,
    TicketManagerConfig,
    TicketSource,
)
from tui_chat.ticket.debug_info import TicketDebugInfo
from tui_chat.ticket.events import (
    TicketClockJump,
    TicketDropped,
    TicketEvent,
    TicketExpired,
    TicketRenewalFailed,
    TicketRenewed,
    TicketRenewing,
    TicketView,
)
from tui_chat.ticket.leases import TicketLease
from tui_chat.ticket.manager import TicketManager
from tui_chat.ticket.validation import TicketValidation, TicketValidator

if TYPE_CHECKING:
    from tui_chat.ticket.api import HttpTicketSource

__all__ = [
    "REQUEST_ID",
    "AuthData",
    "HttpTicketSource",
    "ReusePolicy",
    "Ticket",
    "TicketClockJump",
    "TicketDebugInfo",
    "TicketDropped",
    "TicketEvent",
    "TicketExpired",
    "TicketGrant",
    "TicketLease",
    "TicketManager",
    "TicketManagerConfig",
    "TicketRenewalFailed",
    "TicketRenewed",
    "TicketRenewing",
    "TicketSource",
    "TicketValidation",
    "TicketValidator",
    "TicketView",
]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that a program with a ticket source of its own does not load httpx.
    if name == "HttpTicketSource":
        from tui_chat.ticket.api import HttpTicketSource  # noqa: PLC0415

        return HttpTicketSource
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
