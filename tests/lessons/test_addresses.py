"""Lesson 16: a URL means what a person would expect."""

from __future__ import annotations

import pytest

from tests.lessons.support import RawHttp, grant, options
from tui_chat import (
    TuiChatError,
    WebSocketChatClient,
)

# -- 16: URLs --------------------------------------------------------------------------------------

ODD = "a+b&c#d%e/f?g=h i"
ENCODED = "a%2Bb%26c%23d%25e%2Ff%3Fg%3Dh%20i"


async def request_lines(suffix: str, *, scheme: str = "http") -> list[str]:
    """Start a client up with a URL; return the targets it asked a server for."""
    async with RawHttp(grant(ODD)).running() as server:
        url = scheme + server.url.removeprefix("http") + suffix
        # The server grants tickets and no WebSockets, which is how this ends.
        with pytest.raises(TuiChatError):
            await WebSocketChatClient().on_init(**options(url))
        return [line.split(" ")[1] for line in server.requests[:2]]


@pytest.mark.parametrize(
    ("suffix", "base"), [("/", ""), ("//", ""), ("/chat/", "/chat"), ("/a/b//", "/a/b")]
)
async def test_lesson_16_a_trailing_slash_is_no_part_of_the_path(suffix: str, base: str) -> None:
    """It gave `//api`.

    Red when `_base_path` in `tui_chat/protocol/urls.py` does not strip the slash.
    """
    assert await request_lines(suffix) == [
        f"{base}/api/v1/tickets",
        f"{base}/ws?ticket={ENCODED}",
    ]


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize(
    ("suffix", "base"), [("/ws", ""), ("/ws/", ""), ("/chat/ws", "/chat"), ("/chat/ws/", "/chat")]
)
async def test_lesson_16_a_ws_suffix_is_no_part_of_the_path(
    scheme: str, suffix: str, base: str
) -> None:
    """It gave `/ws/api`.

    Red when `_base_path` in `tui_chat/protocol/urls.py` does not cut `WEBSOCKET_PATH` off.
    """
    assert await request_lines(suffix, scheme=scheme) == [
        f"{base}/api/v1/tickets",
        f"{base}/ws?ticket={ENCODED}",
    ]


@pytest.mark.parametrize(("suffix", "base"), [("?tenant=7", ""), ("/chat/ws?tenant=7", "/chat")])
async def test_lesson_16_a_query_string_stays_behind_the_path(suffix: str, base: str) -> None:
    """It broke the path.

    Red when `ServerUrl._join` in `tui_chat/protocol/urls.py` puts the query before the path.
    """
    assert await request_lines(suffix) == [
        f"{base}/api/v1/tickets?tenant=7",
        f"{base}/ws?tenant=7&ticket={ENCODED}",
    ]


async def test_lesson_16_the_ticket_is_encoded() -> None:
    """It was not.

    Red when `ServerUrl.websocket` in `tui_chat/protocol/urls.py` does not `quote` the ticket.
    """
    [_, target] = await request_lines("")
    assert target == f"/ws?ticket={ENCODED}"
