"""WebSockets: the handshake, the session, and frames of all kinds."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.serving import (
    PLAIN,
    Peer,
    RunningServer,
    get_ticket,
    http_client,
    running_server,
    socket_url,
    spoken,
)
from tui_chat.server.config import CAPABILITIES, ServerConfig
from tui_chat.server.session import MAX_BAD_FRAMES


async def refused(server: RunningServer, ticket: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """Try to open a WebSocket that is refused; return the status and the body."""
    with pytest.raises(InvalidStatus) as caught:
        async with connect(socket_url(server, ticket), **PLAIN, **options):
            pass
    response = caught.value.response
    assert len(response.headers.get_all("date")) == 1
    return response.status_code, json.loads(response.body or b"null")


# -- the handshake --------------------------------------------------------------------------------


async def test_bad_tickets_are_refused_at_the_handshake() -> None:
    async with running_server() as server:
        ticket = await get_ticket(server)
        for bad in ("", "x", ticket[:-1], f"{ticket}x"):
            status, body = await refused(server, bad)
            assert (status, body["code"], body["success"]) == (401, "TICKET_INVALID", False)
        server.expire_tickets()
        status, body = await refused(server, ticket)
        assert (status, body["code"]) == (401, "TICKET_EXPIRED")
        assert server.handshakes == 5
        assert server.sessions == []


async def test_no_ticket_at_all_is_refused() -> None:
    async with running_server() as server:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"ws{server.url.removeprefix('http')}/ws", **PLAIN):
                pass
        assert caught.value.response.status_code == 401


async def test_a_ticket_expires_by_itself_and_the_session_lives_on() -> None:
    async with running_server(ServerConfig(ticket_ttl=0.5)) as server:
        ticket = await get_ticket(server)
        async with Peer.ready(server, ticket=ticket) as peer, http_client(server) as http:
            code = None
            async with asyncio.timeout(5):
                while code is None:
                    answer = await http.post("/api/v1/tickets/validate", json={"ticket": ticket})
                    code = answer.json().get("code")
            assert code == "TICKET_EXPIRED"
            status, body = await refused(server, ticket)
            assert (status, body["code"]) == (401, "TICKET_EXPIRED")
            assert (await peer.ask("thanks"))[-1]["type"] == "messages_persisted"


async def test_a_ticket_for_one_use_is_used_once() -> None:
    async with running_server(ServerConfig(single_use=True)) as server:
        ticket = await get_ticket(server)
        async with Peer.ready(server, ticket=ticket):
            assert await refused(server, ticket) == (
                401,
                {
                    "success": False,
                    "error": "The ticket has been used already.",
                    "code": "TICKET_USED",
                },
            )


async def test_a_reusable_ticket_opens_several_sessions() -> None:
    async with running_server() as server:
        ticket = await get_ticket(server)
        async with Peer.ready(server, ticket=ticket), Peer.ready(server, ticket=ticket):
            assert len(server.sessions) == 2


@pytest.mark.parametrize("close_code", [1008, 4401])
async def test_bad_tickets_are_refused_in_a_frame(close_code: int) -> None:
    config = ServerConfig(reject_mode="frame", reject_close_code=close_code)
    async with running_server(config) as server, Peer.connected(server, "x") as peer:
        assert await peer.receive() == {
            "type": "authentication_error",
            "error": "The ticket is not known here.",
            "code": "TICKET_INVALID",
        }
        assert await peer.closed() == close_code


async def test_web_pages_and_foreign_names_are_refused_at_the_handshake() -> None:
    async with running_server() as server:
        ticket = await get_ticket(server)
        status, body = await refused(server, ticket, origin="https://evil.example")
        assert (status, body["code"]) == (403, "ORIGIN_NOT_ALLOWED")
        address = server.url.rpartition(":")
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(address[2]))
            writer.write(
                f"GET /ws?ticket={ticket} HTTP/1.1\r\nHost: rebound.example\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"HOST_NOT_ALLOWED" in answer
        assert server.handshakes == 0


async def test_handshakes_can_be_made_to_fail() -> None:
    async with running_server() as server:
        ticket = await get_ticket(server)
        server.refuse(1, status=503, headers={"Retry-After": "3"}, body=b"{}", at="handshake")
        assert await refused(server, ticket) == (503, {})
        async with Peer.ready(server, ticket=ticket):
            assert len(server.sessions) == 1


async def test_sessions_are_bounded() -> None:
    async with running_server(ServerConfig(max_sessions=1)) as server, Peer.ready(server):
        status, body = await refused(server, await get_ticket(server))
        assert (status, body["code"]) == (503, "TOO_MANY_SESSIONS")


async def test_the_request_id_comes_back_with_the_handshake() -> None:
    async with running_server() as server:
        headers = {"X-Request-Id": "attempt-7"}
        async with Peer.connected(server, additional_headers=headers) as peer:
            assert peer.socket.response is not None
            assert peer.socket.response.headers["x-request-id"] == "attempt-7"
            assert len(peer.socket.response.headers.get_all("date")) == 1


# -- the session ----------------------------------------------------------------------------------


async def test_a_session_greets_and_is_configured() -> None:
    async with running_server(ServerConfig(record=True)) as server, Peer.connected(server) as peer:
        greeting = await peer.receive()
        assert greeting == {
            "type": "session_established",
            "data": {
                "capabilities": list(CAPABILITIES),
                "sessionId": server.sessions[0].id,
                "receiptsId": server._state.journal.receipts_id,
            },
        }
        tools = [
            {"name": "one", "description": "d", "parameters": []},
            {"name": "two"},
            {"name": 5},
            {"name": "three", "description": None, "parameters": "none"},
        ]
        await peer.send("configure_tools", toolSchemas=tools, contextHelpers={"locale": "en"})
        assert await peer.receive() == {
            "type": "tools_configured",
            "data": {"toolCount": 3, "toolNames": ["one", "two", "three"]},
        }
        await peer.send("update_tools", toolSchemas=tools[:1])
        assert await peer.receive() == {
            "type": "client_tools_updated",
            "data": {"toolCount": 1, "toolNames": ["one"]},
        }
        await peer.send("update_context_helpers", contextHelpers={"locale": "de"})
        await peer.send("heartbeat_ping", timestamp="2026-01-15T11:30:00.000Z", pingTime=5)
        ack = await peer.receive()
        assert (ack["type"], ack["originalTimestamp"]) == (
            "heartbeat_ack",
            "2026-01-15T11:30:00.000Z",
        )
        assert server.sessions[0].context == {"locale": "de"}
        assert [json.loads(frame.payload)["type"] for frame in server.received] == [
            "configure_tools",
            "update_tools",
            "update_context_helpers",
            "heartbeat_ping",
        ]


async def test_a_server_may_announce_nothing() -> None:
    async with running_server(ServerConfig(announce=())) as server, Peer.connected(server) as peer:
        assert await peer.receive() == {"type": "session_established"}


async def test_heartbeats_come_by_themselves_and_their_echo_is_taken() -> None:
    config = ServerConfig(heartbeat_interval=0.01, record=True)
    async with running_server(config) as server, Peer.ready(server) as peer:
        echo = ""
        for _ in range(3):
            ping = await peer.receive()
            assert ping["type"] == "heartbeat_ping"
            assert isinstance(ping["pingTime"], int)
            echo = json.dumps(
                {
                    "type": "heartbeat_pong",
                    "timestamp": "now",
                    "originalTimestamp": ping["timestamp"],
                    "pingTime": ping["pingTime"],
                }
            )
            await peer.socket.send(echo)
        async with asyncio.timeout(5):
            while len(server.received) < 3:
                await peer.receive()
        assert server.received[-1].payload == echo


async def test_frames_can_be_sent_as_they_are() -> None:
    async with running_server() as server, Peer.ready(server) as one, Peer.ready(server) as two:
        raw = '{"type":"heartbeat_ping","timestamp":  7e2,"pingTime":[1.0]}'
        assert await server.send_all(raw) == 2
        assert [await one.socket.recv(), await two.socket.recv()] == [raw, raw]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "INVALID_FRAME"),
        ("{", "INVALID_FRAME"),
        ("[]", "INVALID_FRAME"),
        ("null", "INVALID_FRAME"),
        ("{}", "INVALID_FRAME"),
        ('{"type":5}', "INVALID_FRAME"),
        ('{"type":"teleport"}', "UNKNOWN_TYPE"),
        ('{"type":"session_established"}', "UNKNOWN_TYPE"),
        ('{"type":"chat_message"}', "INVALID_FRAME"),
        ('{"type":"chat_message","content":null}', "INVALID_FRAME"),
        ('{"type":"chat_message","content":"x","media":[1]}', "INVALID_FRAME"),
        ('{"type":"configure_tools","toolSchemas":{}}', "INVALID_FRAME"),
        ('{"type":"tool_call_response","callId":' + "[" * 50_000, "INVALID_FRAME"),
        (b'{"type":"stop_run","conversationUuid":"x"}', "INVALID_FRAME"),
        (b"\xff\xfe", "INVALID_FRAME"),
        ("\x1b]52;c;x\x07", "INVALID_FRAME"),
    ],
)
async def test_a_frame_that_makes_no_sense_costs_itself_only(frame: str | bytes, code: str) -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        await peer.socket.send(frame)
        error = await peer.receive()
        assert (error["type"], error["data"]["errorCode"]) == ("error", code)
        assert "\x1b" not in error["error"]
        assert spoken(await peer.ask("thanks")).startswith("You are welcome")


async def test_frames_that_ask_for_nothing_are_taken_in_silence() -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        await peer.send("stop_run", conversationUuid="no such thread")
        await peer.send("tool_call_response", callId="no such call", result=1)
        await peer.send("heartbeat_pong", timestamp="x")
        await peer.send("update_context_helpers", contextHelpers={}, unknown=[1])
        assert (await peer.ask("thanks"))[0]["type"] == "thread_created"


async def test_a_session_that_sends_nothing_but_nonsense_is_closed() -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        for _ in range(MAX_BAD_FRAMES):
            await peer.socket.send("{")
            assert (await peer.receive())["type"] == "error"
        await peer.socket.send("{")
        assert await peer.closed() == 1002


async def test_large_frames_are_taken_up_to_the_limit() -> None:
    config = ServerConfig(max_frame_bytes=3_000_000, max_message_chars=1_000_000)
    async with running_server(config) as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="x" * 2_000_000, media=[])
        error = await peer.receive()
        assert (error["type"], error["data"]["errorCode"]) == ("error", "MESSAGE_TOO_LONG")
        frames = await peer.ask("y" * 1_000_000)
        assert frames[-2]["type"] == "chat_finished"
        # The server may close before it has read all of it.
        with contextlib.suppress(ConnectionClosed):
            await peer.send("chat_message", content="x" * 3_000_001, media=[])
        assert await peer.closed() == 1009
        async with Peer.ready(server) as other:
            assert spoken(await other.ask("thanks"))


# -- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1008, 1011, 1012, 4401])
async def test_sessions_can_be_dropped_with_any_code(code: int) -> None:
    async with running_server() as server, Peer.ready(server) as one, Peer.ready(server) as two:
        assert await server.drop_all(code=code, reason="r" * 200) == 2
        assert [await one.closed(), await two.closed()] == [code, code]
        assert one.socket.close_reason == "r" * 123
        async with asyncio.timeout(5):
            while server.sessions:
                await asyncio.sleep(0)


async def test_sessions_can_be_cut() -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        await server.drop_all(code=1006)
        assert await peer.closed() == 1006


async def test_stopping_the_server_asks_clients_to_come_back() -> None:
    async with running_server() as server:
        peers = [Peer(await connect(socket_url(server, await get_ticket(server)), **PLAIN))]
        peers.append(Peer(await connect(socket_url(server, await get_ticket(server)), **PLAIN)))
        url = server.url
    assert [await peer.closed() for peer in peers] == [1012, 1012]
    assert server.url == ""
    assert server.sessions == []
    async with running_server(ServerConfig(port=int(url.rpartition(":")[2]))) as again:
        assert again.url == url
        async with Peer.ready(again):
            assert len(again.sessions) == 1


async def test_clients_that_do_not_answer_do_not_hold_up_the_end() -> None:
    loop = asyncio.get_running_loop()
    async with running_server() as server:
        # Neither reads what is sent nor answers the closing handshake.
        peer = Peer(await connect(socket_url(server, await get_ticket(server)), **PLAIN))
        await asyncio.sleep(0)
        peer.socket.transport.pause_reading()
        begun = loop.time()
    assert loop.time() - begun < 2
    assert server.sessions == []
    peer.socket.transport.abort()
    await peer.socket.wait_closed()
