"""From an exception of a library or of the system to the error it amounts to.

By type, number and status only; texts are shown, never read. The codes of the
:class:`~tui_chat.errors.NetworkError` made here:

``DNS``, ``REFUSED``, ``UNREACHABLE``, ``BROKEN``
    nobody was reached;
``TLS_EXPIRED``, ``TLS_NOT_YET_VALID``, ``TLS_HOST_NAME``, ``TLS_ISSUER``, ``TLS_UNTRUSTED``
    a server was reached, and which check of its certificate failed;
``TLS_NOT_SPOKEN``, ``TLS_VERSION``, ``TLS_CLIENT_CERTIFICATE``, ``TLS_BROKEN_OFF``, ``TLS_FAILED``
    a server was reached, and the handshake failed in another way;
``PROXY_DNS``, ``PROXY_REFUSED``, ``PROXY_UNREACHABLE``, ``PROXY_BROKEN``
    the proxy itself was not reached;
``PROXY_LOGIN``, ``PROXY_STATUS``, ``PROXY_NO_WAY``
    the proxy answered and does not let us through.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from tui_chat.errors import NetworkError
from tui_chat.network.proxies import Proxy
from tui_chat.protocol.urls import ServerUrl
from tui_chat.text import one_line

__all__ = ["broken_after_tls", "network_error", "proxy_refusal"]

DEPTH: Final = 16
"""Exceptions that are looked at, so that a circle of causes ends."""

# X509_V_ERR_..., openssl/x509_vfy.h: stable numbers, which Python passes on as they are.
_CHECKS: Final = {
    9: ("TLS_NOT_YET_VALID", "it is not valid yet"),
    10: ("TLS_EXPIRED", "it has expired"),
    18: ("TLS_ISSUER", "it is self-signed"),
    19: ("TLS_ISSUER", "the authority at the end of its chain is not a trusted one"),
    20: ("TLS_ISSUER", "the authority that signed it is not a trusted one"),
    21: ("TLS_ISSUER", "the authority that signed it is not known"),
    62: ("TLS_HOST_NAME", "it was issued for another host name"),
    64: ("TLS_HOST_NAME", "it was issued for another address"),
}
_NETWORK: Final = "Check this machine's network."
_PROXY: Final = (
    "Check HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, and the login in it, or name the server "
    "in NO_PROXY."
)
_TLS_ADVICE: Final = {
    "TLS_EXPIRED": "The server's operator has to renew it; or this machine's clock is wrong.",
    "TLS_NOT_YET_VALID": "Check this machine's clock; if it is right, wait, or tell the operator.",
    "TLS_HOST_NAME": "Use the name that the certificate is for in the server URL.",
    "TLS_ISSUER": "If it comes from a private authority, trust that one: set SSL_CERT_FILE (or "
    "ca_file) to its certificate.",
    "TLS_NOT_SPOKEN": "Check the port, or use http:// or ws:// for a server on this machine.",
    "TLS_VERSION": "The server's operator has to allow TLS 1.2 or newer.",
    "TLS_CLIENT_CERTIFICATE": "Set client_certificate to the one that the operator has given you.",
    "TLS_FAILED": "Check that the URL's scheme and port fit the server.",
}
# Names of OpenSSL's reasons, which are identifiers of its interface, not sentences.
_NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)
_VERSION: Final = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE"}
)
_CLIENT_CERTIFICATE: Final = frozenset(
    {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    }
)


def network_error(
    error: BaseException, server: ServerUrl, proxy: Proxy | None = None
) -> NetworkError:
    """Return the error for a connection that could not be made.

    Args:
        error: what a library raised; its causes are searched for the system's own error.
        server: where the connection was to go.
        proxy: what stands in between; then everything but TLS fails on the way to that.
    """
    where = f"{server.host}:{server.port}"
    cause = _system_error(error)
    if isinstance(cause, ssl.SSLError):
        return _tls(cause, where)
    if server.secure and cause is None and _reset_by_asyncio(error):
        return _tls(ssl.SSLEOFError(), where)
    if proxy is not None:
        return _proxy_unreached(cause, proxy)
    if cause is None and type(error) is OSError:
        # asyncio before Python 3.12 says only in its text what each of several addresses did.
        return NetworkError(
            f"No address of {where} accepts a connection.", advice=_NETWORK, code="UNREACHABLE"
        )
    match cause:
        case socket.gaierror():
            return NetworkError(
                f"The name {server.host} cannot be resolved.",
                advice="Check the server URL, and whether this machine is online.",
                code="DNS",
            )
        case ConnectionRefusedError():
            return NetworkError(
                f"Nothing answers at {where}: the connection is refused.",
                advice="Is the server running? Check the server URL's port.",
                code="REFUSED",
            )
        case OSError() if _is_unreachable(cause):
            return NetworkError(
                f"{where} cannot be reached from here.", advice=_NETWORK, code="UNREACHABLE"
            )
        case _:
            return NetworkError(f"The connection to {where} broke off.", code="BROKEN")


def broken_after_tls(server: ServerUrl) -> NetworkError:
    """Return the error for a server that agreed on TLS and was gone before it answered.

    With TLS 1.3 the client's certificate is looked at that late, and the alert that says so is
    often overtaken by the end of the connection.
    """
    return NetworkError(
        f"{server.host}:{server.port} agrees on TLS and breaks off before it answers anything.",
        advice="If it wants a client certificate, set client_certificate; else its operator can "
        "say why.",
        code="TLS_BROKEN_OFF",
        reached=True,
    )


def proxy_refusal(proxy: Proxy, status: int | None, detail: str = "") -> NetworkError:
    """Return the error for a proxy that answered and does not let us through.

    Args:
        proxy: the proxy.
        status: the HTTP status it answered, None if it speaks no HTTP.
        detail: what it said, cleaned and bounded.
    """
    said = f": {detail.rstrip('.')}" if detail else ""
    if status == 407:
        what, do = (
            ("does not accept the user name and password it was given", "Correct them in")
            if proxy.has_credentials
            else ("wants a user name and password", "Put them into")
        )
        return NetworkError(
            f"The proxy {proxy} {what} (HTTP 407).",
            advice=f"{do} the proxy's URL in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY.",
            code="PROXY_LOGIN",
            reached=True,
        )
    if status is not None:
        return NetworkError(
            f"The proxy {proxy} does not open the way to the server (HTTP {status}{said}).",
            advice=_PROXY,
            code="PROXY_STATUS",
            reached=True,
        )
    return NetworkError(
        f"The proxy {proxy} does not open the way to the server{said}.",
        advice=_PROXY,
        code="PROXY_NO_WAY",
        reached=True,
    )


def _proxy_unreached(cause: BaseException | None, proxy: Proxy) -> NetworkError:
    match cause:
        case socket.gaierror():
            code, what = "PROXY_DNS", f"The name of the proxy, {proxy.host}, cannot be resolved."
        case ConnectionRefusedError():
            code, what = "PROXY_REFUSED", f"Nothing answers where the proxy {proxy} should be."
        case OSError() if _is_unreachable(cause):
            code, what = "PROXY_UNREACHABLE", f"The proxy {proxy} cannot be reached from here."
        case _:
            code, what = "PROXY_BROKEN", f"The connection through the proxy {proxy} broke off."
    return NetworkError(what, advice=_PROXY, code=code)


def _is_unreachable(error: OSError) -> bool:
    return error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ETIMEDOUT)


def _tls(error: ssl.SSLError, where: str) -> NetworkError:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = one_line(getattr(error, "verify_message", "") or "it was not verified", 100)
        code, check = _CHECKS.get(getattr(error, "verify_code", 0), ("TLS_UNTRUSTED", said))
        return NetworkError(
            f"The certificate of {where} cannot be trusted: {check}.",
            advice=_TLS_ADVICE.get(code, ""),
            code=code,
            reached=True,
        )
    reason = getattr(error, "reason", None) or ""  # absent on those that Python itself raises
    if reason in _NOT_TLS:
        code, what = "TLS_NOT_SPOKEN", f"What answers at {where} does not speak TLS."
    elif reason in _VERSION:
        code, what = "TLS_VERSION", f"{where} speaks only versions of TLS that are not safe."
    elif reason in _CLIENT_CERTIFICATE:
        code = "TLS_CLIENT_CERTIFICATE"
        what = f"{where} wants a client certificate, or does not accept the one it was shown."
    elif isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        code, what = "TLS_FAILED", f"{where} broke off the TLS handshake."
    else:
        detail = one_line(reason.replace("_", " ").lower(), 60) or "no reason given"
        code, what = "TLS_FAILED", f"The TLS handshake with {where} failed ({detail})."
    return NetworkError(what, advice=_TLS_ADVICE.get(code, ""), code=code, reached=True)


def _system_error(error: BaseException) -> BaseException | None:
    """Find TLS's or the operating system's own error among the causes of a library's error."""
    found: OSError | None = None
    for seen in _causes(error):
        if isinstance(seen, ssl.SSLError):
            return seen
        if found is None and isinstance(seen, OSError) and seen.errno is not None:
            found = seen
    return found


def _reset_by_asyncio(error: BaseException) -> bool:
    """Say whether asyncio, not the system, says "reset": it does so for an end within TLS."""
    return any(isinstance(seen, ConnectionResetError) for seen in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what it was raised from, and the members of groups, nearest first."""
    waiting: list[BaseException] = [error]
    for _ in range(DEPTH):
        if not waiting:
            return
        seen = waiting.pop(0)
        yield seen
        if isinstance(seen, BaseExceptionGroup):
            waiting.extend(seen.exceptions)
        following = seen.__cause__ or seen.__context__
        if following is not None:
            waiting.append(following)
