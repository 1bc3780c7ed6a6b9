"""A virtual event loop that is the network as well, and what may be left on it: nothing."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Literal

import async_solipsism  # type: ignore[import-untyped]

from tests.virtual import Captured, VirtualClock

__all__ = ["CANARY", "Network", "Reach", "run_world"]

CANARY = "CANARY"
"""Part of every secret there is; the tickets of :class:`FakeTicketServer` hold it as well."""

Reach = Literal["open", "refused", "black hole"]


class Network(async_solipsism.EventLoop):  # type: ignore[misc]
    """A virtual loop, and what happens to those who dial on it.

    Attributes:
        reach: whether anybody can be reached; ``"black hole"`` never answers.
        violations: what must not happen, in words.
        on_dial: called when somebody dials.
        after_step: called after every step of the loop, when no callback runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reach: Reach = "open"
        self.violations: list[str] = []
        self.on_dial: Callable[[], object] = lambda: None
        self.after_step: Callable[[], object] | None = None
        self._opening = 0
        self._wires: list[asyncio.Transport] = []

    def live(self) -> int:
        """How many sockets somebody has opened, or is opening, and has not given up."""
        self._wires = [t for t in self._wires if not t.is_closing()]
        return len(self._wires) + self._opening

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        if self.live():
            self.violations.append("invariant 8: a second socket is opened beside the first")
        self.on_dial()
        self._opening += 1
        try:
            if self.reach == "refused":
                raise ConnectionRefusedError(111, "refused")
            if self.reach == "black hole":
                await self.create_future()
            transport, protocol = await super().create_connection(
                protocol_factory, host, port, **options
            )
        finally:
            self._opening -= 1
        self._wires.append(transport)
        return transport, protocol

    def _run_once(self) -> None:
        super()._run_once()
        if self.after_step is not None:
            self.after_step()

    def timers(self) -> list[asyncio.TimerHandle]:
        """Return the timers that would still fire."""
        scheduled: list[asyncio.TimerHandle] = vars(self)["_scheduled"]
        return [timer for timer in scheduled if not timer.cancelled()]

    def descriptors(self) -> int:
        """Return how many sockets, virtual descriptors, are still registered."""
        return len(vars(self)["_selector"].get_map())


def run_world(body: Callable[[VirtualClock, Network], Coroutine[Any, Any, list[str]]]) -> None:
    """Run ``body`` on a network of its own, and search what it returns for secrets.

    Whatever is left afterwards on the loop, on the network or among the threads is a violation.
    """
    threads = set(threading.enumerate())
    network = Network()
    complaints: list[str] = []
    network.set_exception_handler(
        lambda _, context: complaints.append(f"{context['message']}: {context.get('exception')!r}")
    )
    try:
        with Captured.all_logs() as logs:
            shown = network.run_until_complete(body(VirtualClock(network), network))
            gc.collect(1)
        assert not (left := asyncio.all_tasks(network)), f"invariant 16: tasks left: {left}"
        assert not (timers := network.timers()), f"invariant 16: timers left: {timers}"
        assert not network.descriptors(), "invariant 16: sockets left"
        assert not (set(threading.enumerate()) - threads), "invariant 16: threads left"
        assert not complaints, complaints
        for text in shown + logs.lines + complaints:
            assert CANARY not in text, f"invariant 17: {text}"
    finally:
        for task in asyncio.all_tasks(network):
            task.cancel()
        network.run_until_complete(asyncio.sleep(0))
        network.close()
