"""Calls of the server's HTTP API with the credentials: one request, one answer, nothing kept.

* one deadline over the whole call, because httpx's timeouts are per read;
* a bounded body, read undecoded, so that neither an endless answer nor a compression bomb costs
  memory;
* redirects are never followed, since credentials would go along;
* proxy and TLS are given, never taken from the environment, which httpx and websockets read
  differently.
"""

from __future__ import annotations

import asyncio
import http.cookiejar
import ssl
import uuid
import zlib
from collections.abc import AsyncIterable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from tui_chat import __version__
from tui_chat.clock import Clock, SystemClock
from tui_chat.errors import (
    ClientClosed,
    ConfigurationError,
    ProtocolError,
    RequestTimeout,
    ServerError,
    TuiChatError,
)
from tui_chat.network import (
    Network,
    broken_after_tls,
    network_error,
    proxy_refusal,
    resolve_network,
)
from tui_chat.protocol.addresses import KEY_HEADER, REQUEST_ID_HEADER, TOKEN_HEADER
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret
from tui_chat.text import one_line
from tui_chat.ticket.answers import Answer
from tui_chat.ticket.auth import AuthData
from tui_chat.ticket.failures import detached
from tui_chat.ticket.library_logs import discreet_logs

__all__ = ["MAX_BODY", "USER_AGENT", "HttpApi", "RequestBody"]

_Result = TypeVar("_Result")

MAX_BODY: Final = 64 * 1024
"""Bytes of an answer that are read; a ticket answer has a few hundred."""

USER_AGENT: Final = f"tui-chat/{__version__}"


@dataclass(frozen=True, slots=True)
class RequestBody:
    """What goes out with a request.

    Attributes:
        content: all of it, or pieces that are made as they are sent.
        content_type: the ``Content-Type``; without one there is no body.
        size: bytes of pieces all together.
    """

    content: bytes | AsyncIterable[bytes]
    content_type: str
    size: int = 0

    def headers(self) -> dict[str, str]:
        """Return the headers that describe it."""
        if not self.content_type:
            return {}
        if isinstance(self.content, bytes):  # httpx knows its size
            return {"content-type": self.content_type}
        # With its size known beforehand it goes out in one piece, which every server takes.
        return {"content-type": self.content_type, "content-length": str(self.size)}


class HttpApi:
    """Base of the classes that call the server over HTTP.

    Args:
        server: the server.
        client: an HTTP client to use instead of an own one; it is not closed here.
        network: proxy and TLS; by default what :func:`~tui_chat.network.resolve_network` finds.
        timeout: seconds for one whole call, body included.
        clock: the wall clock that is sent along and that ``Retry-After`` dates are read against
            when the server does not say what time it is.
        user_agent: who is asking.
        token_header: name of the header that carries the user's token.
        token_prefix: what stands before the token in it, such as ``"Bearer "``.
        key_header: name of the header that carries the server key.
    """

    max_body: ClassVar[int] = MAX_BODY
    """Bytes of an answer that are read; some calls have larger ones."""

    def __init__(
        self,
        server: ServerUrl | str,
        *,
        client: httpx.AsyncClient | None = None,
        network: Network | None = None,
        timeout: float = 30.0,
        clock: Clock | None = None,
        user_agent: str = USER_AGENT,
        token_header: str = TOKEN_HEADER,
        token_prefix: str = "",
        key_header: str = KEY_HEADER,
    ) -> None:
        server = ServerUrl.parse(server) if isinstance(server, str) else server
        self._server = server
        self._client = client
        self._owns_client = client is None
        if network is None:
            # A client that was brought along has a way of its own.
            network = Network(secure=False) if client is not None else resolve_network(server)
        self._network = network
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._user_agent = user_agent
        self._token_header = token_header
        self._token_prefix = token_prefix
        self._key_header = key_header
        self._opening: asyncio.Lock | None = None
        self._closed = False

    async def aclose(self) -> None:
        """Close the own HTTP client, if there is one. Idempotent."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None and self._owns_client:
            await client.aclose()

    async def _guarded(self, call: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a call under the deadline; let out our own errors only."""
        failure: TuiChatError
        try:
            with discreet_logs():
                async with asyncio.timeout(self._timeout):
                    return await call
        except TuiChatError as error:
            failure = detached(error)
        except (TimeoutError, httpx.TimeoutException):
            failure = RequestTimeout(
                f"{self._server} did not finish its answer within {self._timeout:g} s."
            )
        except httpx.RemoteProtocolError:
            # Mostly a connection that was cut in the middle, by a proxy whose server is down.
            failure = ServerError(f"{self._server} broke off its answer, or it is not HTTP.")
        except (httpx.DecodingError, zlib.error):
            failure = ProtocolError(f"What {self._server} answered is not valid HTTP.")
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL):
            failure = ConfigurationError(
                f"No request can be sent to {self._server}: bad URL or header."
            )
        except (httpx.TransportError, OSError) as error:
            failure = network_error(error, self._server, self._network.proxy)
        except UnicodeEncodeError:
            failure = ConfigurationError("The entity or thread id holds what cannot be sent.")
        # Raised out here, the error carries none of the frames and exceptions above, which hold
        # the credentials in their variables.
        raise failure

    async def _request(
        self,
        method: str,
        path: str,
        auth: AuthData,
        body: msgspec.Struct | dict[str, Any] | RequestBody | None,
        *,
        query: Mapping[str, str] | None = None,
        request_id: str | None = None,
        further_secrets: tuple[Secret, ...] = (),
    ) -> Answer:
        """Send one request with the credentials; only within :meth:`_guarded`."""
        if body is None:
            body = RequestBody(b"", "")
        elif not isinstance(body, RequestBody):
            body = RequestBody(msgspec.json.encode(body), "application/json")
        headers = {
            self._token_header: self._token_prefix + auth.user_mp_auth_token.reveal(),
            self._key_header: auth.chat_server_key.reveal(),
            REQUEST_ID_HEADER: request_id or uuid.uuid4().hex,
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": self._user_agent,
            **body.headers(),
        }
        client = await self._open_client()
        url = self._server.http(path)
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query, quote_via=quote, safe="")
        sent_wall = self._clock.wall()
        answers = _Answers()
        try:
            async with client.stream(
                method,
                url,
                headers=headers,
                content=body.content,
                follow_redirects=False,
                timeout=None,  # the caller's deadline covers it all
                extensions={"trace": answers.trace},
            ) as response:
                received = await _read_body(response, self.max_body)
        except httpx.ProxyError as error:
            proxy = self._network.proxy
            if proxy is None:
                raise
            await answers.close()
            # httpcore words what a SOCKS proxy said, an HTTP proxy's status is in the trace.
            said = one_line(str(error), 80) if proxy.is_socks else ""
            raise proxy_refusal(proxy, answers.status, said) from None
        except (httpx.ReadError, httpx.WriteError) as error:
            failure = network_error(error, self._server)
            if answers.tls and answers.status is None and not failure.reached:
                raise broken_after_tls(self._server) from None
            raise
        if response.status_code == 407 and self._network.proxy is not None:
            raise proxy_refusal(self._network.proxy, 407)
        return Answer(
            server=self._server,
            status=response.status_code,
            body=received,
            date=response.headers.get("date"),
            retry_after=response.headers.get("retry-after"),
            location=response.headers.get("location"),
            sent_wall=sent_wall,
            secrets=(auth.user_mp_auth_token, auth.chat_server_key, *further_secrets),
        )

    async def _open_client(self) -> httpx.AsyncClient:
        if self._closed:
            raise ClientClosed("This client of the server is closed.")
        if self._client is not None:
            return self._client
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            context = await self._network.ssl_context()
            if self._closed:
                raise ClientClosed("This client of the server is closed.")
            if self._client is None:
                self._client = self._new_client(context)
        return self._client

    def _new_client(self, context: ssl.SSLContext | None) -> httpx.AsyncClient:
        # Cookies of one user must not travel with the token of the next: none are kept.
        cookies = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        # Without TLS httpx would load all certificates too; an empty context costs nothing.
        context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        proxy = self._network.proxy
        try:
            return httpx.AsyncClient(
                verify=context,
                proxy=None
                if proxy is None
                else httpx.Proxy(
                    proxy.url.reveal(), ssl_context=context if proxy.scheme == "https" else None
                ),
                trust_env=False,
                cookies=cookies,
                limits=httpx.Limits(max_connections=4, max_keepalive_connections=1),
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            # The proxy's URL may hold a password and does not belong into any text.
            raise ConfigurationError(
                "The proxy cannot be used: its URL is wrong or its kind is not supported.",
                code="PROXY",
            ) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._server)!r})"


class _Answers:
    """Sees what httpcore does on the way to an answer, which its exceptions have as text only.

    Attributes:
        status: of the latest answer, a proxy's to CONNECT included; None before the first.
        tls: whether TLS was agreed on.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.tls = False
        self._stream: Any = None

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Look at one of httpcore's trace events."""
        # What comes before the first dot says through what kind of proxy, if any.
        match event.partition(".")[2]:
            case "connect_tcp.complete":
                self._stream = info["return_value"]
            case "start_tls.complete":
                self.tls, self.status = True, None
            case "receive_response_headers.complete":
                self.status = info["return_value"][1]

    async def close(self) -> None:
        """Close the connection to a proxy that said no; httpcore leaves it open for SOCKS."""
        if self._stream is not None:
            await self._stream.aclose()


async def _read_body(response: httpx.Response, max_body: int) -> bytes:
    """Return the body, decoded, or raise if it is larger than any answer of these calls."""
    if response.is_stream_consumed:  # an in-memory transport has read it already
        raw = response.content
        encoding = ""
    else:
        parts, size = [], 0
        async for part in response.aiter_raw():
            parts.append(part)
            size += len(part)
            if size > max_body:
                break
        raw = b"".join(parts)
        encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("gzip", "deflate"):  # not asked for, but some proxies do it all the same
        raw = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(raw, max_body + 1)
    elif encoding not in ("", "identity"):
        raise ProtocolError("The server compressed its answer although asked not to.")
    if len(raw) > max_body:
        raise ProtocolError(
            f"The server's answer has more than {max_body // 1024} KB, which none here should have."
        )
    return raw
