"""A ticket lent out for one handshake, and how that handshake went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from tui_chat.errors import TicketRejection
from tui_chat.secret import Secret
from tui_chat.ticket.auth import Ticket

__all__ = ["LeaseOutcome", "TicketLease"]

LeaseOutcome = Literal["accepted", "rejected", "released"]


class TicketLease:
    """One ticket for one handshake. Tell it how the handshake went: the first answer counts.

    Attributes:
        ticket: what was lent.
        request_id: the id that belongs to this attempt to connect, for matching logs.
        latest: serial of the newest ticket that had arrived when this one was lent.
        generation: which life of the manager it belongs to; ``clear()`` and new credentials end
            one, and leases of an ended one change nothing.
        outcome: how the handshake went, None while nobody has said.
        reason: why the ticket was rejected, None unless it was.
    """

    __slots__ = (
        "_settle",
        "generation",
        "latest",
        "outcome",
        "reason",
        "request_id",
        "ticket",
    )

    def __init__(
        self,
        ticket: Ticket,
        *,
        request_id: str,
        latest: int,
        generation: int,
        settle: Callable[[TicketLease], None],
    ) -> None:
        self.ticket = ticket
        self.request_id = request_id
        self.latest = latest
        self.generation = generation
        self.outcome: LeaseOutcome | None = None
        self.reason: TicketRejection | None = None
        self._settle = settle

    @property
    def value(self) -> Secret:
        """The ticket itself."""
        return self.ticket.value

    @property
    def serial(self) -> int:
        """Counts the tickets this process received."""
        return self.ticket.serial

    def accepted(self) -> None:
        """The handshake succeeded: the server has looked at the ticket and took it."""
        self._end("accepted", None)

    def rejected(self, reason: TicketRejection = "invalid") -> None:
        """The server refused the ticket; it is not handed out again."""
        self._end("rejected", reason)

    def released(self) -> None:
        """The handshake never reached the server; the ticket may be handed out again."""
        self._end("released", None)

    def _end(self, outcome: LeaseOutcome, reason: TicketRejection | None) -> None:
        # Some servers accept the handshake and refuse the ticket on the open session.
        second_thoughts = self.outcome == "accepted" and outcome == "rejected"
        if self.outcome is None or second_thoughts:
            self.outcome, self.reason = outcome, reason
            self._settle(self)

    def __repr__(self) -> str:
        return f"TicketLease(serial={self.serial}, outcome={self.outcome!r})"
