"""A transcript on a screen of 120 by 40, without a terminal; and how long its frames take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Input, Markdown

from tests.support.checkout import ROOT
from tui_chat.app.transcript import Transcript
from tui_chat.conversation.model import Change, Message

__all__ = ["SIZE", "MarkdownApp", "Stage", "longest_stall", "on_stage", "percentile"]

SIZE: Final = (120, 40)
"""Columns and rows."""
SETTLED: Final = 0.05
"""Seconds in which Textual has painted whatever there was to paint: three of its frames."""


class TranscriptApp(App[None]):
    """A transcript above an input."""

    CSS_PATH = ROOT / "styles" / "transcript.tcss"

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield Transcript()
        yield Input()


class MarkdownApp(App[None]):
    """The same with Textual's own widgets: a Markdown widget for each message."""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield VerticalScroll()
        yield Input()

    async def open(self, messages: Iterable[Message]) -> None:
        """Show messages, from their end."""
        scroll = self.query_one(VerticalScroll)
        await scroll.mount_all(Markdown(message.text) for message in messages)
        scroll.scroll_end(animate=False)


class Stage:
    """A transcript, and what there is to do with it."""

    def __init__(self, app: TranscriptApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.transcript = app.query_one(Transcript)

    def paint(self) -> None:
        """Paint every row there is on screen."""
        for y in range(self.transcript.size.height):
            self.transcript.render_line(y)

    def frame(self, *changes: Change) -> None:
        """Take in changes and paint them, at once."""
        self.transcript.apply(changes)
        self.transcript.flush()
        self.paint()

    async def settled(self) -> None:
        """Let Textual lay out and paint."""
        await self.pilot.pause(SETTLED)


@asynccontextmanager
async def on_stage() -> AsyncIterator[Stage]:
    """Run a transcript for the length of the block."""
    app = TranscriptApp()
    async with app.run_test(size=SIZE) as pilot:
        stage = Stage(app, pilot)
        await stage.settled()
        yield stage


@asynccontextmanager
async def longest_stall() -> AsyncIterator[Callable[[], float]]:
    """Watch the event loop; yields what tells the longest time, in ms, it was not free so far."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest = max(longest, now - last)
            last = now

    task = asyncio.create_task(watch())
    try:
        yield lambda: longest * 1e3
    finally:
        task.cancel()


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that ``share`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(round(share * len(ordered)), len(ordered) - 1)]
