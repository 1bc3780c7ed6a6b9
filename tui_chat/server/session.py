"""One open WebSocket."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET
from starlette.websockets import WebSocket, WebSocketDisconnect

from tui_chat.protocol.client_frames import (
    ChatMessage,
    ClientFrame,
    ConfigureTools,
    HeartbeatPing,
    HeartbeatPong,
    JsonObject,
    StopRun,
    ToolCallResponse,
    UpdateContextHelpers,
    UpdateTools,
)
from tui_chat.protocol.codec import CLIENT_FRAMES, IgnoredFrame, encode
from tui_chat.protocol.server_frames import (
    ClientToolsUpdated,
    ErrorDetails,
    ErrorFrame,
    HeartbeatAck,
    ServerHeartbeatPing,
    SessionData,
    SessionEstablished,
    ToolsConfigured,
    ToolsData,
)
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.server.acknowledgement import message_id_in, named
from tui_chat.server.agent import ConnectionFacts, OfferedTool
from tui_chat.server.offered_tools import offered_tools
from tui_chat.server.rate_limit import RateLimit
from tui_chat.server.runs import Runs
from tui_chat.server.state import ServerState
from tui_chat.server.tickets import TicketRecord
from tui_chat.server.users import User

__all__ = ["Session"]

_log = logging.getLogger("tui_chat.server")

SEND_TIMEOUT: Final = 30.0
"""Seconds a client may go without reading before it is cut off."""
CLOSE_TIMEOUT: Final = 0.5
"""Seconds a close frame may wait behind what the client has not read; then it is cut off."""
MAX_BAD_FRAMES: Final = 100
"""Frames a session may send that mean nothing; with one more the connection is closed."""
MAX_CONFIGURATION: Final = 1024 * 1024
"""Bytes of a frame whose contents are kept: tools, components, context."""
MAX_REFUSED: Final = 50
"""Frames in a row that come too fast; with one more the connection is closed."""
NO_CLOSING_HANDSHAKE: Final = 1006

_KEPT: Final = (ConfigureTools, UpdateTools, UpdateContextHelpers)

_ids = itertools.count(1)


class Session:
    """One open WebSocket of one user, from ``session_established`` to its end.

    Only :meth:`serve` reads; any task may :meth:`send` or :meth:`drop`.

    Args:
        state: the server's.
        runs: takes the chat messages.
        websocket: accepted already.
        user: whose ticket it was.
        record: that ticket's.
        abort: cuts the connection without a closing handshake; None where the HTTP server has no
            means to do so.
        on_frame: is shown every frame that comes in, for tests.

    Attributes:
        id: the server's name for it, in its log and in ``session_established``.
        opened: when it began, on the boot clock.
        frames_sent: frames handed to the connection so far.
    """

    def __init__(
        self,
        state: ServerState,
        runs: Runs,
        websocket: WebSocket,
        user: User,
        record: TicketRecord,
        *,
        abort: Callable[[], None] | None = None,
        on_frame: Callable[[Session, str | bytes], None] | None = None,
    ) -> None:
        self.id = f"session_{next(_ids)}"
        self._state = state
        self._runs = runs
        self._websocket = websocket
        self._user = user
        self._record = record
        self._abort = abort
        self._on_frame = on_frame
        self.opened = state.clock.boot()
        self._tools: dict[str, OfferedTool] = {}
        self._context: JsonObject = {}
        self._bad_frames = 0
        config = state.config
        # The loop's clock: what came while this process was suspended is let in slowly.
        now = asyncio.get_running_loop().time
        self._rate = RateLimit(config.message_rate, config.message_burst, now)
        self._refused = 0
        self.frames_sent = 0
        self._gone = False

    # -- what a run sees of it --------------------------------------------------------------------

    @property
    def user(self) -> User:
        """Whose session it is."""
        return self._user

    @property
    def entity(self) -> tuple[str | None, str | None]:
        """Id and type of whom the user acts for."""
        return self._record.entity_id, self._record.entity_type

    @property
    def tools(self) -> Mapping[str, OfferedTool]:
        """The client's tools by name."""
        return self._tools

    @property
    def context(self) -> Mapping[str, Any]:
        """The client's context helpers."""
        return self._context

    def facts(self) -> ConnectionFacts:
        """Return what can be seen of the connection."""
        state, identity, now = self._state, self._user.identity, self._state.clock.boot()
        return ConnectionFacts(
            ticket_lifetime=state.config.ticket_ttl,
            ticket_expires_in=max(self._record.deadline - now, 0.0),
            single_use=state.config.single_use,
            tickets_issued=state.tickets.issued_to(identity),
            handshakes=state.handshakes[identity],
            session_age=now - self.opened,
            sessions=state.open_sessions[identity],
        )

    async def send(self, frame: msgspec.Struct) -> bool:
        """Send a frame.

        Returns:
            False, without an exception, when the connection is gone.

        Raises:
            TypeError: if the frame holds something that is not JSON.
            ValueError: if it is nested too deeply.
        """
        return await self.send_text(encode(frame).decode("utf-8"))

    async def send_text(self, text: str) -> bool:
        """Send a text frame as it is; False when the connection is gone."""
        if self._gone:
            return False
        try:
            # A client that does not read fills the buffers, and then this waits for it.
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._websocket.send_text(text)
            self.frames_sent += 1
        except TimeoutError:
            _log.info("%s does not read and is cut off", self.id)
            await self.drop(NO_CLOSING_HANDSHAKE)
            return False
        except (WebSocketDisconnect, RuntimeError):
            # Starlette raises RuntimeError for a connection that another task has closed.
            self._gone = True
            return False
        return True

    async def drop(self, code: int, reason: str = "") -> None:
        """Close the connection.

        Args:
            code: the close code; 1006, which cannot be sent, cuts the connection instead.
            reason: at most 123 bytes of UTF-8 (RFC 6455, 5.5); the rest is cut off.
        """
        if self._gone:
            return
        self._gone = True
        if code == NO_CLOSING_HANDSHAKE and self._abort is not None:
            self._abort()
            return
        short = reason.encode("utf-8", "replace")[:123].decode("utf-8", "ignore")
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._websocket.close(code, short)
        except TimeoutError:
            if self._abort is not None:
                self._abort()
        except (WebSocketDisconnect, RuntimeError):
            pass  # It is gone already.

    # -- the session ------------------------------------------------------------------------------

    async def serve(self) -> int:
        """Greet the client, answer its frames, and return the close code when it is gone."""
        announced = list(self._state.config.announce)
        memory = self._state.journal.receipts_id if "client_message_id" in announced else UNSET
        data = SessionData(announced, self.id, memory) if announced else UNSET
        await self.send(SessionEstablished(data))
        heart = asyncio.create_task(self._beat())
        try:
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return int(message.get("code") or 1005)
                await self._take(message)
        finally:
            self._gone = True
            heart.cancel()
            await asyncio.wait({heart}, timeout=1)

    async def _beat(self) -> None:
        interval = self._state.config.heartbeat_interval
        while interval and not self._gone:
            await asyncio.sleep(interval)
            now = self._state.clock.wall()
            await self.send(
                ServerHeartbeatPing(
                    timestamp=msgspec.Raw(msgspec.json.encode(format_timestamp(now))),
                    pingTime=msgspec.Raw(msgspec.json.encode(int(now * 1000))),
                )
            )

    async def _take(self, message: Mapping[str, Any]) -> None:
        text, data = message.get("text"), message.get("bytes")
        payload: str | bytes = text if text is not None else data or b""
        if self._on_frame is not None:
            self._on_frame(self, payload)
        wait = self._rate.take("")
        if wait > 0:
            await self._slow_down(payload, wait)
            return
        self._refused = 0
        frame = CLIENT_FRAMES.decode(payload, binary=text is None)
        if isinstance(frame, _KEPT) and len(payload) > MAX_CONFIGURATION:
            sentence = f"Tools and context have at most {MAX_CONFIGURATION // 1024} KB together."
            await self.send(ErrorFrame(sentence, ErrorDetails("TOO_LARGE")))
            return
        if isinstance(frame, IgnoredFrame):
            await self._object(frame, payload)
        else:
            await self._handle(frame)

    async def _handle(self, frame: ClientFrame) -> None:
        match frame:
            case ChatMessage():
                await self._runs.submit(self, frame)
            case ConfigureTools():
                self._tools = offered_tools(frame.toolSchemas)
                self._context = frame.contextHelpers
                await self.send(ToolsConfigured(self._tools_data()))
            case UpdateTools():
                self._tools = offered_tools(frame.toolSchemas)
                await self.send(ClientToolsUpdated(self._tools_data()))
            case UpdateContextHelpers():
                self._context = frame.contextHelpers
            case ToolCallResponse():
                if not self._state.tool_calls.answer(self._user.identity, frame):
                    _log.debug("%s answers a tool call nobody waits for", self.id)
            case HeartbeatPing():
                now = format_timestamp(self._state.clock.wall())
                await self.send(HeartbeatAck(timestamp=now, originalTimestamp=frame.timestamp))
            case HeartbeatPong():
                pass  # That it came is all there is to it; dead peers are the HTTP server's part.
            case StopRun():
                self._runs.stop(self._user.identity, frame.conversationUuid)

    async def _slow_down(self, payload: str | bytes, wait: float) -> None:
        """Refuse a frame that came too fast, and the whole connection when that goes on.

        Args:
            payload: the frame, which is lost; of a message the sender is told which one.
            wait: seconds until the next frame may come.
        """
        self._refused += 1
        if self._refused > MAX_REFUSED:
            _log.info("%s sends too fast and is closed", self.id)
            await self.drop(1008, "too many messages")
            return
        details: JsonObject = {"retryAfter": math.ceil(wait)} | (
            named(message_id_in(payload)) or {}
        )
        sentence = "Too many messages at once. This one was ignored; send it again later."
        await self.send(ErrorFrame(sentence, ErrorDetails("RATE_LIMITED", details)))

    async def _object(self, frame: IgnoredFrame, payload: str | bytes) -> None:
        """Say what was wrong with a frame: whoever writes a client wants to know."""
        self._bad_frames += 1
        if self._bad_frames > MAX_BAD_FRAMES:
            _log.info("%s sends too many frames that mean nothing", self.id)
            await self.drop(1002, "too many frames that mean nothing")
            return
        code = "UNKNOWN_TYPE" if frame.reason == "unknown_type" else "INVALID_FRAME"
        details = named(message_id_in(payload))
        await self.send(ErrorFrame(f"Ignored a frame: {frame.detail}", ErrorDetails(code, details)))

    def _tools_data(self) -> ToolsData:
        return ToolsData(len(self._tools), list(self._tools))
