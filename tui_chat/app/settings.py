"""What the application needs to know to reach a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tui_chat.secret import Secret

__all__ = ["ChatSettings", "Wish"]


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """One server and the credentials for it. Secrets stay masked in every ``repr``.

    Attributes:
        server_url: as the user gave it.
        token: the user's token.
        key: the server key.
        user_id: for servers of the older generation.
        entity_id: whom the user acts for.
        entity_type: ``BRAND``, ``ACCOUNT`` or ``USER``.
        allow_plaintext: whether credentials may go unencrypted to another machine.
        demo: whether this is the demo server that was started along with the application.
    """

    server_url: str
    token: Secret
    key: Secret
    user_id: str | None = None
    entity_id: str | None = None
    entity_type: str | None = None
    allow_plaintext: bool = False
    demo: bool = False


class Wish(NamedTuple):
    """Which conversation is wanted.

    Attributes:
        fresh: a new one.
        wanted: the one whose id begins with this; None for the latest.
    """

    fresh: bool = False
    wanted: str | None = None
