"""What a connection tells telemetry about its sockets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import websockets

from tui_chat.errors import ConnectionClosed, TuiChatError
from tui_chat.telemetry import Telemetry, error_type, table

__all__ = ["ConnectionMeter", "how_closed"]


class ConnectionMeter:
    """Records on behalf of the attempts of one connection; durations are on the boot clock."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._boot = telemetry.clock.boot

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Measure the opening of a socket; one that is cancelled is counted, not measured."""
        telemetry, began = self._telemetry, self._boot()
        telemetry.count(table.HANDSHAKE_COUNT)
        try:
            yield
        except TuiChatError as error:
            telemetry.record(
                table.CONNECT_DURATION,
                self._boot() - began,
                outcome="failed",
                error_type=error_type(error),
            )
            raise
        telemetry.record(table.CONNECT_DURATION, self._boot() - began, outcome="ok")

    def attempt_failed(self, error: TuiChatError) -> None:
        """An attempt ended before its session was ready."""
        self._telemetry.count(table.ATTEMPT_FAILED_COUNT, error_type=error_type(error))

    def session_ready(self) -> None:
        """A session is ready."""
        self._telemetry.count(table.SESSION_COUNT)

    def closed(self, opened: float, ended: BaseException | None) -> None:
        """A socket has been closed.

        Args:
            opened: when it was opened.
            ended: what ended the conversation on it.
        """
        self._telemetry.record(table.CONNECTION_DURATION, self._boot() - opened)
        code, initiator = how_closed(ended)
        self._telemetry.count(table.CLOSE_COUNT, code=code, initiator=initiator)


def how_closed(ended: BaseException | None) -> tuple[int, str]:
    """Return the close code, and who closed, from what ended the conversation on a socket."""
    if isinstance(ended, ConnectionClosed):
        return ended.close_code, ended.initiator
    cause = None if ended is None else ended.__cause__
    # A close code that is about the ticket or the credentials has become an error about those.
    if isinstance(cause, websockets.ConnectionClosed) and cause.rcvd is not None:
        return cause.rcvd.code, "server"
    # Cancelled, timed out, or told in a frame that the ticket is no good: we end it.
    return 1000, "client"
