# noqa: INP001 - a script, not a part of a package
"""``python screenshots/make.py``: the pictures of the README, taken from the running application.

A real server, a real connection, the real screens; only the terminal is missing. The pictures are
SVG, written beside this file.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from tui_chat.app.app import ChatApp
from tui_chat.app.settings import ChatSettings
from tui_chat.app.theme import DARK, LIGHT
from tui_chat.secret import Secret
from tui_chat.server.config import ServerConfig
from tui_chat.server.offline_agent import OfflineAgent
from tui_chat.testing import ServerThread

HERE = Path(__file__).parent
WIDE = (110, 34)
NARROW = (60, 28)
PORT = 8765
PATIENCE = 30.0
"""Seconds until something has to be on the screen."""


class Studio:
    """The application, connected, and its camera."""

    def __init__(self, app: ChatApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    def text(self) -> str:
        """Return what is on the screen."""
        rows = self.app.screen._compositor.render_strips()  # noqa: SLF001 - no other way
        return "\n".join("".join(segment.text for segment in row) for row in rows)

    async def until(self, seen: Callable[[str], bool]) -> None:
        """Wait for something to be on the screen."""
        async with asyncio.timeout(PATIENCE):
            while not seen(self.text()):
                await self.pilot.pause(0.05)

    async def say(self, text: str, answer: str) -> None:
        """Send a message and wait for a part of its answer, and for the end of the run."""
        for line in text.split("\n"):
            await self.pilot.press(*line)
        await self.pilot.press("enter")
        await self.until(lambda screen: answer in screen)
        await self.until(
            lambda _: self.app.chat is not None and not self.app.chat.key_hints.running
        )

    async def take(self, name: str) -> None:
        """Take a picture."""
        await self.pilot.pause(0.3)
        svg = self.app.export_screenshot(title="tui-chat")
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")
        sys.stdout.write(f"{name}.svg\n")


@asynccontextmanager
async def studio(
    server: ServerThread, *, theme: str = DARK.name, size: tuple[int, int] = WIDE
) -> AsyncIterator[Studio]:
    """Run the application with a server for the length of the block."""
    settings = ChatSettings(server.url, Secret(server.token), Secret(server.key))
    app = ChatApp(settings, theme=theme)
    async with app.run_test(size=size) as pilot:
        shown = Studio(app, pilot)
        await shown.until(lambda screen: "connected" in screen)
        yield shown


async def main() -> None:
    """Take all pictures, one after the other."""
    with ServerThread.running(ServerConfig(port=PORT), agent=OfflineAgent(delay=0.02)) as server:
        async with studio(server) as shown:
            await shown.say("think about renewing tickets", "half-way")
            await shown.say("use a server tool", "✓")
            await shown.take("chat")
            await shown.pilot.press("f12")
            await shown.until(lambda screen: "round trip" in screen)
            await shown.take("debug")
        async with studio(server, theme=LIGHT.name) as shown:
            await shown.say("markdown", "Assistant")
            await shown.take("light")
        async with studio(server, size=NARROW) as shown:
            await shown.say("a table", "Assistant")
            await shown.take("narrow")
    with ServerThread.running(ServerConfig(port=PORT, ticket_ttl=40)) as server:
        async with studio(server) as shown:
            await shown.say("ticket", "Assistant")
            await shown.until(lambda screen: "renews in 00:0" in screen)
            await shown.take("countdown")
    with ExitStack() as running:
        server = running.enter_context(ServerThread.running(ServerConfig(port=PORT)))
        async with studio(server) as shown:
            await shown.say("hello", "Assistant")
            await asyncio.to_thread(running.close)
            await shown.until(lambda screen: "● connected" not in screen)
            await shown.pilot.press(*"this one waits", "enter")
            await shown.until(lambda screen: "queued" in screen)
            await shown.take("reconnecting")


if __name__ == "__main__":
    asyncio.run(main())
