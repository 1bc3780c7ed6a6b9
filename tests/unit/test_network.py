"""Proxy and TLS are decided once, and a failure gets a sentence."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from tui_chat.errors import ConfigurationError
from tui_chat.network import Network, network_error, resolve_network
from tui_chat.protocol.urls import ServerUrl

REMOTE = ServerUrl.parse("https://chat.example.com")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)


def test_plain_connections_go_to_this_machine_only() -> None:
    assert resolve_network(ServerUrl.parse("http://127.0.0.1:1")) == Network(None, None)
    assert resolve_network(ServerUrl.parse("ws://localhost")) == Network(None, None)
    with pytest.raises(ConfigurationError, match="not encrypted"):
        resolve_network(ServerUrl.parse("http://chat.example.com"))
    allowed = resolve_network(ServerUrl.parse("http://chat.example.com"), allow_plaintext=True)
    assert allowed.ssl_context is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "proxy.example:3128")
    network = resolve_network(REMOTE)
    assert network.proxy == "http://proxy.example:3128"
    assert resolve_network(ServerUrl.parse("https://127.0.0.1")).proxy is None


@pytest.mark.parametrize("bypass", ["chat.example.com", ".example.com", "*", "x, example.com"])
def test_no_proxy(bypass: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", bypass)
    assert resolve_network(REMOTE).proxy is None


def test_a_proxy_we_cannot_use_is_an_error_not_a_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:canary@proxy.example:1080")
    with pytest.raises(ConfigurationError, match="NO_PROXY") as caught:
        resolve_network(REMOTE)
    assert "canary" not in str(caught.value)


def test_proxy_credentials_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:canary@proxy.example:3128")
    network = resolve_network(REMOTE)
    assert network.proxy is not None
    assert "canary" in network.proxy
    assert "canary" not in repr(network)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(-2, "unknown"), "DNS"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "REFUSED"),
        (OSError(errno.EHOSTUNREACH, "x"), "UNREACHABLE"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "BROKEN"),
        (ssl.SSLError(1, "x"), "TLS"),
        (ssl.SSLCertVerificationError(1, "x"), "TLS"),
        (EOFError(), "BROKEN"),
    ],
)
def test_each_failure_has_a_code_and_a_sentence(error: Exception, code: str) -> None:
    outer = RuntimeError("a library's wrapper")
    outer.__cause__ = error
    for shape in (error, outer):
        result = network_error(shape, REMOTE)
        assert result.code == code
        assert "chat.example.com" in str(result)


def test_several_addresses_that_all_fail() -> None:
    group = ExceptionGroup("all", [ConnectionRefusedError(errno.ECONNREFUSED, "x")])
    assert network_error(OSError("Multiple exceptions"), REMOTE).code == "BROKEN"
    assert network_error(group, REMOTE).code == "REFUSED"
