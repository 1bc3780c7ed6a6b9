"""The HTTP and SOCKS proxies, through real clients: raw sockets, httpx and websockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ProxyError

from tests.integration.test_fault_proxy import Client, EchoServer
from tests.serving import PLAIN, RunningServer, get_ticket, running_server
from tui_chat import ConfigurationError
from tui_chat.server.config import ServerConfig
from tui_chat.testing import (
    Certificates,
    FaultProxy,
    Faults,
    HttpProxy,
    ProxyRequest,
    SocksProxy,
    SocksRequest,
)
from tui_chat.testing.names import NameTable

LOGIN = ("käthe", "p@ss:w/ord")
AnyProxy = HttpProxy | SocksProxy


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates(["chat.example", "proxy.example"])


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with running_server(ServerConfig(allowed_hosts=("chat.example",))) as running:
        yield running


@pytest.fixture
async def secure(server: RunningServer, certificates: Certificates) -> AsyncIterator[FaultProxy]:
    """The server again, behind TLS."""
    async with FaultProxy.in_front_of(
        server.url, faults=Faults(tls="good"), certificates=certificates
    ) as running:
        yield running


def port_of(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


@asynccontextmanager
async def http(
    server: RunningServer, proxy: AnyProxy, context: ssl.SSLContext, **options: Any
) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"x-oddle-mp-auth-token": server.token, "x-oddle-chat-server-key": server.key}
    where = httpx.Proxy(options.pop("url", proxy.url), ssl_context=options.pop("tls", None))
    async with httpx.AsyncClient(
        proxy=where, verify=context, headers=headers, trust_env=False, timeout=5
    ) as client:
        yield client


PROXIES: list[type[AnyProxy]] = [HttpProxy, SocksProxy]


@pytest.mark.parametrize("kind", PROXIES)
@pytest.mark.parametrize("credentials", [None, LOGIN])
async def test_a_name_leads_to_a_port_for_http_and_for_websockets(
    server: RunningServer,
    secure: FaultProxy,
    certificates: Certificates,
    kind: type[AnyProxy],
    credentials: tuple[str, str] | None,
) -> None:
    if kind is SocksProxy and credentials:
        credentials = ("user", "pass")  # httpx sends others, but in an encoding of its own
    context = certificates.client_context()
    async with kind.running(names={"chat.example": secure.port}, credentials=credentials) as proxy:
        async with http(server, proxy, context) as client:
            answer = await client.post("https://chat.example/api/v1/tickets", json={})
            ticket = answer.json()["ticket"]
        async with asyncio.timeout(5):  # closing included, which has to travel all the way
            async with connect(
                f"wss://chat.example/ws?ticket={ticket}",
                **{**PLAIN, "proxy": proxy.url, "ssl": context},
            ) as socket:
                assert "session_established" in str(await socket.recv())
        assert [(each.host, each.port) for each in proxy.requests] == [("chat.example", 443)] * 2


async def test_http_in_absolute_form(server: RunningServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with HttpProxy.running(names={"chat.example:80": port_of(server)}) as proxy:
        async with http(server, proxy, context) as client:
            for _ in range(2):
                answer = await client.post("http://chat.example/api/v1/tickets", json={})
                assert answer.status_code == 200
                assert answer.json()["ticket"]
            missing = await client.get("http://chat.example/nowhere?ticket=secret")
            assert missing.status_code == 404
        assert proxy.requests == [
            ProxyRequest("POST", "chat.example", 80, 200),
            ProxyRequest("POST", "chat.example", 80, 200),
            ProxyRequest("GET", "chat.example", 80, 200),
        ]


async def test_the_proxys_headers_stay_with_the_proxy() -> None:
    async with EchoServer.running() as echo:
        async with HttpProxy.running(credentials=("u", "p")) as proxy:
            async with Client.connected(proxy.port) as client:
                await client.send(
                    f"GET http://127.0.0.1:{echo.port}/a?b=c HTTP/1.1\r\nHost: h\r\n"
                    "Proxy-Authorization: Basic dTpw\r\nProxy-Connection: keep-alive\r\n"
                    "Connection: keep-alive\r\nX-Other: 1\r\n\r\n".encode()
                )
                expected = b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-Other: 1\r\nConnection: close"
                assert await client.receive(len(expected)) == expected


async def test_an_https_proxy(
    server: RunningServer, secure: FaultProxy, certificates: Certificates
) -> None:
    context = certificates.client_context()
    async with HttpProxy.running(
        names={"chat.example": secure.port}, ssl_context=certificates.server_context()
    ) as proxy:
        assert proxy.url.startswith("https://")
        async with http(server, proxy, context, tls=context) as client:
            answer = await client.post("https://chat.example/api/v1/tickets", json={})
            assert answer.status_code == 200


@pytest.mark.parametrize("login", ["", "user:wrong@", "user@"])
async def test_http_credentials_are_checked(server: RunningServer, login: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with HttpProxy.running(
        names={"chat.example": port_of(server)}, credentials=("user", "pass")
    ) as proxy:
        wrong = proxy.url.replace("user:pass@", login)
        async with http(server, proxy, context, url=wrong) as client:
            answer = await client.get("http://chat.example/")
            assert answer.status_code == 407
            assert answer.headers["proxy-authenticate"].startswith("Basic")
            with pytest.raises(httpx.ProxyError, match="407"):
                await client.get("https://chat.example/")
        assert [each.status for each in proxy.requests] == [407, 407]


@pytest.mark.parametrize("status", [403, 502, 599])
async def test_connect_can_be_answered_with_any_status(server: RunningServer, status: int) -> None:
    ticket = await get_ticket(server)
    async with HttpProxy.running(names={"chat.example": port_of(server)}) as proxy:
        proxy.connect_status = status
        with pytest.raises(ProxyError, match=str(status)):
            async with connect(
                f"ws://chat.example/ws?ticket={ticket}", **{**PLAIN, "proxy": proxy.url}
            ):
                pass
        assert proxy.requests == [ProxyRequest("CONNECT", "chat.example", 80, status)]
        proxy.connect_status = None
        async with connect(
            f"ws://chat.example/ws?ticket={ticket}", **{**PLAIN, "proxy": proxy.url}
        ) as socket:
            assert "session_established" in str(await socket.recv())


@pytest.mark.parametrize(
    "request_line", [b"\x16\x03\x01 nonsense", b"GET / HTTP/1.1", b"GET https://h/ HTTP/1.1"]
)
async def test_what_an_http_proxy_cannot_serve_is_a_bad_request(request_line: bytes) -> None:
    async with HttpProxy.running() as proxy, Client.connected(proxy.port) as client:
        await client.send(request_line + b"\r\n\r\n")
        answer, how = await client.to_the_end()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert how == "eof"


async def test_a_request_without_an_end_is_a_bad_request() -> None:
    async with HttpProxy.running() as proxy, Client.connected(proxy.port) as client:
        await client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000)
        answer, _ = await client.to_the_end()
        assert answer.startswith(b"HTTP/1.1 400 ") or answer == b""


@pytest.mark.parametrize("kind", PROXIES)
async def test_nothing_but_loopback_and_the_table_is_reached(kind: type[AnyProxy]) -> None:
    async with EchoServer.running() as echo, kind.running() as proxy:
        for host, there in (("elsewhere.example", False), ("192.0.2.1", False), ("::1", False)):
            assert await reply(proxy, host, 9) is there
        assert await reply(proxy, "127.0.0.1", echo.port)
        assert await reply(proxy, "localhost", echo.port)


def test_a_name_that_is_not_in_the_table_leads_nowhere() -> None:
    names = NameTable({"chat.example": 1, "Other.example:443": 2})
    assert names.find("CHAT.example", 80) == ("127.0.0.1", 1)
    assert names.find("other.example", 443) == ("127.0.0.1", 2)
    assert names.find("other.example", 80) is None
    assert names.find("192.0.2.1", 80) is None
    assert names.find("[::1]", 80) == ("::1", 80)


async def reply(proxy: AnyProxy, host: str, port: int) -> bool:
    """Ask for a tunnel and say whether bytes go through it."""
    async with Client.connected(proxy.port) as client:
        if isinstance(proxy, HttpProxy):
            shown = f"[{host}]" if ":" in host else host
            await client.send(f"CONNECT {shown}:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            if not (await client.receive(12)).endswith(b"200"):
                return False
            async with asyncio.timeout(5):
                await client.reader.readuntil(b"\r\n\r\n")
        else:
            await client.send(b"\5\1\0")
            assert await client.receive(2) == b"\5\0"
            name = host.encode()
            await client.send(b"\5\1\0\3" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
            if (await client.receive(10))[1] != 0:
                return False
        return await client.ask(b"through") == b"through"


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (b"\1\x7f\0\0\1", "127.0.0.1"),
        (b"\3\x09localhost", "localhost"),
        (b"\4" + bytes(15) + b"\1", "::1"),
    ],
)
async def test_socks_addresses(address: bytes, host: str) -> None:
    async with EchoServer.running() as echo, SocksProxy.running() as proxy:
        async with Client.connected(proxy.port) as client:
            await client.send(b"\5\1\0\5\1\0" + address + echo.port.to_bytes(2, "big"))
            answer = await client.receive(12)
        assert answer[:2] == b"\5\0"
        assert (answer[3] == 0) is (host != "::1"), "the echo server listens on IPv4 only"
        assert [(each.host, each.port) for each in proxy.requests] == [(host, echo.port)]


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"\5\1\0", b"\5\xff"),  # offers no login
        (b"\5\1\2\1\1u\5wrong", b"\5\2\1\1"),
        (b"\4\1\0\x50\x7f\0\0\1\0", b""),  # SOCKS4
    ],
)
async def test_socks_logins_are_checked(said: bytes, answered: bytes) -> None:
    async with SocksProxy.running(credentials=("u", "p")) as proxy:
        async with Client.connected(proxy.port) as client:
            await client.send(said)
            received, _ = await client.to_the_end()
            assert received == answered
        assert proxy.logins_refused == (said[0] == 5)
        assert proxy.requests == []


async def test_socks_requests_can_be_answered_with_any_reply() -> None:
    async with SocksProxy.running(names={"chat.example": 9}) as proxy:
        proxy.reply = 2
        async with Client.connected(proxy.port) as client:
            await client.send(b"\5\1\0\5\1\0\3\x0cchat.example\x01\xbb")
            received, how = await client.to_the_end()
        assert (received[2:4], how) == (b"\5\2", "eof")
        assert proxy.requests == [SocksRequest("chat.example", 443, 2)]
        proxy.reply = None
        async with Client.connected(proxy.port) as client:
            await client.send(b"\5\1\0\5\3\0\1\x7f\0\0\1\0\x50")  # UDP, which it does not know
            received, _ = await client.to_the_end()
        assert received[2:4] == b"\5\7"


async def test_leaving_ends_the_tunnels() -> None:
    async with EchoServer.running() as echo:
        for kind in PROXIES:
            async with kind.running() as proxy:
                client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
                if kind is HttpProxy:
                    await client.send(f"CONNECT 127.0.0.1:{echo.port} HTTP/1.1\r\n\r\n".encode())
                    await client.receive(12)
                else:
                    await client.send(b"\5\1\0\5\1\0\1\x7f\0\0\1" + echo.port.to_bytes(2, "big"))
                    await client.receive(12)
            await client.to_the_end()
            client.writer.close()
            await asyncio.gather(client.writer.wait_closed(), return_exceptions=True)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: HttpProxy(credentials=("a:b", "c")), "colon"),
        (lambda: SocksProxy(credentials=("", "c")), "255"),
        (lambda: SocksProxy(credentials=("a", "c" * 256)), "255"),
        (lambda: HttpProxy(names={"chat.example": 70000}), "70000"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        make()
