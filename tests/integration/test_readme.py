"""The README's Python is run as it stands there, each block by an interpreter of its own."""

from __future__ import annotations

import asyncio
import re
import subprocess

import pytest

from tests.serving import KEY, TOKEN, RunningServer, running_server
from tests.support.checkout import run_python
from tests.support.readme import blocks
from tui_chat.server.config import ServerConfig
from tui_chat.server.offline_texts import GREETING

ORIGINAL, STREAMING, DELIVERY, POOL, *_ = blocks("python")


async def run_against(server: RunningServer, code: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        run_python,
        "-W",
        "error",
        "-c",
        code,
        environment={
            "TUI_CHAT_SERVER_URL": server.url,
            "TUI_CHAT_TOKEN": TOKEN,
            "TUI_CHAT_SERVER_KEY": KEY,
        },
    )


async def test_the_usage_example() -> None:
    for line in (
        "client = WebSocketChatClient()",
        "await client.on_init(",
        "await client.reconnect()",
        "await client.disconnect()",
    ):
        assert line in ORIGINAL
    async with running_server(ServerConfig(ticket_ttl=600.0)) as server:
        done = await run_against(server, ORIGINAL)
    assert done.stderr == ""
    said = re.fullmatch(r"Valid ticket: True\nExpires in: (\d+) milliseconds\n", done.stdout)
    assert said, done.stdout
    assert 500_000 < int(said[1]) <= 600_000, "milliseconds, and of the whole lifetime"


async def test_the_streaming_example() -> None:
    async with running_server() as server:
        done = await run_against(server, STREAMING)
    assert done.stderr == ""
    assert done.stdout == GREETING, "every piece of the answer, once"


async def test_the_delivery_example() -> None:
    async with running_server() as server:
        done = await run_against(server, DELIVERY)
    assert done.stderr == ""
    assert done.stdout in ("received\n", "persisted\n")


async def test_the_pool_example() -> None:
    async with running_server() as server:
        done = await run_against(server, POOL)
        assert done.stderr == ""
        assert server.ticket_requests == 1
        assert server.handshakes == 2


@pytest.mark.parametrize("code", [ORIGINAL, STREAMING, DELIVERY, POOL])
async def test_the_examples_fail_in_words_where_nobody_answers(code: str) -> None:
    with pytest.raises(AssertionError, match="NetworkError"):
        await asyncio.to_thread(
            run_python,
            "-c",
            code,
            environment={
                "TUI_CHAT_SERVER_URL": "http://127.0.0.1:9",  # the discard port: nothing listens
                "TUI_CHAT_TOKEN": TOKEN,
                "TUI_CHAT_SERVER_KEY": KEY,
            },
        )
