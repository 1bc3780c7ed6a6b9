"""The chaos run, for a minute in all: see ``python -m tests.chaos --help`` for longer ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.run import Plan, run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL and SIGSTOP")

SECONDS = 20.0
"""Of faults, for each kind of server; the rest of its half minute goes to start and end."""


@pytest.mark.parametrize("deduplicating", [True, False], ids=["with ids", "without ids"])
async def test_half_a_minute_of_chaos(tmp_path: Path, deduplicating: bool) -> None:
    lines: list[str] = []
    plan = Plan(SECONDS, seed=11, deduplicating=deduplicating, patience=5.0)
    outcome = await run(plan, tmp_path, lines.append)
    assert outcome.broken == [], "\n".join([*lines, outcome.table()])
    # Or nothing was tried.
    assert outcome.injected.total() >= 3
    assert outcome.once >= 50
