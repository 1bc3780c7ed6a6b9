"""``python -m tui_chat.testing.faultproxy``: by hand, and what can be typed meanwhile."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.checkout import ROOT, run_python
from tui_chat import ConfigurationError
from tui_chat.testing import FaultProxy, Faults, Flow, SlowStart
from tui_chat.testing.command import main
from tui_chat.testing.commands import obey

MODULE = ("-m", "tui_chat.testing.faultproxy")


@contextmanager
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the command; yield it and the port it says it listens on."""
    process = subprocess.Popen(  # noqa: S603 - the interpreter itself
        [sys.executable, "-W", "error", *MODULE, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(
            r"The fault proxy listens on https?://127\.0\.0\.1:(\d+), in front of .*\n", line
        )
        assert match, line + process.communicate(timeout=5)[1]
        yield process, int(match[1])
    finally:
        process.kill()
        process.communicate()


def say(process: subprocess.Popen[str], line: str) -> str:
    """Type a line and return the one it answers with."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().rstrip()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C cannot be sent to one process there")
def test_it_relays_changes_on_command_and_ends_with_ctrl_c() -> None:
    with listener() as server:
        upstream = f"127.0.0.1:{server.getsockname()[1]}"
        with running("--upstream", upstream, "--latency", "0.05") as (process, port):
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                accepted, _ = server.accept()
                with accepted:
                    start = time.monotonic()
                    client.sendall(b"over")
                    assert accepted.recv(4) == b"over"
                    assert time.monotonic() - start >= 0.05
                    assert say(process, "half-open") == "1 connections are half-open now"
                    assert "1 open of 1; 4 bytes up" in say(process, "status")
                    assert say(process, "reset") == "1 connections were reset"
                    with pytest.raises(ConnectionResetError):
                        client.recv(1)
            assert "refusing" in say(process, "refuse")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 5)
            assert say(process, "off").startswith("nothing goes wrong; listening")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
            assert (process.returncode, out, err) == (0, "", "")


def test_a_mistake_while_typing_is_one_line_and_it_goes_on() -> None:
    with running("--upstream", "127.0.0.1:9") as (process, _):
        assert process.stdin is not None
        process.stdin.write("latency much\nfly\x1b[31m\n\nlatency 1 up\nquit\n")
        process.stdin.flush()
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert err == (
        "faultproxy: 'much' is not a number.\n"
        "faultproxy: 'fly␛[31m' is not understood. What is: help\n"
    )
    assert out == "up latency 1.0; listening; 0 open of 0; 0 bytes up, 0 down\n"


def test_it_goes_on_when_standard_input_ends() -> None:
    with listener() as server:
        with running("--upstream", f"127.0.0.1:{server.getsockname()[1]}") as (process, port):
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                accepted, _ = server.accept()
                with accepted:
                    client.sendall(b"x")
                    assert accepted.recv(1) == b"x"
            assert process.poll() is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--upstream"),
        (["--upstream", "nowhere"], "HOST:PORT"),
        (["--upstream", "h:0"], "HOST:PORT"),
        (["--upstream", "h:1", "--latency", "-1"], "latency"),
        (["--upstream", "h:1", "--latency", "nan"], "latency"),
        (["--upstream", "h:1", "--bandwidth", "0"], "bandwidth"),
        (["--upstream", "h:1", "--tls", "rotten"], "expired"),
        (["--upstream", "h:1", "--mode", "explode"], "black-hole"),
        (["--unknown"], "--unknown"),
    ],
)
def test_a_wrong_call_is_explained_on_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("faultproxy: ")
    assert err.count("\n") == 1
    assert said in err


def test_a_port_that_is_taken_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with listener() as server:
        port = server.getsockname()[1]
        assert main(["--upstream", "h:1", "--listen", str(port)]) == 1
    assert capsys.readouterr().err.startswith(f"faultproxy: Port {port} of 127.0.0.1 cannot be")


def test_help_without_anything_running() -> None:
    done = run_python("-W", "error", *MODULE, "--help")
    assert "--cut-after" in done.stdout
    assert "slow-start" in done.stdout, "what can be typed is there as well"
    assert done.stderr == ""


def test_the_options_become_faults(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    options = "--latency 0.2 --jitter 0.1 --cut-after 9 --ending reset --direction down "
    options += f"--mode black-hole --first-byte 1 --dribble 3 --tls good --write-ca {ca}"
    with running("--upstream", "127.0.0.1:9", *options.split()) as (process, _):
        assert say(process, "status").partition("; listening")[0] == (
            "down latency 0.2, jitter 0.1, cut-after 9, ending reset; mode black-hole; "
            "slow-start delay 1.0, count 3, interval 0.01; tls good"
        )
    assert ca.read_text().startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["latency 0.5"], Faults(up=Flow(latency=0.5), down=Flow(latency=0.5))),
        (["jitter 0.5 up"], Faults(up=Flow(jitter=0.5))),
        (["bandwidth 100 down", "bandwidth off down"], Faults(down=Flow())),
        (["cut 10 up reset"], Faults(up=Flow(cut_after=10, ending="reset"))),
        (["cut 10 down", "latency 1 down"], Faults(down=Flow(cut_after=10, latency=1))),
        (["cut 10 down", "cut off down"], Faults(down=Flow())),
        (["black-hole"], Faults(mode="black_hole")),
        (["accept-close", "relay"], Faults()),
        (["slow-start 1 2 3"], Faults(slow_start=SlowStart(1, 2, 3))),
        (["slow-start 1", "slow-start off"], Faults()),
        (["tls not-yet-valid"], Faults(tls="not_yet_valid")),
        (["tls good", "tls off"], Faults()),
        (["latency 1", "accept-reset", "off"], Faults()),
        (["", "   ", "status", "help", "resume"], Faults()),
    ],
)
async def test_what_can_be_typed(lines: list[str], expected: Faults) -> None:
    async with FaultProxy.running("127.0.0.1", 9) as proxy:
        for line in lines:
            assert bool(await obey(proxy, line)) is bool(line.strip())
        assert proxy.faults == expected


@pytest.mark.parametrize(
    "line",
    [
        "latency",
        "latency x",
        "latency -1",
        "latency nan",
        "latency inf",
        "latency 1 2",
        "latency 1 sideways",
        "cut",
        "cut 1 softly",
        "bandwidth 0",
        "reset now",
        "slow-start",
        "slow-start 1 2 3 4",
        "slow-start 1 -2",
        "tls",
        "tls rotten",
        "relay up",
        "mode",
        "\x00",
        "nonsense " * 1000,
    ],
)
async def test_what_cannot_be_understood_changes_nothing(line: str) -> None:
    async with FaultProxy.running("127.0.0.1", 9) as proxy:
        with pytest.raises(ConfigurationError) as raised:
            await obey(proxy, line)
        assert proxy.faults == Faults()
        assert len(str(raised.value)) < 300
