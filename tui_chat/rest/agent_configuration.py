"""``GET`` and ``PUT /api/v1/agent-configuration``: which agent answers."""

from __future__ import annotations

import msgspec

from tui_chat.protocol.addresses import AGENT_CONFIGURATION_PATH
from tui_chat.protocol.http import AgentConfiguration, AgentConfigurationAnswer
from tui_chat.rest.refusals import refusal, unreadable
from tui_chat.text import one_line
from tui_chat.ticket.answers import Answer
from tui_chat.ticket.auth import AuthData
from tui_chat.ticket.http_api import HttpApi

__all__ = ["AgentConfiguration", "AgentConfigurationApi"]

MAX_SHOWN = 200
"""Characters of each name that are taken over from the server."""


class AgentConfigurationApi(HttpApi):
    """Reads and sets the configuration of the agent, of the entity the user acts for if any."""

    async def get(self, auth: AuthData) -> AgentConfiguration:
        """Return the configuration that holds now.

        Its texts came from outside: they are cleaned and bounded.

        Raises:
            TuiChatError: why it cannot be had.
        """
        return await self._guarded(self._get(auth))

    async def put(self, auth: AuthData, configuration: AgentConfiguration) -> AgentConfiguration:
        """Set the configuration and return what holds from now on.

        Args:
            auth: on whose behalf.
            configuration: what is wanted.

        Raises:
            TuiChatError: why the server did not take it.
        """
        return await self._guarded(self._put(auth, configuration))

    async def _get(self, auth: AuthData) -> AgentConfiguration:
        failed = "The server did not tell the agent's configuration"
        answer = await self._request(
            "GET", AGENT_CONFIGURATION_PATH, auth, None, query=_entity(auth)
        )
        return _read(answer, failed)

    async def _put(self, auth: AuthData, configuration: AgentConfiguration) -> AgentConfiguration:
        failed = "The server did not take the agent's configuration"
        answer = await self._request(
            "PUT", AGENT_CONFIGURATION_PATH, auth, configuration, query=_entity(auth)
        )
        return _read(answer, failed)


def _entity(auth: AuthData) -> dict[str, str]:
    query = {"entityId": auth.entity_id, "entityType": auth.entity_type}
    return {name: value for name, value in query.items() if value is not None}


def _read(answer: Answer, failed: str) -> AgentConfiguration:
    if answer.status >= 300:
        raise refusal(answer, failed)
    try:
        body = msgspec.json.decode(answer.body, type=AgentConfigurationAnswer)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise unreadable(answer, failed) from None
    if not body.success:
        raise unreadable(answer, failed)
    found = body.configuration
    return AgentConfiguration(
        app=one_line(found.app, MAX_SHOWN),
        promptPath=one_line(found.promptPath, MAX_SHOWN),
        versionUuid=one_line(found.versionUuid, MAX_SHOWN),
        isDefault=found.isDefault,
    )
