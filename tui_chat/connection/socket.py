"""One WebSocket: opening it, reading and writing whole frames, watching that it lives, ending it.

A thin shell around ``websockets``. Its own keepalive, redirects, proxy lookup and debug log are
off: the keepalive takes up to 50 s to give up and kills sockets that have data but no pong,
redirects could carry the ticket to another origin, and the debug log prints the ticket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Any, Final, Literal

import websockets
from websockets.asyncio.client import ClientConnection, connect

from tui_chat.clock import Clock
from tui_chat.connection.inbox import Inbound, InboundConnection
from tui_chat.connection.policy import close_error, half_open, handshake_error
from tui_chat.errors import (
    ConfigurationError,
    MessageRefused,
    ProtocolError,
    RequestTimeout,
    ServerError,
    TuiChatError,
)
from tui_chat.network import Network, Proxy, network_error, proxy_refusal
from tui_chat.protocol.addresses import REQUEST_ID_HEADER
from tui_chat.protocol.http import read_error, read_retry_after
from tui_chat.protocol.timestamps import parse_http_date
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret
from tui_chat.text import one_line

__all__ = ["Socket", "dial"]

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for name, TCP, TLS and upgrade together."""
CLOSE_TIMEOUT: Final = 1.0
"""Seconds for a polite close; then the transport is aborted."""
IDLE_BEFORE_PING: Final = 15.0
"""Seconds without any inbound data after which a ping is sent."""
PONG_TIMEOUT: Final = 10.0
"""Seconds after that ping without any inbound data after which the connection counts as dead."""
PROBE_TIMEOUT: Final = 2.0
"""The same after a suspend, when the connection is probably dead."""
MAX_UNSENT: Final = 64 * 1024 * 1024
"""Bytes that may wait to be written; beyond that frames are refused."""


class _SilentLogger(logging.LoggerAdapter[logging.Logger]):
    """Passes warnings on and has no debug level, whatever level the program asks for.

    At debug level websockets prints request lines, which hold the ticket.
    """

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the standard library's name
        return level >= logging.WARNING and self.logger.isEnabledFor(level)


_LOGGER: Final = _SilentLogger(logging.getLogger("tui_chat.connection.websockets"), {})


class _Connect(connect):
    """Connects without following redirects, and knows whether anybody answered."""

    reached = False

    async def open_tcp_connection(self) -> ClientConnection:
        connection = await super().open_tcp_connection()
        self.reached = True
        return connection

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def dial(
    server: ServerUrl,
    ticket: Secret,
    *,
    network: Network,
    clock: Clock,
    request_id: str,
    user_agent: str,
    max_frame: int,
    mask: Callable[[str], str],
    on_pong: Callable[[float], object],
) -> Socket:
    """Open a WebSocket with a ticket.

    Args:
        server: the chat server.
        ticket: goes percent-encoded into the query.
        network: proxy and TLS.
        clock: to read a ``Retry-After`` date against.
        request_id: sent along, so that this attempt can be found in the server's log.
        user_agent: what this client calls itself.
        max_frame: bytes; larger inbound messages end the connection with 1009.
        mask: takes secrets out of texts in which the server may repeat them.
        on_pong: called with the seconds that each answered ping took.

    Raises:
        TuiChatError: whatever kept it from opening, classified; never with the ticket in it.
    """
    context, proxy = await network.ssl_context(), network.proxy
    tls: dict[str, Any] = {"ssl": context} if server.secure else {}
    if proxy is not None and proxy.scheme == "https":
        tls["proxy_ssl"] = context
    if sys.version_info >= (3, 12) and proxy is None:
        tls["all_errors"] = True  # else the errors of several addresses come as one text
    try:
        opening = _Connect(
            server.websocket(ticket.reveal()),
            additional_headers={REQUEST_ID_HEADER: request_id},
            user_agent_header=user_agent,
            proxy=None if proxy is None else proxy.url.reveal(),
            open_timeout=None,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT,
            max_size=max_frame,
            logger=_LOGGER,
            create_connection=InboundConnection,
            **tls,
        )
    except (websockets.InvalidURI, ValueError):
        # The library's own error would print the whole URL.
        raise ProtocolError(f"No WebSocket address can be made from {server}.") from None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            connection = await opening
    except websockets.InvalidStatus as error:
        response = error.response
        answer = read_error(bytes(response.body or b""))
        raise handshake_error(
            response.status_code,
            mask(answer.text),
            mask(answer.code),
            retry_after=read_retry_after(
                _header(response, "Retry-After"),
                parse_http_date(_header(response, "Date")) or clock.wall(),
            ),
        ) from error
    except TimeoutError as error:
        raise RequestTimeout(
            f"{server} did not open the connection within {CONNECT_TIMEOUT:g} seconds."
        ) from error
    except (websockets.InvalidProxy, websockets.ProxyError) as error:
        # Detached from what was raised, whose variables hold the proxy's password.
        raise _proxy_failure(error, server, proxy) from None
    except (websockets.InvalidHandshake, websockets.ProtocolError) as error:
        if isinstance(error.__cause__, EOFError | OSError):
            raise _broken(error, server) from error
        raise ProtocolError(
            f"{server} answers, but does not speak WebSocket.", advice="Check the server URL."
        ) from error
    except (OSError, EOFError, websockets.WebSocketException) as error:
        if opening.reached:
            raise _broken(error, server) from error
        raise network_error(error, server, proxy) from error
    assert isinstance(connection, InboundConnection)  # noqa: S101 - create_connection says so
    return Socket(connection, mask, on_pong)


def _header(response: websockets.Response, name: str) -> str | None:
    """Return the first header of that name; a server may send several, which is its mistake."""
    return next(iter(response.headers.get_all(name)), None)


def _broken(error: BaseException, server: ServerUrl) -> TuiChatError:
    """Return the error for a connection that ended before the server's answer was complete."""
    failure = network_error(error, server)
    if failure.reached:  # with TLS 1.3 a server refuses a client's certificate that late
        return failure
    return ServerError(f"{server} broke off while the connection was opened.")


def _proxy_failure(
    error: websockets.InvalidProxy | websockets.ProxyError, server: ServerUrl, proxy: Proxy | None
) -> TuiChatError:
    if proxy is None or isinstance(error, websockets.InvalidProxy):
        return ConfigurationError("The proxy's URL cannot be used.", code="PROXY")
    if isinstance(error, websockets.InvalidProxyStatus):
        return proxy_refusal(proxy, error.response.status_code)
    if isinstance(error, websockets.InvalidProxyMessage):
        return proxy_refusal(proxy, None, "its answer is not HTTP")
    failure = network_error(error, server, proxy)
    return proxy_refusal(proxy, None) if failure.code == "PROXY_BROKEN" else failure


class Socket:
    """An open WebSocket. Made by :func:`dial`, used by one owner, ended with :meth:`close`.

    Attributes:
        round_trip: seconds the last answered ping took, None before the first.
        server_request_id: the id that the server's answer to the handshake carried, cleaned;
            empty without one.
    """

    def __init__(
        self,
        connection: InboundConnection,
        mask: Callable[[str], str],
        on_pong: Callable[[float], object],
    ) -> None:
        self._connection = connection
        self._mask = mask
        self._on_pong = on_pong
        self._unsent: asyncio.Queue[tuple[bytes, asyncio.Future[None]]] = asyncio.Queue()
        self._unsent_bytes = 0
        self._writer = asyncio.create_task(self._write(), name="tui-chat socket writer")
        self._probe = asyncio.Event()
        self._dead = False
        self.round_trip: float | None = None
        self.server_request_id = _request_id(connection, mask)

    async def receive(self) -> list[Inbound]:
        """Return the messages that have arrived, one at least, each with whether it was binary.

        Raises:
            TuiChatError: why the connection ended.
        """
        try:
            return await self._connection.messages()
        except websockets.ConnectionClosed as closed:
            raise self._why(closed) from closed

    def send(self, payload: bytes) -> asyncio.Future[None]:
        """Queue one text message; messages leave in the order of these calls.

        Returns:
            A future that is done when the message is handed to the system, or fails with the
            reason why the connection ended before that. Nobody has to await it.

        Raises:
            MessageRefused: if too much waits to be written already.
        """
        if self._unsent_bytes + len(payload) > MAX_UNSENT:
            raise MessageRefused("The connection is too slow: too much is waiting to be sent.")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_retrieve)
        self._unsent_bytes += len(payload)
        self._unsent.put_nowait((payload, done))
        if self._writer.done():
            self._fail_unsent(self._why(None))
        return done

    async def _write(self) -> None:
        try:
            while True:
                payload, done = await self._unsent.get()
                try:
                    await self._connection.send(payload, text=True)
                except websockets.ConnectionClosed as closed:
                    if not done.done():
                        done.set_exception(self._why(closed))
                    return
                else:
                    if not done.done():
                        done.set_result(None)
                finally:
                    self._unsent_bytes -= len(payload)
                    if not done.done():  # the writing itself was stopped half-way
                        done.set_exception(self._why(None))
        finally:
            self._fail_unsent(self._why(None))

    def _fail_unsent(self, error: TuiChatError) -> None:
        while not self._unsent.empty():
            payload, done = self._unsent.get_nowait()
            self._unsent_bytes -= len(payload)
            if not done.done():
                done.set_exception(error)

    def probe(self) -> None:
        """Ask for a sign of life now, after a suspend for instance."""
        self._probe.set()

    async def watch(self) -> None:
        """Abort the connection once it is dead. Runs until cancelled, or until that happened.

        The event loop's timers stand still while the machine sleeps; :meth:`probe` is for then.
        """
        loop, probe = asyncio.get_running_loop(), self._probe
        alive = await self._answers(PONG_TIMEOUT)  # at once, for the round trip
        while alive:
            left = self._connection.heard_at + IDLE_BEFORE_PING - loop.time()
            # A millisecond: a rounding error is no reason to wait once more.
            if left > 0.001 and not probe.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await probe.wait()
                continue
            patience = PROBE_TIMEOUT if probe.is_set() else PONG_TIMEOUT
            probe.clear()
            alive = await self._answers(patience)
        self._connection.transport.abort()

    async def _answers(self, patience: float) -> bool:
        """Send a ping and say whether anything at all was heard within ``patience`` seconds."""
        heard = self._connection.heard
        heard.clear()
        try:
            async with asyncio.timeout(patience):
                pong = asyncio.ensure_future(await self._connection.ping())
                pong.add_done_callback(self._note_pong)
                await heard.wait()
        except TimeoutError:
            self._dead = True
        except websockets.ConnectionClosed:
            return False
        return not self._dead

    def _note_pong(self, pong: asyncio.Future[float]) -> None:
        if not pong.cancelled() and pong.exception() is None:
            self.round_trip = pong.result()
            self._on_pong(self.round_trip)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection: politely within a second, else at once. Idempotent."""
        self._writer.cancel()
        self._connection.leave()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self._connection.close(code, reason)
        finally:
            self._connection.transport.abort()
            await asyncio.wait({self._writer})

    def _why(self, closed: websockets.ConnectionClosed | None) -> TuiChatError:
        if self._dead:
            return half_open()
        if closed is None:
            return close_error(1006, "", "network")
        received, sent = closed.rcvd, closed.sent
        if received is not None and (sent is None or closed.rcvd_then_sent):
            return close_error(received.code, one_line(self._mask(received.reason), 123), "server")
        initiator: Literal["client", "network"] = "client" if sent is not None else "network"
        if sent is not None and received is None:
            return close_error(sent.code, one_line(sent.reason, 123), initiator)
        return close_error(1006, "", initiator)


def _request_id(connection: InboundConnection, mask: Callable[[str], str]) -> str:
    response = connection.response
    given = None if response is None else _header(response, REQUEST_ID_HEADER)
    return one_line(mask(given or ""), 64)


def _retrieve(done: asyncio.Future[None]) -> None:
    """Mark a failure as seen, so that nobody has to await a send."""
    if not done.cancelled():
        done.exception()
