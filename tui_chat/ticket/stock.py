"""The tickets in hand: one for all where tickets are reusable, else those that nobody has had."""

from __future__ import annotations

from collections.abc import Callable

from tui_chat.ticket.auth import Ticket

__all__ = ["TicketStock"]


class TicketStock:
    """Holds tickets in the order they arrived. Times are on the boot clock.

    Attributes:
        last_taken: the ticket that was handed out for good last, None if none was.
    """

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []
        self.last_taken: Ticket | None = None

    def __len__(self) -> int:
        return len(self._tickets)

    @property
    def newest(self) -> Ticket | None:
        """The ticket that lives longest, usable or not."""
        return max(self._tickets, key=lambda ticket: ticket.deadline, default=None)

    @property
    def shown(self) -> Ticket | None:
        """The ticket that displays speak of: the newest in hand, else the last one handed out."""
        return self.newest or self.last_taken

    def usable(self, now: float) -> Ticket | None:
        """Return the ticket to use next, the one that ends first, and leave it where it is."""
        usable = [ticket for ticket in self._tickets if now < ticket.usable_until]
        return min(usable, key=lambda ticket: ticket.deadline, default=None)

    def take(self, now: float) -> Ticket | None:
        """Hand out the ticket to use next, for good."""
        ticket = self.usable(now)
        if ticket is not None:
            self._tickets.remove(ticket)
            self.last_taken = ticket
        return ticket

    def replace(self, ticket: Ticket) -> None:
        """Hold ``ticket`` and nothing else."""
        self._tickets = [ticket]

    def add(self, ticket: Ticket, now: float) -> None:
        """Hold ``ticket`` too; those that have become useless go."""
        self._tickets = [held for held in self._tickets if now < held.usable_until]
        self._tickets.append(ticket)

    def remove(self, condition: Callable[[Ticket], bool]) -> list[Ticket]:
        """Drop and return the tickets that meet ``condition``."""
        dropped = [ticket for ticket in self._tickets if condition(ticket)]
        self._tickets = [ticket for ticket in self._tickets if not condition(ticket)]
        return dropped

    def revise(self, change: Callable[[Ticket], Ticket]) -> None:
        """Put what ``change`` makes of each ticket in its place."""
        self._tickets = [change(ticket) for ticket in self._tickets]

    def clear(self) -> list[Ticket]:
        """Drop everything, the memory of the last one included; return what was in hand."""
        dropped, self._tickets = self._tickets, []
        self.last_taken = None
        return dropped
