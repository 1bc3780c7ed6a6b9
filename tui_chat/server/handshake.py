"""Who may open a WebSocket: the ticket is looked at here and never again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from tui_chat.protocol.codec import encode
from tui_chat.protocol.server_frames import AuthenticationError
from tui_chat.secret import Secret
from tui_chat.server.answers import ApiError, error_answer
from tui_chat.server.faults import Faults
from tui_chat.server.runs import Runs
from tui_chat.server.session import Session
from tui_chat.server.state import ServerState
from tui_chat.server.tickets import TicketRecord, TicketRefused

__all__ = ["Handshake"]

_log = logging.getLogger("tui_chat.server")


class Handshake:
    """The WebSocket endpoint.

    Args:
        state: the server's.
        runs: takes the chat messages.
        faults: what goes wrong next, for tests.
        on_frame: is shown every frame that comes in, for tests.

    Attributes:
        sessions: the sessions that are open.
    """

    def __init__(
        self,
        state: ServerState,
        runs: Runs,
        faults: Faults,
        *,
        on_frame: Callable[[Session, str | bytes], None] | None = None,
    ) -> None:
        self._state = state
        self._runs = runs
        self._faults = faults
        self._on_frame = on_frame
        self.sessions: set[Session] = set()
        self.attempts = 0

    async def endpoint(self, websocket: WebSocket) -> None:
        """``GET /ws?ticket=...``."""
        self.attempts += 1
        request_id = websocket.scope["state"]["request_id"]
        refusal = self._faults.next_refusal("handshake")
        if refusal is not None:
            response = Response(refusal.body, refusal.status, dict(refusal.headers))
            await websocket.send_denial_response(response)
            return
        try:
            record = self._admit(websocket.scope["state"]["ticket"])
        except ApiError as error:
            _log.info("handshake refused: %d %s [%s]", error.status, error, request_id)
            await websocket.send_denial_response(error_answer(error))
            return
        except TicketRefused as refused:
            _log.info("handshake refused: %s [%s]", refused.code, request_id)
            await self._reject(websocket, refused)
            return
        user = next(user for user in self._state.users.users if user.identity == record.owner)
        session = Session(
            self._state,
            self._runs,
            websocket,
            user,
            record,
            abort=websocket.scope["state"].get("abort"),
            on_frame=self._on_frame,
        )
        self._state.handshakes[user.identity] += 1
        self._state.open_sessions[user.identity] += 1
        # Counted before anything else is awaited: many handshakes at once are not let in together.
        self.sessions.add(session)
        _log.info("%s: %s connected [%s]", session.id, user.label, request_id)
        code = 1006
        try:
            await websocket.accept()
            code = await session.serve()
        except WebSocketDisconnect:
            pass  # The client did not wait to be let in.
        finally:
            self.sessions.discard(session)
            self._state.open_sessions[user.identity] -= 1
            _log.info("%s: closed with %d", session.id, code)

    def _admit(self, ticket: Secret | None) -> TicketRecord:
        """Return the record of a ticket that opens a session now, which may spend it.

        Raises:
            ApiError: 503 during maintenance and when the server is full, 429 when the user has too
                many sessions; the ticket is still good afterwards.
            TicketRefused: if the ticket is not good.
        """
        state, config = self._state, self._state.config
        state.maintenance.check()
        if len(self.sessions) >= config.max_sessions:
            raise ApiError(
                503, "Too many sessions are open.", "TOO_MANY_SESSIONS", {"Retry-After": "5"}
            )
        owner = state.tickets.inspect(ticket).owner
        state.maintenance.check(owner)
        if state.open_sessions[owner] >= config.max_sessions_per_user:
            # Not RATE_LIMITED: waiting does not help, closing one of the sessions does.
            raise ApiError(
                429,
                "You have too many sessions open. Close one of them.",
                "TOO_MANY_SESSIONS",
                {"Retry-After": "5"},
            )
        return state.tickets.redeem(ticket)

    async def _reject(self, websocket: WebSocket, refused: TicketRefused) -> None:
        if self._state.config.reject_mode == "handshake":
            error = ApiError(401, str(refused), refused.code)
            await websocket.send_denial_response(error_answer(error))
            return
        try:
            await websocket.accept()
            frame = encode(AuthenticationError(error=str(refused), code=refused.code))
            await websocket.send_text(frame.decode("utf-8"))
            await websocket.close(self._state.config.reject_close_code, refused.code)
        except WebSocketDisconnect:
            pass  # The client did not wait for the answer.
