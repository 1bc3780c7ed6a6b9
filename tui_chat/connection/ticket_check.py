"""Asks the server about the ticket in hand while a connection has to wait anyway.

A ticket can be dead although it has not expired: the server has restarted, or somebody revoked it.
Found out at the handshake, that costs one, and handshakes are rationed. Found out while waiting, it
costs nothing, and a fresh ticket is there when the waiting ends. It never delays anything: what is
not answered by then is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from tui_chat.errors import ConfigurationError, RequestRejected, TuiChatError
from tui_chat.ticket import TicketManager

__all__ = ["WORTH_ASKING", "TicketCheck"]

WORTH_ASKING: Final = 1.0
"""Seconds; in a shorter wait the answer would come too late."""


class TicketCheck:
    """Checks each ticket at most once.

    Args:
        tickets: whose ticket.
    """

    def __init__(self, tickets: TicketManager) -> None:
        self._tickets = tickets
        self._asked_about = 0
        self._possible = True

    @contextlib.asynccontextmanager
    async def during(self, seconds: float) -> AsyncIterator[None]:
        """Ask in the background for as long as the block lasts, if ``seconds`` make it worth it."""
        serial = self._tickets.get_debug_info().serial
        worth_it = seconds >= WORTH_ASKING and self._possible and self._tickets.is_valid()
        if not worth_it or serial == self._asked_about:
            yield
            return
        self._asked_about = serial
        asking = asyncio.create_task(self._ask(), name="tui-chat ticket check")
        try:
            yield
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    async def _ask(self) -> None:
        try:
            # One that is not valid is dropped by this, and the renewal fetches another.
            await self._tickets.validate_with_server()
        except (ConfigurationError, RequestRejected):
            self._possible = False  # this server, or this source of tickets, cannot say
        except TuiChatError:
            pass  # says nothing about the ticket
