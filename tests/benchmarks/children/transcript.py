"""A screen with an empty transcript. ``open`` fills it with COUNT messages; ``usage`` as ever."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from tests.benchmarks.documents import conversation
from tests.benchmarks.processes import serve_commands
from tests.benchmarks.screen import on_stage


async def main(count: int) -> None:
    """Show what is asked for until standard input ends."""
    async with on_stage() as stage:
        stage.transcript.reset(conversation(50))  # whatever is loaded only once
        await stage.settled()
        stage.transcript.reset(())
        await stage.settled()

        async def answer(_: dict[str, Any]) -> dict[str, Any]:
            stage.transcript.reset(conversation(count))
            await stage.settled()
            return {}

        await serve_commands(answer)


if __name__ == "__main__":
    # What Textual prints would be taken for answers.
    asyncio.run(main(int(sys.argv[1])))
