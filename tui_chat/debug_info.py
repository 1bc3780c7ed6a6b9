"""What the debug overlay shows and a bug report holds. Never a ticket, token or key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tui_chat.connection.status import ConnectionStatus
from tui_chat.flight_recorder import FlightHistory, FlightRecorder
from tui_chat.telemetry import LogEntry, TelemetrySnapshot
from tui_chat.ticket import TicketManager
from tui_chat.ticket.debug_info import TicketDebugInfo

__all__ = ["ClientDebugInfo", "LogEntry"]


@dataclass(frozen=True, slots=True)
class ClientDebugInfo:
    """A snapshot of everything worth knowing about a client.

    Attributes:
        connection: the connection's status.
        ticket: the ticket's, None before the client was given credentials.
        counters: how often things happened, by the names of :mod:`tui_chat.telemetry.table` and
            their attributes: ``name{key=value}``.
        recent: the latest events, oldest first.
        capabilities: the extensions the server announced for this session.
        telemetry: everything that is measured; :meth:`TelemetrySnapshot.to_json` writes it down.
        flight: the latest frames, attempts, renewals and round trips.
    """

    connection: ConnectionStatus
    ticket: TicketDebugInfo | None
    counters: dict[str, int]
    recent: tuple[LogEntry, ...]
    capabilities: tuple[str, ...] = ()
    telemetry: TelemetrySnapshot | None = None
    flight: FlightHistory = field(default_factory=FlightHistory)

    @classmethod
    def of(
        cls,
        connection: ConnectionStatus,
        tickets: TicketManager | None,
        flight: FlightRecorder,
        capabilities: Iterable[str],
    ) -> ClientDebugInfo:
        """Take a snapshot."""
        telemetry = flight.telemetry
        return cls(
            connection=connection,
            ticket=None if tickets is None else tickets.get_debug_info(),
            counters=telemetry.counters,
            recent=telemetry.recent,
            capabilities=tuple(sorted(capabilities)),
            telemetry=telemetry.snapshot(),
            flight=flight.history(),
        )
