"""What is said on a session: frames in, conversation and tool calls, events out.

The connection reports to a :class:`Dialogue`; the client asks it. It outlives connections.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from tui_chat.clock import Clock
from tui_chat.connection.status import ConnectionStatus
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import Change, Message, StopRequested
from tui_chat.conversation.reducer import interrupt, reduce, tool_answered
from tui_chat.delivery.delivery import Delivery
from tui_chat.delivery.framing import SecretResolver
from tui_chat.delivery.record import ConversationRecord, MemoryRecord
from tui_chat.delivery.recorder import Recorder
from tui_chat.delivery.resolution import FetchHistory
from tui_chat.errors import (
    AuthLoop,
    ConfigurationError,
    CredentialsRejected,
    MessageRefused,
    NotConnected,
    TuiChatError,
)
from tui_chat.event_stream import EventStream
from tui_chat.events import (
    ConnectionChanged,
    DeliveryTrouble,
    FrameIgnored,
    OutboxChanged,
    ServerNotice,
    TicketChanged,
    ToolsAccepted,
)
from tui_chat.protocol.client_frames import (
    ClientFrame,
    ConfigureTools,
    JsonObject,
    ToolCallResponse,
    UpdateContextHelpers,
    UpdateTools,
)
from tui_chat.protocol.codec import IgnoredFrame, encode
from tui_chat.protocol.server_frames import (
    ChatEventFrame,
    ClientToolsUpdated,
    ErrorFrame,
    ServerFrame,
    ThreadCreated,
    ToolCallRequest,
    ToolsConfigured,
)
from tui_chat.telemetry import Telemetry, table
from tui_chat.text import one_line
from tui_chat.ticket.events import TicketEvent
from tui_chat.tools import ClientTool, ToolCalls, ToolRegistry

__all__ = ["Dialogue", "Owner"]


class Owner(Protocol):
    """What a dialogue needs of the client it belongs to."""

    def handle_connection_open(self) -> None:
        """A session is ready."""

    def handle_authentication_failure(self, error: TuiChatError) -> None:
        """The credentials are no good."""

    def thread_named(self, provider_res_id: str) -> None:
        """The server has named the thread."""


class Dialogue:
    """The conversation of one client, and the tools and context it offers.

    Args:
        owner: the client.
        send: sends a frame on the ready session; raises ``NotConnected`` if there is none.
        clock: for the times of messages.
        telemetry: counters and notes.
        events: where changes are published.
        record: where conversation and outbox are kept.
        fetch: asks the server for a page of the thread's history.
        secrets: looks up what goes into the headers for MCP servers.
        send_leftovers: whether what an earlier run of the program left over is sent without asking.

    Attributes:
        conversation: what was said.
        delivery: what the user has typed, and where it stands.
        capabilities: what the server of the present session announced.
    """

    def __init__(
        self,
        owner: Owner,
        *,
        send: Callable[[ClientFrame], asyncio.Future[None]],
        clock: Clock,
        telemetry: Telemetry,
        events: EventStream,
        record: ConversationRecord,
        fetch: FetchHistory,
        secrets: SecretResolver | None,
        send_leftovers: bool,
    ) -> None:
        self._owner = owner
        self._send = send
        self._clock = clock
        self._telemetry = telemetry
        self._events = events
        self._registry = ToolRegistry()
        self._calls = ToolCalls(
            self._registry, send=self._send_answer, finished=self._tool_finished
        )
        self._context: JsonObject = {}
        self._context_given = False
        self.conversation = Conversation(record.thread_id, record.messages)
        self._recorder = (
            None if isinstance(record, MemoryRecord) else Recorder(self.conversation, record)
        )
        self.capabilities: frozenset[str] = frozenset()
        self.delivery = Delivery(
            record,
            self.conversation,
            send=send,
            fetch=fetch,
            apply=self.apply,
            changed=self._outbox_changed,
            trouble=self._delivery_trouble,
            clock=clock,
            telemetry=telemetry,
            secrets=secrets,
            send_leftovers=send_leftovers,
        )

    # -- for the client -------------------------------------------------------------------------

    def continue_thread(self, thread_id: str) -> None:
        """Go on with a thread of the server in which something may have been said before."""
        if self.conversation.thread_id != thread_id:
            self.conversation.thread_id = thread_id
            self.conversation.began_here = False

    def stop_requested(self) -> None:
        """The user asked for the end of the run, and the server has been told."""
        self.apply([StopRequested()])

    def snapshot(self) -> tuple[Message, ...]:
        """Return copies of all messages, oldest first."""
        return tuple(message.copy() for message in self.conversation)

    def offer_tools(self, tools: Iterable[ClientTool]) -> None:
        """Add tools; a session that is ready is told the full list."""
        tools = tuple(tools)
        if tools:
            self._registry.add(tools)
            self._send_if_ready(UpdateTools(self._registry.schemas))

    def merge_context(self, context: Mapping[str, Any]) -> None:
        """Add to the context; a session that is ready is told the whole of it.

        Raises:
            ConfigurationError: if it holds what JSON cannot express.
        """
        merged = {**self._context, **context}
        try:
            encode(UpdateContextHelpers(merged))
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                "The context holds something that JSON cannot express; nothing was changed."
            ) from error
        self._context = merged
        self._context_given = True
        self._send_if_ready(UpdateContextHelpers(dict(self._context)))

    async def close(self) -> None:
        """Stop all tool calls and mark what is cut off."""
        await self._calls.aclose()
        self.delivery.session_over(None)
        self._interrupt()
        if self._recorder is not None:
            self._recorder.close()
        await self.delivery.close()

    def apply(self, changes: Iterable[Change]) -> None:
        """Carry out changes and tell every reader."""
        changes = list(changes)
        # Readers first: they get each new message as it was added, and what was appended to it
        # only once, by the changes that follow.
        self._events.publish_changes(changes)
        for change in changes:
            self.conversation.apply(change)
        if self._recorder is not None:
            self._recorder.follow(changes)

    # -- for the client's other parts -------------------------------------------------------------

    def ticket_changed(self, event: TicketEvent) -> None:
        """Tell every reader what happened to the ticket."""
        self._events.publish(TicketChanged(event))

    def metadata_refused(self, error: TuiChatError) -> None:
        """Tell every reader that the server did not take metadata that had waited."""
        self._events.publish(ServerNotice(str(error), error.code))

    # -- for the connection (SessionHooks) ------------------------------------------------------

    def configuration(self) -> ConfigureTools | None:
        """Return tools and context for a new session; None if there is nothing to configure."""
        if not len(self._registry) and not self._context_given:
            return None
        return ConfigureTools(self._registry.schemas, contextHelpers=dict(self._context))

    def session_ready(self, capabilities: frozenset[str], memory: str) -> None:
        """Send what waited for a session."""
        self.capabilities = capabilities
        self._owner.handle_connection_open()
        self._calls.session_ready()
        self.delivery.session_ready(capabilities, memory)

    def session_lost(self, error: TuiChatError | None) -> None:
        """Mark what was cut off."""
        self.capabilities = frozenset()
        self.delivery.session_over(error)
        self._interrupt()

    def frame_received(self, frame: ServerFrame) -> None:
        """Fold a frame into the conversation and act on it."""
        if isinstance(frame, ErrorFrame) and self.delivery.frame_received(frame):
            return  # it is shown at the message it is about
        if changes := reduce(self.conversation, frame, self._clock.wall()):
            self.apply(changes)
        if isinstance(frame, ChatEventFrame):
            if self.delivery.expecting:
                self.delivery.frame_received(frame)
            return
        self.delivery.frame_received(frame)
        match frame:
            case ToolCallRequest():
                self._telemetry.note("tool", f"asked to run {one_line(frame.toolName, 64)}")
                self._telemetry.count(table.TOOL_CALL_COUNT)
                self._calls.request(frame)
            case ToolsConfigured(data) | ClientToolsUpdated(data):
                names = tuple(one_line(name, 64) for name in (data.toolNames if data else ()))
                self._events.publish(ToolsAccepted(names))
            case ThreadCreated(data):
                self._owner.thread_named(data.providerResId)
            case _:
                pass

    def frame_ignored(self, frame: IgnoredFrame) -> None:
        """Make an unusable frame visible."""
        self._events.publish(FrameIgnored(frame))

    def status_changed(self, status: ConnectionStatus) -> None:
        """Tell every reader; a refusal of the credentials also reaches the client."""
        if isinstance(status.cause, CredentialsRejected | AuthLoop):
            self._owner.handle_authentication_failure(status.cause)
        self._events.publish(ConnectionChanged(status))

    # -- inside ---------------------------------------------------------------------------------

    def _outbox_changed(self) -> None:
        self._events.publish(OutboxChanged(self.delivery.items()))

    def _delivery_trouble(self, error: TuiChatError) -> None:
        self._telemetry.note("error", str(error))
        self._events.publish(DeliveryTrouble(str(error), error.code))

    def _interrupt(self) -> None:
        self.apply(interrupt(self.conversation, self._clock.wall()))

    def _send_if_ready(self, frame: ClientFrame) -> None:
        # The next session is configured with it anyway.
        with contextlib.suppress(NotConnected):
            self._send(frame)

    def _send_answer(self, answer: ToolCallResponse, lost: Callable[[], None]) -> bool:
        try:
            written = self._send(answer)
        except MessageRefused:  # no session, or too much waits to be written
            return False
        written.add_done_callback(lambda done: lost() if done.exception() else None)
        return True

    def _tool_finished(self, call_id: str, result: Any, error: str | None) -> None:
        self._telemetry.note("tool", "answered" if error is None else f"failed: {error}")
        self.apply(
            tool_answered(
                self.conversation, call_id, self._clock.wall(), result=result, error=error
            )
        )
