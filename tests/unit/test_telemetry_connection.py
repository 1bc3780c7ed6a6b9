"""What attempts and the status board record about sockets, outages and waits."""

from __future__ import annotations

import pytest
import websockets
from websockets.frames import Close

from tests.unit.test_telemetry import Moment
from tui_chat.connection.meter import ConnectionMeter
from tui_chat.errors import (
    ConnectionClosed,
    NetworkError,
    SessionTimeout,
    TicketRejected,
    TuiChatError,
)
from tui_chat.telemetry import Telemetry, table


def closed(code: int, initiator: str) -> ConnectionClosed:
    return ConnectionClosed("x", close_code=code, initiator=initiator)  # type: ignore[arg-type]


def refused(code: int) -> TuiChatError:
    """Return the error that a close code about the ticket becomes."""
    error = TicketRejected("x")
    error.__cause__ = websockets.ConnectionClosedError(Close(code, "x"), None)
    return error


@pytest.mark.parametrize(
    ("ended", "label"),
    [
        (closed(1006, "network"), "{code=1006,initiator=network}"),
        (closed(1012, "server"), "{code=1012,initiator=server}"),
        (closed(1009, "client"), "{code=1009,initiator=client}"),
        (closed(4321, "server"), "{code=other,initiator=server}"),
        (refused(4401), "{code=4401,initiator=server}"),
        (TicketRejected("told in a frame"), "{code=1000,initiator=client}"),
        (SessionTimeout("x"), "{code=1000,initiator=client}"),
        (None, "{code=1000,initiator=client}"),
    ],
    ids=str,
)
def test_a_close_is_counted_by_code_and_initiator(ended: BaseException | None, label: str) -> None:
    clock = Moment()
    telemetry = Telemetry(clock)
    opened, clock.now = clock.now, clock.now + 7
    ConnectionMeter(telemetry).closed(opened, ended)
    assert telemetry.counters == {f"websocket.client.close.count{label}": 1}
    [lived] = telemetry.histogram_points(table.CONNECTION_DURATION)
    assert lived.sum == 7


def test_the_opening_of_a_socket_is_measured_unless_it_is_cancelled() -> None:
    clock = Moment()
    telemetry = Telemetry(clock)
    meter = ConnectionMeter(telemetry)
    with meter.connecting():
        clock.now += 0.25

    def late(error: BaseException) -> None:
        clock.now += 4
        raise error

    with pytest.raises(NetworkError), meter.connecting():
        late(NetworkError("x"))
    with pytest.raises(KeyboardInterrupt), meter.connecting():
        late(KeyboardInterrupt())
    points = telemetry.histogram_points(table.CONNECT_DURATION)
    assert [(dict(p.attributes), p.sum, p.count) for p in points] == [
        ({"outcome": "failed", "error.type": "NetworkError"}, 4, 1),
        ({"outcome": "ok"}, 0.25, 1),
    ]
    assert telemetry.counters == {"websocket.client.handshake.count": 3}
