"""The server's HTTP side, over real sockets."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.serving import (
    KEY,
    TOKEN,
    Credentials,
    Peer,
    RunningServer,
    get_ticket,
    http_client,
    running_server,
)
from tui_chat.protocol.timestamps import parse_timestamp
from tui_chat.secret import Secret
from tui_chat.server.config import ServerConfig
from tui_chat.server.users import User

ANN = User(Secret("ann-token"), Secret("shared-key"), "ann", "Ann")
BOB = User(Secret("bob-token"), Secret("shared-key"), "bob", "Bob")
TWO_USERS = ServerConfig(users=(ANN, BOB))
AS_ANN, AS_BOB = Credentials("ann-token", "shared-key"), Credentials("bob-token", "shared-key")
TICKETS = "/api/v1/tickets"


async def test_a_ticket_with_its_expiry_by_the_servers_clock() -> None:
    async with running_server(ServerConfig(ticket_ttl=90)) as server, http_client(server) as http:
        response = await http.post(
            TICKETS,
            json={
                "entityId": "7",
                "entityType": "BRAND",
                "clientInfo": {"userAgent": "t", "timestamp": "2026-01-15T11:30:00.000Z"},
            },
            headers={"X-Request-Id": "attempt-1"},
        )
        assert response.status_code == 200
        body = response.json()
        assert list(body) == ["success", "ticket", "expiresAt"]
        assert body["success"] is True
        assert len(body["ticket"]) == 43
        date = parsedate_to_datetime(response.headers["date"]).timestamp()
        assert 88 < parse_timestamp(body["expiresAt"]) - date <= 91
        assert response.headers["x-request-id"] == "attempt-1"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert len(response.headers.get_list("date")) == 1
        assert "access-control-allow-origin" not in response.headers
        assert server.ticket_requests == 1


async def test_a_skewed_server_is_consistent_about_its_time() -> None:
    async with (
        running_server(ServerConfig(ticket_ttl=60, date_skew=-86_400)) as server,
        http_client(server) as http,
    ):
        response = await http.post(TICKETS, json={})
        date = parsedate_to_datetime(response.headers["date"]).timestamp()
        assert date == pytest.approx(time.time() - 86_400, abs=5)
        assert parse_timestamp(response.json()["expiresAt"]) - date == pytest.approx(60, abs=1.5)
        # A wrong clock does not make its tickets bad.
        async with Peer.ready(server, ticket=response.json()["ticket"]) as peer:
            await peer.send("heartbeat_ping", timestamp="x", pingTime=1)
            ack = await peer.receive()
            assert parse_timestamp(ack["timestamp"]) == pytest.approx(date, abs=5)


async def test_the_date_is_made_afresh_for_each_answer() -> None:
    class Clock:
        now = 1_700_000_000.0

        def wall(self) -> float:
            return self.now

        def boot(self) -> float:
            return self.now

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    async with running_server(clock=clock) as server, http_client(server) as http:
        for _ in range(3):
            clock.now += 1
            response = await http.post(TICKETS, json={})
            date = parsedate_to_datetime(response.headers["date"]).timestamp()
            assert date == clock.now


@pytest.mark.parametrize(
    ("token", "key", "code"),
    [
        (None, KEY, "AUTH_MISSING"),
        ("wrong", KEY, "AUTH_INVALID"),
        (TOKEN, None, "SERVER_KEY_INVALID"),
        (TOKEN, "wrong", "SERVER_KEY_INVALID"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", TICKETS),
        ("POST", "/api/v1/tickets/validate"),
        ("GET", "/api/v1/messages/query"),
        ("GET", "/api/v1/threads"),
        ("PATCH", "/api/v1/threads/x"),
        ("DELETE", TICKETS),
        ("GET", "/api/v1/agent-configuration"),
        ("PUT", "/api/v1/agent-configuration"),
        ("POST", "/api/v1/upload"),
    ],
)
async def test_every_call_wants_credentials(
    method: str, path: str, token: str | None, key: str | None, code: str
) -> None:
    headers = {}
    if token is not None:
        headers["x-oddle-mp-auth-token"] = token
    if key is not None:
        headers["x-oddle-chat-server-key"] = key
    async with (
        running_server() as server,
        httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as http,
    ):
        response = await http.request(method, path)
        assert response.status_code == 401
        body = response.json()
        assert (body["success"], body["code"]) == (False, code)
        assert body["error"]


async def test_a_user_id_must_be_ones_own() -> None:
    async with running_server(TWO_USERS) as server, http_client(server, AS_ANN) as http:
        assert (await http.post(TICKETS, json={"userId": "ann"})).status_code == 200
        response = await http.post(TICKETS, json={"userId": "bob"})
        assert (response.status_code, response.json()["code"]) == (404, "USER_NOT_FOUND")
    async with running_server() as server, http_client(server) as http:
        # The only user of a server without a users file has no id to compare with.
        assert (await http.post(TICKETS, json={"userId": "whoever"})).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b'{"entityId": 5}',
        b'{"entityType": "PLANET"}',
        b'{"clientInfo": 1}',
        b"\xff",
        b'{"entityId":' + b"[" * 50_000,
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(body: bytes) -> None:
    async with running_server() as server, http_client(server) as http:
        response = await http.post(TICKETS, content=body)
        assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")
        assert (await http.post(TICKETS)).status_code == 200  # no body at all is an empty one


async def test_the_rate_limit_says_when_to_come_back() -> None:
    config = replace(TWO_USERS, ticket_rate=6, ticket_burst=2)
    async with (
        running_server(config) as server,
        http_client(server, AS_ANN) as ann,
        http_client(server, AS_BOB) as bob,
    ):
        assert [(await ann.post(TICKETS)).status_code for _ in range(2)] == [200, 200]
        response = await ann.post(TICKETS)
        assert (response.status_code, response.json()["code"]) == (429, "RATE_LIMITED")
        assert 8 <= int(response.headers["retry-after"]) <= 10
        assert (await bob.post(TICKETS)).status_code == 200
        assert server.ticket_requests == 4


async def test_refusals_on_demand() -> None:
    async with running_server() as server, http_client(server) as http:
        server.refuse(2, status=503, headers={"Retry-After": "7"}, body=b"<h1>busy</h1>")
        for _ in range(2):
            response = await http.post(TICKETS)
            assert (response.status_code, response.text) == (503, "<h1>busy</h1>")
            assert response.headers["retry-after"] == "7"
        assert (await http.post(TICKETS)).status_code == 200
        server.faults.ticket_delay = 30
        with pytest.raises(httpx.ReadTimeout):
            await http.post(TICKETS, timeout=0.05)
        server.faults.clear()
        assert (await http.post(TICKETS)).status_code == 200
        assert server.ticket_requests == 5


# -- validation -----------------------------------------------------------------------------------


async def validate(http: httpx.AsyncClient, ticket: str) -> dict[str, Any]:
    response = await http.post("/api/v1/tickets/validate", json={"ticket": ticket})
    assert response.status_code == 200
    body = response.json()
    assert isinstance(body, dict)
    return body


async def test_validation_tells_good_tickets_from_bad_ones() -> None:
    async with running_server(TWO_USERS) as server, http_client(server, AS_ANN) as http:
        ticket = await get_ticket(server, AS_ANN)
        assert await validate(http, ticket) == {"valid": True}
        assert await validate(http, await get_ticket(server, AS_BOB)) == {
            "valid": False,
            "error": "The ticket is not known here.",
            "code": "TICKET_INVALID",
            "details": {"invalid": True, "reason": "The ticket is not known here."},
        }
        assert server.expire_tickets() == 2
        assert await validate(http, ticket) == {
            "valid": False,
            "error": "The ticket has expired.",
            "code": "TICKET_EXPIRED",
            "details": {"expired": True, "reason": "The ticket has expired."},
        }
        server.forget_tickets()
        assert (await validate(http, ticket))["code"] == "TICKET_INVALID"
        assert (await http.post("/api/v1/tickets/validate", json={})).status_code == 400


async def test_validation_spends_nothing_and_knows_spent_tickets() -> None:
    async with running_server(ServerConfig(single_use=True)) as server, http_client(server) as http:
        ticket = await get_ticket(server)
        assert await validate(http, ticket) == {"valid": True}
        async with Peer.ready(server, ticket=ticket):
            assert (await validate(http, ticket))["code"] == "TICKET_USED"


# -- history and threads --------------------------------------------------------------------------


async def talk(server: RunningServer, auth: Credentials, *words: str, **ticket: str) -> str:
    """Say something in a thread of its own and return the thread's id."""
    async with http_client(server, auth) as http:
        response = await http.post(TICKETS, json=ticket)
    fields: dict[str, str] = {}
    async with Peer.ready(server, ticket=response.json()["ticket"]) as peer:
        for word in words:
            frames = await peer.ask(word, **fields)
            fields = {"providerResId": frames[-1]["data"]["providerResId"]}
    return fields["providerResId"]


async def test_history_is_kept_per_thread_and_user() -> None:
    async with running_server(TWO_USERS) as server, http_client(server, AS_ANN) as http:
        path = "/api/v1/messages/query"
        assert (await http.get(path)).json() == {"messages": []}
        first = await talk(server, AS_ANN, "server tool", "thanks", entityId="7")
        second = await talk(server, AS_ANN, "keys")
        await talk(server, AS_BOB, "help")

        body = (await http.get(path, params={"format": "client"})).json()
        assert body["providerResId"] == second
        assert [message["role"] for message in body["messages"]] == ["user", "assistant"]

        body = (await http.get(path, params={"entityId": "7"})).json()
        assert body["providerResId"] == first
        messages = body["messages"]
        roles = ["user", "assistant", "tooling", "assistant", "user", "assistant"]
        assert [message["role"] for message in messages] == roles
        assert messages[0]["content"] == "server tool"
        assert messages[2]["toolData"]["toolName"] == "server_info"
        assert messages[2]["toolData"]["status"] == "completed"
        assert "toolData" not in messages[0]
        assert parse_timestamp(messages[0]["timestamp"]) == pytest.approx(time.time(), abs=10)

        page = (await http.get(path, params={"threadId": first, "limit": "2"})).json()["messages"]
        assert page == messages[-2:]
        older = {"threadId": first, "limit": "3", "before": page[0]["id"]}
        assert (await http.get(path, params=older)).json()["messages"] == messages[1:4]

        for params in ({"limit": "0"}, {"limit": "x"}, {"limit": "9" * 5000}, {"format": "pdf"}):
            assert (await http.get(path, params=params)).status_code == 400
        assert (await http.get(path, params={"metadata": "[]"})).status_code == 400
        assert (await http.get(path, params={"entityType": "MOON"})).status_code == 400


async def test_threads_are_listed_and_changed_by_their_owner_only() -> None:
    async with (
        running_server(TWO_USERS) as server,
        http_client(server, AS_ANN) as ann,
        http_client(server, AS_BOB) as bob,
    ):
        first = await talk(server, AS_ANN, "keys")
        second = await talk(server, AS_ANN, "help")
        listed = (await ann.get("/api/v1/threads")).json()["data"]
        assert [thread["providerResId"] for thread in listed] == [second, first]
        assert [thread["title"] for thread in listed] == ["help", "keys"]
        assert (await bob.get("/api/v1/threads")).json() == {"success": True, "data": []}

        path = f"/api/v1/threads/{first}"
        response = await ann.patch(path, json={"title": "About keys", "metadata": {"a": 1}})
        assert response.status_code == 200
        assert response.json()["data"]["title"] == "About keys"
        found = await ann.get("/api/v1/messages/query", params={"metadata": '{"a": 1}'})
        assert found.json()["providerResId"] == first
        assert (await ann.patch(path, json={"title": None})).json()["data"]["title"] == ""
        assert (await ann.patch(path, json={"title": 5})).status_code == 400
        assert (await ann.patch(path, json={"metadata": {"a": "x" * 17_000}})).status_code == 413
        assert (await ann.patch(path, json={"entityType": "MOON"})).status_code == 400

        for refused in (
            await bob.patch(path, json={"title": "mine"}),
            await ann.patch("/api/v1/threads/..%2Fetc", json={}),
            await bob.get("/api/v1/messages/query", params={"threadId": first}),
        ):
            assert refused.status_code == 404
            assert refused.json()["success"] is False


# -- who may ask at all ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "", "10.0.0.1", "[x"]
)
async def test_a_name_that_is_not_the_servers_is_refused(host: str) -> None:
    async with running_server() as server, http_client(server) as http:
        response = await http.post(TICKETS, headers={"Host": host})
        assert response.status_code == 400
        assert response.json()["code"] == "HOST_NOT_ALLOWED"
        assert server.ticket_requests == 0


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1234", "127.0.0.1", "[::1]:99", "chat.lan"]
)
async def test_names_of_the_server_are_let_in(host: str) -> None:
    async with (
        running_server(ServerConfig(allowed_hosts=("Chat.lan",))) as server,
        http_client(server) as http,
    ):
        assert (await http.post(TICKETS, headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1"])
async def test_web_pages_are_refused(origin: str) -> None:
    config = ServerConfig(allowed_origins=("https://good.example",))
    async with running_server(config) as server, http_client(server) as http:
        response = await http.post(TICKETS, headers={"Origin": origin})
        assert response.status_code == 403
        assert response.json()["code"] == "ORIGIN_NOT_ALLOWED"
        assert "access-control-allow-origin" not in response.headers
        allowed = await http.post(TICKETS, headers={"Origin": "https://good.example"})
        assert allowed.status_code == 200


async def test_bodies_are_bounded_in_size_and_time() -> None:
    config = ServerConfig(max_body_bytes=1000, request_timeout=0.1)
    async with running_server(config) as server, http_client(server) as http:
        assert (await http.post(TICKETS, content=b"{" + b" " * 998 + b"}")).status_code == 200
        response = await http.post(TICKETS, content=b" " * 1001)
        assert (response.status_code, response.json()["code"]) == (413, "TOO_LARGE")
        # One that is still sending hears of it, too.
        response = await http.post(TICKETS, content=b" " * 20_000_000)
        assert (response.status_code, response.json()["code"]) == (413, "TOO_LARGE")

        async with asyncio.timeout(5):
            port = int(server.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /api/v1/tickets HTTP/1.1\r\nHost: localhost\r\n")
            writer.write(b"Content-Length: 100\r\n\r\n{")  # and the rest never comes
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert (await http.post(TICKETS)).status_code == 200


async def test_what_does_not_exist_is_answered_in_json() -> None:
    async with running_server() as server, http_client(server) as http:
        for method, path, status in (
            ("GET", "/", 404),
            ("GET", "/api/v1/tickets", 405),
            ("PUT", "/api/v1/tickets", 405),
            ("GET", "/ws", 404),
        ):
            response = await http.request(method, path)
            assert response.status_code == status
            assert response.json()["success"] is False
            assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_request_id_that_is_not_one_is_replaced() -> None:
    async with running_server() as server, http_client(server) as http:
        response = await http.post(TICKETS, headers={"X-Request-Id": "a b;" + "x" * 100})
        assert len(response.headers["x-request-id"]) == 16
