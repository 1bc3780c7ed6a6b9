"""``python -m tests.chaos [--minutes N] [--seed S] [--server with-ids|without-ids|both]``.

The exit code is 0 only if every claim holds, 1 if one does not (the folder with databases, journals
and logs is kept then), 2 for arguments that make no sense.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.chaos.processes import Broken
from tests.chaos.run import Plan, run

__all__ = ["main"]

MODES: Final = {"with-ids": (True,), "without-ids": (False,), "both": (True, False)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make chaos, print the count; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Kill, cut and restart, then count messages."
    )
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="how long faults are made, in each mode"
    )
    parser.add_argument("--seed", type=int, default=1, help="everything random comes from it")
    parser.add_argument(
        "--server", choices=list(MODES), default="both", help="whether it deduplicates"
    )
    parser.add_argument("--rate", type=float, default=8.0, help="messages typed a second")
    parser.add_argument("--quiet", action="store_true", help="print only the count")
    options = parser.parse_args(arguments)
    if os.name != "posix":
        parser.error("this needs SIGKILL and SIGSTOP")
    if options.minutes <= 0 or options.rate <= 0:
        parser.error("minutes and rate must be above 0")
    try:
        held = [
            asyncio.run(
                _one(
                    Plan(60 * options.minutes, options.seed, deduplicating, options.rate),
                    quiet=options.quiet,
                )
            )
            for deduplicating in MODES[options.server]
        ]
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say("Interrupted; nothing is left behind.")
        return 130
    return 0 if all(held) else 1


async def _one(plan: Plan, *, quiet: bool) -> bool:
    # As after Ctrl+C: nothing is left behind.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    server = "a deduplicating server" if plan.deduplicating else "a server that knows no ids"
    _say(f"{plan.seconds / 60:g} minutes, seed {plan.seed}, {server}")
    folder = Path(tempfile.mkdtemp(prefix="tui-chat-chaos-"))
    held = False
    interrupted = False
    try:
        outcome = await run(plan, folder, (lambda _: None) if quiet else _say)
        _say(outcome.table())
        held = not outcome.broken
    except Broken as error:
        _say(f"BROKEN: {error}")
    except asyncio.CancelledError:
        interrupted = True
        raise
    finally:
        if held or interrupted:
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)
        else:
            _say(f"What is left of it: {folder}")
    return held


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
