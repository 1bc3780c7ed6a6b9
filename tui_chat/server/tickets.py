"""Tickets: handing them out, looking at them, spending them.

A ticket is 256 random bits that stand for "this user, until then". The store keeps digests only:
nothing in this process's memory can be replayed, and a lookup reveals nothing through its timing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Literal

from tui_chat.clock import Clock
from tui_chat.secret import Secret

__all__ = ["IssuedTicket", "TicketRecord", "TicketRefused", "TicketStore"]

TICKET_BYTES: Final = 32
REMEMBERED: Final = 900.0
"""Seconds a ticket is remembered beyond its end, so that its holder hears "expired", not
"invalid"."""
MAX_TICKETS: Final = 100_000
"""Tickets remembered in all; the oldest are forgotten first."""

RefusalCode = Literal["TICKET_INVALID", "TICKET_EXPIRED", "TICKET_USED"]
_SENTENCES: Final[dict[RefusalCode, str]] = {
    "TICKET_INVALID": "The ticket is not known here.",
    "TICKET_EXPIRED": "The ticket has expired.",
    "TICKET_USED": "The ticket has been used already.",
}
_REVOKED: Final = "The ticket has been revoked."


class TicketRefused(Exception):
    """A ticket does not open a session.

    Attributes:
        code: why, as the wire has it.
        revoked: whether its owner has revoked it. The wire has no code for that: to a client such
            a ticket is simply not valid any more.
    """

    def __init__(self, code: RefusalCode, *, revoked: bool = False) -> None:
        super().__init__(_REVOKED if revoked else _SENTENCES[code])
        self.code: RefusalCode = code
        self.revoked = revoked


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """A ticket on its way to its holder; the only place where its value exists.

    Attributes:
        value: the ticket, base64url.
        expires_at: epoch seconds by the server's wall clock.
    """

    value: Secret
    expires_at: float


@dataclass(slots=True)
class TicketRecord:
    """What the server remembers of a ticket.

    Attributes:
        owner: the identity it was issued to.
        issued: when, on the boot clock.
        deadline: when it ends, on the boot clock.
        uses: how many handshakes it has opened.
        entity_id: whom the owner acts for, if the request said so.
        entity_type: ``BRAND``, ``ACCOUNT`` or ``USER``, if the request said so.
        revoked: whether its owner has revoked it.
    """

    owner: str
    issued: float
    deadline: float
    uses: int = 0
    revoked: bool = False
    entity_id: str | None = None
    entity_type: str | None = None


class TicketStore:
    """All tickets of one server.

    Args:
        clock: tells the time; expiry follows its boot clock, ``expires_at`` its wall clock.
        ttl: seconds a ticket lives.
        single_use: whether a handshake spends its ticket.
    """

    def __init__(self, *, clock: Clock, ttl: float, single_use: bool = False) -> None:
        self._clock = clock
        self._ttl = ttl
        self._single_use = single_use
        # In order of issue. Every ticket lives equally long, so that is the order of expiry too.
        self._records: OrderedDict[bytes, TicketRecord] = OrderedDict()
        self._issued: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._records)

    def issued_to(self, owner: str) -> int:
        """Return how many tickets this owner has been given so far."""
        return self._issued.get(owner, 0)

    def issue(
        self, owner: str, *, entity_id: str | None = None, entity_type: str | None = None
    ) -> IssuedTicket:
        """Make a ticket for ``owner``."""
        self._sweep()
        value = Secret(secrets.token_urlsafe(TICKET_BYTES))
        now = self._clock.boot()
        self._records[_digest(value)] = TicketRecord(
            owner, now, now + self._ttl, entity_id=entity_id, entity_type=entity_type
        )
        self._issued[owner] = self.issued_to(owner) + 1
        return IssuedTicket(value, self._clock.wall() + self._ttl)

    def inspect(self, value: Secret | None, *, owner: str | None = None) -> TicketRecord:
        """Return what is known of a ticket, without spending it.

        Args:
            value: the ticket.
            owner: whose it must be; somebody else's is not to be told apart from one that does
                not exist. At a handshake the ticket itself says whose it is.

        Raises:
            TicketRefused: if it would not open a session now.
        """
        record = self._records.get(_digest(value)) if value else None
        if record is None or owner not in (None, record.owner):
            raise TicketRefused("TICKET_INVALID")
        if record.revoked:
            raise TicketRefused("TICKET_INVALID", revoked=True)
        # Spent comes before expired: it says that the ticket did its work.
        if self._single_use and record.uses:
            raise TicketRefused("TICKET_USED")
        if self._clock.boot() >= record.deadline:
            raise TicketRefused("TICKET_EXPIRED")
        return record

    def redeem(self, value: Secret | None) -> TicketRecord:
        """Accept a ticket at a handshake, which spends it if tickets are for one use.

        Raises:
            TicketRefused: if it does not open a session.
        """
        record = self.inspect(value)
        record.uses += 1
        return record

    def revoke(self, value: Secret, *, owner: str) -> bool:
        """Make a ticket worthless; sessions that it has opened stay.

        Args:
            value: the ticket; it may have ended, been revoked before, or be none at all.
            owner: whose it must be.

        Returns:
            Whether it would have opened a session until now.
        """
        try:
            record = self.inspect(value, owner=owner)
        except TicketRefused:
            record = None
        known = self._records.get(_digest(value))
        if known is not None and known.owner == owner:
            known.revoked = True
        return record is not None

    def expire(self, owner: str | None = None) -> int:
        """End all tickets, or those of one owner, as if their time were up; return how many."""
        now = self._clock.boot()
        ended = 0
        for record in self._records.values():
            if owner in (None, record.owner) and record.deadline > now:
                record.deadline = now
                ended += 1
        return ended

    def forget(self, owner: str | None = None) -> int:
        """Forget tickets altogether, as a restart of the server does; return how many."""
        gone = [digest for digest, record in self._records.items() if owner in (None, record.owner)]
        for digest in gone:
            del self._records[digest]
        return len(gone)

    def _sweep(self) -> None:
        """Drop what nobody needs to hear about any more. Amortised: each ticket is dropped once."""
        horizon = self._clock.boot() - REMEMBERED
        while self._records:
            oldest = next(iter(self._records.values()))
            if oldest.deadline > horizon and len(self._records) < MAX_TICKETS:
                break
            self._records.popitem(last=False)


def _digest(value: Secret) -> bytes:
    return hashlib.sha256(value.reveal().encode("utf-8", "surrogatepass")).digest()
