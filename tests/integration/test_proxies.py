"""Proxies and certificates with real sockets: ticket and WebSocket take the same way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.client_support import until
from tests.serving import KEY, TOKEN, RunningServer, running_server
from tui_chat import (
    ClientCertificate,
    NetworkError,
    TicketManagerConfig,
    TuiChatError,
    WebSocketChatClient,
)
from tui_chat.connection import socket as sockets
from tui_chat.protocol.urls import ServerUrl
from tui_chat.server.config import ServerConfig
from tui_chat.testing.certificates import Certificates
from tui_chat.testing.faultproxy import FaultProxy
from tui_chat.testing.faults import Faults, TlsMode
from tui_chat.testing.httpproxy import HttpProxy
from tui_chat.testing.socksproxy import SocksProxy

NAME = "chat.example"
LOGIN = ("me", "p@ss:word/CANARY")


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates(names=[NAME])


@asynccontextmanager
async def secure_server(
    certificates: Certificates, tls: TlsMode = "good"
) -> AsyncIterator[tuple[RunningServer, FaultProxy]]:
    """A chat server that speaks TLS."""
    async with running_server(ServerConfig(allowed_hosts=(NAME,))) as server:
        async with FaultProxy.in_front_of(
            server.url, faults=Faults(tls=tls), certificates=certificates
        ) as front:
            yield server, front


async def connect(url: str, **options: Any) -> WebSocketChatClient:
    client = WebSocketChatClient(ssl_context=options.pop("ssl_context", None))
    await client.on_init(
        chat_server_url=url,
        user_mp_auth_token=TOKEN,
        chat_server_key=KEY,
        ticket_config=TicketManagerConfig(max_attempts=1),
        **options,
    )
    return client


async def refused(url: str, **options: Any) -> TuiChatError:
    with pytest.raises(TuiChatError) as caught:
        await connect(url, **options)
    assert "CANARY" not in f"{caught.value}{caught.value!r}{caught.value.__dict__}"
    return caught.value


# -- proxies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("credentials", [None, LOGIN])
@pytest.mark.parametrize("kind", ["http", "https", "socks"])
async def test_ticket_and_socket_go_through_the_same_proxy(
    kind: str,
    credentials: tuple[str, str] | None,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = certificates.client_context()
    async with secure_server(certificates) as (_, front):
        options: dict[str, Any] = {"names": {NAME: front.port}, "credentials": credentials}
        if kind == "https":
            options["ssl_context"] = certificates.server_context()
        making = SocksProxy.running(**options) if kind == "socks" else HttpProxy.running(**options)
        async with making as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            client = await connect(f"https://{NAME}", ssl_context=context)
            assert client.get_connection_status().connected
            await client.disconnect()
            assert {request.host for request in proxy.requests} == {NAME}
            assert len(proxy.requests) == 2  # the ticket's, the socket's


async def test_a_plain_server_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_server(ServerConfig(allowed_hosts=(NAME,))) as server:
        async with HttpProxy.running(
            names={NAME: ServerUrl.parse(server.url).port}, credentials=LOGIN
        ) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            client = await connect(f"http://{NAME}", allow_plaintext=True)
            await client.disconnect()
            assert [request.method for request in proxy.requests] == ["POST", "CONNECT"]


async def test_loopback_is_always_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with running_server() as server:
        client = await connect(server.url)
        await client.disconnect()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_login(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with HttpProxy.running(names={NAME: 1}, credentials=LOGIN) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        error = await refused(f"{scheme}://{NAME}", allow_plaintext=True)
        assert error.code == "PROXY_LOGIN"
        assert "wants a user name" in str(error)
        monkeypatch.setenv("ALL_PROXY", f"http://me:CANARY@127.0.0.1:{proxy.port}")
        error = await refused(f"{scheme}://{NAME}", allow_plaintext=True)
        assert "does not accept the user name" in str(error)


async def test_a_socks_proxy_that_wants_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    async with SocksProxy.running(names={NAME: 1}, credentials=LOGIN) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://me:CANARY@127.0.0.1:{proxy.port}")
        assert (await refused(f"https://{NAME}")).code == "PROXY_NO_WAY"


@pytest.mark.parametrize("status", [403, 502, 503])
async def test_a_proxy_that_says_no(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with HttpProxy.running(names={NAME: 1}) as proxy:
        proxy.connect_status = status
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        error = await refused(f"https://{NAME}")
        assert error.code == "PROXY_STATUS"
        assert str(status) in str(error)


async def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HttpProxy.running() as proxy:
        gone = proxy.url
    for scheme in ("http", "socks5"):
        monkeypatch.setenv("ALL_PROXY", gone.replace("http", scheme))
        assert (await refused(f"https://{NAME}")).code == "PROXY_REFUSED"


async def test_the_socket_is_told_the_same_as_the_ticket(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that lets the ticket through and not the socket: its status is known there too."""
    async with secure_server(certificates) as (server, front):
        async with HttpProxy.running(names={NAME: front.port}) as proxy:
            monkeypatch.setenv("ALL_PROXY", proxy.url)
            client = await connect(f"https://{NAME}", ssl_context=certificates.client_context())
            for status, code in ((407, "PROXY_LOGIN"), (503, "PROXY_STATUS")):
                proxy.connect_status = status
                client.reconnect_now("user")
                async for event in client.events():
                    cause = getattr(getattr(event, "status", None), "cause", None)
                    if cause is not None:
                        assert cause.code == code
                        break
                proxy.connect_status = None
                await client.reconnect()
            await client.disconnect()
            assert server.url


# -- certificates ---------------------------------------------------------------------------------


async def test_a_private_authority_by_file(certificates: Certificates, tmp_path: Path) -> None:
    path = certificates.write_authority(tmp_path / "authority.pem")
    async with secure_server(certificates) as (_, front):
        assert (await refused(front.url)).code == "TLS_ISSUER"
        client = await connect(front.url, ca_file=path)
        await client.disconnect()


async def test_a_private_authority_by_environment(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificates.write_authority(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with secure_server(certificates) as (_, front):
        client = await connect(front.url)
        await client.disconnect()


async def test_a_client_certificate(certificates: Certificates, tmp_path: Path) -> None:
    authority = certificates.write_authority(tmp_path / "authority.pem")
    mine = ClientCertificate(certificates.write_client_certificate(tmp_path / "mine.pem"))
    async with secure_server(certificates, "client_certificate") as (_, front):
        error = await refused(front.url, ca_file=authority)
        assert error.code in ("TLS_CLIENT_CERTIFICATE", "TLS_BROKEN_OFF")
        assert "client_certificate" in error.advice
        client = await connect(front.url, ca_file=authority, client_certificate=mine)
        await client.disconnect()


@pytest.mark.parametrize(
    ("tls", "code"),
    [
        ("expired", "TLS_EXPIRED"),
        ("not_yet_valid", "TLS_NOT_YET_VALID"),
        ("wrong_host", "TLS_HOST_NAME"),
        ("self_signed", "TLS_ISSUER"),
        ("unknown_authority", "TLS_ISSUER"),
        ("plain", "TLS_NOT_SPOKEN"),
        ("close", "TLS_FAILED"),
        ("reset", "BROKEN"),
    ],
)
async def test_which_check_failed(tls: TlsMode, code: str, certificates: Certificates) -> None:
    async with secure_server(certificates, tls) as (_, front):
        context = certificates.client_context()
        error = await refused(front.url, ssl_context=context)
        assert isinstance(error, NetworkError)
        assert error.code == code
        assert error.advice or code == "BROKEN"


async def test_one_context_serves_both(certificates: Certificates) -> None:
    class Counting(ssl.SSLContext):
        used = 0

        def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
            Counting.used += 1
            return super().wrap_bio(*args, **kwargs)

    context = Counting(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificates.authority_pem.decode())
    async with secure_server(certificates) as (_, front):
        client = await connect(front.url, ssl_context=context)
        await client.disconnect()
    assert Counting.used == 2


# -- TLS and an end that does not come ------------------------------------------------------------


async def test_a_half_open_link_over_tls_is_noticed_and_left(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aborting bites through TLS as well: no politeness waits for a peer that is gone."""
    monkeypatch.setattr(sockets, "IDLE_BEFORE_PING", 0.2)
    monkeypatch.setattr(sockets, "PONG_TIMEOUT", 0.2)
    loop = asyncio.get_running_loop()
    async with secure_server(certificates) as (server, front):
        client = await connect(front.url, ssl_context=certificates.client_context())
        events = client.events()
        began = loop.time()
        front.half_open()
        async for event in events:
            status = getattr(event, "status", None)
            if status is not None and status.cause is not None:
                assert status.cause.code == "HALF_OPEN"
                break
        assert loop.time() - began < 3
        await until(lambda: client.get_connection_status().connected)
        front.half_open()
        began = loop.time()
        await client.disconnect()
        assert loop.time() - began < 2.5
        assert server.url
