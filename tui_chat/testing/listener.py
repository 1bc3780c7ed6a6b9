"""A loopback port whose connections are handled by tasks of its own."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable

from tui_chat.errors import ConfigurationError
from tui_chat.text import one_line

__all__ = ["Listener"]

Handler = Callable[[socket.socket], Awaitable[None]]


class Listener:
    """Accepts connections on loopback, and refuses them for a while when it is told to.

    Args:
        handle: gets each accepted socket, in a task of its own. When it returns, whatever it made
            of the socket has to be closed.
        host: a loopback address.
        port: 0 takes any free one.

    Raises:
        ConfigurationError: for an address that other machines could reach.
    """

    def __init__(self, handle: Handler, *, host: str = "127.0.0.1", port: int = 0) -> None:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            address = None
        if address is None or not address.is_loopback:
            raise ConfigurationError(
                f"{one_line(host, 80)} is not a loopback address. This is made for tests and "
                "listens on 127.0.0.1 or ::1 only."
            )
        self._handle = handle
        self._host = host
        self._family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        self._port = port
        self._socket: socket.socket | None = None
        self._is_open = False
        self._accepting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port, 0 before it was opened the first time. It stays the same from then on."""
        return self._port

    @property
    def authority(self) -> str:
        """``host:port``, as it stands in a URL."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._is_open

    def open(self) -> None:
        """Accept connections; nothing if it does already.

        Raises:
            ConfigurationError: if the port cannot be had.
        """
        if self._is_open:
            return
        if self._socket is None:
            self._socket = self._bound()
        self._socket.listen(128)
        self._is_open = True
        try:
            # Not sock_accept() in a task: cancelled at the wrong moment it loses a connection that
            # the system has accepted already.
            asyncio.get_running_loop().add_reader(self._socket, self._accept_one, self._socket)
        except NotImplementedError:  # Windows' own event loop, whose sock_accept() cleans up
            self._accepting = asyncio.create_task(self._accept(self._socket))

    async def refuse(self) -> None:
        """Refuse connections until :meth:`open`; those that are open stay.

        The port is kept, bound but not listening, so that nobody else gets it meanwhile.
        """
        if not self._is_open:
            return
        await self._stop_accepting()
        self._socket = self._bound()

    async def aclose(self) -> None:
        """Give the port back, end what handles the open connections, and wait for it."""
        await self._stop_accepting()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _bound(self) -> socket.socket:
        # asyncio switches the delays of Nagle off only where the protocol is named.
        sock = socket.socket(self._family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name == "posix":
                # To come back to a port whose old connections linger. On Windows the option would
                # let two programs share a port.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)
            sock.bind((self._host, self._port))
        except OSError as error:
            sock.close()
            why = error.strerror or type(error).__name__
            raise ConfigurationError(
                f"Port {self._port} of {self._host} cannot be used: {why}. Leave the port out to "
                "take any free one.",
                code="CANNOT_LISTEN",
            ) from error
        self._port = sock.getsockname()[1]
        return sock

    async def _stop_accepting(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait({self._accepting})
            self._accepting = None
        elif self._is_open and self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
        self._is_open = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _accept_one(self, sock: socket.socket) -> None:
        try:
            accepted, _ = sock.accept()
        except OSError:  # the client has gone, or no descriptor is left; called again if so
            return
        self._take_over(accepted)

    async def _accept(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(sock)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                self._take_over(accepted)

    def _take_over(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        task = asyncio.create_task(self._handled(accepted))
        self._tasks.add(task)
        task.add_done_callback(functools.partial(self._done, accepted))

    def _done(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        accepted.close()  # still open if the task was cancelled before it began

    async def _handled(self, accepted: socket.socket) -> None:
        try:
            await self._handle(accepted)
        except (OSError, EOFError):
            pass  # either side may go at any time
        except Exception as error:  # noqa: BLE001 - a mistake of the handler must not pass unseen
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a connection's handler failed", "exception": error}
            )
