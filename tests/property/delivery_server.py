"""A chat server that applies messages, and can lose its nerve at any point of doing so.

Each message carries an attachment that nobody else knows of, so that what was applied is known in
truth, whatever ids and texts say. The server itself never looks at it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import websockets
from websockets.asyncio.server import ServerConnection

from tests.property.connection_network import Network

__all__ = ["PLAIN_FATE", "TOO_LONG", "ChatServer", "Fate"]

TOO_LONG = 300
"""Characters of a message that this server closes the connection for (1009)."""

_silent = logging.getLogger("tests.silent")
_silent.disabled = True

Place = Literal["", "unread", "taken", "middle", "finished", "persisted"]
How = Literal["drop", "restart", "amnesia", "hang"]


@dataclass(frozen=True)
class Fate:
    """What becomes of one message.

    Attributes:
        place: where the server fails: before it took the message, before any sign of that, in the
            middle of the reply, before it is stored, after that; empty for nowhere.
        how: the connection breaks; the server restarts, with its memory or without; or the
            connection stands still (nothing is read or said on it any more).
        refusal: the code the message is refused with instead of being taken.
        retry_after: seconds the refusal asks for.
        seconds: how long the reply takes.
        fails: whether the run ends with an error.
        quiet: whether nothing is said before that end.
    """

    place: Place = ""
    how: How = "drop"
    refusal: str = ""
    retry_after: float | None = None
    seconds: float = 0.2
    fails: bool = False
    quiet: bool = False


PLAIN_FATE = Fate()


@dataclass(frozen=True)
class Arrival:
    """A chat message that was written to a connection."""

    tag: str
    text: str
    at: float


class ChatServer:
    """A chat server on port 80 of the virtual network, with one thread.

    Args:
        network: the loop.
        dedupes: whether it knows message ids.
        history: whether it gives out what it stores.
        eager: whether a question is stored when it is taken, not only along with its answer.

    Attributes:
        fates: of the next messages; then :data:`PLAIN_FATE`.
        arrivals: every chat message that came, taken or not.
        applied: the tag of each message that was taken.
        forgetful: whether it has ever lost its memory.
        on_arrival: called with each arrival.
    """

    def __init__(self, network: Network, *, dedupes: bool, history: bool, eager: bool) -> None:
        self._network = network
        self._dedupes = dedupes
        self._history = history
        self._eager = eager
        self.fates: list[Fate] = []
        self.arrivals: list[Arrival] = []
        self.applied: list[str] = []
        self.forgetful = False
        self.on_arrival: Callable[[Arrival], object] = lambda _: None
        self._memory = 1
        self._thread: str | None = None
        self._threads = 0
        self._stored: list[dict[str, Any]] = []
        self._receipts: dict[str, asyncio.Task[None] | None] = {}
        self._open: set[ServerConnection] = set()
        self._hung: set[ServerConnection] = set()
        self._runs: set[asyncio.Task[None]] = set()

    def serving(self) -> Any:
        """Return the server, an asynchronous context manager."""
        return websockets.serve(
            self._attend,
            "127.0.0.1",
            80,
            logger=_silent,
            compression=None,
            open_timeout=None,
            ping_interval=None,
            close_timeout=0.2,
        )

    # -- faults -----------------------------------------------------------------------------------

    def drop(self) -> None:
        """Break every connection; what was begun goes on."""
        for connection in self._open:
            connection.transport.abort()

    def restart(self, *, amnesia: bool, away: float = 0.0) -> None:
        """End every run and begin anew, with the memory of before or with none."""
        self.drop()
        for run in self._runs:
            run.cancel()
        if amnesia:
            self.forgetful = True
            self._memory += 1
            self._receipts.clear()
            self._stored.clear()
            self._thread = None
        if away:
            self._network.reach = "refused"
            asyncio.get_running_loop().call_later(away, self._back)

    def _back(self) -> None:
        self._network.reach = "open"

    def heal(self) -> None:
        """Do nothing wrong any more."""
        self.fates.clear()
        self._back()
        for connection in self._hung & self._open:
            connection.transport.abort()

    async def aclose(self) -> None:
        """Return when no run goes on."""
        if self._runs:
            await asyncio.wait(self._runs)

    # -- the thread's history ---------------------------------------------------------------------

    async def query(self, request: httpx.Request) -> httpx.Response:
        """Answer ``GET /api/v1/messages/query``."""
        await asyncio.sleep(0.05)
        if self._network.reach != "open":
            raise httpx.ConnectError("refused")
        if not self._history:
            return httpx.Response(404, json={"error": "no such page"})
        if request.url.params.get("threadId") != self._thread:
            return httpx.Response(404, json={"error": "gone", "code": "THREAD_NOT_FOUND"})
        entries = self._stored
        if "before" in request.url.params:
            entries = []
        return httpx.Response(200, json={"messages": entries, "providerResId": self._thread})

    def _store(self, role: str, content: str, item_id: str = "") -> None:
        entry = {"id": f"m{len(self._stored)}", "role": role, "content": content}
        if item_id:
            entry["clientMessageId"] = item_id
        self._stored.append(entry)

    # -- one connection ---------------------------------------------------------------------------

    async def _attend(self, connection: ServerConnection) -> None:
        self._open.add(connection)
        inbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        worker = asyncio.create_task(self._work(connection, inbox))
        try:
            data: dict[str, Any] = {"capabilities": []}
            if self._dedupes:
                data = {"capabilities": ["client_message_id"], "receiptsId": f"r{self._memory}"}
            await self._tell(connection, {"type": "session_established", "data": data})
            async for text in connection:
                frame = json.loads(text)
                if frame["type"] == "chat_message":
                    loop = asyncio.get_running_loop()
                    arrival = Arrival(frame["media"][0], frame["content"], loop.time())
                    self.arrivals.append(arrival)
                    self.on_arrival(arrival)
                    inbox.put_nowait(frame)
        except websockets.ConnectionClosed:
            pass
        finally:
            self._open.discard(connection)
            inbox.put_nowait(None)
            worker.cancel()
            await asyncio.wait({worker})

    async def _work(
        self, connection: ServerConnection, inbox: asyncio.Queue[dict[str, Any] | None]
    ) -> None:
        """Take the messages one after the other."""
        while (frame := await inbox.get()) is not None and connection not in self._hung:
            run = asyncio.create_task(self._take(frame, connection))
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)
            await asyncio.wait({run})

    async def _tell(self, connection: ServerConnection, frame: dict[str, Any]) -> None:
        if connection not in self._hung:
            with contextlib.suppress(websockets.ConnectionClosed):
                await connection.send(json.dumps(frame))

    async def _fail(self, fate: Fate, place: Place, connection: ServerConnection) -> None:
        if fate.place != place:
            return
        match fate.how:
            case "drop":
                connection.transport.abort()
            case "hang":
                self._hung.add(connection)
            case how:
                self.restart(amnesia=how == "amnesia")
                await asyncio.sleep(0)  # this run is over too

    # -- one message ------------------------------------------------------------------------------

    async def _take(self, frame: dict[str, Any], connection: ServerConnection) -> None:
        item_id = frame.get("clientMessageId", "")
        if item_id in self._receipts:
            await self._repeated(item_id, connection)
            return
        if len(frame["content"]) > TOO_LONG:
            await connection.close(1009)
            return
        fate = self.fates.pop(0) if self.fates else PLAIN_FATE
        if fate.place == "unread":
            await self._fail(fate, "unread", connection)
            return
        if fate.refusal:
            await self._refuse(fate, item_id, connection)
            return
        self.applied.append(frame["media"][0])
        if item_id:
            self._receipts[item_id] = asyncio.current_task()
        if self._eager:
            self._store("user", frame["content"], item_id)
        await self._fail(fate, "taken", connection)
        await self._reply(frame["content"], item_id, fate, connection)

    async def _refuse(self, fate: Fate, item_id: str, connection: ServerConnection) -> None:
        details: dict[str, Any] = {"clientMessageId": item_id} if item_id else {}
        if fate.retry_after is not None:
            details["retryAfter"] = fate.retry_after
        data = {"errorCode": fate.refusal, "details": details}
        await self._tell(connection, {"type": "error", "error": "not now", "data": data})

    async def _reply(
        self, text: str, item_id: str, fate: Fate, connection: ServerConnection
    ) -> None:
        named = {"clientMessageId": item_id} if item_id else {}
        if self._thread is None:
            self._threads += 1
            self._thread = f"thread-{self._threads}"
            created = {"providerResId": self._thread, "threadId": "t", **named}
            await self._tell(connection, {"type": "thread_created", "data": created})
        for _ in range(2):
            delta = {"type": "chat_event", "event": "content-delta", "data": {"delta": "la "}}
            if not fate.quiet:
                await self._tell(connection, delta)
            await self._fail(fate, "middle", connection)
            await asyncio.sleep(fate.seconds / 2)
        if fate.fails:
            error = {"errorCode": "RUN_FAILED", "details": named}
            await self._tell(connection, {"type": "chat_error", "error": "no", "data": error})
        else:
            await self._tell(connection, {"type": "chat_finished", "uuid": "u", "data": named})
        await self._fail(fate, "finished", connection)
        await asyncio.sleep(0.1)
        if not self._eager:
            self._store("user", text, item_id)
        if not fate.fails:
            self._store("assistant", "la la ")
        await self._tell(connection, {"type": "messages_persisted", "data": named})
        await self._fail(fate, "persisted", connection)

    async def _repeated(self, item_id: str, connection: ServerConnection) -> None:
        run = self._receipts[item_id]
        if run is not None and not run.done():
            await asyncio.wait({run})
        named = {"clientMessageId": item_id}
        await self._tell(connection, {"type": "chat_finished", "uuid": "u", "data": named})
        await self._tell(connection, {"type": "messages_persisted", "data": named})
