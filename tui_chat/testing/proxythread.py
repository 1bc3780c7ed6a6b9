"""The fault proxy in a thread of its own, for tests that are not async."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tui_chat.testing.certificates import Certificates
from tui_chat.testing.faultproxy import FaultProxy
from tui_chat.testing.faults import Counters, Faults
from tui_chat.testing.threads import LoopThread

__all__ = ["FaultProxyThread"]

T = TypeVar("T")


class FaultProxyThread:
    """A :class:`FaultProxy` with plain methods; each waits until its work is done.

    None of them depends on what a client does, so they may be called from async tests as well.
    Made by :meth:`running`.
    """

    def __init__(self, proxy: FaultProxy, thread: LoopThread) -> None:
        self._proxy = proxy
        self._thread = thread

    @classmethod
    @contextmanager
    def running(cls, url: str, **options: Any) -> Iterator[FaultProxyThread]:
        """Stand in front of the server at ``url`` for the length of the block.

        Args:
            url: such as ``http://127.0.0.1:8765``.
            options: see :meth:`FaultProxy.running`.

        Raises:
            ConfigurationError: if something cannot be used as given.
        """
        with (
            LoopThread.running("fault proxy for tests") as thread,
            thread.entered(lambda: FaultProxy.in_front_of(url, **options)) as proxy,
        ):
            yield cls(proxy, thread)

    @property
    def url(self) -> str:
        """See :attr:`FaultProxy.url`."""
        return self._proxy.url

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._proxy.port

    @property
    def counters(self) -> Counters:
        """What it has seen and done."""
        return self._proxy.counters

    @property
    def open_connections(self) -> int:
        """Clients that are connected at the moment."""
        return self._proxy.open_connections

    @property
    def certificates(self) -> Certificates:
        """What signs its certificates."""
        return self._do(lambda: self._proxy.certificates)

    @property
    def faults(self) -> Faults:
        """What goes wrong at the moment. Assign to change it."""
        return self._proxy.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        def change() -> None:
            self._proxy.faults = faults

        self._do(change)

    def reset_all(self) -> int:
        """See :meth:`FaultProxy.reset_all`."""
        return self._do(self._proxy.reset_all)

    def half_open(self) -> int:
        """See :meth:`FaultProxy.half_open`."""
        return self._do(self._proxy.half_open)

    def resume(self) -> None:
        """See :meth:`FaultProxy.resume`."""
        self._do(self._proxy.resume)

    def refuse(self) -> None:
        """See :meth:`FaultProxy.refuse`."""
        self._thread.call(self._proxy.refuse)

    def accept(self) -> None:
        """See :meth:`FaultProxy.accept`."""
        self._thread.call(self._proxy.accept)

    def _do(self, action: Callable[[], T]) -> T:
        async def act() -> T:
            return action()

        return self._thread.call(act)
