"""The memory of a client that is connected and has nothing to do.

A process opens one client, and then 50 more: the difference, divided by 50, is what a client takes
when everything that clients share is loaded already. Bare ``websockets`` connections do the same
in processes of their own. Resident memory and Python's own allocations are measured in different
processes, because tracing allocations takes memory too.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from tests.benchmarks.measure import Benchmark, Effort, Row, Sample
from tests.benchmarks.processes import running_child
from tui_chat.ticket import AuthData, TicketManager

__all__ = ["BENCHMARK"]

CLIENTS: Final = 50
ROUNDS: Final = 3

Kind = Literal["ours", "bare"]
Measure = Literal["rss", "traced"]


async def _sizes(
    kind: Kind, measure: Measure, count: int, **request: Any
) -> tuple[float, float] | None:
    """Return bytes of a process with one client, and of each further client."""
    arguments = ["trace"] if measure == "traced" else []
    async with running_child("clients", *arguments) as child:
        await child.ask("open", kind=kind, count=1, **request)
        one = (await child.ask("usage"))[measure]
        await child.ask("open", kind=kind, count=count, **request)
        many = (await child.ask("usage"))[measure]
    return None if one is None else (float(one), (many - one) / count)


async def measure(effort: Effort) -> list[Row]:
    """Measure both kinds in both ways, each several times in fresh processes."""
    count = CLIENTS if not effort.quick else 3
    found: dict[tuple[Kind, Measure], list[tuple[float, float]]] = {}
    async with running_child("chat_server") as server:
        options = await server.ask("options")
        ticket = await _ticket(options)
        for _ in range(effort.rounds(ROUNDS)):
            for kind in _KINDS:
                for way in _WAYS:
                    sizes = await _sizes(kind, way, count, options=options, ticket=ticket)
                    if sizes is not None:
                        found.setdefault((kind, way), []).append(sizes)
    rows = []
    for way, what in (("rss", "resident"), ("traced", "Python's allocations")):
        if (mine := found.get(("ours", way))) is None:
            continue  # this system does not say
        theirs = found["bare", way]
        rows += [
            Row(
                f"an idle client, {what}", "KiB",
                Sample([each / 1024 for _, each in mine]),
                Sample([each / 1024 for _, each in theirs]), "an idle websockets connection",
                note=f"the difference that {count} more make, per client",
            ),
            Row(
                f"a process with one idle client, {what}", "MiB",
                Sample([one / 2**20 for one, _ in mine]),
                Sample([one / 2**20 for one, _ in theirs]),
                "one with an idle websockets connection",
            ),
        ]  # fmt: skip
    return rows


_KINDS: Final[tuple[Kind, ...]] = ("ours", "bare")
_WAYS: Final[tuple[Measure, ...]] = ("rss", "traced")


async def _ticket(options: dict[str, str]) -> str:
    """Return a ticket, good for any number of bare connections."""
    auth = AuthData(options["user_mp_auth_token"], options["chat_server_key"])
    async with TicketManager(auth, options["chat_server_url"]) as tickets:
        return await tickets.get_valid_ticket()


BENCHMARK = Benchmark("idle_client", "memory of clients that do nothing", measure)
