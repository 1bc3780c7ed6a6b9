"""Everything that is ever measured or noted, in one place.

Seconds and bytes; few words; nothing that names a user, a thread, a ticket, a server or a
message. What can be recorded is exactly what stands here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tui_chat import errors
from tui_chat.telemetry.instruments import (
    OTHER,
    Counter,
    EventKind,
    Gauge,
    Histogram,
    Instrument,
    Measure,
    Words,
)

__all__ = ["EVENTS", "INSTRUMENTS", "error_type"]


def _error_classes() -> Iterable[str]:
    found = [errors.TuiChatError]
    for kind in found:
        found += [sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__]
    return {kind.__name__ for kind in found}


ERROR_TYPE: Final = Words("error.type", _error_classes(), other=True, optional=True)
"""The class of an error, absent where there was none; not its code, which a server may make up."""

CLOSE_CODE: Final = Words("code", [*range(1000, 1016), 3000, 3003, 4401, 4403], other=True)
"""The codes of RFC 6455 section 7.4.1 and its registry, 3000 and 3003 (registered for HTTP 401 and
403), and 4401 and 4403, which servers used before those."""

DIRECTION: Final = Words("direction", ["receive", "transmit"])
_DELIVERY: Final = ("queued", "written", "received", "persisted", "unknown", "failed", "discarded")
_STATES: Final = ("idle", "ticket", "connecting", "ready", "backoff", "paused", "failed", "closed")

FAST: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Seconds; the boundaries that the conventions give for HTTP requests."""
REFRESH: Final = (*FAST, 30, 60, 120)
LONG: Final = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400)


def error_type(error: BaseException | None) -> str | None:
    """Return the value of ``error.type`` for an error; None for none."""
    if error is None:
        return None
    name = type(error).__name__
    return name if name in ERROR_TYPE.words else OTHER


def _farthest(values: Iterable[float]) -> float:
    return max(values, key=abs)


# -- tickets --------------------------------------------------------------------------------------

REFRESH_DURATION: Final = Histogram(
    "ticket.client.refresh.duration",
    "s",
    "From the decision to fetch a ticket to the end of it, retries and waits included.",
    (Words("outcome", ["ok", "failed", "discarded"]), ERROR_TYPE),
    REFRESH,
)
REFRESH_WAITERS: Final = Histogram(
    "ticket.client.refresh.waiters",
    "{caller}",
    "Callers that waited for one and the same refresh when it ended.",
    (),
    (0, 1, 2, 5, 10, 20, 50, 100, 1000, 10_000),
)
REQUEST_COUNT: Final = Counter(
    "ticket.client.request.count", "{request}", "Requests for a ticket, each retry counted."
)
TIME_TO_EXPIRY: Final = Gauge(
    "ticket.client.time_to_expiry",
    "s",
    "Until the ticket in hand expires, never below 0; absent without a ticket.",
)
CLOCK_SKEW: Final = Gauge(
    "ticket.client.clock.skew",
    "s",
    "The server's clock less this machine's, absent while unknown.",
    combine=_farthest,
)
LEASE_COUNT: Final = Counter(
    "ticket.client.lease.count",
    "{lease}",
    "Handshakes by what became of their ticket; one refused after it was accepted counts as both.",
    (Words("outcome", ["accepted", "rejected", "released"]),),
)
DROPPED_COUNT: Final = Counter(
    "ticket.client.dropped.count",
    "{ticket}",
    "Tickets that are no longer held, or were not taken in.",
    (Words("reason", ["rejected", "leased", "cleared", "credentials", "discarded", "expired"]),),
)

# -- the connection -------------------------------------------------------------------------------

HANDSHAKE_COUNT: Final = Counter(
    "websocket.client.handshake.count", "{handshake}", "Sockets that were begun to be opened."
)
CONNECT_DURATION: Final = Histogram(
    "websocket.client.connect.duration",
    "s",
    "Name, TCP, TLS and upgrade of one socket.",
    (Words("outcome", ["ok", "failed"]), ERROR_TYPE),
    FAST,
)
SESSION_COUNT: Final = Counter(
    "websocket.client.session.count", "{session}", "Sessions that became ready."
)
ATTEMPT_FAILED_COUNT: Final = Counter(
    "websocket.client.attempt.failed.count",
    "{attempt}",
    "Attempts to connect that ended before the session was ready.",
    (ERROR_TYPE,),
)
OUTAGE_DURATION: Final = Histogram(
    "websocket.client.outage.duration",
    "s",
    "From the loss of a ready session to the next one that is ready.",
    (),
    LONG,
)
CONNECTION_DURATION: Final = Histogram(
    "websocket.client.connection.duration", "s", "The life of one open socket.", (), LONG
)
CLOSE_COUNT: Final = Counter(
    "websocket.client.close.count",
    "{close}",
    "Sockets that were closed, by whom and with which code (1006: without one).",
    (CLOSE_CODE, Words("initiator", ["server", "client", "network"])),
)
PING_DURATION: Final = Histogram(
    "websocket.client.ping.duration", "s", "From a ping to its pong.", (), FAST
)
FRAME_COUNT: Final = Counter(
    "websocket.client.frame.count", "{frame}", "Messages received and sent.", (DIRECTION,)
)
FRAME_IO: Final = Counter(
    "websocket.client.frame.io", "By", "Bytes in these messages, uncompressed.", (DIRECTION,)
)
FRAME_IGNORED_COUNT: Final = Counter(
    "websocket.client.frame.ignored.count",
    "{frame}",
    "Messages received that could not be used, or not wholly.",
    (
        Words(
            "reason",
            [
                "binary",
                "invalid_utf8",
                "invalid_json",
                "too_deep",
                "not_an_object",
                "unknown_type",
                "malformed",
            ],
            other=True,
        ),
    ),
)
FRAME_FAILED_COUNT: Final = Counter(
    "websocket.client.frame.failed.count",
    "{frame}",
    "Messages received on which a defect of this program showed.",
)

# -- the conversation -----------------------------------------------------------------------------

MESSAGE_COUNT: Final = Counter(
    "chat.client.message.count", "{message}", "Messages of the user that were sent."
)
OUTBOX_MESSAGE_COUNT: Final = Counter(
    "outbox.message.count",
    "{message}",
    "Messages of the user by the state they came into; one passes through several.",
    (Words("state", _DELIVERY),),
)
OUTBOX_OLDEST_AGE: Final = Gauge(
    "outbox.message.oldest_age",
    "s",
    "Since the oldest message was typed that is not certain to have arrived; absent without one.",
    combine=_farthest,
)
OUTBOX_DELIVERY_DURATION: Final = Histogram(
    "outbox.delivery.duration",
    "s",
    "From the moment a message was accepted until it was settled, one way or another.",
    (Words("outcome", ["received", "persisted", "failed", "discarded"]),),
    LONG,
)
OUTBOX_RESEND_COUNT: Final = Counter(
    "outbox.resend.count",
    "{message}",
    "Messages written once more: where the server tells repeats apart, after it refused one for "
    "now, or because the user chose to.",
    (Words("reason", ["identified", "refused", "user"]),),
)
TOOL_CALL_COUNT: Final = Counter(
    "chat.client.tool_call.count", "{call}", "Calls of client tools that the server asked for."
)

# -- what happens ---------------------------------------------------------------------------------

REFRESH_STARTED: Final = EventKind("ticket.refresh.start", "A ticket is being fetched.")
REFRESH_ENDED: Final = EventKind(
    "ticket.refresh.end",
    "A ticket has arrived, or will not.",
    (
        Words("outcome", ["ok", "failed"]),
        Measure("duration", "s"),
        Measure("waiters"),
        ERROR_TYPE,
    ),
)
REFRESH_DISCARDED: Final = EventKind(
    "ticket.refresh.discarded",
    "Nobody wants the ticket any more that was being fetched.",
    (Measure("duration", "s"), Measure("waiters")),
    "after {duration}, {waiters} waiting",
)
TICKET_INVALIDATED: Final = EventKind(
    "ticket.invalidated",
    "A ticket in hand became useless.",
    (Words("reason", ["rejected", "cleared", "credentials", "expired"]),),
    "{reason}",
)
CIRCUIT_OPENED: Final = EventKind(
    "auth.circuit.open",
    "Several fresh tickets in a row were refused; no handshake for a while.",
    (Measure("pause", "s"),),
    "for {pause}",
)
CIRCUIT_CLOSED: Final = EventKind("auth.circuit.close", "A ticket was accepted again.")
CLOCK_JUMPED: Final = EventKind(
    "clock.jump",
    "The machine slept, or its clock was set.",
    (
        Words("kind", ["suspend", "wall"]),
        Measure("seconds", "s"),
        Words("observer", ["ticket", "connection"]),
    ),
    "{kind} by {seconds}, seen by the {observer}",
)
SOCKET_STATE: Final = EventKind(
    "socket.state",
    "The connection's state changed.",
    (Words("previous", _STATES), Words("current", _STATES)),
    "{previous} -> {current}",
)
SOCKET_BACKOFF: Final = EventKind(
    "socket.backoff",
    "The next attempt to connect waits.",
    (Words("state", ["backoff", "paused"]), Measure("delay", "s"), ERROR_TYPE),
    "{state} for {delay} after {error_type}",
)
OUTBOX_UNKNOWN: Final = EventKind(
    "outbox.unknown", "A message was written, and nobody can say whether it arrived."
)

INSTRUMENTS: Final[tuple[Instrument, ...]] = tuple(
    sorted(
        (value for value in list(globals().values()) if isinstance(value, Instrument)),
        key=lambda instrument: instrument.name,
    )
)
"""All instruments, by name."""
EVENTS: Final[tuple[EventKind, ...]] = tuple(
    sorted(
        (value for value in list(globals().values()) if isinstance(value, EventKind)),
        key=lambda kind: kind.name,
    )
)
"""All kinds of events, by name."""
