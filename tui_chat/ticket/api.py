"""The ticket API over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from msgspec import UNSET

from tui_chat.errors import TuiChatError
from tui_chat.protocol.addresses import TICKETS_PATH, VALIDATE_PATH
from tui_chat.protocol.http import ClientInfo, RevocationRequest, TicketRequest, ValidationRequest
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret
from tui_chat.ticket.answers import read_grant, read_validation
from tui_chat.ticket.auth import REQUEST_ID, AuthData, TicketGrant
from tui_chat.ticket.http_api import HttpApi
from tui_chat.ticket.validation import TicketValidation

__all__ = ["HttpTicketSource"]


class HttpTicketSource(HttpApi):
    """Asks a chat server for tickets.

    Args:
        server: the server; tickets are asked for under ``/api/v1/tickets``.
        send_user_id: whether to send ``userId``, which servers of the older generation want.
        options: see :class:`~tui_chat.ticket.http_api.HttpApi`.
    """

    def __init__(
        self, server: ServerUrl | str, *, send_user_id: bool = False, **options: Any
    ) -> None:
        super().__init__(server, **options)
        self._send_user_id = send_user_id

    async def fetch(self, auth: AuthData) -> TicketGrant:
        """Ask for one ticket.

        Raises:
            TuiChatError: of the class that says what to do about it.
        """
        return await self._guarded(self._fetch(auth))

    async def validate(self, auth: AuthData, ticket: Secret) -> TicketValidation:
        """Ask whether ``ticket`` is good.

        Raises:
            TuiChatError: if the call itself failed, which says nothing about the ticket.
        """
        return await self._guarded(self._validate(auth, ticket))

    async def revoke(self, auth: AuthData, ticket: Secret) -> bool:
        """Ask the server to accept ``ticket`` no more, as far as it can do that.

        Best effort: a ticket that cannot be revoked ends by itself soon enough, so nothing is
        raised. For servers that announce ``ticket_revoke``.

        Returns:
            Whether the server has taken it.
        """
        try:
            return await self._guarded(self._revoke(auth, ticket))
        except TuiChatError:
            return False

    async def _revoke(self, auth: AuthData, ticket: Secret) -> bool:
        answer = await self._request(
            "DELETE",
            TICKETS_PATH,
            auth,
            RevocationRequest(ticket.reveal()),
            further_secrets=(ticket,),
        )
        return answer.status < 300

    async def _fetch(self, auth: AuthData) -> TicketGrant:
        request_id = REQUEST_ID.get() or uuid.uuid4().hex
        request = TicketRequest(
            entityId=UNSET if auth.entity_id is None else auth.entity_id,
            entityType=UNSET if auth.entity_type is None else auth.entity_type,
            providerResId=UNSET if auth.provider_res_id is None else auth.provider_res_id,
            clientInfo=ClientInfo(
                userAgent=self._user_agent, timestamp=_timestamp(self._clock.wall())
            ),
            userId=auth.user_id if self._send_user_id and auth.user_id is not None else UNSET,
        )
        answer = await self._request("POST", TICKETS_PATH, auth, request, request_id=request_id)
        return read_grant(answer, request_id)

    async def _validate(self, auth: AuthData, ticket: Secret) -> TicketValidation:
        request = ValidationRequest(
            ticket=ticket.reveal(),
            entityId=UNSET if auth.entity_id is None else auth.entity_id,
            entityType=UNSET if auth.entity_type is None else auth.entity_type,
        )
        return read_validation(
            await self._request("POST", VALIDATE_PATH, auth, request, further_secrets=(ticket,))
        )


def _timestamp(seconds: float) -> str:
    try:
        return format_timestamp(seconds)
    except ValueError:
        return format_timestamp(0.0)  # this machine's clock is absurd; the field is informational
