"""F12: everything worth knowing about connection and ticket, live. No secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, cast

from tui_chat.app.screens.overlay import Overlay
from tui_chat.app.spans import clock_face, milliseconds, rough
from tui_chat.app.widgets.sections import Section, Sections
from tui_chat.clock import Clock
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.app.app import ChatApp
    from tui_chat.connection.status import ConnectionStatus
    from tui_chat.debug_info import ClientDebugInfo
    from tui_chat.ticket.debug_info import TicketDebugInfo

__all__ = ["DebugScreen", "debug_sections"]

REFRESH = 0.5
"""Seconds between two looks at the client."""

Row = tuple[str, str]


class DebugScreen(Overlay):
    """The debug info, refreshed twice a second by asking the client's thread."""

    def __init__(self, clock: Clock, versions: str, zone: tzinfo | None = None) -> None:
        super().__init__(
            "Debug info", Sections(name_style="$muted", value_style=""), screen_id="debug"
        )
        self._clock = clock
        self._versions = versions
        self._zone = zone
        self._asked = False

    def on_mount(self) -> None:
        """Ask for the first snapshot, and go on asking."""
        self._ask()
        self.set_interval(REFRESH, self._ask)

    def _ask(self) -> None:
        # One question at a time: answers must not pile up while the screen stands still.
        if not self._asked:
            self._asked = cast("ChatApp", self.app).ask_debug_info()
            if not self._asked:
                self.show(None)

    def show(self, info: ClientDebugInfo | None) -> None:
        """Show a snapshot; None while there is no client."""
        self._asked = False
        self.body.show(debug_sections(info, self._clock, self._versions, self._zone))


def debug_sections(
    info: ClientDebugInfo | None, clock: Clock, versions: str, zone: tzinfo | None = None
) -> list[Section]:
    """Return the whole page. Every text from outside is cleaned and on one line."""
    sections: list[tuple[str, list[Row]]] = [("Program", [("versions", versions)])]
    if info is None:
        sections.append(("Client", [("state", "no client is running")]))
    else:
        now = clock.boot()
        sections.append(("Connection", list(_connection(info.connection, now))))
        if info.ticket is not None:
            sections.append(("Ticket", list(_ticket(info.ticket, now, zone))))
        counters = [(_short(name), f"{value:,}") for name, value in sorted(info.counters.items())]
        sections.append(("Counters", counters or [("none", "nothing has happened yet")]))
        if info.capabilities:
            sections.append(("Server extensions", [("announced", ", ".join(info.capabilities))]))
        events = [
            (_time(entry.at, zone), f"{entry.kind}: {entry.text}")
            for entry in reversed(info.recent)
        ]
        sections.append(("Latest events", events or [("none", "nothing has happened yet")]))
    return [
        (title, [(one_line(name, 60), one_line(value, 300)) for name, value in rows])
        for title, rows in sections
    ]


def _connection(status: ConnectionStatus, now: float) -> Iterator[Row]:
    yield "state", status.state.value
    yield "socket", status.websocket_state.value if status.websocket_state else "none yet"
    yield "session ready", _yes(status.connected)
    if status.ready_since is not None:
        yield "ready for", clock_face(now - status.ready_since)
    yield "reconnecting", _yes(status.is_reconnecting)
    yield "attempts since stable", str(status.reconnect_attempts)
    yield "generation", str(status.generation)
    if status.retry_at is not None:
        yield "next try in", rough(status.retry_at - now)
    if status.cause is not None:
        yield "cause", f"{status.cause.code}: {status.diagnosis or status.cause}"
    if status.last_close_code is not None:
        yield "last close code", str(status.last_close_code)
    if status.round_trip is not None:
        yield "round trip", milliseconds(status.round_trip)
    yield "server", status.server or "none yet"
    yield "request id", status.request_id or "none yet"


def _ticket(ticket: TicketDebugInfo, now: float, zone: tzinfo | None) -> Iterator[Row]:
    yield "held", f"number {ticket.serial} ({ticket.digest})" if ticket.has_ticket else "no"
    yield "usable", _yes(ticket.is_valid)
    if ticket.expires_in is not None:
        yield "expires in", clock_face(ticket.expires_in / 1000)
    if ticket.expires_at is not None:
        yield "expires at", f"{_time(ticket.expires_at, zone)} by the server's clock"
    if ticket.lifetime is not None:
        yield "lifetime", clock_face(ticket.lifetime)
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
    yield "proactive renewal", "on" if ticket.renewal_running else "off"
    yield (
        "requests",
        (
            f"{ticket.requests:,} sent, {ticket.refreshes:,} renewed, "
            f"{ticket.failures:,} failed, {ticket.discarded:,} discarded"
        ),
    )
    if ticket.last_duration is not None:
        yield "last refresh took", milliseconds(ticket.last_duration)
    if ticket.last_error is not None:
        yield "last error", f"{ticket.last_error.code}: {ticket.last_error}"
    if ticket.retry_at is not None and ticket.retry_at > now:
        yield "no request for", rough(ticket.retry_at - now)
    yield "credentials epoch", str(ticket.epoch)


def _short(counter: str) -> str:
    """Return a counter's name without what is the same in all of them."""
    name, brace, attributes = counter.partition("{")
    return name.replace(".client.", " ").removesuffix(".count") + brace + attributes


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _time(at: float, zone: tzinfo | None) -> str:
    try:
        return datetime.fromtimestamp(at, zone).strftime("%H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return "--:--:--"  # a year no calendar has
