"""The whole program in a pseudo-terminal: how soon it is there, keys show, and what it idles."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from tests.benchmarks.measure import Benchmark, Effort, Paired, Row, Sample, Target, paired
from tests.benchmarks.processes import running_child
from tests.benchmarks.screen import percentile
from tests.benchmarks.terminal import Program, in_terminal
from tests.support.checkout import ROOT

__all__ = ["IDLE", "STARTING", "TYPING"]

LINK: Final = {"delay": 0.1, "rate": 64_000.0}
"""A slow link: 100 ms each way, 64 KB a second, as over a poor mobile connection."""
KEYS: Final = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĵķĺļľłńņňŋōŏő"
"""Letters that neither the reply nor any control sequence has, so that seeing one is its echo."""
READY: Final = "connected"
"""What the status line says when the session is ready."""
DRAWN: Final = "F1"
"""The last row of the first frame."""


@contextmanager
def chatting(options: Mapping[str, Any], **link: Any) -> Iterator[Program]:
    """Run the chat with a server."""
    environment = {
        "TUI_CHAT_TOKEN": options["user_mp_auth_token"],
        "TUI_CHAT_SERVER_KEY": options["chat_server_key"],
    }
    arguments = ("-m", "tui_chat", "--ephemeral", "--server-url", options["chat_server_url"])
    with in_terminal(*arguments, environment=environment, **link) as program:
        yield program


# -- starting -------------------------------------------------------------------------------------


def _first_frame(options: Mapping[str, Any]) -> float:
    began = time.perf_counter()
    with chatting(options) as program:
        return (program.wait_for(DRAWN) - began) * 1e3


def _blank_frame() -> float:
    began = time.perf_counter()
    with in_terminal("-m", "tests.benchmarks.children.blank_app") as program:
        return (program.wait_for("blank") - began) * 1e3


def _run(*arguments: str) -> float:
    began = time.perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - ours
    return (time.perf_counter() - began) * 1e3


async def measure_starting(effort: Effort) -> list[Row]:
    """Start by turns with a blank application, and with an interpreter that does nothing."""
    async with running_child("chat_server") as server:
        options = await server.ask("options")
        frames = await asyncio.to_thread(
            paired, lambda: _first_frame(options), _blank_frame, effort.rounds(11)
        )
    version = await asyncio.to_thread(
        paired,
        lambda: _run("-m", "tui_chat", "--version"),
        lambda: _run("-c", "pass"),
        effort.rounds(21),
    )
    return [
        _row("process start to first frame", frames, "a blank Textual application", 1.3),
        _row("tui-chat --version", version, "python -c pass", 4.0),
    ]


def _row(name: str, values: Paired, peer: str, limit: float) -> Row:
    return Row(name, "ms", *values.samples(), peer, Target(limit, "at_most"))


# -- typing ---------------------------------------------------------------------------------------


def _echo(options: Mapping[str, Any], *, flood: bool, **link: Any) -> float:
    """Return the 95th percentile of the milliseconds between a key and its letter."""
    with chatting(options, **link) as program:
        program.wait_for(READY)
        if flood:
            program.press("flood")
            program.look_for(0.5)  # an Enter right behind would be taken for a part of a paste
            program.press("\r")
            program.wait_for("section")
        program.look_for(1.0)
        times = []
        for number, key in enumerate(KEYS):
            pressed = time.perf_counter()
            program.press(key)
            times.append((program.wait_for(key) - pressed) * 1e3)
            program.look_for(0.02 + number % 7 * 0.01)
        return percentile(times, 0.95)


async def measure_typing(effort: Effort) -> list[Row]:
    """Type while a reply floods in, and while nothing comes; near, and over a slow link."""
    rows = []
    async with running_child("flood") as server:
        options = await server.ask("options")
        for name, link, target in (
            ("a key's echo, p95, 1,000 deltas a second", {}, Target(33, "at_most", "median")),
            ("the same over a slow link", LINK, Target(1.5, "at_most")),
        ):
            both = await asyncio.to_thread(
                paired,
                partial(_echo, options, flood=True, **link),
                partial(_echo, options, flood=False, **link),
                effort.rounds(3),
            )
            rows.append(Row(name, "ms", *both.samples(), "nothing arrives meanwhile", target))
    return rows


# -- idling ---------------------------------------------------------------------------------------


def _idle(options: Mapping[str, Any], seconds: float) -> float:
    with chatting(options) as program:
        program.wait_for(READY)
        program.look_for(3.0)
        before, began = program.cpu(), time.perf_counter()
        program.look_for(seconds)
        return (program.cpu() - before) / (time.perf_counter() - began) * 100


async def measure_idle(effort: Effort) -> list[Row]:
    """Do nothing, connected, while the countdown runs."""
    seconds = 1.0 if effort.quick else 20.0
    async with running_child("chat_server") as server:
        options = await server.ask("options")
        shares = [await asyncio.to_thread(_idle, options, seconds) for _ in range(effort.rounds(3))]
    return [
        Row("idle, connected", "% of a core", Sample(shares), target=Target(1, "at_most", "median"))
    ]


STARTING = Benchmark(
    "starting", "from the start of the program to its first frame", measure_starting
)
TYPING = Benchmark("typing", "how soon a key shows while a reply floods in", measure_typing)
IDLE = Benchmark("idle_program", "what the program costs when nothing happens", measure_idle)
