"""The HTTP side: tickets, history, threads, the agent's configuration.

Each call authenticates by itself with the user's token and the server key; a ticket opens
WebSockets and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any, Final

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tui_chat.protocol.addresses import AGENT_CONFIGURATION_PATH, TICKETS_PATH, VALIDATE_PATH
from tui_chat.protocol.http import (
    AgentConfiguration,
    AgentConfigurationAnswer,
    RevocationRequest,
    TicketAnswer,
    TicketRequest,
    ValidationAnswer,
    ValidationDetails,
    ValidationRequest,
)
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.secret import Secret
from tui_chat.server.agent_configurations import objection
from tui_chat.server.answers import ApiError, answer
from tui_chat.server.faults import Faults
from tui_chat.server.journal import JournalFailed
from tui_chat.server.requests import (
    authenticate,
    entity_of,
    invalid,
    read_entity_type,
    read_json,
    request_id,
)
from tui_chat.server.state import ServerState
from tui_chat.server.threads import Thread, ThreadChange
from tui_chat.server.tickets import TicketRefused

__all__ = ["Api"]

_log = logging.getLogger("tui_chat.server")

MAX_CHANGE: Final = 16 * 1024
"""Bytes of what can be kept about a thread, title and metadata included."""


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
            Route(TICKETS_PATH, self.revoke_ticket, methods=["DELETE"]),
            Route(AGENT_CONFIGURATION_PATH, self.agent_configuration, methods=["GET"]),
            Route(AGENT_CONFIGURATION_PATH, self.configure_agent, methods=["PUT"]),
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
        user = authenticate(self._state, request)
        wait = self._state.ticket_rate.take(user.identity)
        if wait > 0:
            _log.info("%s asks for tickets too often [%s]", user.label, request_id(request))
            raise ApiError(
                429,
                "Too many requests for tickets.",
                "RATE_LIMITED",
                # Whole seconds, rounded up: a client that waits exactly that long is let in.
                {"Retry-After": str(math.ceil(wait))},
            )
        asked = await read_json(request, TicketRequest)
        if user.user_id is not None and asked.userId not in (UNSET, user.user_id):
            raise ApiError(404, "There is no such user.", "USER_NOT_FOUND")
        entity_id, entity_type = entity_of(asked.entityId, asked.entityType)
        ticket = self._state.tickets.issue(
            user.identity, entity_id=entity_id, entity_type=entity_type
        )
        _log.info(
            "ticket for %s, good for %g s [%s]",
            user.label,
            self._state.config.ticket_ttl,
            request_id(request),
        )
        # The one place where a ticket is revealed: on its way to its holder.
        return answer(
            TicketAnswer(True, ticket.value.reveal(), format_timestamp(ticket.expires_at))
        )

    async def validate_ticket(self, request: Request) -> Response:
        """``POST /api/v1/tickets/validate``: would this ticket open a session now?"""
        user = authenticate(self._state, request)
        asked = await read_json(request, ValidationRequest)
        try:
            self._state.tickets.inspect(Secret(asked.ticket), owner=user.identity)
        except TicketRefused as refused:
            flag = "expired" if refused.code == "TICKET_EXPIRED" else "invalid"
            flag = "revoked" if refused.revoked else flag
            details = ValidationDetails(reason=str(refused), **{flag: True})
            return answer(ValidationAnswer(False, str(refused), refused.code, details))
        return answer(ValidationAnswer(True))

    async def revoke_ticket(self, request: Request) -> Response:
        """``DELETE /api/v1/tickets``: an extension, announced as ``ticket_revoke``.

        The answer is the same for a ticket that never was: deleting twice is no mistake, and
        nobody learns whether somebody else's ticket exists.
        """
        user = authenticate(self._state, request)
        asked = await read_json(request, RevocationRequest)
        if self._state.tickets.revoke(Secret(asked.ticket), owner=user.identity):
            _log.info("a ticket of %s was revoked [%s]", user.label, request_id(request))
        return answer({"success": True})

    # -- which agent answers -----------------------------------------------------------------------

    async def agent_configuration(self, request: Request) -> Response:
        """``GET /api/v1/agent-configuration``, of the entity in the query if there is one."""
        user = authenticate(self._state, request)
        found = self._state.agent_configurations.find(user.identity, _entity(request))
        return answer(AgentConfigurationAnswer(True, found))

    async def configure_agent(self, request: Request) -> Response:
        """``PUT /api/v1/agent-configuration``, for the entity in the query if there is one."""
        user = authenticate(self._state, request)
        entity = _entity(request)
        asked = await read_json(request, AgentConfiguration)
        if sentence := objection(asked):
            raise invalid(sentence)
        kept = self._state.agent_configurations.choose(user.identity, entity, asked)
        return answer(AgentConfigurationAnswer(True, kept))

    # -- threads ----------------------------------------------------------------------------------

    async def query_messages(self, request: Request) -> Response:
        """``GET /api/v1/messages/query``: the messages of one thread, or a page of them."""
        user = authenticate(self._state, request)
        query = request.query_params
        if query.get("format", "client") != "client":
            raise invalid("The only format is client.")
        thread_id = query.get("threadId")
        if thread_id:
            thread = self._state.threads.find(user.identity, thread_id)
            if thread is None:
                raise ApiError(404, "There is no such thread.", "THREAD_NOT_FOUND")
        else:
            thread = self._state.threads.latest(
                user.identity,
                entity_id=query.get("entityId") or None,
                entity_type=read_entity_type(query.get("entityType")),
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
        user = authenticate(self._state, request)
        limit = _limit(request.query_params.get("limit"))
        threads = self._state.threads.list(user.identity, limit=limit)
        return answer({"success": True, "data": [thread.to_wire() for thread in threads]})

    async def change_thread(self, request: Request) -> Response:
        """``PATCH /api/v1/threads/{providerResId}``."""
        user = authenticate(self._state, request)
        thread: Thread | None = self._state.threads.find(
            user.identity, request.path_params["provider_res_id"]
        )
        if thread is None:
            raise ApiError(404, "There is no such thread.", "THREAD_NOT_FOUND")
        if len(await request.body()) > MAX_CHANGE:
            raise ApiError(413, "So much is not kept about a thread.", "TOO_LARGE")
        change = await read_json(request, ThreadChange)
        read_entity_type(change.entity_type)
        self._state.threads.change(thread, change)
        try:
            await self._state.journal.commit()
        except JournalFailed as error:
            raise ApiError(507, str(error), error.code) from error
        return answer({"success": True, "data": thread.to_wire()})


# -- reading what clients send --------------------------------------------------------------------


def _entity(request: Request) -> tuple[str | None, str | None]:
    query = request.query_params
    return entity_of(query.get("entityId"), query.get("entityType"))


def _metadata(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise invalid("metadata must be a JSON object.") from None


def _limit(text: str | None) -> int | None:
    if not text:
        return None
    # A number of a million digits is cheap to send and dear to read.
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise invalid("limit must be a positive number.")
    return int(text)
