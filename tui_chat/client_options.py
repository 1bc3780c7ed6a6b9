"""What a client is started with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, Final, NotRequired, Required, TypedDict

from tui_chat.errors import ConfigurationError
from tui_chat.network import ClientCertificate
from tui_chat.secret import Secret
from tui_chat.ticket import TicketManagerConfig
from tui_chat.tools import ClientTool

__all__ = ["ClientOptions", "ConversationOptions", "check_names", "check_options"]


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


# Python does not find these out by itself where annotations are not evaluated.
_REQUIRED: Final = ("chat_server_url", "user_mp_auth_token", "chat_server_key")


def check_names(options: Iterable[str], kind: type) -> None:
    """Refuse what is not an option: one that is misspelt would otherwise be without effect.

    Args:
        options: the names that were given.
        kind: :class:`ClientOptions` or :class:`ConversationOptions`.

    Raises:
        ConfigurationError: with the nearest known name.
    """
    known: frozenset[str] = kind.__required_keys__ | kind.__optional_keys__  # type: ignore[attr-defined]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = (
                f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(sorted(known))}."
            )
            raise ConfigurationError(
                f"There is no option {str(name)[:64]!r} here.", advice=hint, code="UNKNOWN_OPTION"
            )


def check_options(options: ClientOptions) -> None:
    """Refuse options that cannot be used, before anything is made of them.

    Raises:
        ConfigurationError: for an unknown name, or a required option that is missing or no text.
    """
    check_names(options, ClientOptions)
    for name in _REQUIRED:
        value = options.get(name)
        if not isinstance(value, str | Secret) or not value:
            raise ConfigurationError(
                f"The option {name!r} is missing or empty.",
                advice="It takes a text.",
                code="MISSING_OPTION",
            )
