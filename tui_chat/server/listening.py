"""Giving the server a port: uvicorn, in the event loop that is already running.

uvicorn is used as a library here. Its own main loop would install signal handlers, exit the process
when a port is taken, and wait in steps of a tenth of a second; this module starts and stops its
protocols itself, so that a server in a test is up and gone again within milliseconds.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn

from tui_chat.errors import TuiChatError
from tui_chat.server.agent import Agent
from tui_chat.server.chat_server import ChatServer
from tui_chat.server.config import ServerConfig
from tui_chat.server.connections import (
    ConnectionLimits,
    WebSocketConnection,
    connection_classes,
)
from tui_chat.text import one_line

__all__ = ["CannotListen", "listening", "run_server", "serve"]

_log = logging.getLogger("tui_chat.server")

GOODBYE: Final = 0.5
"""Seconds requests have to finish, and clients to answer the closing handshake; then connections
are cut."""
STALL_TIMEOUT: Final = 30.0
"""Seconds a client may take next to nothing of an HTTP answer; then it is cut off."""
PING_INTERVAL: Final = 20.0
"""Seconds between protocol-level pings; a client that misses one for as long is cut off (1011)."""


class CannotListen(TuiChatError):
    """The address or the port cannot be used."""

    code = "CANNOT_LISTEN"


@asynccontextmanager
async def listening(server: ChatServer) -> AsyncIterator[ChatServer]:
    """Let a server listen for the length of the block, and set its ``url``.

    Raises:
        CannotListen: if the address or the port cannot be used.
    """
    try:
        bound = await _bind(server.config.host, server.config.port)
    except BaseException:
        await server.aclose()  # it may have its data file open
        raise
    http_connection, websocket_connection = connection_classes(
        ConnectionLimits(
            connections=server.config.max_connections,
            header_bytes=server.config.max_header_bytes,
            header_timeout=server.config.request_timeout,
            stall_timeout=STALL_TIMEOUT,
        )
    )
    config = uvicorn.Config(
        server.app,
        http=http_connection,
        ws=websocket_connection,
        h11_max_incomplete_event_size=server.config.max_header_bytes,
        ws_max_size=server.config.max_frame_bytes,
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=PING_INTERVAL,
        # On loopback compression saves nothing, and what is not unpacked cannot explode.
        ws_per_message_deflate=False,
        interface="asgi3",
        lifespan="off",
        log_config=None,
        # The server dates its answers itself.
        date_header=False,
        server_header=False,
        # Nobody stands in front of this server, so nobody may say where a request comes from.
        proxy_headers=False,
    )
    config.load()
    # At its level TRACE uvicorn puts a layer around the application that logs whole requests.
    config.loaded_app = server.app
    http = uvicorn.Server(config)
    http.lifespan = config.lifespan_class(config)
    await http.startup(sockets=[bound])
    server.url = _url(bound)
    try:
        yield server
    finally:
        server.url = ""
        await _shut_down(server, http, bound)


async def _shut_down(server: ChatServer, http: uvicorn.Server, bound: socket.socket) -> None:
    """Stop listening, say goodbye, and see to it that everybody is gone."""
    for listener in http.servers:
        listener.close()
    bound.close()
    state = http.server_state
    await server.aclose(reason="the server is ending")
    for connection in list(state.connections):
        # WebSockets are on their way out: the client has been told, and answers.
        if not isinstance(connection, WebSocketConnection):
            connection.shutdown()
    await _until(lambda: not state.connections and not state.tasks, GOODBYE)
    for connection in list(state.connections):
        connection.transport.abort()
    if state.tasks:
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=GOODBYE)
    await _until(lambda: not state.connections, GOODBYE)


async def _until(done: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition that has no event of its own, for so many ``seconds`` at most."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    pause = 0.0
    while not done() and loop.time() < deadline:
        await asyncio.sleep(pause)
        pause = 0.002


async def _bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; uvicorn's own binding would exit the process."""
    shown = one_line(host, 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CannotListen(
            f"{shown} is not an address of this machine. Leave --host out to use 127.0.0.1."
        ) from None
    family, kind, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            # A server that was stopped a moment ago must be able to start again on its port. On
            # Windows the same option would let two programs share one port.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # Listening at once makes a second server on the port fail here, not later in uvicorn.
        bound.listen(128)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise _explain(error, shown, port) from None
    return bound


def _explain(error: OSError, host: str, port: int) -> CannotListen:
    if error.errno in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", None)):
        return CannotListen(
            f"Port {port} on {host} is in use by another program. Stop it, or choose another port "
            "with --port (0 takes any free one).",
            code="PORT_IN_USE",
        )
    if error.errno in (errno.EACCES, getattr(errno, "WSAEACCES", None)):
        return CannotListen(
            f"Port {port} may not be used by this account. Choose one above 1023.",
            code="PORT_NOT_ALLOWED",
        )
    if error.errno in (errno.EADDRNOTAVAIL, getattr(errno, "WSAEADDRNOTAVAIL", None)):
        return CannotListen(
            f"{host} is not an address of this machine. Leave --host out to use 127.0.0.1.",
            code="ADDRESS_NOT_AVAILABLE",
        )
    reason = one_line(error.strerror or type(error).__name__, 80)
    return CannotListen(f"The server cannot listen on {host} port {port}: {reason}.")


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    # A wildcard address is none that a client could connect to.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- replaced, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    config: ServerConfig | None = None,
    *,
    agent: Agent | None = None,
    on_started: Callable[[ChatServer], object] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until told to stop.

    Args:
        config: how the server behaves.
        agent: answers the messages; the built-in one by default.
        on_started: called once the server can be reached.
        stop: ends the server; without it, cancelling does.

    Raises:
        CannotListen: if the address or the port cannot be used.
    """
    async with listening(ChatServer(config, agent=agent)) as server:
        if on_started is not None:
            on_started(server)
        await (stop or asyncio.Event()).wait()


def run_server(
    config: ServerConfig | None = None,
    *,
    agent: Agent | None = None,
    on_started: Callable[[ChatServer], object] | None = None,
    on_stop: Callable[[Callable[[], None]], object] | None = None,
) -> None:
    """Serve until Ctrl+C, SIGTERM or, on Windows, Ctrl+Break; return when all is closed.

    Call it in the main thread, without a running event loop.

    Args:
        config: how the server behaves.
        agent: answers the messages; the built-in one by default.
        on_started: called once the server can be reached.
        on_stop: is handed a function that stops the server, to be called from any thread.

    Raises:
        CannotListen: if the address or the port cannot be used.
    """

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def stop_soon() -> None:
            # From a signal handler or another thread; too late once the loop has closed.
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop.set)

        if on_stop is not None:
            on_stop(stop_soon)
        with _on_signals(stop_soon):
            await serve(config, agent=agent, on_started=on_started, stop=stop)

    asyncio.run(main())


@contextmanager
def _on_signals(callback: Callable[[], None]) -> Iterator[None]:
    """Call back, instead of dying, on the signals that mean "stop"."""
    signals = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        signals.append(signal.SIGBREAK)
    # signal.signal and not loop.add_signal_handler, which Windows does not have.
    previous = {number: signal.signal(number, lambda *_: callback()) for number in signals}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
