"""HttpTicketSource: what it sends, and what it makes of every kind of answer."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.virtual import Captured, visible
from tui_chat.errors import (
    ClientClosed,
    ConfigurationError,
    CredentialsRejected,
    NetworkError,
    ProtocolError,
    RateLimited,
    RequestRejected,
    RequestTimeout,
    ServerError,
    TicketUnusable,
    TuiChatError,
)
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret
from tui_chat.ticket import (
    AuthData,
    HttpTicketSource,
    TicketManager,
    TicketManagerConfig,
)

TOKEN, KEY, TICKET = "CANARY-token-7f", "CANARY-key-8a", "CANARY-ticket-9b"
AUTH = AuthData(TOKEN, KEY, user_id="u1", entity_id="e1", entity_type="BRAND")
DATE = "Thu, 15 Jan 2026 11:00:00 GMT"
GOOD = {"success": True, "ticket": TICKET, "expiresAt": "2026-01-15T11:30:00.000Z"}
SERVER = ServerUrl.parse("https://chat.example.com/base/?tenant=7")

Handler = Callable[[httpx.Request], httpx.Response]


def source(handler: Handler, **options: Any) -> HttpTicketSource:
    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return HttpTicketSource(SERVER, client=client, **options)


def answering(status: int, body: Any = None, **headers: str) -> HttpTicketSource:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return source(lambda _: httpx.Response(status, content=content, headers=named))


async def test_the_request_is_what_the_protocol_says() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=GOOD, headers={"Date": DATE})

    grant = await source(handler).fetch(AUTH)
    [request] = seen
    assert str(request.url) == "https://chat.example.com/base/api/v1/tickets?tenant=7"
    assert request.headers["x-oddle-mp-auth-token"] == TOKEN
    assert request.headers["x-oddle-chat-server-key"] == KEY
    body = json.loads(request.content)
    assert list(body) == ["entityId", "entityType", "clientInfo"]
    assert body["clientInfo"]["timestamp"].endswith("Z")
    assert grant.value.reveal() == TICKET
    assert grant.expires_at - (grant.server_time or 0) == 1800
    assert grant.request_id == request.headers["x-request-id"]


async def test_the_older_generation_of_servers_is_a_matter_of_options() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=GOOD)

    old = source(
        handler,
        token_header="Authorization",
        token_prefix="Bearer ",
        key_header="X-Chat-Server-Key",
        send_user_id=True,
    )
    await old.fetch(AUTH)
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert seen[0].headers["x-chat-server-key"] == KEY
    assert json.loads(seen[0].content)["userId"] == "u1"


@pytest.mark.parametrize(
    ("status", "body", "expected", "code"),
    [
        (
            401,
            {"success": False, "error": "x", "code": "AUTH_INVALID"},
            CredentialsRejected,
            "AUTH_INVALID",
        ),
        (
            401,
            {"success": False, "code": "SERVER_KEY_INVALID"},
            CredentialsRejected,
            "SERVER_KEY_INVALID",
        ),
        (401, b"", CredentialsRejected, "AUTH_INVALID"),
        (403, b"<html>no</html>", CredentialsRejected, "AUTH_INVALID"),
        (401, {"success": False, "code": "TICKET_EXPIRED"}, ServerError, "TICKET_EXPIRED"),
        (404, {"success": False, "code": "USER_NOT_FOUND"}, RequestRejected, "USER_NOT_FOUND"),
        (404, b"<html>not here</html>", RequestRejected, "NO_TICKET_API"),
        (400, {"error": {"message": "odd", "code": "ODD"}}, RequestRejected, "ODD"),
        (408, b"", ServerError, "SERVER_ERROR"),
        (425, b"", ServerError, "SERVER_ERROR"),
        (429, {"code": "RATE_LIMITED"}, RateLimited, "RATE_LIMITED"),
        (500, b"not json", ServerError, "SERVER_ERROR"),
        (500, {"success": False, "error": "x"}, ServerError, "SERVER_ERROR"),
        (503, {"success": False}, ServerError, "SERVER_ERROR"),
        (302, b"", RequestRejected, "REDIRECT"),
        (204, b"", RequestRejected, "NO_TICKET_API"),
        (200, b"<html>sign in to the wifi</html>", RequestRejected, "NO_TICKET_API"),
        (200, [1, 2], RequestRejected, "NO_TICKET_API"),
        (200, {"hello": "world"}, RequestRejected, "NO_TICKET_API"),
        (200, b"[" * 60_000, RequestRejected, "NO_TICKET_API"),
        (200, {"success": False, "code": "AUTH_MISSING"}, CredentialsRejected, "AUTH_MISSING"),
        (200, {"success": False, "code": "RATE_LIMITED"}, RateLimited, "RATE_LIMITED"),
        (200, {"success": False, "code": "USER_NOT_FOUND"}, RequestRejected, "USER_NOT_FOUND"),
        (200, {"success": False, "code": "NEW_IN_2030"}, ServerError, "NEW_IN_2030"),
        (200, {"success": False}, ServerError, "SERVER_ERROR"),
        (200, {"success": "true", "ticket": "x"}, ServerError, "SERVER_ERROR"),
        (200, {"success": True}, TicketUnusable, "NO_TICKET"),
        (200, {**GOOD, "ticket": ""}, TicketUnusable, "NO_TICKET"),
        (200, {**GOOD, "ticket": 5}, TicketUnusable, "NO_TICKET"),
        (200, {**GOOD, "expiresAt": "soon"}, TicketUnusable, "TICKET_MALFORMED"),
        (200, {**GOOD, "expiresAt": 1768476600000}, TicketUnusable, "TICKET_MALFORMED"),
        (200, {"success": True, "ticket": "x"}, TicketUnusable, "TICKET_MALFORMED"),
    ],
)
async def test_answers_are_classified_by_status_and_code(
    status: int, body: Any, expected: type[TuiChatError], code: str
) -> None:
    with pytest.raises(expected) as caught:
        await answering(status, body, location="https://evil.example/x?t=1").fetch(AUTH)
    assert type(caught.value) is expected
    assert caught.value.code == code
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1e9", 900.0),
        ("inf", 900.0),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("9" * 100, None),
        ("Thu, 15 Jan 2026 11:00:30 GMT", 30.0),
        ("Thu, 15 Jan 2026 10:00:00 GMT", 0.0),
        ("Thu, 15 Jan 9999 10:00:00 GMT", 900.0),
    ],
)
async def test_retry_after_is_read_and_clamped(header: str, expected: float | None) -> None:
    for status, kind in ((429, RateLimited), (503, ServerError)):
        with pytest.raises(kind) as caught:
            await answering(status, {}, retry_after=header, date=DATE).fetch(AUTH)
        assert getattr(caught.value, "retry_after") == expected  # noqa: B009 - of two classes
    with pytest.raises(ServerError) as other:
        await answering(500, {}, retry_after=header, date=DATE).fetch(AUTH)
    assert other.value.retry_after is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"valid": True}, (True, "", "", None, None)),
        (
            {"valid": False, "error": "spent", "code": "TICKET_USED", "details": {"revoked": True}},
            (False, "TICKET_USED", "spent", None, True),
        ),
        (
            {"valid": False, "details": {"expired": True, "reason": "old\x1b[31m"}},
            (False, "", "old\u241b[31m", True, None),
        ),
    ],
)
async def test_validation(body: Any, expected: tuple[Any, ...]) -> None:
    v = await answering(200, body).validate(AUTH, Secret(TICKET))
    assert (v.valid, v.code, v.reason, v.expired, v.revoked) == expected
    for status, bad in ((200, {"valid": "yes"}), (404, b"<html>"), (500, b"")):
        with pytest.raises(TuiChatError):
            await answering(status, bad).validate(AUTH, Secret(TICKET))


async def test_a_ticket_the_server_calls_invalid_is_dropped_and_a_failed_call_says_nothing() -> (
    None
):
    verdict: list[httpx.Response] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/validate"):
            return verdict[0]
        return httpx.Response(200, json=GOOD, headers={"Date": DATE})

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    async with TicketManager(AUTH, SERVER, http_client=client) as manager:
        assert (await manager.validate_with_server()).code == "NO_TICKET"
        await manager.get_valid_ticket()
        verdict[:] = [httpx.Response(500)]
        with pytest.raises(ServerError):
            await manager.validate_with_server()
        assert manager.is_valid()
        verdict[:] = [httpx.Response(200, json={"valid": True})]
        assert (await manager.validate_with_server()).valid
        assert manager.is_valid()
        verdict[:] = [httpx.Response(200, json={"valid": False})]
        assert not (await manager.validate_with_server()).valid
        assert not manager.is_valid()
    assert not client.is_closed
    await client.aclose()


# -- hostile servers, over real sockets -----------------------------------------------------------

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(peer: Peer) -> AsyncIterator[ServerUrl]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await peer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield ServerUrl.parse(f"http://127.0.0.1:{port}")
    finally:
        server.close()
        await server.wait_closed()


async def test_lesson_8_a_body_that_trickles_meets_one_deadline() -> None:
    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_server(trickle) as url:
        api = HttpTicketSource(url, timeout=0.3)
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(RequestTimeout):
            await api.fetch(AUTH)
        assert loop.time() - started < 5
        await api.aclose()


async def test_an_endless_answer_is_not_read() -> None:
    sent = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536

    async with raw_server(endless) as url:
        api = HttpTicketSource(url, timeout=20)
        with pytest.raises(ProtocolError):
            await api.fetch(AUTH)
        await api.aclose()
    assert sent < 20_000_000  # what fits into the buffers on the way


def deflated_bomb() -> bytes:
    return zlib.compress(b" " * 50_000_000)


async def test_a_compression_bomb_is_not_unpacked() -> None:
    bomb = deflated_bomb()

    async def explode(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: {len(bomb)}\r\n\r\n"
        )
        writer.write(head.encode() + bomb)
        await writer.drain()

    async with raw_server(explode) as url:
        api = HttpTicketSource(url, timeout=20)
        tracemalloc.start()
        try:
            with pytest.raises(ProtocolError):
                await api.fetch(AUTH)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 10_000_000
        await api.aclose()


async def test_an_answer_that_was_compressed_on_the_way_is_understood() -> None:
    packed = gzip.compress(json.dumps(GOOD).encode())

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        writer.write(head.encode() + packed)
        await writer.drain()

    async with raw_server(answer) as url:
        api = HttpTicketSource(url)
        assert (await api.fetch(AUTH)).value.reveal() == TICKET
        await api.aclose()
        await api.aclose()
        with pytest.raises(ClientClosed):
            await api.fetch(AUTH)


async def test_a_redirect_is_not_followed_and_no_cookie_is_kept() -> None:
    requests: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(b"")
        writer.write(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/api\r\n"
            b"Set-Cookie: session=alice\r\nContent-Length: 0\r\n\r\n"
        )
        await writer.drain()

    async with raw_server(redirect) as url:
        api = HttpTicketSource(url)
        with pytest.raises(
            RequestRejected, match=r"sends ticket requests elsewhere.*127\.0\.0\.1:1"
        ):
            await api.fetch(AUTH)
        assert api._client is not None
        assert not api._client.cookies
        await api.aclose()
    assert len(requests) == 1


async def test_nobody_there() -> None:
    async with raw_server(lambda *_: asyncio.sleep(0)) as url:
        pass
    api = HttpTicketSource(url)
    with pytest.raises(NetworkError):
        await api.fetch(AUTH)
    await api.aclose()


async def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    body = json.dumps(GOOD).encode()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    async with raw_server(answer) as url:
        api = HttpTicketSource(url)
        await api.fetch(AUTH)
        await api.aclose()


def test_a_proxy_that_cannot_be_used_is_said_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "ftp://me:CANARY-password@proxy")
    with pytest.raises(ConfigurationError) as caught:
        HttpTicketSource(SERVER)
    assert "CANARY" not in visible(caught.value)


# -- secrets --------------------------------------------------------------------------------------


async def test_no_secret_shows_in_any_error_log_or_repr() -> None:
    def echo(status: int) -> Handler:
        def handler(request: httpx.Request) -> httpx.Response:
            text = f"bad {TOKEN} with {KEY}"
            if request.url.path.endswith("/validate"):
                text += f" and {TICKET}"
            return httpx.Response(
                status,
                json={"success": False, "valid": False, "error": text, "code": f"X_{TOKEN}"},
                headers={"x-echo": TOKEN, "retry-after": TOKEN, "date": TOKEN, "location": TOKEN},
            )

        return handler

    def explode(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot send {request.headers}")

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(0)
        start = b"HTTP/1.1 500 " if len(peers) % 2 else b"nonsense "
        writer.write(start + TOKEN.encode() + b"\r\nx-echo: " + TOKEN.encode() + b"\r\n\r\n")
        await writer.drain()

    peers: list[int] = []
    shown: list[str] = []
    with Captured.all_logs() as logs:
        async with raw_server(hang_up) as url:
            sources = [source(echo(status)) for status in (200, 400, 401, 404, 429, 500, 503)]
            sources += [source(explode), HttpTicketSource(url)]
            for api in sources:
                shown.append(repr(api))
                config = TicketManagerConfig(max_attempts=1)
                async with TicketManager(AUTH, SERVER, config, source=api) as manager:
                    with pytest.raises(TuiChatError) as caught:
                        await manager.get_valid_ticket()
                    shown.append(visible(caught.value))
                    shown.append(visible(manager.get_debug_info()))
                try:
                    shown.append(visible(await api.validate(AUTH, Secret(TICKET))))
                except TuiChatError as error:
                    shown.append(repr(error) + repr(error.__dict__))
                await api.aclose()
    text = "\n".join(shown + logs.lines)
    assert "********" in text
    assert "receive_response_headers.complete" in text  # the libraries did log
    assert "receive_response_headers.failed" in text
    assert "tenant" not in text
    assert "CANARY" not in text


async def test_a_secret_is_masked_before_the_text_is_cut() -> None:
    for length in range(470, 501, 3):
        with pytest.raises(ServerError) as caught:
            await answering(500, {"error": "x" * length + TOKEN}).fetch(AUTH)
        assert "CANARY"[:4] not in str(caught.value)


async def test_a_validation_that_fails_carries_no_frame_with_credentials() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/validate"):
            raise httpx.ReadError(f"while sending {request.headers}")
        return httpx.Response(200, json=GOOD, headers={"Date": DATE})

    api = source(handler)
    async with TicketManager(AUTH, SERVER, source=api) as manager:
        await manager.get_valid_ticket()
        with pytest.raises(NetworkError) as caught:
            await manager.validate_with_server()
    assert "CANARY" not in visible(caught.value)
