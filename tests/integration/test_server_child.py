"""The server in a process of its own: the demo's child, and ``tui-chat serve``."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from websockets.asyncio.client import connect

from tests.serving import PLAIN
from tui_chat.cli.serve import serve
from tui_chat.errors import ConfigurationError
from tui_chat.server import child as child_module
from tui_chat.server.child import DemoServer, DemoServerFailed
from tui_chat.server.listening import CannotListen

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and /proc are POSIX matters")


def is_up(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code == 404
    except httpx.TransportError:
        return False


def runs(server: DemoServer) -> bool:
    return server.pid is not None


def wait_until_down(url: str) -> None:
    end = time.monotonic() + 5
    while is_up(url):
        assert time.monotonic() < end, "the server is still there"
        time.sleep(0.01)


def get_ticket(url: str, token: str, key: str) -> httpx.Response:
    headers = {"x-oddle-mp-auth-token": token, "x-oddle-chat-server-key": key}
    return httpx.post(f"{url}/api/v1/tickets", headers=headers, json={}, trust_env=False)


# -- the demo's child -----------------------------------------------------------------------------


def test_the_demo_server_starts_serves_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_CHAT_TOKEN", "canary-4411")
    monkeypatch.setenv("SOME_API_KEY", "canary-4411")
    with DemoServer(ticket_ttl=77) as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
        answer = get_ticket(server.url, server.token.reveal(), server.key.reveal())
        assert answer.status_code == 200
        assert get_ticket(server.url, "canary-4411", server.key.reveal()).status_code == 401
        assert server.pid is not None
        assert server.pid != os.getpid()
        if sys.platform == "linux":
            process = Path(f"/proc/{server.pid}")
            seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            assert b"tui_chat.server" in seen
            for secret in ("canary-4411", server.token.reveal(), server.key.reveal()):
                assert secret.encode() not in seen
        url, begun = server.url, time.monotonic()
    assert time.monotonic() - begun < 2
    assert not runs(server)
    assert not is_up(url)
    server.close()


def test_the_demo_server_can_be_started_again_on_its_port() -> None:
    with DemoServer() as first:
        url = first.url
    with DemoServer(port=int(url.rpartition(":")[2])) as second:
        assert second.url == url
        assert second.token != first.token


def test_a_port_that_is_taken_is_explained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = DemoServer(port=port)
        with pytest.raises(DemoServerFailed, match=f"Port {port} on 127.0.0.1 is in use"):
            server.start()
        assert not runs(server)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("raise SystemExit('no module of that name')", r"stopped at once\. .*no module of that"),
        ("import time; time.sleep(60)", "did not start within 0.5 seconds"),
        ("print('hello')", "stopped at once"),
    ],
)
def test_a_child_that_does_not_come_up_is_explained_and_ended(
    code: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = subprocess.Popen

    def other(_command: list[str], **options: object) -> subprocess.Popen[bytes]:
        return start([sys.executable, "-c", code], **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", other)
    monkeypatch.setattr(child_module, "START_TIMEOUT", 0.5 if "sleep" in code else 10)
    server = DemoServer()
    begun = time.monotonic()
    with pytest.raises(DemoServerFailed, match=sentence):
        server.start()
    assert time.monotonic() - begun < 5
    assert not runs(server)


@POSIX
def test_a_child_that_was_killed_is_noticed_at_the_end_only() -> None:
    with DemoServer() as server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        wait_until_down(server.url)
    assert not runs(server)


@POSIX
def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        "from tui_chat.server.child import DemoServer\n"
        "server = DemoServer()\n"
        "server.start()\n"
        "print(server.url, flush=True)\n"
        "time.sleep(60)\n",
        "utf-8",
    )
    parent = subprocess.Popen(  # noqa: S603 - the interpreter itself
        [sys.executable, script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    assert is_up(url)
    parent.kill()
    parent.wait(5)
    parent.stdout.close()
    wait_until_down(url)


def test_the_child_mode_is_not_for_people() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui_chat.server"],
        input=b"hello\n",
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "error": "This command is started by tui-chat demo, not by hand."
    }
    assert done.stderr == b""


def test_starting_the_child_loads_no_server_in_the_parent() -> None:
    code = (
        "import sys, tui_chat.server.child; "
        "print({'starlette', 'uvicorn', 'websockets', 'textual'} & set(sys.modules))"
    )
    done = subprocess.run(  # noqa: S603 - the interpreter itself
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.strip() == "set()"


# -- tui-chat serve -------------------------------------------------------------------------------


class Serving:
    """``tui-chat serve`` in a process of its own, and what it wrote to stderr."""

    def __init__(self, *options: str, **environ: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - the interpreter itself
            [sys.executable, "-c", "from tui_chat.cli.serve import serve; serve()", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environ},
            text=True,
        )
        self.written = ""

    def url(self) -> str:
        return self.wait_for(r"listens on (http://[^ ]+)\. ")

    def wait_for(self, pattern: str) -> str:
        assert self.process.stderr is not None
        while (found := re.search(pattern, self.written)) is None:
            line = self.process.stderr.readline()
            assert line, f"it ended instead: {self.written}"
            self.written += line
        return found.group(1)

    def end(self, number: int) -> int:
        begun = time.monotonic()
        self.process.send_signal(number)
        # Not communicate(): it would lose what readline() has read ahead.
        assert self.process.stderr is not None
        assert self.process.stdout is not None
        self.written += self.process.stderr.read()
        assert self.process.stdout.read() == ""
        self.process.wait(5)
        assert time.monotonic() - begun < 2
        return self.process.returncode


@pytest.fixture
def started() -> Iterator[list[Serving]]:
    servers: list[Serving] = []
    yield servers
    for server in servers:
        with server.process as process:  # which closes its pipes
            process.kill()


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_serve_says_how_to_connect_and_ends_on_a_signal(
    number: int, started: list[Serving]
) -> None:
    server = Serving("--port", "0")
    started.append(server)
    url = await asyncio.to_thread(server.url)
    connecting = r"export TUI_CHAT_TOKEN=(\S+)\n"
    token = await asyncio.to_thread(server.wait_for, connecting)
    key = await asyncio.to_thread(server.wait_for, r"export TUI_CHAT_SERVER_KEY=(\S+)\n")
    await asyncio.to_thread(server.wait_for, rf"(tui-chat --server-url {url})\n")
    ticket = get_ticket(url, token, key).json()["ticket"]
    socket_url = f"ws{url.removeprefix('http')}/ws?ticket={ticket}"
    async with connect(socket_url, **PLAIN) as client:
        await client.recv()
        assert await asyncio.to_thread(server.end, number) == 0
        await client.wait_closed()
        assert client.close_code == 1012
    assert "Traceback" not in server.written
    assert "session_1: closed with 1012" in server.written
    assert server.written.rstrip().endswith("The chat server has ended.")
    assert server.written.count(token) == 1
    assert ticket not in server.written


@POSIX
async def test_serve_takes_credentials_from_the_environment_and_repeats_none(
    started: list[Serving],
) -> None:
    server = Serving(
        "--port",
        "0",
        "--quiet",
        "--ticket-ttl",
        "5",
        TUI_CHAT_TOKEN="t-1",
        TUI_CHAT_SERVER_KEY="k-1",
    )
    started.append(server)
    url = await asyncio.to_thread(server.url)
    assert get_ticket(url, "t-1", "k-1").status_code == 200
    assert get_ticket(url, "t-2", "k-1").status_code == 401
    assert server.end(signal.SIGTERM) == 0
    assert (
        "with the TUI_CHAT_TOKEN and TUI_CHAT_SERVER_KEY this server was started" in server.written
    )
    assert "t-1" not in server.written
    assert "k-1" not in server.written
    assert "export" not in server.written
    assert "ticket for" not in server.written


@POSIX
async def test_serve_knows_the_users_of_a_file(tmp_path: Path, started: list[Serving]) -> None:
    users = tmp_path / "users.json"
    entry = {"token": "file-token", "key": "file-key", "user_id": "ann", "name": "Ann"}
    users.write_text(json.dumps({"users": [entry]}), "utf-8")
    users.chmod(0o644)
    server = Serving("--port", "0", "--users", str(users))
    started.append(server)
    url = await asyncio.to_thread(server.url)
    assert get_ticket(url, "file-token", "file-key").status_code == 200
    assert server.end(signal.SIGTERM) == 0
    assert "Warning: other users of this machine can read" in server.written
    assert "ticket for Ann" in server.written
    assert "file-token" not in server.written


@POSIX
async def test_serve_warns_about_an_address_that_others_can_reach(started: list[Serving]) -> None:
    server = Serving("--port", "0", "--host", "0.0.0.0")
    started.append(server)
    url = await asyncio.to_thread(server.url)
    assert url.startswith("http://127.0.0.1:")
    assert is_up(url)
    assert server.end(signal.SIGTERM) == 0
    assert "Warning: on 0.0.0.0 other machines can reach this server" in server.written


def test_serve_explains_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(serve, ["--port", str(port)])
    assert isinstance(result.exception, CannotListen)
    assert str(result.exception).startswith(f"Port {port} on 127.0.0.1 is in use")
    assert result.exception.code == "PORT_IN_USE"
    assert "TUI_CHAT_TOKEN" not in result.output


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "not a host", "a" * 300])
def test_serve_explains_an_address_that_is_not_its_own(host: str) -> None:
    result = CliRunner().invoke(serve, ["--port", "0", "--host", host])
    assert isinstance(result.exception, CannotListen)
    assert "is not an address of this machine" in str(result.exception)


@pytest.mark.parametrize(
    "options",
    [
        ["--port", "70000"],
        ["--ticket-ttl", "0"],
        ["--ticket-ttl", "nan"],
        ["--rate", "-1"],
        ["--reject-mode", "politely"],
        ["--token", "x"],
        ["--users", "nowhere.toml"],
    ],
)
def test_serve_refuses_options_that_make_no_sense(options: list[str]) -> None:
    result = CliRunner().invoke(serve, ["--port", "0", *options])
    assert result.exit_code != 0
    assert result.exception is None or isinstance(result.exception, ConfigurationError | SystemExit)
