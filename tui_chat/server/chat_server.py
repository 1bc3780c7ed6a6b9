"""The server, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from tui_chat.clock import Clock, SystemClock
from tui_chat.protocol.addresses import UPLOAD_PATH, WEBSOCKET_PATH
from tui_chat.server.agent import Agent
from tui_chat.server.answers import ApiError, on_api_error, on_http_error, on_unexpected
from tui_chat.server.clock import SkewedClock
from tui_chat.server.config import ServerConfig
from tui_chat.server.faults import Faults, Place, Refusal
from tui_chat.server.handshake import Handshake
from tui_chat.server.offline_agent import OfflineAgent
from tui_chat.server.routes import Api
from tui_chat.server.runs import Runs
from tui_chat.server.security import BodyLimit, Gate, HeaderLimit, Stamp, TicketOut
from tui_chat.server.session import Session
from tui_chat.server.state import ServerState
from tui_chat.server.upload_routes import UploadApi
from tui_chat.server.users import User

__all__ = ["ChatServer", "ReceivedFrame"]


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A frame a client sent, as it came.

    Attributes:
        session: the session's id.
        payload: text, or bytes if it came in a binary frame.
    """

    session: str
    payload: str | bytes


class ChatServer:
    """One chat server: an ASGI application and everything behind it.

    :func:`tui_chat.server.listening.listening` gives it a port. What follows ``app`` is for
    tests, which watch the server and make things go wrong.

    Args:
        config: how it behaves.
        agent: answers the messages; the built-in one by default.
        clock: tells the time; the machine's by default.

    Attributes:
        config: as given.
        app: the ASGI application.
        url: where it listens, ``http://host:port``; empty while it does not.
        faults: failures on demand.
        received: the frames that clients sent, where ``config.record`` is set.
    """

    def __init__(
        self,
        config: ServerConfig | None = None,
        *,
        agent: Agent | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config or ServerConfig()
        self.url = ""
        self.faults = Faults()
        self.received: list[ReceivedFrame] = []
        server_clock = SkewedClock(clock or SystemClock(), self.config.date_skew)
        self._state = ServerState(self.config, server_clock)
        self._runs = Runs(self._state, agent or OfflineAgent())
        self._api = Api(self._state, self.faults)
        self._handshake = Handshake(
            self._state,
            self._runs,
            self.faults,
            on_frame=self._record if self.config.record else None,
        )
        self.app = self._guarded(
            Starlette(
                routes=[
                    *self._api.routes(),
                    *UploadApi(self._state).routes(),
                    WebSocketRoute(WEBSOCKET_PATH, self._handshake.endpoint),
                ],
                exception_handlers={
                    ApiError: on_api_error,
                    HTTPException: on_http_error,
                    Exception: on_unexpected,
                },
            )
        )

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        """Return the application behind the layers of :mod:`tui_chat.server.security`."""
        config = self.config
        app = BodyLimit(
            app,
            max_bytes=config.max_body_bytes,
            timeout=config.request_timeout,
            # Read as it arrives, under limits of its own, once it is known who sends it.
            streamed=frozenset({UPLOAD_PATH}),
        )
        app = Gate(
            app, host=config.host, hosts=config.allowed_hosts, origins=config.allowed_origins
        )
        app = HeaderLimit(app, max_bytes=config.max_header_bytes)
        return TicketOut(Stamp(app, self._state.clock))

    def _record(self, session: Session, payload: str | bytes) -> None:
        self.received.append(ReceivedFrame(session.id, payload))

    async def aclose(self, *, code: int = 1012, reason: str = "the server is restarting") -> None:
        """End all sessions and all runs.

        Args:
            code: the close code clients get; 1012 asks them to come back.
            reason: the close reason.
        """
        await self.drop_all(code=code, reason=reason)
        await self._runs.aclose()
        await self._state.journal.aclose()

    # -- watching it ------------------------------------------------------------------------------

    @property
    def user(self) -> User:
        """The first user, with the credentials made at random if none were given."""
        return self._state.users.users[0]

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are open, the oldest first."""
        return sorted(self._handshake.sessions, key=lambda session: session.opened)

    @property
    def ticket_requests(self) -> int:
        """Requests for tickets so far, refused ones included."""
        return self._api.ticket_requests

    @property
    def handshakes(self) -> int:
        """Attempts to open a WebSocket so far, refused ones included."""
        return self._handshake.attempts

    # -- making things go wrong -------------------------------------------------------------------

    def refuse(
        self,
        times: int = 1,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        at: Place = "tickets",
    ) -> None:
        """Answer the next requests for a ticket, or the next handshakes, with something else."""
        self.faults.refuse(at, Refusal(status, headers or {}, body), times)

    async def drop_all(self, *, code: int = 1012, reason: str = "") -> int:
        """Close every session; 1006 cuts the connections. Returns how many there were."""
        sessions = self.sessions
        await asyncio.gather(*(session.drop(code, reason) for session in sessions))
        return len(sessions)

    async def send_all(self, text: str) -> int:
        """Send a text frame as it is to every session; returns how many got it."""
        return sum(await asyncio.gather(*(session.send_text(text) for session in self.sessions)))

    async def begin_maintenance(self, seconds: float = 30.0, *, close_code: int = 1012) -> int:
        """Answer everything with 503 for a while, and close every session.

        Args:
            seconds: how long; goes out as ``Retry-After``.
            close_code: 1012, service restart, or 1013, try again later (RFC 6455, 7.4.1, and the
                registry it refers to).

        Returns:
            How many sessions there were.
        """
        self._state.maintenance.begin(seconds)
        return await self.drop_all(code=close_code, reason="the server is being looked after")

    def end_maintenance(self) -> None:
        """Serve again."""
        self._state.maintenance.end()

    def stop_run(self, owner: str, provider_res_id: str) -> bool:
        """End the run of a user's thread, as ``stop_run`` does; False if there is none."""
        return self._runs.stop(owner, provider_res_id)

    def expire_tickets(self) -> int:
        """End all tickets as if their time were up; returns how many. Sessions stay."""
        return self._state.tickets.expire()

    def forget_tickets(self) -> int:
        """Forget all tickets, as a restart does; returns how many. Sessions stay."""
        return self._state.tickets.forget()
