"""``python -m tests.benchmarks [--json FILE] [--only NAME] [--quick] [--list]``.

The exit code is 0 when everything was measured, whatever came out; 1 when a benchmark broke; 2 for
arguments that make no sense.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.catalogue import BENCHMARKS
from tests.benchmarks.measure import Benchmark, Effort, Row
from tests.benchmarks.report import Result, as_json, as_table

__all__ = ["main", "run"]

LONGEST = 600.0
"""Seconds; a benchmark that takes longer has broken."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure engine and screen against their peers.",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        choices=[benchmark.name for benchmark in BENCHMARKS],
        help="one benchmark; may be given several times",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only the cheapest, to see that it works",
    )
    parser.add_argument("--list", action="store_true", help="name the benchmarks and stop")
    options = parser.parse_args(arguments)
    if options.list:
        width = max(len(benchmark.name) for benchmark in BENCHMARKS)
        for benchmark in BENCHMARKS:
            sys.stdout.write(f"{benchmark.name:{width}}  {benchmark.about}\n")
        return 0
    chosen = [
        benchmark
        for benchmark in BENCHMARKS
        if (
            benchmark.name in options.only if options.only else benchmark.cheap or not options.quick
        )
    ]
    results = []
    for benchmark in chosen:
        sys.stderr.write(f"{benchmark.name}: {benchmark.about} ...\n")
        results.append(run(benchmark, Effort(quick=options.quick)))
    sys.stdout.write(as_table(results) + "\n")
    if options.json is not None:
        document = as_json(results, quick=options.quick)
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 1 if any(result.error is not None for result in results) else 0


def run(benchmark: Benchmark, effort: Effort) -> Result:
    """Measure one benchmark in an event loop of its own; what breaks becomes the result."""

    async def measured() -> Sequence[Row]:
        async with asyncio.timeout(LONGEST):
            return await benchmark.measure(effort)

    began = time.perf_counter()
    try:
        rows = asyncio.run(measured())
    except Exception as error:  # noqa: BLE001 - the next benchmark is to run all the same
        # The kind and the sentence, not the traceback, which would hold this machine's folders.
        reason = f"{type(error).__name__}: {error}".replace(os.getcwd(), ".")  # noqa: PTH109
        return Result(benchmark.name, benchmark.about, time.perf_counter() - began, error=reason)
    return Result(benchmark.name, benchmark.about, time.perf_counter() - began, rows)


if __name__ == "__main__":
    sys.exit(main())
