"""What arrives on a WebSocket: whole messages, as many at a time as there are.

The library's own way hands out one message for each suspension of the reader and costs as much as
everything this client does with a message. Here a reader gets all that has arrived at once.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode

__all__ = ["HIGH_WATER", "Inbound", "InboundConnection"]

HIGH_WATER: Final = 64
"""Messages that may wait for the reader; with more, nothing further is read from the network. What
is in the buffer of one read then still arrives."""

_TEXT: Final = Opcode.TEXT
_DATA: Final = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})

Inbound = tuple[bytes, bool]
"""A message's payload, and whether it was binary."""


class InboundConnection(ClientConnection):
    """Assembles messages, and notes when anything arrives.

    Nothing is decoded: invalid UTF-8 costs its message and not the connection. A message in
    fragments is bounded by the connection's limit on sizes, like every other.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heard = asyncio.Event()
        self.heard_at = self.loop.time()
        self._inbox: list[Inbound] = []
        self._fragments = bytearray()
        self._fragments_binary = False
        self._reader: asyncio.Future[None] | None = None
        self._held = False
        self._left = False

    async def messages(self) -> list[Inbound]:
        """Return all that has arrived since the last call, one message at least. One reader.

        Raises:
            websockets.ConnectionClosed: when everything was handed out and no more will come.
        """
        if not self._inbox and not self.connection_lost_waiter.done():
            self._reader = self.loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if not self._inbox:
            raise self.protocol.close_exc
        arrived, self._inbox = self._inbox, []
        self._read_on()
        return arrived

    def leave(self) -> None:
        """Nobody wants messages any more: forget them, so that the end of it all can be read."""
        self._left = True
        self._inbox.clear()
        self._read_on()

    def data_received(self, data: bytes) -> None:
        """Take in what the network brought."""
        self.heard_at = self.loop.time()
        self.heard.set()
        super().data_received(data)

    def process_event(self, event: Any) -> None:
        """Take in one frame."""
        if not isinstance(event, Frame) or event.opcode not in _DATA:
            super().process_event(event)
        elif event.opcode is _TEXT and event.fin:
            self._arrived((bytes(event.data), False))
        else:
            self._assemble(event)

    def _assemble(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._fragments_binary = frame.opcode is Opcode.BINARY
        self._fragments += frame.data
        if frame.fin:
            self._arrived((bytes(self._fragments), self._fragments_binary))
            self._fragments.clear()

    def _arrived(self, message: Inbound) -> None:
        if self._left:
            return
        self._inbox.append(message)
        self._wake_reader()
        if len(self._inbox) > HIGH_WATER and not self._held:
            self._held = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if self._held:
            self._held = False
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take in that nothing more will come."""
        super().connection_lost(exc)
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
