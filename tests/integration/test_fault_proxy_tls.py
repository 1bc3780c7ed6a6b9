"""The fault proxy's TLS: every failure is the specific one at the client."""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.client_support import until
from tests.integration.test_fault_proxy import EchoServer
from tui_chat import ConfigurationError
from tui_chat.network.tls import ClientCertificate, make_context
from tui_chat.testing import Certificates, FaultProxy, Faults, Flow


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates(["chat.example"])


@pytest.fixture
async def echo() -> AsyncIterator[EchoServer]:
    async with EchoServer.running() as server:
        yield server


@pytest.fixture
async def proxy(echo: EchoServer, certificates: Certificates) -> AsyncIterator[FaultProxy]:
    async with FaultProxy.running("127.0.0.1", echo.port, certificates=certificates) as running:
        yield running


async def ask(port: int, context: ssl.SSLContext, name: str = "localhost") -> bytes:
    """Send four bytes over TLS and return what comes back."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=name
        )
        try:
            writer.write(b"ping")
            return await reader.read(4)
        finally:
            writer.transport.abort()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "chat.example"])
async def test_a_good_certificate(proxy: FaultProxy, echo: EchoServer, name: str) -> None:
    proxy.faults = Faults(tls="good")
    assert proxy.url == f"https://127.0.0.1:{proxy.port}"
    assert await ask(proxy.port, proxy.certificates.client_context(), name) == b"ping"
    assert echo.received == [b"ping"], "the server behind gets plain bytes"


# The numbers are OpenSSL's X509_V_ERR_... (x509_vfy.h).
@pytest.mark.parametrize(
    ("tls", "number"),
    [
        ("not_yet_valid", 9),
        ("expired", 10),
        ("self_signed", 18),
        ("unknown_authority", 20),
        ("wrong_host", 62),
    ],
)
async def test_a_certificate_that_fails_one_check(
    proxy: FaultProxy, echo: EchoServer, tls: str, number: int
) -> None:
    proxy.faults = Faults(tls=tls)  # type: ignore[arg-type]
    with pytest.raises(ssl.SSLCertVerificationError) as raised:
        await ask(proxy.port, proxy.certificates.client_context())
    assert raised.value.verify_code == number
    await until(lambda: proxy.open_connections == 0)
    assert echo.received == []
    assert proxy.counters.faults == {f"tls_{tls}": 1}


@pytest.mark.parametrize("tls", ["expired", "not_yet_valid", "wrong_host"])
async def test_nothing_else_is_wrong_with_it(proxy: FaultProxy, tls: str) -> None:
    """Without that one check the certificate is accepted: its chain is good."""
    proxy.faults = Faults(tls=tls)  # type: ignore[arg-type]
    context = proxy.certificates.client_context()
    if tls == "wrong_host":
        context.check_hostname = False
    else:
        # OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for.
        context.verify_flags |= 0x200000
    assert await ask(proxy.port, context) == b"ping"


async def test_a_client_certificate_is_asked_for(proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.faults = Faults(tls="client_certificate")
    with pytest.raises(ssl.SSLError) as raised:
        await ask(proxy.port, proxy.certificates.client_context())
    assert raised.value.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    with_one = proxy.certificates.client_context(with_certificate=True)
    assert await ask(proxy.port, with_one) == b"ping"
    context = make_context(
        proxy.certificates.write_authority(tmp_path / "ca.pem"),
        ClientCertificate(proxy.certificates.write_client_certificate(tmp_path / "client.pem")),
    )
    assert await ask(proxy.port, context) == b"ping"


async def test_a_client_certificate_of_somebody_else(proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.faults = Faults(tls="client_certificate")
    stranger = Certificates().write_client_certificate(tmp_path / "stranger.pem")
    context = proxy.certificates.client_context()
    context.load_cert_chain(stranger)
    with pytest.raises(ssl.SSLError) as raised:
        await ask(proxy.port, context)
    assert raised.value.reason == "TLSV1_ALERT_UNKNOWN_CA"


async def test_plain_text_where_tls_is_expected(proxy: FaultProxy) -> None:
    proxy.faults = Faults(tls="plain")
    with pytest.raises(ssl.SSLError) as raised:
        await ask(proxy.port, proxy.certificates.client_context())
    assert raised.value.reason == "WRONG_VERSION_NUMBER"
    assert proxy.counters.faults == {"tls_plain": 1}


async def test_the_handshake_is_broken_off(proxy: FaultProxy) -> None:
    context = proxy.certificates.client_context()
    proxy.faults = Faults(tls="close")
    with pytest.raises(ConnectionResetError) as raised:
        await ask(proxy.port, context)
    assert raised.value.errno is None, "an end without RST, which asyncio reports like this"
    proxy.faults = Faults(tls="reset")
    with pytest.raises(ConnectionResetError) as raised:
        await ask(proxy.port, context)
    assert raised.value.errno is not None


async def test_a_tls_connection_can_be_reset_and_cut(proxy: FaultProxy) -> None:
    context = proxy.certificates.client_context()
    proxy.faults = Faults(tls="good")
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", proxy.port, ssl=context, server_hostname="localhost"
    )
    writer.write(b"ping")
    async with asyncio.timeout(5):
        assert await reader.readexactly(4) == b"ping"
        proxy.reset_all()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    proxy.faults = Faults(tls="good", down=Flow(cut_after=2))
    assert await ask(proxy.port, context) == b"pi"


async def test_a_client_that_does_not_answer_the_end_of_tls_is_cut_off(
    proxy: FaultProxy, echo: EchoServer
) -> None:
    proxy.faults = Faults(tls="good")
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        proxy.port,
        ssl=proxy.certificates.client_context(),
        server_hostname="localhost",
    )
    writer.write(b"ping")
    async with asyncio.timeout(5):
        assert await reader.readexactly(4) == b"ping"
    writer.transport.pause_reading()  # type: ignore[attr-defined] # any transport of a socket
    echo.drop()
    # A second to be polite; asyncio itself would wait for as long as a handshake may take.
    await until(lambda: proxy.open_connections == 0, seconds=4)
    writer.transport.abort()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def test_the_names_on_the_certificate_are_checked(certificates: Certificates) -> None:
    assert certificates.server_context("good") is certificates.server_context("good")
    assert certificates.authority_pem.startswith(b"-----BEGIN CERTIFICATE-----")
    assert b"PRIVATE" not in certificates.authority_pem


async def test_without_trustme_the_error_says_what_to_install(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    proxy.faults = Faults(tls="plain")  # needs no certificate
    with pytest.raises(ConfigurationError, match=r"pip install 'tui-chat\[testing\]'"):
        proxy.faults = Faults(tls="expired")
    assert proxy.faults == Faults(tls="plain")
    with pytest.raises(ConfigurationError, match="trustme"):
        Certificates()
