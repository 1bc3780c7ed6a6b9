"""Every error of the protocol's tables, made by the server itself, over real sockets."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.serving import (
    PLAIN,
    Credentials,
    Peer,
    RunningServer,
    get_ticket,
    http_client,
    running_server,
    socket_url,
)
from tui_chat.secret import Secret
from tui_chat.server.config import ServerConfig
from tui_chat.server.users import User

ANN = User(Secret("ann-token"), Secret("shared-key"), "ann", "Ann")
BOB = User(Secret("bob-token"), Secret("shared-key"), "bob", "Bob", blocked=True)
EVE = User(Secret("eve-token"), Secret("shared-key"), "eve", "Eve")
USERS = ServerConfig(users=(ANN, BOB, EVE))
AS_ANN = Credentials("ann-token", "shared-key")
AS_BOB = Credentials("bob-token", "shared-key")
AS_EVE = Credentials("eve-token", "shared-key")
TICKETS = "/api/v1/tickets"
VALIDATE = "/api/v1/tickets/validate"


async def refusal(server: RunningServer, ticket: str) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(socket_url(server, ticket), **PLAIN):
            pass
    return caught.value


def told(response: httpx.Response) -> tuple[int, str | None]:
    body = response.json()
    assert body["success"] is False
    assert body["error"]
    return response.status_code, body.get("code")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "AUTH_MISSING"),
        (
            {"x-oddle-mp-auth-token": "no", "x-oddle-chat-server-key": "shared-key"},
            401,
            "AUTH_INVALID",
        ),
        ({"x-oddle-mp-auth-token": "ann-token"}, 401, "SERVER_KEY_INVALID"),
        (
            {"x-oddle-mp-auth-token": "ann-token", "x-oddle-chat-server-key": "no"},
            401,
            "SERVER_KEY_INVALID",
        ),
        (
            {"x-oddle-mp-auth-token": "bob-token", "x-oddle-chat-server-key": "shared-key"},
            403,
            None,
        ),
    ],
)
async def test_refused_credentials(headers: dict[str, str], status: int, code: str | None) -> None:
    async with running_server(USERS) as server:
        async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as http:
            assert told(await http.post(TICKETS, json={})) == (status, code)


async def test_an_unknown_user_and_too_many_requests() -> None:
    config = replace(USERS, ticket_rate=60, ticket_burst=2)
    async with running_server(config) as server, http_client(server, AS_ANN) as http:
        assert told(await http.post(TICKETS, json={"userId": "x"})) == (404, "USER_NOT_FOUND")
        assert (await http.post(TICKETS, json={})).status_code == 200
        response = await http.post(TICKETS, json={})
        assert told(response) == (429, "RATE_LIMITED")
        assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("kind", ["INVALID", "EXPIRED", "USED", "REVOKED"])
async def test_tickets_that_are_no_good(kind: str) -> None:
    """At the handshake and when validated; a revoked one is simply not valid to a client."""
    async with running_server(replace(USERS, single_use=True)) as server:
        ticket = await get_ticket(server, AS_ANN)
        async with http_client(server, AS_ANN) as http:
            match kind:
                case "INVALID":
                    ticket = "never-issued"
                case "EXPIRED":
                    server.expire_tickets()
                case "USED":
                    async with Peer.ready(server, ticket=ticket):
                        pass
                case "REVOKED":
                    answer = await http.request("DELETE", TICKETS, json={"ticket": ticket})
                    assert (answer.status_code, answer.json()) == (200, {"success": True})
            code = "TICKET_INVALID" if kind == "REVOKED" else f"TICKET_{kind}"
            response = (await refusal(server, ticket)).response
            assert response.status_code == 401
            assert response.body is not None
            assert f'"code":"{code}"' in response.body.decode()
            body = (await http.post(VALIDATE, json={"ticket": ticket})).json()
            assert (body["valid"], body["code"]) == (False, code)
            flags = {"EXPIRED": "expired", "REVOKED": "revoked"}
            assert body["details"][flags.get(kind, "invalid")] is True


async def test_revoking_is_idempotent_and_for_ones_own_tickets_only() -> None:
    async with (
        running_server(USERS) as server,
        http_client(server, AS_ANN) as ann,
        http_client(server, AS_EVE) as eve,
    ):
        ticket = await get_ticket(server, AS_ANN)
        # Somebody else's answer tells nothing, and does nothing.
        for body in ({"ticket": ticket}, {"ticket": "never-issued"}):
            answer = await eve.request("DELETE", TICKETS, json=body)
            assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert (await ann.post(VALIDATE, json={"ticket": ticket})).json() == {"valid": True}
        async with Peer.ready(server, ticket=ticket) as peer:
            for _ in range(2):
                answer = await ann.request("DELETE", TICKETS, json={"ticket": ticket})
                assert (answer.status_code, answer.json()) == (200, {"success": True})
            # The session was let in and stays.
            assert (await peer.ask("thanks"))[-1]["type"] == "messages_persisted"
        assert (await refusal(server, ticket)).response.status_code == 401
        assert told(await ann.request("DELETE", TICKETS, json={})) == (400, "INVALID_REQUEST")


async def test_revocation_is_announced() -> None:
    async with running_server() as server, Peer.connected(server) as peer:
        assert "ticket_revoke" in (await peer.receive())["data"]["capabilities"]


@pytest.mark.parametrize("code", [1012, 1013])
async def test_maintenance_closes_sessions_and_serves_nobody(code: int) -> None:
    async with running_server() as server, http_client(server) as http:
        ticket = await get_ticket(server)
        async with Peer.ready(server, ticket=ticket) as peer:
            assert await server.begin_maintenance(20, close_code=code) == 1
            assert await peer.closed() == code
        for response in (
            await http.post(TICKETS, json={}),
            await http.post(VALIDATE, json={"ticket": ticket}),
            await http.post("/api/v1/upload"),
        ):
            assert told(response) == (503, None)
            assert 19 <= int(response.headers["retry-after"]) <= 20
        refused = (await refusal(server, ticket)).response
        assert refused.status_code == 503
        assert 19 <= int(refused.headers["retry-after"]) <= 20
        server.end_maintenance()
        async with Peer.ready(server, ticket=ticket):
            pass


@pytest.mark.parametrize(("word", "code"), [("restart", 1012), ("busy", 1013)])
async def test_the_agent_sends_away_who_asks_for_it_and_nobody_else(word: str, code: int) -> None:
    async with (
        running_server(USERS) as server,
        http_client(server, AS_ANN) as ann,
        http_client(server, AS_EVE) as eve,
    ):
        tickets = await get_ticket(server, AS_ANN), await get_ticket(server, AS_EVE)
        async with Peer.ready(server, ticket=tickets[0]) as peer:
            assert (await peer.ask(word))[-2]["type"] == "chat_finished"
            assert await peer.closed() == code
        response = await ann.post(TICKETS, json={})
        assert told(response) == (503, None)
        assert 1 <= int(response.headers["retry-after"]) <= 5
        assert (await refusal(server, tickets[0])).response.status_code == 503
        assert (await eve.post(TICKETS, json={})).status_code == 200
        async with Peer.ready(server, ticket=tickets[1]):
            pass


async def test_a_user_has_so_many_sessions_and_the_ticket_stays_good() -> None:
    config = replace(USERS, max_sessions_per_user=2, single_use=True)
    async with running_server(config) as server:
        spare = await get_ticket(server, AS_ANN)
        async with (
            Peer.ready(server, ticket=await get_ticket(server, AS_ANN)),
            Peer.ready(server, ticket=await get_ticket(server, AS_EVE)),
        ):
            async with Peer.ready(server, ticket=await get_ticket(server, AS_ANN)):
                refused = (await refusal(server, spare)).response
                assert refused.status_code == HTTPStatus.TOO_MANY_REQUESTS
                assert refused.headers["retry-after"] == "5"
                assert b'"TOO_MANY_SESSIONS"' in (refused.body or b"")
            while len(server.sessions) > 2:  # the server has not noticed yet
                await server.send_all("{}")
            async with Peer.ready(server, ticket=spare):
                assert len(server.sessions) == 3


async def test_what_is_not_there() -> None:
    async with running_server() as server, http_client(server) as http:
        for method, path, code in (
            ("GET", "/api/v1/nothing", None),
            ("PATCH", "/api/v1/threads/none", "THREAD_NOT_FOUND"),
            ("GET", "/api/v1/messages/query?threadId=none", "THREAD_NOT_FOUND"),
            ("GET", "/uploads/none/a.txt", "FILE_NOT_FOUND"),
        ):
            assert told(await http.request(method, path)) == (404, code)


async def test_the_agents_configuration_is_kept_per_user_and_entity() -> None:
    path = "/api/v1/agent-configuration"
    chosen = {"app": "shop", "promptPath": "sales/greeter", "versionUuid": "live"}
    async with (
        running_server(USERS) as server,
        http_client(server, AS_ANN) as ann,
        http_client(server, AS_EVE) as eve,
    ):
        default = (await ann.get(path)).json()
        assert default["success"] is True
        assert list(default["configuration"]) == ["app", "promptPath", "versionUuid", "isDefault"]
        assert default["configuration"]["isDefault"] is True

        brand = {"entityId": "7", "entityType": "BRAND"}
        answer = await ann.put(path, json=chosen, params=brand)
        assert answer.json() == {"success": True, "configuration": {**chosen, "isDefault": False}}
        assert (await ann.get(path, params=brand)).json() == answer.json()
        assert (await ann.get(path)).json() == default
        assert (await eve.get(path, params=brand)).json() == default

        without_app: dict[str, Any] = {**chosen, "app": ""}
        bad_ones: list[Any] = [{}, [], without_app, {**chosen, "app": 5}]
        for bad in [*bad_ones, {**chosen, "promptPath": "../x"}]:
            assert told(await ann.put(path, json=bad)) == (400, "INVALID_REQUEST")
        for query in ({"entityType": "MOON"}, {"entityId": "x" * 201}):
            assert told(await ann.get(path, params=query)) == (400, "INVALID_REQUEST")
