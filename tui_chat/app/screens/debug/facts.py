"""The debug info in words: sections of names and values, every text cleaned and on one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from statistics import median
from typing import TYPE_CHECKING, Final

from tui_chat.app.glyphs import UNICODE, Glyphs
from tui_chat.app.screens.debug.sparkline import sparkline
from tui_chat.app.spans import clock_face, milliseconds, rough
from tui_chat.app.widgets.sections import Section
from tui_chat.clock import Clock
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.connection.status import ConnectionStatus
    from tui_chat.debug_info import ClientDebugInfo
    from tui_chat.delivery.item import OutboxItem
    from tui_chat.flight_recorder import AttemptRecord, FlightHistory
    from tui_chat.ticket.debug_info import TicketDebugInfo

__all__ = ["NO_CLIENT", "Row", "byte_count", "debug_sections", "queue_sections", "time_of_day"]

Row = tuple[str, str]
NO_CLIENT: Final = ("Client", [("state", "no client is running")])
SPARK_WIDTH: Final = 30
"""Columns of the round trips."""
SHOWN_ATTEMPTS: Final = 8
SHOWN_RENEWALS: Final = 8
PREVIEW: Final = 60
"""Characters of a queued message."""


def debug_sections(
    info: ClientDebugInfo | None,
    clock: Clock,
    versions: str,
    zone: tzinfo | None = None,
    glyphs: Glyphs = UNICODE,
) -> list[Section]:
    """Return the overview: connection, ticket, what happened to them, counters."""
    sections: list[tuple[str, Sequence[Row]]] = []
    if info is None:
        sections.append(NO_CLIENT)
    else:
        now, flight = clock.boot(), info.flight
        sections.append(("Connection", list(_connection(info, now, glyphs))))
        if info.ticket is not None:
            sections.append(("Ticket", list(_ticket(info.ticket, now, zone))))
        if flight.attempts:
            latest = reversed(flight.attempts[-SHOWN_ATTEMPTS:])
            rows = [(_time(each.at, zone), _attempt(each)) for each in latest]
            sections.append(("Attempts to connect, latest first", rows))
        if flight.renewals:
            sections.append(("Ticket renewals, latest first", list(_renewals(flight, zone))))
        counters = [(_short(name), f"{value:,}") for name, value in sorted(info.counters.items())]
        sections.append(("Counters", counters or [("none", "nothing has happened yet")]))
        if info.capabilities:
            sections.append(("Server extensions", [("announced", ", ".join(info.capabilities))]))
    sections.append(("Program", [("versions", versions)]))
    return cleaned(sections)


def queue_sections(items: Iterable[OutboxItem], clock: Clock) -> list[Section]:
    """Return what is not certain to have arrived; one bounded line of each message's text."""
    now, rows = clock.wall(), []
    waiting = 0
    for number, item in enumerate(items, 1):
        waiting += not item.settled
        facts = [
            item.state.value,
            f"{rough(now - item.created)} old",
            f"{len(item.text):,} characters",
            f"written {item.writes}x" if item.writes else "never written",
            "held" if item.held else "",
            f"{len(item.media)} files" if item.media else "",
            f"headers for {len(item.mcp_headers)} servers" if item.mcp_headers else "",
            item.note,
        ]
        rows.append((f"{number}", ", ".join(fact for fact in facts if fact)))
        rows.append(("", one_line(item.text, PREVIEW)))
    total = [("messages", f"{waiting} not certain to have arrived")]
    nothing = [("none", "whatever you sent has arrived")]
    return cleaned([("Queue", total if rows else nothing), *([("Messages", rows)] if rows else [])])


def cleaned(sections: Iterable[tuple[str, Sequence[Row]]]) -> list[Section]:
    """Return sections of which every text can be shown."""
    return [
        (title, [(one_line(name, 60), one_line(value, 300)) for name, value in rows])
        for title, rows in sections
    ]


def _connection(info: ClientDebugInfo, now: float, glyphs: Glyphs) -> Iterator[Row]:
    status, flight = info.connection, info.flight
    yield from _state(status, now)
    closed = next((each for each in reversed(flight.attempts) if each.close_code is not None), None)
    if closed is not None:
        by = f" by the {closed.closed_by}" if closed.closed_by else ""
        reason = f": {closed.close_reason}" if closed.close_reason else ""
        yield "last close", f"{closed.close_code}{by}{reason}"
    elif status.last_close_code is not None:
        yield "last close", str(status.last_close_code)
    if flight.round_trips:
        trips = flight.round_trips
        span = f"{milliseconds(min(trips))} to {milliseconds(max(trips))}"
        yield "round trip", f"{milliseconds(trips[-1])} ({span} of late)"
        yield "", sparkline(trips, SPARK_WIDTH, plain=glyphs.ascii)
    elif status.round_trip is not None:
        yield "round trip", milliseconds(status.round_trip)
    if flight.first_tokens:
        tokens = flight.first_tokens
        middle = f", median of {len(tokens)}: {milliseconds(median(tokens))}"
        yield "first text after", milliseconds(tokens[-1]) + (middle if len(tokens) > 1 else "")
    yield "frames", _traffic(info)
    yield "server", status.server or "none yet"
    yield "request id", status.request_id or "none yet"
    if flight.attempts and (theirs := flight.attempts[-1].server_request_id):
        yield "server's id", theirs


def _state(status: ConnectionStatus, now: float) -> Iterator[Row]:
    yield "state", status.state.value + (", reconnecting" if status.is_reconnecting else "")
    yield "socket", status.websocket_state.value if status.websocket_state else "none yet"
    if status.ready_since is not None:
        yield "ready for", clock_face(now - status.ready_since)
    else:
        yield "session ready", _yes(status.connected)
    yield "attempts", f"{status.reconnect_attempts} since stable, generation {status.generation}"
    if status.retry_at is not None:
        yield "next try in", rough(status.retry_at - now)
    if status.cause is not None:
        yield "cause", f"{status.cause.code}: {status.diagnosis or status.cause}"


def _traffic(info: ClientDebugInfo) -> str:
    def counted(name: str, direction: str) -> int:
        key = f"websocket.client.frame.{name}{{direction={direction}}}"
        return info.counters.get(key, 0)

    return ", ".join(
        f"{counted('count', direction):,} {word} ({byte_count(counted('io', direction))})"
        for direction, word in (("receive", "in"), ("transmit", "out"))
    )


def byte_count(count: int) -> str:
    """Return ``512 B``, ``1.5 KiB``, ``3.0 MiB``."""
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1024**2 else f"{count / 1024**2:,.1f} MiB"


def _attempt(attempt: AttemptRecord) -> str:
    facts = [f"number {attempt.generation}"]
    if attempt.took is not None:
        facts.append(f"ready after {milliseconds(attempt.took)}")
    if attempt.lasted is None:
        facts.append("lives" if attempt.took is not None else "under way")
    elif attempt.took is not None:
        facts.append(f"ended after {rough(attempt.lasted)}")
    else:
        facts.append(f"gave up after {milliseconds(attempt.lasted)}")
    if attempt.code:
        facts.append(f"{attempt.code}: {attempt.cause}")
    return ", ".join(facts)


def _renewals(flight: FlightHistory, zone: tzinfo | None) -> Iterator[Row]:
    for renewal in reversed(flight.renewals[-SHOWN_RENEWALS:]):
        why = f", {renewal.error_type}" if renewal.error_type else ""
        yield _time(renewal.at, zone), f"{renewal.outcome} in {milliseconds(renewal.duration)}{why}"


def _ticket(ticket: TicketDebugInfo, now: float, zone: tzinfo | None) -> Iterator[Row]:
    yield "held", f"number {ticket.serial} ({ticket.digest})" if ticket.has_ticket else "no"
    yield "usable", _yes(ticket.is_valid)
    if ticket.expires_in is not None:
        life = "" if ticket.lifetime is None else f" of {clock_face(ticket.lifetime)}"
        yield "expires in", clock_face(ticket.expires_in / 1000) + life
    if ticket.expires_at is not None:
        yield "expires at", f"{_time(ticket.expires_at, zone)} by the server's clock"
    if ticket.renew_in is not None:
        yield "renews in", clock_face(ticket.renew_in)
    if ticket.clock_skew is not None:
        known = "" if ticket.server_time_known else ", not by its Date header"
        yield "server clock", f"{ticket.clock_skew:+.1f} s from ours{known}"
    kind = "one-time" if ticket.single_use else "reusable"
    yield "tickets are", f"{kind} (policy: {ticket.reuse})"
    if ticket.single_use:
        yield "spare ready", _yes(ticket.spare)
    yield "refreshing", f"yes, {ticket.waiters} waiting" if ticket.refreshing else "no"
    yield "renewal", "on" if ticket.renewal_running else "off"
    yield (
        "requests",
        (
            f"{ticket.requests:,} sent, {ticket.refreshes:,} renewed, "
            f"{ticket.failures:,} failed, {ticket.discarded:,} discarded"
        ),
    )
    if ticket.last_duration is not None:
        yield "last refresh", f"took {milliseconds(ticket.last_duration)}"
    if ticket.last_error is not None:
        yield "last error", f"{ticket.last_error.code}: {ticket.last_error}"
    if ticket.retry_at is not None and ticket.retry_at > now:
        yield "no request for", rough(ticket.retry_at - now)
    yield "credentials", f"epoch {ticket.epoch}"


def _short(counter: str) -> str:
    """Return a counter's name without what is the same in all of them."""
    name, brace, attributes = counter.partition("{")
    return name.replace(".client.", " ").removesuffix(".count") + brace + attributes


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def time_of_day(at: float, zone: tzinfo | None, form: str = "%H:%M:%S") -> str:
    """Return epoch seconds as a time of day."""
    try:
        return datetime.fromtimestamp(at, zone).strftime(form)
    except (OverflowError, OSError, ValueError):
        return "--:--:--"  # a year no calendar has


_time = time_of_day
