"""A ticket server with moods: what it answers can be changed at any moment, and is remembered."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.virtual import FakeTicketServer, Reply, failure
from tui_chat.errors import CredentialsRejected, TuiChatError
from tui_chat.secret import Secret
from tui_chat.ticket import AuthData, TicketGrant, TicketValidation
from tui_chat.ticket.failures import clamped_retry_after

__all__ = ["SOUND", "TicketManner", "TicketOffice"]


@dataclass(frozen=True)
class TicketManner:
    """How the ticket server answers from now on.

    Attributes:
        kind: a ``ticket``, no answer (``hang``), ``credentials`` refused, or a kind of
            :func:`tests.virtual.failure`.
        lifetime: true seconds a ticket lives.
        latency: seconds until the server acts, and again until the answer arrives.
        retry_after: what a failure asks for.
    """

    kind: str = "ticket"
    lifetime: float = 300.0
    latency: float = 0.02
    retry_after: float | None = None

    def reply(self) -> Reply:
        """Return a fresh answer."""
        if self.kind == "ticket":
            return Reply(self.lifetime, self.latency)
        if self.kind == "hang":
            return Reply(hang=True)
        if self.kind == "credentials":
            error: Exception = CredentialsRejected("no", status=401)
        else:
            error = failure(self.kind, retry_after=self.retry_after)
        return Reply(latency=self.latency, error=error)


SOUND = TicketManner()


@dataclass
class TicketOffice(FakeTicketServer):
    """A ticket server with moods, that can also be asked about a ticket.

    Attributes:
        manner: how the next requests are answered.
        not_before: before that a ``Retry-After`` forbids to ask.
        answered_at: when that was said.
        on_request: called when a request arrives, of either kind.
    """

    manner: TicketManner = SOUND
    not_before: float = -math.inf
    answered_at: float = -math.inf
    on_request: Callable[[], object] = field(default=lambda: None)

    async def fetch(self, auth: AuthData) -> TicketGrant:
        self.on_request()
        self.default = self.manner.reply()
        try:
            return await super().fetch(auth)
        except TuiChatError as error:
            seconds = clamped_retry_after(getattr(error, "retry_after", None))
            if seconds is not None:
                self.answered_at = self.clock.boot()
                self.not_before = max(self.not_before, self.answered_at + seconds)
            raise

    async def validate(self, auth: AuthData, ticket: Secret) -> TicketValidation:
        """Say whether a handshake would be accepted, in the present mood."""
        self.on_request()
        reply = self.manner.reply()
        if reply.hang:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(reply.latency)
        if reply.error is not None:
            raise reply.error
        value = ticket.reveal()
        spent = self.single_use and value in self.spent
        dead = value in self.forgotten or self.clock.true() >= self.expiries.get(value, 0.0)
        return TicketValidation(not (spent or dead))
