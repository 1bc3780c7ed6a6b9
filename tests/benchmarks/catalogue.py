"""All benchmarks, in the order of the table."""

from __future__ import annotations

from typing import Final

from tests.benchmarks import (
    cached_ticket,
    concurrent_callers,
    decode_reduce,
    frames,
    idle_client,
    long_conversation,
    opening,
    program,
    restart,
    streaming,
    ten_processes,
)
from tests.benchmarks.measure import Benchmark

__all__ = ["BENCHMARKS"]

BENCHMARKS: Final[tuple[Benchmark, ...]] = (
    cached_ticket.BENCHMARK,
    concurrent_callers.BENCHMARK,
    decode_reduce.BENCHMARK,
    frames.BENCHMARK,
    opening.BENCHMARK,
    restart.BENCHMARK,
    idle_client.BENCHMARK,
    ten_processes.BENCHMARK,
    program.STARTING,
    long_conversation.BENCHMARK,
    streaming.BENCHMARK,
    program.TYPING,
    program.IDLE,
)
