"""Proxy and TLS are decided once, and a failure gets a sentence."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tui_chat.errors import ConfigurationError
from tui_chat.network import ClientCertificate, Proxy, network_error, proxy_refusal, resolve_network
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret

REMOTE = ServerUrl.parse("https://chat.example.com")
PROXY = Proxy.parse("proxy.example:3128")


async def test_plain_connections_go_to_this_machine_only() -> None:
    for url in ("http://127.0.0.1:1", "ws://localhost"):
        network = resolve_network(ServerUrl.parse(url))
        assert network.proxy is None
        assert await network.ssl_context() is None
    with pytest.raises(ConfigurationError, match="not encrypted"):
        resolve_network(ServerUrl.parse("http://chat.example.com"))
    allowed = resolve_network(ServerUrl.parse("http://chat.example.com"), allow_plaintext=True)
    assert await allowed.ssl_context() is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "proxy.example:3128")
    network = resolve_network(REMOTE)
    assert network.proxy is not None
    assert network.proxy.url == Secret("http://proxy.example:3128")
    assert str(network.proxy) == "http://proxy.example:3128"
    assert resolve_network(ServerUrl.parse("https://127.0.0.1")).proxy is None


@pytest.mark.parametrize("bypass", ["chat.example.com", ".example.com", "*", "x, example.com"])
def test_no_proxy(bypass: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", bypass)
    assert resolve_network(REMOTE).proxy is None


@pytest.mark.parametrize(
    ("text", "shown", "url"),
    [
        ("socks5://h", "socks5h://h:1080", "socks5h://h:1080"),
        ("SOCKS5H://h:9", "socks5h://h:9", "socks5h://h:9"),
        ("http://u:p%40@h:8/", "http://h:8", "http://u:p%40@h:8"),
        ("https://u@h", "https://h:443", "https://u:@h:443"),
        ("[::1]:3128", "http://[::1]:3128", "http://[::1]:3128"),
    ],
)
def test_proxies_that_can_be_used(text: str, shown: str, url: str) -> None:
    proxy = Proxy.parse(text)
    assert str(proxy) == shown
    assert proxy.url.reveal() == url
    assert proxy.has_credentials is ("@" in url)


@pytest.mark.parametrize(
    "text",
    [
        "ftp://me:canary@h",
        "socks4://canary@h",
        "http://me:canary@",
        "http://me:canary@h:0x1",
        "http://me:canary@h:99999",
        "http://me:canary@h/path",
        "http://me:canary@h?q",
        "http://me:canary@h#f",
        "http://me:canary@hö",
        "http://me:canary@h\x1b",
        "http://me:%ff-canary@h",
    ],
)
def test_proxies_that_cannot_be_used(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", text)
    with pytest.raises(ConfigurationError, match="NO_PROXY") as caught:
        resolve_network(REMOTE)
    assert "canary" not in str(caught.value)
    assert caught.value.code == "PROXY"


def test_a_socks_proxy_without_the_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://h")
    assert resolve_network(REMOTE).proxy is not None
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "socksio" else found(name)
    )
    with pytest.raises(ConfigurationError, match=r"tui-chat\[socks\]"):
        resolve_network(REMOTE)


def test_proxy_credentials_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:canary@proxy.example:3128")
    network = resolve_network(REMOTE)
    assert network.proxy is not None
    assert "canary" in network.proxy.url.reveal()
    assert "canary" not in f"{network!r} {network.proxy!r} {network.proxy}"


# -- TLS ------------------------------------------------------------------------------------------


async def test_one_context_for_everybody_who_asks() -> None:
    network = resolve_network(REMOTE)
    first, second = await asyncio.gather(network.ssl_context(), network.ssl_context())
    assert first is second
    assert first is not None
    assert first.verify_mode is ssl.CERT_REQUIRED
    assert first.check_hostname


async def test_a_context_that_is_given_is_used_as_it_is() -> None:
    mine = ssl.create_default_context()
    assert await resolve_network(REMOTE, ssl_context=mine).ssl_context() is mine
    with pytest.raises(ConfigurationError, match="leave the context out"):
        resolve_network(REMOTE, ssl_context=mine, ca_file="ca.pem")


async def test_a_proxy_behind_tls_needs_a_context_even_for_a_plain_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "https://proxy.example")
    network = resolve_network(ServerUrl.parse("http://chat.example.com"), allow_plaintext=True)
    assert await network.ssl_context() is not None


@pytest.mark.parametrize("content", [None, b"", b"not a certificate", b"\x00\xff"])
async def test_a_certificate_file_that_cannot_be_used(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"certificate authority in .*file\.pem") as caught:
        await resolve_network(REMOTE, ca_file=path).ssl_context()
    assert caught.value.code == "CA_FILE"
    certificate = ClientCertificate(path)
    with pytest.raises(ConfigurationError, match=r"client certificate in .*file\.pem") as caught:
        await resolve_network(REMOTE, client_certificate=certificate).ssl_context()
    assert caught.value.code == "CLIENT_CERTIFICATE"


# -- failures -------------------------------------------------------------------------------------


def certificate_error(verify_code: int, message: str = "what OpenSSL says") -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = verify_code, message
    return error


def tls_error(reason: str, kind: type[ssl.SSLError] = ssl.SSLError) -> ssl.SSLError:
    error = kind(1, "x")
    error.reason = reason
    return error


FAILURES: list[tuple[Exception, str, bool]] = [
    (socket.gaierror(-2, "unknown"), "DNS", False),
    (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "REFUSED", False),
    (OSError(errno.EHOSTUNREACH, "x"), "UNREACHABLE", False),
    (OSError("Multiple exceptions: a, b"), "UNREACHABLE", False),
    (ConnectionResetError(errno.ECONNRESET, "x"), "BROKEN", False),
    (ConnectionResetError(), "TLS_FAILED", True),
    (EOFError(), "BROKEN", False),
    (certificate_error(9), "TLS_NOT_YET_VALID", True),
    (certificate_error(10), "TLS_EXPIRED", True),
    (certificate_error(18), "TLS_ISSUER", True),
    (certificate_error(20), "TLS_ISSUER", True),
    (certificate_error(62), "TLS_HOST_NAME", True),
    (certificate_error(23), "TLS_UNTRUSTED", True),
    (tls_error("WRONG_VERSION_NUMBER"), "TLS_NOT_SPOKEN", True),
    (tls_error("TLSV1_ALERT_PROTOCOL_VERSION"), "TLS_VERSION", True),
    (tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "TLS_CLIENT_CERTIFICATE", True),
    (tls_error("UNEXPECTED_EOF_WHILE_READING", ssl.SSLEOFError), "TLS_FAILED", True),
    (ssl.SSLError(1, "x"), "TLS_FAILED", True),
]


@pytest.mark.parametrize(("error", "code", "reached"), FAILURES)
def test_each_failure_has_a_code_and_a_sentence(error: Exception, code: str, reached: bool) -> None:
    outer = RuntimeError("a library's wrapper")
    outer.__cause__ = error
    shapes = [error] if type(error) is OSError and error.errno is None else [error, outer]
    for shape in shapes:
        result = network_error(shape, REMOTE)
        assert (result.code, result.reached) == (code, reached)
        assert "chat.example.com" in str(result)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(-2, "unknown"), "PROXY_DNS"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "PROXY_REFUSED"),
        (OSError(errno.ENETUNREACH, "x"), "PROXY_UNREACHABLE"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "PROXY_BROKEN"),
        (certificate_error(10), "TLS_EXPIRED"),
    ],
)
def test_with_a_proxy_everything_but_tls_is_about_the_proxy(error: Exception, code: str) -> None:
    result = network_error(error, REMOTE, PROXY)
    assert result.code == code
    assert ("proxy" in str(result)) is (not code.startswith("TLS"))


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [(407, "PROXY_LOGIN", "wants"), (503, "PROXY_STATUS", "503"), (None, "PROXY_NO_WAY", "way")],
)
def test_what_a_proxy_says(status: int | None, code: str, words: str) -> None:
    error = proxy_refusal(PROXY, status)
    assert (error.code, error.reached) == (code, True)
    assert words in str(error)


def test_several_addresses_that_all_fail() -> None:
    group = ExceptionGroup("all", [ConnectionRefusedError(errno.ECONNREFUSED, "x")])
    assert network_error(group, REMOTE).code == "REFUSED"
    outer = OSError("All connection attempts failed")
    outer.__cause__ = group
    assert network_error(outer, REMOTE).code == "REFUSED"


def test_causes_in_a_circle_end() -> None:
    one, two = RuntimeError(), RuntimeError()
    one.__cause__, two.__cause__ = two, one
    assert network_error(one, REMOTE).code == "BROKEN"


def test_a_tls_error_beneath_a_system_error_is_the_one_that_counts() -> None:
    outer: Any = ConnectionResetError(errno.ECONNRESET, "x")
    outer.__context__ = certificate_error(62)
    assert network_error(outer, REMOTE).code == "TLS_HOST_NAME"
