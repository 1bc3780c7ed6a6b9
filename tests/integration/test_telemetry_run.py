"""Everything that is declared is recorded somewhere: a client's life, seen in its telemetry."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.integration.client_support import SESSION, Script, establish, until
from tests.serving import running_server
from tests.support.canaries import Canary, find
from tests.virtual import FakeTicketServer, Reply, VirtualClock, virtual
from tui_chat import ClientTool, TicketManagerConfig, WebSocketChatClient
from tui_chat import dialogue as dialogue_module
from tui_chat.telemetry import (
    EVENTS,
    INSTRUMENTS,
    LogEntry,
    Telemetry,
    TelemetrySnapshot,
    table,
)

HOST = "127.0.0.1"

IN_VIRTUAL_TIME = {
    "auth.circuit.close",
    "auth.circuit.open",
    "clock.jump",
    "outbox.resend.count",
    "outbox.unknown",
    "ticket.refresh.discarded",
}
"""What takes minutes, or a clock that can be moved; see the second test. What becomes of a message
that was lost on the way is looked at where delivery is tested."""


def telemetries(client: WebSocketChatClient) -> list[Telemetry]:
    """Return the client's telemetry and its ticket manager's, which may be the same."""
    assert client._running is not None
    found = [client.telemetry, client._running.tickets.telemetry]
    return found[:1] if found[0] is found[1] else found


def recorded(snapshots: Iterable[TelemetrySnapshot]) -> set[str]:
    """Return the names of the instruments that have points, and of the events that happened."""
    names: set[str] = set()
    for snapshot in snapshots:
        names |= {metric.name for metric in snapshot.metrics if metric.points}
        names |= {entry.kind for entry in snapshot.events if entry.attributes or "." in entry.kind}
    return names


def kinds(telemetry: Telemetry, kind: str) -> list[LogEntry]:
    return [entry for entry in telemetry.recent if entry.kind == kind]


def connected(client: WebSocketChatClient) -> bool:
    return client.get_connection_status().connected


def noon() -> str:
    """Say what time it is."""
    return "noon"


async def test_a_run_records_all_that_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_server() as server:
        client = WebSocketChatClient(rng=random.Random(1))
        server.refuse(status=503, at="handshake")
        client.start(
            chat_server_url=server.url,
            user_mp_auth_token=server.token,
            chat_server_key=server.key,
            tools=[ClientTool(noon)],
            ticket_config=TicketManagerConfig(retry_base_delay=0.01),
        )
        seen = telemetries(client)
        try:
            await until(lambda: connected(client))
            await client.on_trigger_message("hello")
            await until(lambda: not client.running and len(client.snapshot()) > 1)
            await server.send_all('{"type":"no such frame"}')
            await server.send_all('{"type":"tool_call_request","callId":"1","toolName":"noon"}')
            await until(lambda: "chat.client.tool_call.count" in seen[0].counters)
            with monkeypatch.context() as patch:
                patch.setattr(dialogue_module, "reduce", None)
                await server.send_all('{"type":"error","error":"lost"}')
                await until(lambda: "websocket.client.frame.failed.count" in seen[0].counters)
            await server.drop_all(code=1011)
            await until(lambda: not connected(client))
            await until(lambda: connected(client))
            await client.refresh_ticket_and_reconnect()
            client.delivery.session_over(None)  # so that the next one waits
            await client.on_trigger_message("later")
            snapshots = [telemetry.snapshot() for telemetry in seen]
        finally:
            await client.disconnect()
        snapshots += [telemetry.snapshot() for telemetry in seen]
    declared = {declared.name for declared in (*INSTRUMENTS, *EVENTS)}
    assert declared - recorded(snapshots) == IN_VIRTUAL_TIME
    counters = seen[0].counters
    assert counters["websocket.client.session.count"] == 3
    assert counters["websocket.client.close.count{code=1011,initiator=server}"] == 1
    assert counters["websocket.client.close.count{code=1000,initiator=client}"] == 2
    assert counters["chat.client.message.count"] == 1
    assert counters["chat.client.tool_call.count"] == 1
    outages = seen[0].histogram_points(table.OUTAGE_DURATION)
    assert [point.count for point in outages] == [2]
    bytes_received = counters["websocket.client.frame.io{direction=receive}"]
    assert bytes_received > 2 * counters["websocket.client.frame.count{direction=receive}"]


class Door:
    """Lets nobody in while it is shut; each ticket may be used as often as its owner likes."""

    def __init__(self) -> None:
        self.shut = True

    def __call__(self, connection: ServerConnection, _: Request) -> Response | None:
        if self.shut:
            return connection.respond(401, '{"code":"TICKET_EXPIRED"}')
        return None


@virtual
async def test_circuit_clock_and_discarded_refreshes_are_recorded(clock: VirtualClock) -> None:
    door, tickets = Door(), FakeTicketServer(clock, default=Reply(lifetime=300))
    client = WebSocketChatClient(clock=clock, rng=random.Random(1), source=tickets)
    async with Script(establish).running(host=HOST, port=80, process_request=door):
        client.start(
            chat_server_url=f"http://{HOST}:80", user_mp_auth_token="t", chat_server_key="k"
        )
        [telemetry, *others] = telemetries(client)
        of_tickets = [telemetry, *others][-1]
        await asyncio.sleep(30)
        [opened] = kinds(telemetry, "auth.circuit.open")
        assert dict(opened.attributes)["pause"] == 60
        [_, _, waits] = [dict(entry.attributes) for entry in kinds(telemetry, "socket.backoff")]
        assert waits == {"state": "paused", "delay": 60.0, "error.type": "AuthLoop"}
        assert not kinds(telemetry, "auth.circuit.close")
        door.shut = False
        await asyncio.sleep(60)
        assert connected(client)
        assert len(kinds(telemetry, "auth.circuit.close")) == 1
        assert (
            telemetry.counters["websocket.client.attempt.failed.count{error.type=TicketRejected}"]
            == 3
        )
        clock.suspend(100)
        await asyncio.sleep(3)
        assert "ticket" in [dict(e.attributes)["observer"] for e in kinds(of_tickets, "clock.jump")]
        asking = asyncio.create_task(client.refresh_ticket_and_reconnect())
        await asyncio.sleep(0.01)
        await client.disconnect()
        await asyncio.gather(asking, return_exceptions=True)
        assert len(kinds(of_tickets, "ticket.refresh.discarded")) == 1
        closes = telemetry.counters
        assert closes["websocket.client.close.count{code=1000,initiator=client}"] == 1
        [lived] = telemetry.histogram_points(table.CONNECTION_DURATION)
        assert lived.sum >= 100
        assert recorded([telemetry.snapshot(), of_tickets.snapshot()]) >= (
            IN_VIRTUAL_TIME - {"outbox.unknown", "outbox.resend.count"}
        )


@virtual
async def test_a_server_that_repeats_every_secret_puts_none_into_telemetry(
    clock: VirtualClock,
) -> None:
    token = Canary("the token", "TOKEN-CANARY-1a2b3c4d5e6f")
    key = Canary("the key", "KEY-CANARY-0011223344556677")
    tickets = FakeTicketServer(clock)

    async def repeat(connection: ServerConnection) -> None:
        assert connection.request is not None
        ticket = connection.request.path.partition("ticket=")[2]
        said = f"{ticket} {token.value} {key.value}"
        await connection.send(SESSION)
        await connection.send(f'{{"type":"{ticket}"}}')
        await connection.send(f'{{"type":"{token.value}"}}')
        await connection.send(f'{{"type":"error","error":"{said}","code":"{ticket}"}}')
        await connection.send(f'{{"type":"authentication_error","error":"{said}"}}')
        await connection.close(4000, said[:120])

    script = Script(repeat)
    client = WebSocketChatClient(clock=clock, rng=random.Random(1), source=tickets)
    async with script.running(host=HOST, port=80):
        client.start(
            chat_server_url=f"http://{HOST}:80",
            user_mp_auth_token=token.value,
            chat_server_key=key.value,
        )
        seen = telemetries(client)
        await until(lambda: len(script.connections) >= 3, seconds=600)
        await client.disconnect()
    issued = [Canary("a ticket", value.removeprefix("TICKET-C")) for value in tickets.expiries]
    assert len(issued) >= 3
    texts = {f"telemetry {n}": each.snapshot().to_json() for n, each in enumerate(seen)}
    assert "clos" in "".join(texts.values())
    assert find(texts, [token, key, *issued]) == []
