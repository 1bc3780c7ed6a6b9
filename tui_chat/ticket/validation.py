"""What a server says about a ticket when it is asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tui_chat.errors import RequestTimeout, TuiChatError
from tui_chat.secret import Secret
from tui_chat.ticket.auth import AuthData
from tui_chat.ticket.failures import normalised

__all__ = ["TicketValidation", "TicketValidator", "ask"]


@dataclass(frozen=True, slots=True)
class TicketValidation:
    """The answer to "is this ticket good?". Texts are cleaned and bounded.

    Attributes:
        valid: whether a handshake with it would be accepted now; false for a spent ticket.
        code: the server's code, ``NO_TICKET`` when there was none to ask about, or empty.
        reason: a sentence for people, or empty.
        expired: whether the server says it has expired; None when it does not say.
        revoked: whether the server says it was revoked; None when it does not say.
    """

    valid: bool
    code: str = ""
    reason: str = ""
    expired: bool | None = None
    revoked: bool | None = None


@runtime_checkable
class TicketValidator(Protocol):
    """A ticket source that can also ask about a ticket."""

    async def validate(self, auth: AuthData, ticket: Secret) -> TicketValidation:
        """Ask the server, once.

        Raises:
            TuiChatError: if the call itself failed, which says nothing about the ticket.
        """
        ...


async def ask(
    source: TicketValidator, auth: AuthData, ticket: Secret, deadline: float
) -> TicketValidation:
    """Ask about a ticket within ``deadline`` seconds.

    Raises:
        TuiChatError: if the call itself failed; without the frames that saw the credentials.
    """
    failure: TuiChatError
    try:
        async with asyncio.timeout(deadline):
            return await source.validate(auth, ticket)
    except TimeoutError:
        failure = RequestTimeout(f"The server did not finish its answer within {deadline:g} s.")
    except Exception as error:  # noqa: BLE001 - a source may raise anything
        failure = normalised(error)
    raise failure
