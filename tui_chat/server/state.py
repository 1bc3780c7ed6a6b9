"""What the parts of one server share."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from tui_chat.clock import Clock
from tui_chat.server.agent import ConnectionFacts, OfferedTool
from tui_chat.server.agent_configurations import AgentConfigurations
from tui_chat.server.config import ServerConfig
from tui_chat.server.data_file import DataFile
from tui_chat.server.data_file_access import damaged
from tui_chat.server.journal import Journal, NoJournal
from tui_chat.server.maintenance import Maintenance
from tui_chat.server.narration import TextShape
from tui_chat.server.rate_limit import RateLimit
from tui_chat.server.receipts import Receipts
from tui_chat.server.threads import ThreadLimits, ThreadStore
from tui_chat.server.tickets import TicketStore
from tui_chat.server.tool_calls import ToolCalls
from tui_chat.server.uploads import UploadStore
from tui_chat.server.users import User, UserDirectory

__all__ = ["Audience", "ServerState"]


class Audience(Protocol):
    """Who a run answers to, as far as the run cares: a session."""

    @property
    def user(self) -> User:
        """Whose session it is."""
        ...

    @property
    def entity(self) -> tuple[str | None, str | None]:
        """Id and type of whom the user acts for."""
        ...

    @property
    def tools(self) -> Mapping[str, OfferedTool]:
        """The client's tools by name."""
        ...

    @property
    def context(self) -> Mapping[str, Any]:
        """The client's context helpers."""
        ...

    async def send(self, frame: msgspec.Struct) -> bool:
        """Send a frame; False, without an exception, once the connection is gone."""
        ...

    async def drop(self, code: int, reason: str = "") -> None:
        """Close the connection; 1006 cuts it."""
        ...

    def facts(self) -> ConnectionFacts:
        """Return what can be seen of the connection."""
        ...


class ServerState:
    """The stores of one server, and its counters. Everything lives on one event loop.

    Attributes:
        config: how the server behaves.
        clock: the server's clock.
        users: who may connect.
        tickets: the tickets handed out.
        ticket_rate: how often users may ask for one.
        journal: what outlives the process, if anything does.
        threads: the conversations.
        receipts: the messages that were taken in.
        uploads: the files clients have sent.
        agent_configurations: which agent answers whom.
        maintenance: who is not served right now.
        tool_calls: calls that are out with clients.
        handshakes: connections opened so far, by user identity.
        open_sessions: connections open now, by user identity.
    """

    def __init__(self, config: ServerConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.users = UserDirectory(config.users or (User.at_random(),))
        self.tickets = TicketStore(clock=clock, ttl=config.ticket_ttl, single_use=config.single_use)
        self.ticket_rate = RateLimit(config.ticket_rate, config.ticket_burst, clock.boot)
        self.journal: Journal = NoJournal() if config.data is None else DataFile(config.data)
        self.threads = ThreadStore(
            clock,
            ThreadLimits(
                threads=config.max_threads,
                messages=config.max_messages,
                chars=config.max_thread_chars,
                chars_per_user=config.max_history_chars,
            ),
            self.journal,
        )
        self.receipts = Receipts(self.journal)
        try:
            with self.journal.together():
                self._restore()
        except BaseException as error:
            self.journal.close()
            if isinstance(error, msgspec.DecodeError) and config.data is not None:
                raise damaged(config.data) from error
            raise
        self.uploads = UploadStore(max_bytes=config.upload_space, max_files=config.max_uploads)
        self.agent_configurations = AgentConfigurations()
        self.maintenance = Maintenance(clock)
        self.tool_calls = ToolCalls()
        self.handshakes: Counter[str] = Counter()
        self.open_sessions: Counter[str] = Counter()
        self._shapes: Iterator[TextShape] = itertools.cycle(("content-delta", "provider-event"))

    def _restore(self) -> None:
        """Go on where the server ended that used the data file before."""
        kept = self.journal.load()
        self.threads.restore(kept)
        threads = self.threads.all()
        for receipt in self.receipts.restore(kept, threads):
            # It was taken in and its turn never came. Whoever sent it may ask again for the answer.
            if receipt.question is not None:
                self.threads.append(threads[receipt.provider_res_id], [receipt.question])
            self.receipts.asked(receipt)

    def next_shape(self) -> TextShape:
        """Return the shape of the next run's text; see :mod:`tui_chat.server.narration`."""
        return next(self._shapes)
