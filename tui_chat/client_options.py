"""What a client is started with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, NotRequired, Required, TypedDict

from tui_chat.network import ClientCertificate
from tui_chat.secret import Secret
from tui_chat.ticket import TicketManagerConfig
from tui_chat.tools import ClientTool

__all__ = ["ClientOptions", "ConversationOptions"]


class ConversationOptions(TypedDict, total=False):
    """What belongs to a single conversation.

    Attributes:
        provider_res_id: the thread to go on with; by default the server opens one.
        tools: functions the server may call.
        context_helpers: context for the server, such as ``{"locale": "en"}``.
    """

    provider_res_id: NotRequired[str | None]
    tools: NotRequired[Iterable[ClientTool]]
    context_helpers: NotRequired[Mapping[str, Any] | None]


class ClientOptions(ConversationOptions, total=False):
    """What a client is started with, besides what belongs to a single conversation.

    Attributes:
        chat_server_url: the server; ``ws``, ``wss``, ``http`` and ``https`` all work.
        user_mp_auth_token: the user's token.
        chat_server_key: which application is calling.
        user_id: sent only to servers of the older generation.
        entity_id: whom the user acts for.
        entity_type: ``BRAND``, ``ACCOUNT`` or ``USER``.
        ticket_config: how tickets are fetched and renewed.
        allow_plaintext: permits ``http`` and ``ws`` to another machine.
        ca_file: a PEM file with certificate authorities to trust besides the system's.
        client_certificate: shown to a server that asks for one.
    """

    chat_server_url: Required[str]
    user_mp_auth_token: Required[str | Secret]
    chat_server_key: Required[str | Secret]
    user_id: NotRequired[str | None]
    entity_id: NotRequired[str | None]
    entity_type: NotRequired[str | None]
    ticket_config: NotRequired[TicketManagerConfig | None]
    allow_plaintext: NotRequired[bool]
    ca_file: NotRequired[str | PathLike[str] | None]
    client_certificate: NotRequired[ClientCertificate | None]
