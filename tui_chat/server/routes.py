"""The HTTP side: tickets, history, threads.

Each call authenticates by itself with the user's token and the server key; a ticket opens
WebSockets and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any, Final, TypeVar, get_args

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tui_chat.protocol.http import (
    KEY_HEADER,
    TICKETS_PATH,
    TOKEN_HEADER,
    VALIDATE_PATH,
    EntityType,
    TicketAnswer,
    TicketRequest,
    ValidationAnswer,
    ValidationDetails,
    ValidationRequest,
)
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.secret import Secret
from tui_chat.server.answers import ApiError, answer
from tui_chat.server.faults import Faults
from tui_chat.server.state import ServerState
from tui_chat.server.threads import Thread, ThreadChange
from tui_chat.server.tickets import TicketRefused
from tui_chat.server.users import CredentialsRefused, User
from tui_chat.text import one_line

__all__ = ["Api"]

_log = logging.getLogger("tui_chat.server")

ENTITY_TYPES: Final = frozenset(get_args(EntityType))
Body = TypeVar("Body")


class Api:
    """The endpoints.

    Args:
        state: the server's.
        faults: what goes wrong next, for tests.

    Attributes:
        ticket_requests: requests for tickets so far, refused ones included.
    """

    def __init__(self, state: ServerState, faults: Faults) -> None:
        self._state = state
        self._faults = faults
        self.ticket_requests = 0

    def routes(self) -> list[BaseRoute]:
        """Return the endpoints with their paths and methods."""
        return [
            Route(TICKETS_PATH, self.issue_ticket, methods=["POST"]),
            Route(VALIDATE_PATH, self.validate_ticket, methods=["POST"]),
            Route("/api/v1/messages/query", self.query_messages, methods=["GET"]),
            Route("/api/v1/threads", self.list_threads, methods=["GET"]),
            Route("/api/v1/threads/{provider_res_id}", self.change_thread, methods=["PATCH"]),
        ]

    # -- tickets ----------------------------------------------------------------------------------

    async def issue_ticket(self, request: Request) -> Response:
        """``POST /api/v1/tickets``."""
        self.ticket_requests += 1
        if self._faults.ticket_delay:
            await asyncio.sleep(self._faults.ticket_delay)
        refusal = self._faults.next_refusal("tickets")
        if refusal is not None:
            return Response(refusal.body, refusal.status, dict(refusal.headers))
        user = self._authenticate(request)
        wait = self._state.ticket_rate.take(user.identity)
        if wait > 0:
            _log.info("%s asks for tickets too often [%s]", user.label, _request_id(request))
            raise ApiError(
                429,
                "Too many requests for tickets.",
                "RATE_LIMITED",
                # Whole seconds, rounded up: a client that waits exactly that long is let in.
                {"Retry-After": str(math.ceil(wait))},
            )
        asked = await _read(request, TicketRequest)
        if user.user_id is not None and asked.userId not in (UNSET, user.user_id):
            raise ApiError(404, "There is no such user.", "USER_NOT_FOUND")
        ticket = self._state.tickets.issue(
            user.identity,
            entity_id=_or_none(asked.entityId),
            entity_type=_entity_type(_or_none(asked.entityType)),
        )
        _log.info(
            "ticket for %s, good for %g s [%s]",
            user.label,
            self._state.config.ticket_ttl,
            _request_id(request),
        )
        # The one place where a ticket is revealed: on its way to its holder.
        return answer(
            TicketAnswer(True, ticket.value.reveal(), format_timestamp(ticket.expires_at))
        )

    async def validate_ticket(self, request: Request) -> Response:
        """``POST /api/v1/tickets/validate``: would this ticket open a session now?"""
        user = self._authenticate(request)
        asked = await _read(request, ValidationRequest)
        try:
            self._state.tickets.inspect(Secret(asked.ticket), owner=user.identity)
        except TicketRefused as refused:
            flag = "expired" if refused.code == "TICKET_EXPIRED" else "invalid"
            details = ValidationDetails(reason=str(refused), **{flag: True})
            return answer(ValidationAnswer(False, str(refused), refused.code, details))
        return answer(ValidationAnswer(True))

    # -- threads ----------------------------------------------------------------------------------

    async def query_messages(self, request: Request) -> Response:
        """``GET /api/v1/messages/query``: the messages of one thread, or a page of them."""
        user = self._authenticate(request)
        query = request.query_params
        if query.get("format", "client") != "client":
            raise ApiError(400, "The only format is client.", "INVALID_REQUEST")
        thread_id = query.get("threadId")
        if thread_id:
            thread = self._state.threads.find(user.identity, thread_id)
            if thread is None:
                raise ApiError(404, "There is no such thread.", "THREAD_NOT_FOUND")
        else:
            thread = self._state.threads.latest(
                user.identity,
                entity_id=query.get("entityId") or None,
                entity_type=_entity_type(query.get("entityType") or None),
                metadata=_metadata(query.get("metadata")),
            )
        if thread is None:
            return answer({"messages": []})
        page = thread.page(before=query.get("before") or None, limit=_limit(query.get("limit")))
        return answer(
            {
                "messages": page,
                "providerResId": thread.provider_res_id,
                "threadId": thread.id,
            }
        )

    async def list_threads(self, request: Request) -> Response:
        """``GET /api/v1/threads``: an extension, announced as ``thread_list``."""
        user = self._authenticate(request)
        limit = _limit(request.query_params.get("limit"))
        threads = self._state.threads.list(user.identity, limit=limit)
        return answer({"success": True, "data": [thread.to_wire() for thread in threads]})

    async def change_thread(self, request: Request) -> Response:
        """``PATCH /api/v1/threads/{providerResId}``."""
        user = self._authenticate(request)
        thread: Thread | None = self._state.threads.find(
            user.identity, request.path_params["provider_res_id"]
        )
        if thread is None:
            raise ApiError(404, "There is no such thread.", "THREAD_NOT_FOUND")
        change = await _read(request, ThreadChange)
        if isinstance(change.entity_type, str):
            _entity_type(change.entity_type)
        self._state.threads.change(thread, change)
        return answer({"success": True, "data": thread.to_wire()})

    def _authenticate(self, request: Request) -> User:
        token, key = request.headers.get(TOKEN_HEADER), request.headers.get(KEY_HEADER)
        try:
            return self._state.users.authenticate(
                Secret(token) if token else None, Secret(key) if key else None
            )
        except CredentialsRefused as refused:
            _log.info("credentials refused: %s [%s]", refused.code, _request_id(request))
            raise ApiError(401, str(refused), refused.code) from None


# -- reading what clients send --------------------------------------------------------------------


async def _read(request: Request, shape: type[Body]) -> Body:
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        # msgspec names the place and the types, never the value.
        sentence = f"The request cannot be understood: {one_line(str(error), 120)}."
        raise ApiError(400, sentence, "INVALID_REQUEST") from None


def _request_id(request: Request) -> str:
    return str(request.scope["state"]["request_id"])


def _or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _entity_type(value: str | None) -> str | None:
    if value is not None and value not in ENTITY_TYPES:
        raise ApiError(400, "entityType is BRAND, ACCOUNT or USER.", "INVALID_REQUEST")
    return value


def _metadata(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ApiError(400, "metadata must be a JSON object.", "INVALID_REQUEST") from None


def _limit(text: str | None) -> int | None:
    if not text:
        return None
    # A number of a million digits is cheap to send and dear to read.
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise ApiError(400, "limit must be a positive number.", "INVALID_REQUEST")
    return int(text)
