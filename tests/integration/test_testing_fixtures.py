"""The fixtures as a consumer uses them: in a pytest of their own, with and without asyncio."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.checkout import run_python
from tui_chat import WebSocketChatClient
from tui_chat.server.config import ServerConfig
from tui_chat.server.listening import CannotListen
from tui_chat.testing import FaultProxyThread, Faults, ServerThread, running_server
from tui_chat.testing.threads import LoopThread

CONFTEST = 'pytest_plugins = ["tui_chat.testing.fixtures"]\n'

PLAIN_TESTS = """
import asyncio
import keyring
import pytest
from tui_chat import (
    AuthData, NetworkError, TicketManager, TicketManagerConfig, WebSocketChatClient
)
from tui_chat.server.config import ServerConfig
from tui_chat.testing import Faults

async def say(url, server):
    once = TicketManagerConfig(max_attempts=1)
    options = {**server.client_options, "chat_server_url": url, "ticket_config": once}
    async with asyncio.timeout(10), WebSocketChatClient(**options) as client:
        await client.on_trigger_message("hello")
        while client.running:
            await asyncio.sleep(0.005)
        return "".join(m.text for m in client.snapshot() if m.kind.value == "assistant")

def test_a_chat(chat_server):
    assert asyncio.run(say(chat_server.url, chat_server))
    assert chat_server.server.handshakes == 1

def test_a_chat_on_a_bad_line(chat_server, fault_proxy):
    fault_proxy.faults = Faults(latency=0.02)
    assert asyncio.run(say(fault_proxy.url, chat_server))
    assert fault_proxy.counters.faults["latency"] > 2
    fault_proxy.refuse()
    with pytest.raises(NetworkError):
        asyncio.run(say(fault_proxy.url, chat_server))
    fault_proxy.accept()
    assert asyncio.run(say(fault_proxy.url, chat_server))

def test_two_servers(chat_server_factory):
    one = chat_server_factory(ServerConfig(ticket_ttl=5))
    two = chat_server_factory()
    assert one.url != two.url
    assert one.auth != two.auth

def test_tickets(ticket_source):
    async def body():
        manager = TicketManager(AuthData("t", "k"), "https://chat.example", source=ticket_source)
        await manager.get_valid_ticket()
        await manager.aclose()
    asyncio.run(body())
    assert len(ticket_source.requests) == 1

def test_keyring(memory_keyring):
    keyring.set_password("s", "u", "p")
    assert memory_keyring.entries == [("s", "u")]
    memory_keyring.locked = True
    with pytest.raises(keyring.errors.KeyringLocked):
        keyring.get_password("s", "u")
"""

ASYNC_TESTS = """
from test_plain import say
from tui_chat import WebSocketChatClient

async def test_a_chat(chat_server, fault_proxy):
    assert await say(fault_proxy.url, chat_server)

async def test_dropped(chat_server):
    async with WebSocketChatClient(**chat_server.client_options) as client:
        assert await chat_server.run_async(lambda server: server.drop_all(code=1012)) == 1
"""

CONFIGURATION = """
[pytest]
filterwarnings = error
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""


def suite(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_plain.py").write_text(PLAIN_TESTS, encoding="utf-8")
    return run_python(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", *options),
        cwd=folder,
        check=False,
        environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


def test_without_any_plugin_for_async_tests(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    done = suite(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_with_pytest_asyncio(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(CONFIGURATION, encoding="utf-8")
    (tmp_path / "test_async.py").write_text(ASYNC_TESTS, encoding="utf-8")
    done = suite(tmp_path, "-p", "pytest_asyncio.plugin")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed" in done.stdout


def test_importing_the_package_loads_nothing() -> None:
    code = (
        "import sys, tui_chat.testing as t; "
        "heavy = ('pytest', 'trustme', 'keyring', 'uvicorn', 'starlette', 'asyncio', 'ssl'); "
        "print([name for name in heavy if name in sys.modules]); "
        "print([n for n in t.__all__ if not hasattr(t, n)], {*t._HOME_OF} == {*t.__all__}); "
        "print([name for name in ('pytest', 'trustme') if name in sys.modules])"
    )
    assert run_python("-c", code).stdout == "[]\n[] True\n[]\n"


def test_a_server_goes_on_while_the_test_blocks_and_is_gone_at_the_end() -> None:
    with ServerThread.running() as server:
        host, port = server.url.removeprefix("http://").split(":")
        assert server.run(lambda inner: asyncio.sleep(0, inner.url)) == server.url
        with socket.create_connection((host, int(port)), 5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 404"
        assert server.token not in repr(server.auth)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), 5)


def test_a_server_that_cannot_start_says_why_and_leaves_no_thread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = ServerConfig(port=taken.getsockname()[1])
        with pytest.raises(CannotListen), ServerThread.running(config):
            pass


def test_a_call_that_takes_too_long_is_given_up() -> None:
    with LoopThread.running("for a test") as thread:
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            thread.call(lambda: asyncio.sleep(600), timeout=0.05)
        assert time.monotonic() - start < 5


def test_an_error_in_the_block_still_stops_everything() -> None:
    faults = Faults(mode="black_hole")
    with (
        pytest.raises(ZeroDivisionError),
        ServerThread.running() as server,
        FaultProxyThread.running(server.url, faults=faults) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), 5),
    ):
        _ = 1 / 0


def test_a_proxy_in_a_thread_does_all_that_the_other_does() -> None:
    with ServerThread.running() as server, FaultProxyThread.running(server.url) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
            end = time.monotonic() + 5
            while proxy.half_open() == 0:
                assert time.monotonic() < end
            proxy.resume()
            assert proxy.open_connections == 1
            assert proxy.reset_all() == 1
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        assert proxy.url == f"http://127.0.0.1:{proxy.port}"
        proxy.faults = Faults(tls="good")
        assert proxy.faults.tls == "good"
        assert proxy.certificates is proxy.certificates
        assert proxy.url.startswith("https://")


async def test_a_server_in_the_tests_own_loop() -> None:
    async with running_server() as server, asyncio.timeout(10):
        async with WebSocketChatClient(**server.client_options) as client:
            assert client.get_connection_status().connected
            assert len(server.sessions) == 1
