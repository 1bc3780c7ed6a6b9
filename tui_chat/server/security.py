"""What every request and every handshake passes before anything else looks at it.

Five ASGI layers, the outermost first:

1. :class:`TicketOut` takes the ticket out of the URL, so that nothing behind it, in front of it or
   beside it (the HTTP server's own log lines) can write it down;
2. :class:`Stamp` dates every answer and says how it may be used;
3. :class:`HeaderLimit` ends requests whose headers are too large;
4. :class:`Gate` lets in only who addresses this server by a name it has, and no web page;
5. :class:`BodyLimit` ends requests that are too large or too slow.

They are plain ASGI and not Starlette's ``BaseHTTPMiddleware``, which does not see WebSockets.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
from collections.abc import Iterable
from email.utils import formatdate
from typing import Final
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from tui_chat.clock import Clock
from tui_chat.protocol.addresses import REQUEST_ID_HEADER
from tui_chat.secret import Secret
from tui_chat.server.answers import ApiError, error_answer
from tui_chat.server.config import is_loopback

__all__ = ["BodyLimit", "Gate", "HeaderLimit", "Stamp", "TicketOut", "deny"]

MASK: Final = "********"
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ANSWER_STARTS: Final = frozenset(
    {"http.response.start", "websocket.http.response.start", "websocket.accept"}
)


class TicketOut:
    """Moves the ticket from the query string to ``scope["state"]["ticket"]``, as a ``Secret``.

    The HTTP server formats its log lines from the very scope it hands to the application, and does
    so after the application has had it; changing that scope in place is what keeps the ticket out
    of them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or handshake."""
        if scope["type"] in ("http", "websocket"):
            query, ticket = _take_ticket(scope["query_string"])
            scope["query_string"] = query
            scope.setdefault("state", {})["ticket"] = ticket
        await self._app(scope, receive, send)


def _take_ticket(query: bytes) -> tuple[bytes, Secret | None]:
    """Return the query string with the value of every ``ticket`` masked, and the first of them."""
    if b"=" not in query:
        return query, None
    parts = query.decode("latin-1").split("&")
    ticket: Secret | None = None
    for place, part in enumerate(parts):
        name, _, value = part.partition("=")
        if unquote(name).strip().lower() == "ticket":
            ticket = ticket or Secret(unquote(value))
            parts[place] = f"{name}={MASK}"
    return "&".join(parts).encode("latin-1"), ticket


class Stamp:
    """Adds the headers that every answer has, and gives every request an id.

    ``Date`` is made afresh for each answer: clients compute their tickets' expiry from it, and the
    HTTP server's own is cached and can lag by two seconds. The id comes from the client's
    ``X-Request-Id`` where that is usable, goes back with the answer, and stands in the log.
    """

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or handshake."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def stamped(message: Message) -> None:
            if message["type"] in _ANSWER_STARTS:
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                headers["date"] = formatdate(self._clock.wall(), usegmt=True)
                headers["cache-control"] = "no-store"
                headers["x-content-type-options"] = "nosniff"
                headers[REQUEST_ID_HEADER] = request_id
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, stamped)


class HeaderLimit:
    """Answers 431 to a request whose line and headers are too large.

    The HTTP server's own limit is for headers that are still arriving; what comes in one piece
    passes it.

    Args:
        app: what comes next.
        max_bytes: how large they may be, all together.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or handshake."""
        if scope["type"] in ("http", "websocket"):
            # Four bytes for each line's colon, blank and end, as they stood on the wire.
            size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
            size += len(scope["raw_path"]) + len(scope["query_string"])
            if size > self._max_bytes:
                error = ApiError(431, "The request's headers are too large.", "HEADERS_TOO_LARGE")
                await deny(scope, receive, send, error)
                return
        await self._app(scope, receive, send)


class Gate:
    """Refuses requests that a web page in the user's browser may have sent.

    A page can make a browser talk to a server on loopback in two ways. With DNS rebinding its own
    name resolves to 127.0.0.1: then ``Host`` holds that name, which is not one of ours (400).
    Without, the browser says in ``Origin`` where the page came from (403); programs send no
    ``Origin``, so any that is not expressly allowed is refused, ``null`` included.

    Args:
        app: what comes next.
        host: the address this server listens on.
        hosts: further names it has.
        origins: web pages that may use it.
    """

    def __init__(
        self, app: ASGIApp, *, host: str, hosts: Iterable[str] = (), origins: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._hosts = {name.lower() for name in (host, *hosts)}
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        # On a public address, people use whichever of the machine's addresses they can reach. A
        # number in Host is never the work of DNS rebinding, which needs a name.
        self._any_address = not is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or handshake."""
        if scope["type"] in ("http", "websocket"):
            error = self._objection(Headers(scope=scope))
            if error is not None:
                await deny(scope, receive, send, error)
                return
        await self._app(scope, receive, send)

    def _objection(self, headers: Headers) -> ApiError | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._knows(_host_name(hosts[0])):
            return ApiError(400, "This server does not go by that name.", "HOST_NOT_ALLOWED")
        for origin in headers.getlist("origin"):
            if origin.lower().rstrip("/") not in self._origins:
                return ApiError(403, "Web pages may not use this server.", "ORIGIN_NOT_ALLOWED")
        return None

    def _knows(self, name: str) -> bool:
        if name in self._hosts or is_loopback(name):
            return True
        if not self._any_address:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _host_name(header: str) -> str:
    """Return the name or address in a ``Host`` header, in lower case, without port or brackets."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].rstrip(".")


class BodyLimit:
    """Answers 413 to a body that is too large and 408 to one that takes too long.

    Args:
        app: what comes next.
        max_bytes: the largest body.
        timeout: seconds until all of it must be here.
        streamed: paths that limit what they read themselves.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        timeout: float,
        streamed: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; handshakes have no body."""
        if scope["type"] != "http" or scope["path"] in self._streamed:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout):
                body = await self._read(receive)
        except TimeoutError:
            error = ApiError(
                408, "The request took too long to arrive.", None, {"Connection": "close"}
            )
            await deny(scope, receive, send, error)
            return
        except ApiError as error:
            await deny(scope, receive, send, error)
            return
        if body is None:
            return  # The client has gone; there is nobody to answer.
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                raise ApiError(413, "The request is too large.", "TOO_LARGE")
            if not message.get("more_body", False):
                return bytes(body)


async def deny(scope: Scope, receive: Receive, send: Send, error: ApiError) -> None:
    """Answer with an error, to a request or in place of a WebSocket handshake.

    Closing a WebSocket before it is accepted always gives 403; any other status needs the denial
    response of the ASGI specification's WebSocket extension.
    """
    response = error_answer(error)
    headers = Headers(scope=scope)
    if not ("content-length" in headers or "transfer-encoding" in headers):
        # With a body it stays open, and what is left of that is thrown away for a while: a client
        # that is still sending would find the connection reset instead of the answer.
        response.headers["connection"] = "close"
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)
