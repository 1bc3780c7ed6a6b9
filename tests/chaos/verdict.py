"""The count: what was typed, what the server has, and what the client has said in between."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.chaos.journal import Entry
from tests.chaos.texts import number_of, sound
from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.item import OutboxItem
from tui_chat.storage import Store

__all__ = ["Outcome", "judge"]


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        typed: messages whose typing was begun.
        accepted: those of them that the client has taken in.
        once: texts that the server has as often as they were taken in.
        doubled: how many it has too often.
        lost: how many it has too seldom.
        unknown: messages that the client calls unknown at the end.
        failed: messages that it calls failed at the end.
        reported: messages that it has ever called either.
        unconfirmed: messages whose typing was begun when the client was killed.
        handshakes: sockets that clients began to open.
        tickets: requests for tickets.
        starts: client processes.
        said: notices and troubles, by code.
        injected: faults, by kind.
        recoveries: seconds from the end of a fault to the next message that arrived.
        broken: the claims that do not hold, a sentence each.
    """

    typed: int = 0
    accepted: int = 0
    once: int = 0
    doubled: int = 0
    lost: int = 0
    unknown: int = 0
    failed: int = 0
    reported: int = 0
    unconfirmed: int = 0
    handshakes: int = 0
    tickets: int = 0
    starts: int = 0
    said: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    recoveries: Sequence[float] = ()
    broken: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Return it for people."""
        lines = [f"  {count:5d}  {name}" for name, count in sorted(self.injected.items())]
        times = sorted(self.recoveries) or [0.0]
        p95 = times[min(len(times) - 1, round(0.95 * (len(times) - 1)))]
        median = statistics.median(times)
        lines = [
            f"faults: {self.injected.total()}",
            *lines,
            f"messages: typed {self.typed}, taken in {self.accepted}",
            f"  not confirmed when the client was killed: {self.unconfirmed}",
            f"  applied once {self.once}, doubled {self.doubled}, lost {self.lost}",
            f"  unknown {self.unknown}, failed {self.failed}, at some time {self.reported}",
            f"time to recover, of {len(self.recoveries)}:",
            f"  median {median:.2f} s, p95 {p95:.2f} s, max {times[-1]:.2f} s",
            f"client processes {self.starts}",
            f"  handshakes {self.handshakes}, ticket requests {self.tickets}",
        ]
        if self.said:
            lines.append(f"said: {', '.join(f'{c} ({n})' for c, n in sorted(self.said.items()))}")
        lines += [f"BROKEN: {sentence}" for sentence in self.broken]
        return "\n".join(lines)


async def judge(
    journals: Sequence[Sequence[Entry]],
    data: Path,
    store: Path,
    *,
    deduplicating: bool,
    injected: Counter[str],
    recoveries: Sequence[float],
) -> Outcome:
    """Compare journal, server and store.

    Args:
        journals: what each client process wrote down.
        data: the server's data file; no server has it open.
        store: the client's folder; no client has it open.
        deduplicating: what the server could do.
        injected: the faults there were.
        recoveries: how long the recoveries took, in seconds.
    """
    outcome = Outcome(injected=injected, recoveries=recoveries)
    threads = await asyncio.to_thread(_applied, data)
    opened = await Store.open(store)
    try:
        left = [item for _, items in await opened.outbox() for item in items]
    finally:
        await opened.aclose()
    _count_processes(journals, outcome)
    entries = sorted((entry for each in journals for entry in each), key=lambda entry: entry["at"])
    _compare(entries, threads, left, outcome)
    claim = outcome.broken.append
    applied = [text for thread in threads for text in thread]
    if not sound(applied):
        claim("The server has texts that nobody typed.")
    if outcome.doubled:
        claim(f"{outcome.doubled} messages are there twice.")
    if any(not _in_order(thread) for thread in threads):
        claim("The server has messages in another order than they were typed in.")
    if deduplicating and (outcome.lost or outcome.unknown or outcome.failed):
        claim("With a server that tells repeats apart nothing may be lost, unknown or failed.")
    if deduplicating and left:
        claim(f"{len(left)} messages are still in the outbox.")
    return outcome


def _applied(data: Path) -> list[list[str]]:
    """Return the questions of each thread in the server's data file, in order."""
    threads: dict[str, list[str]] = defaultdict(list)
    with closing(sqlite3.connect(f"file:{data}?mode=ro", uri=True)) as connection:
        for thread, body in connection.execute(
            "SELECT thread, body FROM messages ORDER BY thread, question, part"
        ):
            message = json.loads(body)
            if message["role"] == "user":
                threads[thread].append(message["content"])
        # Taken in, and not in a thread yet: they get there when the server starts the next time.
        for thread, body in connection.execute(
            "SELECT thread, body FROM received WHERE NOT asked AND body != x'' ORDER BY number"
        ):
            threads[thread].append(json.loads(body)["content"])
    return list(threads.values())


def _in_order(texts: Iterable[str]) -> bool:
    numbers = [number for text in texts if (number := number_of(text)) is not None]
    return all(one < next_one for one, next_one in pairwise(numbers))


def _count_processes(journals: Sequence[Sequence[Entry]], outcome: Outcome) -> None:
    outcome.starts = len(journals)
    for entries in journals:
        counts: Entry = {"handshakes": 0, "tickets": 0}
        for entry in entries:
            match entry["what"]:
                case "counts":
                    counts = entry  # each counts from the start of its process
                case "notice" | "trouble":
                    outcome.said[entry["code"]] += 1
        outcome.handshakes += counts["handshakes"]
        outcome.tickets += counts["tickets"]


def _compare(
    entries: Sequence[Entry],
    threads: Sequence[Sequence[str]],
    left: Sequence[OutboxItem],
    outcome: Outcome,
) -> None:
    typed: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    texts: dict[str, str] = {}
    standing: dict[str, str] = {}
    for entry in entries:
        match entry["what"]:
            case "typing":
                typed[entry["text"]] += 1
            case "accepted":
                accepted[entry["text"]] += 1
                texts[entry["id"]] = entry["text"]
            case "refused":
                refused[entry["text"]] += 1
            case "unknown" | "failed" as state:
                standing[entry["id"]] = state
                texts[entry["id"]] = entry["text"]
            case "settled":
                if entry["id"] in standing:
                    standing[entry["id"]] = "settled"
    outcome.typed, outcome.accepted = typed.total(), accepted.total()
    outcome.unconfirmed = outcome.typed - outcome.accepted - refused.total()
    outcome.reported = len(standing)
    outcome.unknown = list(standing.values()).count("unknown")
    outcome.failed = list(standing.values()).count("failed")
    open_at_end = Counter(
        texts[item_id] for item_id, state in standing.items() if state != "settled"
    )
    applied = Counter(text for thread in threads for text in thread)
    silently: list[str] = []
    for text, count in typed.items():
        # Those that nobody has confirmed may be there.
        most = count - refused[text]
        outcome.doubled += max(0, applied[text] - most)
        lost = max(0, accepted[text] - applied[text])
        outcome.lost += lost
        outcome.once += min(applied[text], most)
        if lost > open_at_end[text]:
            silently.append(text[:40])
    if silently:
        outcome.broken.append(
            f"{len(silently)} messages are lost, and were not called unknown or failed at the "
            f"end: {silently[:5]}"
        )
    kept = {
        item.id: item.state.value
        for item in left
        if item.state in (DeliveryState.UNKNOWN, DeliveryState.FAILED)
    }
    told = {item_id: state for item_id, state in standing.items() if state != "settled"}
    if kept != told:
        outcome.broken.append(
            f"The store has {len(kept)} messages as unknown or failed, {len(told)} were told."
        )
