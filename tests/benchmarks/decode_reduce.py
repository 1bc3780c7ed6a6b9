"""Text deltas from the wire's bytes into the conversation, against ``json.loads`` alone."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import partial

from tests.benchmarks.measure import Benchmark, Effort, Row, Target, paired, timed
from tests.benchmarks.wire import deltas
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.reducer import reduce
from tui_chat.protocol.codec import SERVER_FRAMES, IgnoredFrame

__all__ = ["BENCHMARK"]

FRAMES = 5_000
ROUNDS = 61


def reduced(payloads: list[bytes]) -> int:
    """Fold frames into a new conversation; return the length of its text."""
    conversation, decode = Conversation(), SERVER_FRAMES.decode
    for payload in payloads:
        frame = decode(payload)
        assert not isinstance(frame, IgnoredFrame)
        for change in reduce(conversation, frame, time.time()):
            conversation.apply(change)
    return sum(len(message.text) for message in conversation)


def parsed(texts: Sequence[bytes | str]) -> None:
    """Read frames with the standard library, and do nothing with them."""
    for text in texts:
        json.loads(text)


async def measure(effort: Effort) -> list[Row]:
    """Read the same frames with both; for the peer also from text that was decoded beforehand."""
    payloads = deltas(effort.size(FRAMES))
    texts = [payload.decode() for payload in payloads]
    spoken = sum(len(json.loads(text)["data"]["delta"]) for text in texts)
    assert reduced(payloads) == spoken, "the frames must really arrive in the conversation"
    rows = []
    for kind, given, target in (
        ("from the same bytes", payloads, Target(2.0, "at_least")),
        ("from text", texts, None),
    ):
        both = paired(
            partial(timed, partial(reduced, payloads)),
            partial(timed, partial(parsed, given)),
            effort.rounds(ROUNDS),
        )
        mine, theirs = both.samples(lambda nanoseconds: len(payloads) / nanoseconds * 1e9)
        rows.append(
            Row(
                f"decode and reduce; json.loads {kind}",
                "frames/s",
                mine,
                theirs,
                f"json.loads {kind}" + ("" if target else ", whose decoding is not counted"),
                target,
                note="the original made 2.0 million a second in Node",
            )
        )
    return rows


BENCHMARK = Benchmark("decode_reduce", "text deltas from bytes to the conversation", measure)
