"""The seam between the server and whatever answers the messages.

An agent is one method: it gets a :class:`Turn` and yields events. The server turns the events into
frames, stores what was said, enforces time limits, and stops the agent by cancelling it::

    class Echo:
        async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
            yield Text(f"You said: {turn.text}")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tui_chat.server.threads import StoredMessage

__all__ = [
    "Agent",
    "AgentEvent",
    "ClientToolError",
    "ConnectionFacts",
    "DropConnection",
    "ExpireTickets",
    "Failure",
    "OfferedTool",
    "ReasoningDelta",
    "ReasoningEnd",
    "ReasoningStart",
    "ServerToolCall",
    "ServerToolResult",
    "Text",
    "Turn",
    "Unavailable",
]


class ClientToolError(Exception):
    """A client tool gave no result.

    Attributes:
        code: ``NOT_OFFERED``, ``TIMEOUT``, or ``FAILED`` when the tool itself reported an error.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool that the client runs when asked.

    Attributes:
        name: what to call it by.
        description: what the client says it does.
        parameters: as the client described them: ``name``, ``type``, ``description``,
            ``isRequired`` and a JSON Schema under ``schema``.
    """

    name: str
    description: str = ""
    parameters: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """What the server can see of the connection a message came over. Times in seconds.

    Attributes:
        ticket_lifetime: how long a ticket lives here.
        ticket_expires_in: what is left of the ticket this connection was opened with; 0 once it
            has expired, which does not matter to the connection.
        single_use: whether a handshake spends its ticket.
        tickets_issued: tickets this user has been given since the server started.
        handshakes: connections this user has opened since the server started.
        session_age: how long this connection has been open.
        sessions: connections this user has open now.
    """

    ticket_lifetime: float
    ticket_expires_in: float
    single_use: bool
    tickets_issued: int
    handshakes: int
    session_age: float
    sessions: int


async def _no_client(name: str, _arguments: Mapping[str, Any]) -> Any:
    raise ClientToolError("NOT_OFFERED", f"Nobody offers a tool named {name}.")


@dataclass(frozen=True, slots=True)
class Turn:
    """One message to answer.

    Attributes:
        text: what the user wrote.
        media: URLs of what the user attached.
        history: what was said before in this thread.
        context: the client's context helpers, such as ``locale``.
        tools: the tools the client offers.
        connection: what the server sees of the connection; None outside of one.
        user_name: what to call the user; may be empty.
    """

    text: str
    media: Sequence[str] = ()
    history: Sequence[StoredMessage] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    tools: Sequence[OfferedTool] = ()
    connection: ConnectionFacts | None = None
    user_name: str = ""
    client_tool: Callable[[str, Mapping[str, Any]], Awaitable[Any]] = _no_client

    async def call_client_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Run one of the client's tools and return its result, any JSON value.

        Raises:
            ClientToolError: if the client does not offer it, does not answer in time, or answers
                with an error.
        """
        return await self.client_tool(name, arguments or {})


# -- what an agent yields -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer."""

    delta: str


@dataclass(frozen=True, slots=True)
class ReasoningStart:
    """A block of reasoning begins; several may be open at once, told apart by id."""

    id: str = "reasoning"


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of a block of reasoning."""

    text: str
    id: str = "reasoning"


@dataclass(frozen=True, slots=True)
class ReasoningEnd:
    """A block of reasoning is complete."""

    id: str = "reasoning"


@dataclass(frozen=True, slots=True)
class ServerToolCall:
    """The agent runs a tool of its own; ``call_id`` ties the result to it."""

    name: str
    call_id: str
    arguments: Any = None


@dataclass(frozen=True, slots=True)
class ServerToolResult:
    """A tool of the agent's own has finished."""

    name: str
    call_id: str
    result: Any = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The agent gives up: the run ends with ``chat_error``."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ExpireTickets:
    """End all tickets of the user, as if their time were up. Open connections stay."""


@dataclass(frozen=True, slots=True)
class DropConnection:
    """Close the connection the message came over.

    Attributes:
        code: the close code; 1006 cuts the line without a closing handshake.
        reason: the close reason.
        at_once: in the middle of the answer, or else once it is finished and stored.
        error_code: when given, an ``authentication_error`` with this code goes out first, as
            servers do that end a session whose ticket they do not accept any more.
    """

    code: int = 1012
    reason: str = ""
    at_once: bool = False
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """From now on answer the user's requests and handshakes with 503. Open connections stay.

    Attributes:
        seconds: for how long.
    """

    seconds: float


AgentEvent = (
    Text
    | ReasoningStart
    | ReasoningDelta
    | ReasoningEnd
    | ServerToolCall
    | ServerToolResult
    | Failure
    | ExpireTickets
    | DropConnection
    | Unavailable
)


class Agent(Protocol):
    """Whatever answers messages. One instance serves all users, threads and runs."""

    def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        """Answer one message.

        The iterator ends when the answer is complete. An exception that leaves it ends the run
        with ``chat_error`` and is logged; its text is not sent to the client.
        """
        ...
