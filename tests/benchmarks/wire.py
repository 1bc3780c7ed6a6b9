"""Frames as a server sends them, for a sender that must never be the bottleneck."""

from __future__ import annotations

import json
from typing import Final

from websockets.frames import Frame, Opcode

__all__ = ["ENDING", "GREETING", "deltas", "framed"]

GREETING: Final = b'{"type":"session_established"}'

ENDING: Final = (
    b'{"type":"chat_finished"}',
    b'{"type":"thread_created","data":{"providerResId":"thread-for-benchmarks"}}',
)
"""What ends a reply: the run, and a frame that a client passes on once all before it are done."""

_TEXT: Final = "the quick brown fox jumps over a lazy dog, and every word of it is one frame\n"


def deltas(count: int) -> list[bytes]:
    """Return the payloads of a reply, a word each."""
    payloads = [
        json.dumps(
            {"type": "chat_event", "event": "content-delta", "data": {"delta": f"{word} "}},
            separators=(",", ":"),
        ).encode()
        for word in _TEXT.split(" ")
    ]
    return [payloads[number % len(payloads)] for number in range(count)]


def framed(payloads: list[bytes]) -> bytes:
    """Return the WebSocket frames of a server, all in one piece."""
    made: dict[bytes, bytes] = {}
    for payload in set(payloads):
        made[payload] = Frame(Opcode.TEXT, payload).serialize(mask=False)
    return b"".join(made[payload] for payload in payloads)
