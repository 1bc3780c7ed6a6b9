"""From what a server hands out to the moments that matter. Pure: no clock is read, nothing waits.

The local wall clock is not trusted. A server says when a ticket expires *and*, in its ``Date``
header, what time it is now; the difference is the lifetime, and the lifetime is laid on the boot
clock from the moment the request was *sent*, so that time on the wire shortens a ticket and never
lengthens it.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Final

from tui_chat.errors import TicketUnusable
from tui_chat.ticket.auth import Ticket, TicketGrant, TicketManagerConfig

__all__ = ["BUFFER", "MAX_LIFETIME", "MIN_LIFETIME", "after_wall_jump", "make_ticket"]

DATE_SLACK: Final = 2.0
"""Seconds taken off every expiry: ``Date`` has a resolution of one second, and servers cache it
for almost another."""

MIN_LIFETIME: Final = 3.0
"""A ticket with less to live than this, in seconds, cannot be used: a handshake takes as long."""

MAX_LIFETIME: Final = 86_400.0
"""Longer lifetimes are treated as this one. A day is far above what short-lived tickets have, so a
longer one is a mistake (a wrong unit, the year 9999); renewing once a day costs next to nothing,
while believing it would mean never asking again."""

BUFFER: Final = 30.0
"""A ticket is not handed out any more when less than this remains, or a quarter of its life."""

MAX_TICKET_LENGTH: Final = 8192
"""Characters; a longer ticket does not fit into a request line that servers accept."""


def make_ticket(
    grant: TicketGrant,
    sent_boot: float,
    sent_wall: float,
    config: TicketManagerConfig,
    rng: random.Random,
    *,
    serial: int = 1,
) -> Ticket:
    """Return the ticket a grant amounts to.

    Args:
        grant: what the server handed out.
        sent_boot: the boot clock when the request was sent.
        sent_wall: the wall clock when the request was sent; only used when the server did not say
            what time it is.
        config: gives the renewal threshold.
        rng: draws the jitter that keeps many clients from renewing at once.
        serial: counts the tickets of this process.

    Raises:
        TicketUnusable: for an empty or oversized ticket, an expiry that is no number, and one that
            leaves less than :data:`MIN_LIFETIME` seconds.
    """
    if not 0 < len(grant.value) <= MAX_TICKET_LENGTH:
        raise TicketUnusable(
            "The server sent a ticket that is empty or too long to be used.",
            code="TICKET_MALFORMED",
        )
    server_time = grant.server_time
    if server_time is not None and not math.isfinite(server_time):
        server_time = None
    now = sent_wall if server_time is None else server_time
    remaining = grant.expires_at - now
    if not remaining >= MIN_LIFETIME:  # written this way round so that NaN is refused, too
        raise _unusable(remaining, by_server_clock=server_time is not None)
    lifetime = min(remaining, MAX_LIFETIME) - DATE_SLACK
    deadline = sent_boot + lifetime
    threshold = min(config.renewal_threshold, lifetime / 2) * rng.uniform(0.8, 1.0)
    return Ticket(
        value=grant.value,
        serial=serial,
        obtained=sent_boot,
        deadline=deadline,
        usable_until=deadline - min(BUFFER, lifetime / 4),
        renew_at=deadline - threshold,
        expires_at=grant.expires_at,
        skew=None if server_time is None else server_time - sent_wall,
        clamped=remaining > MAX_LIFETIME,
    )


def after_wall_jump(ticket: Ticket, boot: float, wall: float) -> Ticket:
    """Return what a ticket is worth after the wall clock was set.

    Only one whose expiry had to be computed from the wall clock changes, and it can only become
    shorter: whether the clock is right now or was right before, nobody knows.
    """
    if ticket.skew is not None:
        return ticket
    deadline = min(ticket.deadline, boot + (ticket.expires_at - wall) - DATE_SLACK)
    shift = ticket.deadline - deadline
    if shift <= 0:
        return ticket
    return replace(
        ticket,
        deadline=deadline,
        usable_until=ticket.usable_until - shift,
        renew_at=ticket.renew_at - shift,
    )


def _unusable(remaining: float, *, by_server_clock: bool) -> TicketUnusable:
    if not math.isfinite(remaining):
        return TicketUnusable("The server sent a ticket whose expiry is not a time.")
    by = (
        "by the server's own clock"
        if by_server_clock
        else "by this machine's clock (the server did not say what time it is)"
    )
    lives = f"lives {remaining:.1f} s" if remaining > 0 else "has expired already"
    needed = f"; at least {MIN_LIFETIME:.0f} s are needed" if remaining > 0 else ""
    return TicketUnusable(
        f"The server sent a ticket that {lives}, {by}{needed}.",
        remaining=remaining,
        by_server_clock=by_server_clock,
    )
