"""A reply as it streams: against Textual's own stream, and against itself when it was shorter."""

from __future__ import annotations

import asyncio
import gc
import time

from textual.containers import VerticalScroll
from textual.widgets import Markdown

from tests.benchmarks.documents import KINDS, in_deltas, mixed, of_kind
from tests.benchmarks.measure import Benchmark, Effort, Row, Sample, Target
from tests.benchmarks.screen import SIZE, MarkdownApp, longest_stall, on_stage
from tui_chat.conversation.model import (
    Message,
    MessageAdded,
    MessageFinished,
    MessageKind,
    MessageState,
    TextAppended,
)

__all__ = ["BENCHMARK"]

SIZE_OF_REPLY = 87_000
"""Characters: the longest reply that was measured with Textual's own widgets at first."""
LONG = 1_000_000
FRAME_TEXT = 2_000
"""Characters that arrive between two frames of the long reply."""


async def _ours(text: str) -> tuple[float, float]:
    """Return the milliseconds until all of a reply is painted, and the longest stall."""
    async with on_stage() as stage, longest_stall() as stall:
        gc.collect()
        began = time.perf_counter()
        stage.transcript.apply([MessageAdded(_reply())])
        for delta in in_deltas(text):
            stage.transcript.apply([TextAppended(1, delta)])
            await asyncio.sleep(0)
        stage.frame(MessageFinished(1, MessageState.COMPLETE, 2.0))
        took = (time.perf_counter() - began) * 1e3
        assert stage.transcript.virtual_size.height > len(text) // 100
        return took, stall()


async def _peer(text: str) -> float:
    app = MarkdownApp()
    async with app.run_test(size=SIZE) as pilot:
        markdown = Markdown()
        scroll = app.query_one(VerticalScroll)
        await scroll.mount(markdown)
        scroll.anchor()
        await pilot.pause()
        gc.collect()
        began = time.perf_counter()
        stream = Markdown.get_stream(markdown)
        for delta in in_deltas(text):
            await stream.write(delta)
        await stream.stop()
        return (time.perf_counter() - began) * 1e3


def _reply() -> Message:
    return Message(1, MessageKind.ASSISTANT, 1.0, [], state=MessageState.STREAMING)


async def _growth(kind: str, size: int) -> tuple[float, float]:
    """Return the mean milliseconds of a frame in the first and in the last tenth of a reply."""
    async with on_stage() as stage:
        stage.frame(MessageAdded(_reply()))
        frames: list[float] = []
        for delta in in_deltas(of_kind(kind, size), FRAME_TEXT):
            change = TextAppended(1, delta)
            if not len(frames) % 10:
                await asyncio.sleep(0)
                gc.collect()
            began = time.process_time_ns()
            stage.frame(change)
            frames.append((time.process_time_ns() - began) / 1e6)
        tenth = max(len(frames) // 10, 1)
        # The very first ones pay for what is loaded then, such as a lexer.
        first, last = frames[1 : tenth + 1], frames[-tenth:]
        return sum(first) / len(first), sum(last) / len(last)


async def measure(effort: Effort) -> list[Row]:
    """Stream against the peer, then ten times as much, then a megabyte of each kind."""
    short = mixed(effort.size(SIZE_OF_REPLY))
    long = mixed(effort.size(SIZE_OF_REPLY * 10))
    await _ours(short[:2000])
    ours, peer, stalls, longer, shorter = [], [], [], [], []
    for _ in range(effort.rounds(2)):
        took, stall = await _ours(short)
        ours.append(took)
        stalls.append(stall)
        peer.append(await _peer(short))
    for _ in range(effort.rounds(3)):
        longer.append((await _ours(long))[0])
        shorter.append((await _ours(short))[0])
    rows = [
        Row(
            f"stream {len(short) // 1000} KB in 4-character deltas", "ms", Sample(ours),
            Sample(peer), "textual.widgets.markdown.MarkdownStream", Target(0.04, "at_most"),
        ),
        Row("longest stall meanwhile", "ms", Sample(stalls), target=Target(50, "at_most", "high")),
        Row(
            f"stream {len(long) // 1000} KB in 4-character deltas", "ms", Sample(longer),
            Sample(shorter), f"{len(short) // 1000} KB of the same", Target(12, "at_most"),
        ),
    ]  # fmt: skip
    for kind in KINDS:
        pairs = [await _growth(kind, effort.size(LONG)) for _ in range(effort.rounds(3))]
        rows.append(
            Row(
                f"frame at the end of 1 MB of {kind}", "ms", Sample([last for _, last in pairs]),
                Sample([first for first, _ in pairs]), "its first tenth", Target(1.3, "at_most"),
            )
        )  # fmt: skip
    return rows


BENCHMARK = Benchmark("streaming", "a reply while it streams", measure)
