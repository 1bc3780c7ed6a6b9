"""Ten thousand messages: opened, appended to, paged, resized, with the focus lost and regained."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TypeVar

from textual import events

from tests.benchmarks.documents import conversation
from tests.benchmarks.measure import Benchmark, Effort, Row, Sample, Target, timed_async
from tests.benchmarks.processes import running_child
from tests.benchmarks.screen import SIZE, MarkdownApp, Stage, on_stage, percentile
from tui_chat.conversation.model import Message, MessageAdded, MessageKind

__all__ = ["BENCHMARK"]

_Case = TypeVar("_Case")

MESSAGES = 10_000
PEER_MESSAGES = 500
OPENINGS = 2
"""Rounds; the peer takes a quarter of a minute for each."""
STEPS = 40
"""Pages, or messages that are appended, in a round."""
ROUNDS = 3
FRAME = 16
"""Milliseconds that a frame has; what is measured is CPU time, Textual's included."""


async def _open_ours(messages: list[Message]) -> float:
    async with on_stage() as stage:

        async def opened() -> None:
            stage.transcript.reset(messages)
            await stage.settled()

        return await timed_async(opened) / 1e6


async def _open_peer(messages: list[Message]) -> float:
    app = MarkdownApp()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()

        async def opened() -> None:
            await app.open(messages)
            await pilot.pause(0.05)

        return await timed_async(opened) / 1e6


async def _p95(stage: Stage, steps: Iterator[Callable[[], object]]) -> float:
    """Return the 95th percentile of the milliseconds that steps take, each with its frame."""

    async def once(step: Callable[[], object]) -> float:
        async def done() -> None:
            step()
            await stage.settled()

        return await timed_async(done) / 1e6

    return percentile([await once(step) for step in steps], 0.95)


async def _frames(effort: Effort) -> list[Row]:
    count = effort.size(MESSAGES)
    steps = 3 if effort.quick else STEPS
    appended, paged, resized, focused = [], [], [], []
    async with on_stage() as stage:
        transcript, app = stage.transcript, stage.app
        transcript.reset(conversation(count))
        await stage.settled()
        number = count
        for _ in range(effort.rounds(ROUNDS)):

            def append(at: int) -> Callable[[], object]:
                message = Message(at, MessageKind.ASSISTANT, 1.0, [f"Reply {at}, *new*."])
                return lambda: transcript.apply([MessageAdded(message)])

            appended.append(await _p95(stage, (append(number + 1 + at) for at in range(steps))))
            number += steps
            paged.append(await _p95(stage, (transcript.action_page_up for _ in range(steps))))
            sizes = [(100, 40), (60, 20), (140, 50), SIZE]
            resized.append(await _worst(lambda size: stage.pilot.resize_terminal(*size), sizes))
            told = [events.AppBlur(), events.AppFocus()]

            async def tell(event: events.Event) -> None:
                app.post_message(event)
                await stage.settled()

            focused.append(await _worst(tell, told))
            transcript.scroll_end()
            await stage.settled()
    about = f"{count:,} messages"
    return [
        Row(name, "ms", Sample(values), target=Target(limit, "at_most", "median"))
        for name, values, limit in (
            (f"append to {about}, p95", appended, FRAME),
            (f"page up in {about}, p95", paged, FRAME),
            (f"resize with {about}, worst of 4", resized, 100),
            (f"focus out and in, {about}, worst", focused, 100),
        )
    ]


async def _worst(act: Callable[[_Case], Awaitable[None]], cases: list[_Case]) -> float:
    """Return the most milliseconds that one of the cases takes, with its frame."""
    return max([await timed_async(partial(act, case)) / 1e6 for case in cases])


async def _memory(effort: Effort) -> float:
    """Return the MiB that a process takes more with the messages than with an empty screen."""
    async with running_child("transcript", str(effort.size(MESSAGES))) as child:
        empty = (await child.ask("usage"))["rss"]
        await child.ask("open")
        full = (await child.ask("usage"))["rss"]
    return float("nan") if empty is None else (full - empty) / 2**20


async def measure(effort: Effort) -> list[Row]:
    """Open by turns; then everything else in one long conversation."""
    messages = conversation(effort.size(MESSAGES))
    fewer = [m for m in conversation(effort.size(PEER_MESSAGES) * 5 // 4) if m.tool is None]
    ours: list[float] = []
    peer: list[float] = []
    await _open_ours(messages[:100])
    for _ in range(effort.rounds(OPENINGS)):
        ours.append(await _open_ours(messages))
        peer.append(await _open_peer(fewer))
    rows = [
        Row(
            f"open {len(messages):,} messages", "ms", Sample(ours), Sample(peer),
            f"{len(fewer):,} of them as textual.widgets.Markdown", Target(0.01, "at_most"),
        ),
        *await _frames(effort),
    ]  # fmt: skip
    memory = [await _memory(effort) for _ in range(effort.rounds(3))]
    if memory[0] == memory[0]:
        rows.append(
            Row(
                f"memory with {len(messages):,} messages open", "MiB", Sample(memory),
                target=Target(60, "at_most", "median"),
                note="more than the same process with an empty conversation; the text included",
            )
        )  # fmt: skip
    return rows


BENCHMARK = Benchmark("long_conversation", "a transcript of ten thousand messages", measure)
