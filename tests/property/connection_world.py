"""A chat server that can do its worst, and remembers what it saw.

The sockets are those of ``websockets``, here as on the other side. What the server sees is kept in
true time, and what it must never see is noted at the moment it happens, because an exception inside
a server's callback would be swallowed there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Literal, cast
from urllib.parse import quote, unquote

import websockets
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.integration.client_support import SESSION
from tests.property.connection_network import CANARY, Network, Reach
from tests.property.connection_tickets import TicketOffice
from tests.virtual import VirtualClock
from tui_chat.ticket.failures import clamped_retry_after

__all__ = [
    "HEALTHY",
    "KEY",
    "TOKEN",
    "ChatHost",
    "Manner",
    "Seat",
]

TOKEN = f"TOKEN-{CANARY}-of-the-user"
KEY = f"KEY-{CANARY}-of-the-application"

CONFIGURED = '{"type":"tools_configured","data":{"toolCount":0,"toolNames":[]}}'
FINISHED = '{"type":"chat_finished","uuid":"u"}'
TICKET_CODES = {"invalid": "TICKET_INVALID", "expired": "TICKET_EXPIRED", "used": "TICKET_USED"}

# The server's own log may hold the ticket; the client's must not.
_silent = logging.getLogger("tests.silent")
_silent.disabled = True

LONGEST_RETRY_AFTER = 900.0
BUDGET_BURST = 5.0
BUDGET_RATE = 20 / 60
"""Handshakes that may reach a server at once, and per second."""

Ending = int | Literal["drop", "silence", "ticket", "credentials"]
"""How a session ends: a close code; the transport breaks; nothing comes any more (half-open); an
``authentication_error`` about the ticket, or about the credentials, and a close."""


@dataclass(frozen=True)
class Manner:
    """How the chat server treats the connections that come from now on.

    Attributes:
        reach: whether it can be reached at all.
        latency: seconds until it answers a handshake; ten are too many.
        refusal: an HTTP status instead of a WebSocket; 0 breaks the connection off.
        code: the code in that answer's body.
        retry_after: the header of that answer, as it is sent; ``date77`` is 77 s from now as a
            date; ``twice`` sends two that differ.
        opening: what the first frame is; nothing at all where it is ``"mute"``.
        configures: whether ``configure_tools`` is answered.
        life: seconds from the handshake to the ending; None for no end.
        ending: how it ends then.
    """

    reach: Reach = "open"
    latency: float = 0.0
    refusal: int | None = None
    code: str = ""
    retry_after: str | None = None
    opening: Literal["session", "mute", "ticket", "credentials"] = "session"
    configures: bool = True
    life: float | None = None
    ending: Ending = 1000


HEALTHY = Manner()


class Seat(ServerConnection):
    """A connection as the server sees it.

    Attributes:
        arrived: when it came, in true time.
        left: when it was gone; None while it is there.
        manner: how it is treated.
        request_id: what the client calls the attempt.
        greeted: whether ``session_established`` was sent.
        configured: whether ``tools_configured`` was sent.
        fault: what the server did to end it; None while the client has no reason to leave.
        silent: nothing comes from here any more, and nothing that comes here is looked at.
        heard: the types of the frames that came.
        asked: the answers that may come besides, by type.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.host: ChatHost
        self.arrived = math.inf
        self.left: float | None = None
        self.manner = HEALTHY
        self.ticket = ""
        self.request_id = ""
        self.greeted = False
        self.configured = False
        self.fault: str | None = None
        self.silent = False
        self.heard: list[str] = []
        self.asked = {"configure_tools": 1, "heartbeat_pong": 0}

    def data_received(self, data: bytes) -> None:
        if not self.silent:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.left = self.host.clock.boot()
        super().connection_lost(exc)

    async def say(self, kind: str) -> None:
        """Send one frame, unless this end is dead already."""
        if self.silent:
            return
        if kind == "heartbeat_ping":
            self.asked["heartbeat_pong"] += 1
        elif kind == "configure_tools":
            self.asked["configure_tools"] += 1
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.send(kind if kind.startswith("{") else json.dumps({"type": kind}))

    async def end(self, how: Ending) -> None:
        """End the session; the server repeats the ticket wherever it can put it."""
        self.fault = self.fault or str(how)
        if self.silent:
            return
        match how:
            case "drop":
                self.transport.abort()
            case "silence":
                self.silent = True
            case "ticket" | "credentials":
                code = "TICKET_EXPIRED" if how == "ticket" else "AUTH_INVALID"
                await self.say(
                    json.dumps(
                        {
                            "type": "authentication_error",
                            "error": f"not {self.ticket}",
                            "code": code,
                        }
                    )
                )
                await self.close(4401, self.ticket)
            case _:
                await self.close(how, self.ticket)


class ChatHost:
    """A chat server on port 80 of the virtual network.

    Attributes:
        manner: how the next connections are treated.
        seats: all connections, the oldest first.
        not_before: before that a ``Retry-After`` forbids to come.
        answered_at: when that was said.
        on_arrival: called when somebody has come.
    """

    def __init__(self, clock: VirtualClock, network: Network, office: TicketOffice) -> None:
        self.clock = clock
        self.network = network
        self.office = office
        self.manner = HEALTHY
        self.seats: list[Seat] = []
        self.not_before = -math.inf
        self.answered_at = -math.inf
        self.on_arrival: Callable[[Seat], object] = lambda _: None
        self._level = 0.0
        self._level_at = 0.0

    def serving(self) -> Any:
        """Return the server, an asynchronous context manager."""
        return websockets.serve(
            self._attend,
            "127.0.0.1",
            80,
            process_request=self._handshake,
            create_connection=cast("type[ServerConnection]", self._seat),
            logger=_silent,
            compression=None,
            open_timeout=None,
            ping_interval=None,
            close_timeout=0.2,
        )

    def treat(self, manner: Manner) -> None:
        """Treat connections like that from now on."""
        self.manner = manner
        self.network.reach = manner.reach

    def heal(self) -> None:
        """Treat everybody well, also those who are waiting for an answer."""
        self.treat(HEALTHY)
        for seat in self.open_seats():
            seat.manner = HEALTHY

    def forgive(self) -> None:
        """Somebody starts anew: with a full budget, and no wish of the server on record."""
        self.not_before = -math.inf
        self._level = 0.0

    def open_seats(self) -> list[Seat]:
        return [seat for seat in self.seats if seat.left is None]

    def _seat(self, *args: Any, **options: Any) -> Seat:
        seat = Seat(*args, **options)
        seat.host, seat.manner, seat.arrived = self, self.manner, self.clock.boot()
        self.seats.append(seat)
        self._count(seat.arrived)
        self.on_arrival(seat)
        return seat

    def _count(self, now: float) -> None:
        # How full a bucket is that is drained at the rate: its maximum over all windows.
        self._level = max(0.0, self._level - (now - self._level_at) * BUDGET_RATE) + 1.0
        self._level_at = now
        if self._level > BUDGET_BURST + 1e-6:
            self.network.violations.append(f"invariant 9: {self._level:.2f} in a bucket of 5")

    async def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        assert isinstance(connection, Seat)
        seat = connection
        seat.request_id = request.headers.get("X-Request-Id", "")
        seat.ticket = unquote(request.path.partition("ticket=")[2])
        if seat.manner.latency:
            await asyncio.wait({seat.connection_lost_waiter}, timeout=seat.manner.latency)
        manner = seat.manner  # it may have got better meanwhile
        if manner.refusal == 0:
            seat.transport.abort()
            return None
        if manner.refusal is not None:
            return self._refused(seat, manner.refusal, manner.code, manner.retry_after)
        verdict = self.office.handshake(seat.ticket)
        if verdict != "ok":
            return self._refused(seat, 401, TICKET_CODES[verdict])
        return None

    def _refused(
        self, seat: Seat, status: int, code: str, retry_after: str | None = None
    ) -> Response:
        text = f"refused: {seat.ticket} and {quote(seat.ticket, safe='')} and {TOKEN}"
        response = seat.respond(status, json.dumps({"error": text, "code": code}))
        if retry_after is not None:
            seconds = self._ask_to_wait(response, retry_after)
            if status in (429, 503) and seconds is not None and seat.left is None:
                self.answered_at = self.clock.boot()
                self.not_before = max(self.not_before, self.answered_at + seconds)
        return response

    def _ask_to_wait(self, response: Response, retry_after: str) -> float | None:
        """Set the header; return what it asks for, None where it says nothing."""
        if retry_after == "twice":
            response.headers["Retry-After"] = "20"
            response.headers["Retry-After"] = "77"
            return None
        if not retry_after.startswith("date"):
            response.headers["Retry-After"] = retry_after
            return clamped_retry_after(float(retry_after))
        seconds, now = float(retry_after.removeprefix("date")), self.clock.true()
        del response.headers["Date"]  # the library's, in the time of this machine
        response.headers["Date"] = formatdate(now, usegmt=True)
        response.headers["Retry-After"] = formatdate(now + seconds, usegmt=True)
        return min(seconds, LONGEST_RETRY_AFTER) - 1.0  # HTTP dates have whole seconds

    async def _attend(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Seat)
        seat, manner = connection, connection.manner
        try:
            async with asyncio.timeout(manner.life):
                await self._open(seat)
                async for text in seat:
                    await self._answer(seat, json.loads(text)["type"])
                await seat.wait_closed()
        except TimeoutError:
            await seat.end(manner.ending)
            await seat.wait_closed()
        except websockets.ConnectionClosed:
            pass

    async def _open(self, seat: Seat) -> None:
        match seat.manner.opening:
            case "session":
                seat.greeted = True
                await seat.send(SESSION)
            case "mute":
                await seat.wait_closed()
            case kind:
                await seat.end(kind)

    async def _answer(self, seat: Seat, kind: str) -> None:
        seat.heard.append(kind)
        if kind == "configure_tools" and seat.manner.configures:
            seat.configured = True
            await seat.send(CONFIGURED)
        elif kind == "chat_message":
            await seat.send(FINISHED)
