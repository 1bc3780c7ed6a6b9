"""What the HTTP endpoints have in common: who is asking, and what for."""

from __future__ import annotations

import logging
from typing import Any, Final, TypeVar, get_args

import msgspec
from starlette.requests import Request

from tui_chat.protocol.addresses import KEY_HEADER, TOKEN_HEADER
from tui_chat.protocol.http import EntityType
from tui_chat.secret import Secret
from tui_chat.server.answers import ApiError
from tui_chat.server.state import ServerState
from tui_chat.server.users import CredentialsRefused, User
from tui_chat.text import one_line

__all__ = [
    "ENTITY_TYPES",
    "authenticate",
    "entity_of",
    "invalid",
    "read_entity_type",
    "read_json",
    "request_id",
]

_log = logging.getLogger("tui_chat.server")

ENTITY_TYPES: Final = frozenset(get_args(EntityType))
MAX_ENTITY_ID: Final = 200
"""Characters of an entity's id."""
Body = TypeVar("Body")


def authenticate(state: ServerState, request: Request) -> User:
    """Return who is asking.

    Raises:
        ApiError: 401 for missing or wrong credentials, 403 for a user who is blocked, 503 during
            maintenance.
    """
    state.maintenance.check()
    token, key = request.headers.get(TOKEN_HEADER), request.headers.get(KEY_HEADER)
    try:
        user = state.users.authenticate(
            Secret(token) if token else None, Secret(key) if key else None
        )
    except CredentialsRefused as refused:
        _log.info("credentials refused: %s [%s]", refused.code, request_id(request))
        raise ApiError(401, str(refused), refused.code) from None
    if user.blocked:
        _log.info("%s is blocked [%s]", user.label, request_id(request))
        raise ApiError(403, "You may not use this server.")
    state.maintenance.check(user.identity)
    return user


async def read_json(request: Request, shape: type[Body]) -> Body:
    """Return the request's body; an empty one counts as ``{}``.

    Raises:
        ApiError: 400 if it is not what the endpoint takes.
    """
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        # msgspec names the place and the types, never the value.
        raise invalid(f"The request cannot be understood: {one_line(str(error), 120)}.") from None


def request_id(request: Request) -> str:
    """Return the request's id, as it stands in the log and goes back with the answer."""
    return str(request.scope["state"]["request_id"])


def read_entity_type(value: Any) -> str | None:
    """Return an entity type that was sent, None if none was.

    Raises:
        ApiError: 400 for one there is not.
    """
    if not isinstance(value, str) or not value:
        return None
    if value not in ENTITY_TYPES:
        raise invalid("entityType is BRAND, ACCOUNT or USER.")
    return value


def entity_of(entity_id: Any, entity_type: Any) -> tuple[str | None, str | None]:
    """Return id and type of whom the user acts for, None for what was not sent.

    Raises:
        ApiError: 400 for what cannot be one.
    """
    if not isinstance(entity_id, str) or not entity_id:
        entity_id = None
    elif len(entity_id) > MAX_ENTITY_ID:
        raise invalid(f"entityId has at most {MAX_ENTITY_ID} characters.")
    return entity_id, read_entity_type(entity_type)


def invalid(sentence: str) -> ApiError:
    """Return the error for a request that makes no sense."""
    return ApiError(400, sentence, "INVALID_REQUEST")
