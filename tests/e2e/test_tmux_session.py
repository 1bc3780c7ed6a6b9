"""One whole session in tmux: write, scroll, resize, lose the server, get it back, leave."""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.test_demo import CONNECTED, Serve, ask
from tests.support.checkout import ROOT
from tests.support.tmux import Terminal
from tui_chat.secret import Secret
from tui_chat.server.config import ServerConfig
from tui_chat.server.users import User
from tui_chat.testing import ServerThread

pytestmark = pytest.mark.needs("tmux")

BELOW: Final = r"↓ 1 new · Ctrl\+End"
"""The mark on the prompt's border while something newer is below."""
COUNTDOWN: Final = re.compile(r"reconnecting in (\d+) s")


@pytest.fixture
def credentials() -> dict[str, str]:
    return {
        "TUI_CHAT_TOKEN": secrets.token_urlsafe(24),
        "TUI_CHAT_SERVER_KEY": secrets.token_urlsafe(24),
    }


@pytest.fixture
def server(tmp_path: Path, credentials: dict[str, str]) -> Iterator[Serve]:
    serve = Serve(tmp_path, credentials)
    try:
        serve.start()
        yield serve
    finally:
        serve.kill()


def idle(screen: str) -> bool:
    return "│ Write a message  " in screen


def conversation(screen: str) -> list[str]:
    """Return what is shown between the status and the prompt, without the scroll bar."""
    lines = screen.splitlines()
    end = next(at for at, line in enumerate(lines) if line.lstrip().startswith("╭──"))
    return [line.rstrip(" ▁▂▃▄▅▆▇█") for line in lines[1:end]]


def waits(screen: str) -> int:
    """Return the seconds to the next try that are shown; 0 if none are."""
    match = COUNTDOWN.search(screen)
    return int(match[1]) if match else 0


def test_a_session_from_the_first_message_to_the_last(
    server: Serve, credentials: dict[str, str], tmp_path: Path
) -> None:
    with Terminal(
        [sys.executable, "-m", "tui_chat", "--server-url", server.url],
        environment={**credentials, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        cwd=tmp_path,
    ) as chat:
        # It talks, and stays at the live edge.
        chat.wait_for(CONNECTED)
        for text, answer in (
            ("hello", "come back"),
            ("what about a table", r"1013 +│ try again later"),
            ("thanks", "You are welcome"),
        ):
            ask(chat, text)
            chat.wait_for(answer)
            chat.wait_for(idle)

        # Back to the beginning in the middle of a reply: nothing moves, and the mark says why.
        ask(chat, "hello once more")
        chat.wait_for("next message while this one is answered")
        for _ in range(6):
            chat.press("PageUp")
        there = conversation(
            chat.wait_for(lambda screen: re.search(r"▌ hello$", screen, re.MULTILINE))
        )
        chat.wait_for(BELOW)
        screen = chat.wait_for(idle)
        assert "once more" not in screen
        assert conversation(screen) == there
        chat.press("C-End")
        chat.wait_for(lambda screen: not re.search(BELOW, screen) and "come back" in screen)

        # Other sizes; the live edge stays in sight.
        chat.resize(60, 20)
        chat.wait_for(
            lambda screen: idle(screen) and re.search("^ +come back", screen, re.MULTILINE)
        )
        chat.resize(120, 40)
        chat.wait_for(lambda screen: "▌ hello once more" in screen and "come back" in screen)

        # The server is killed. What is written meanwhile waits.
        server.kill()
        chat.wait_for(lambda screen: waits(screen) and "Ctrl+R tries now" in screen)
        ask(chat, "typed while down")
        chat.wait_for("1 queued · goes out when connected")
        screen = chat.wait_for("the connection is refused")
        assert waits(screen)
        assert "1 queued" in screen
        assert "▌ hello once more" in screen

        # Another server takes over its port, and knows nothing of what was before.
        token, key = (Secret(value) for value in credentials.values())
        user = User(token, key)
        config = ServerConfig(port=server.port, users=(user,), record=True)
        with ServerThread.running(config) as second:
            chat.press("C-r")
            chat.wait_for(CONNECTED)
            screen = chat.wait_for(
                lambda screen: "▌ typed while down" in screen and "only the built-in" in screen
            )
            screen = chat.wait_for(lambda screen: idle(screen) and "queued" not in screen)
            assert screen.count("▌ typed while down") == 1
            ask(chat, "and thanks")
            chat.wait_for(lambda screen: "You are welcome" in screen.partition("and thanks")[2])
            frames = [json.loads(each.payload) for each in tuple(second.server.received)]
            said = [each["content"] for each in frames if each["type"] == "chat_message"]
            assert said == ["typed while down", "and thanks"], "once, and in order"

            # Leaving gives the terminal back.
            chat.press("C-q")
            assert chat.exit_code() == 0
        assert chat.modes() == {
            "alternate_on": False,
            "mouse_any_flag": False,
            "mouse_sgr_flag": False,
            "cursor_flag": True,
        }
        chat.type("echoed again")
        chat.wait_for("echoed again")
        assert "Traceback" not in chat.everything()
