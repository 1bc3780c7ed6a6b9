"""One TLS context for everything that goes to one server."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TypeAlias

from tui_chat.errors import ConfigurationError
from tui_chat.secret import Secret
from tui_chat.text import one_line

__all__ = ["ClientCertificate", "make_context"]

Path: TypeAlias = "str | PathLike[str]"


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Shows a server who is calling, by TLS.

    Attributes:
        certificate: a PEM file with the certificate, and those that signed it.
        key: a PEM file with its private key; None if that is in the same file.
        password: of the private key, None if it has none.
    """

    certificate: Path
    key: Path | None = None
    password: Secret | None = None


def make_context(ca_file: Path | None, client: ClientCertificate | None) -> ssl.SSLContext:
    """Make a context; reads files, so not on an event loop.

    The system's trust store counts (and ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``, which OpenSSL
    reads in its place), ``ca_file`` in addition to it.

    Raises:
        ConfigurationError: if a file cannot be used.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=fspath(ca_file))
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The certificate authority in {_shown(ca_file)} cannot be used: {_why(error)}. It "
                "has to be a PEM file with one certificate or more.",
                code="CA_FILE",
            ) from error
    if client is not None:
        _load_client(context, client)
    return context


def _load_client(context: ssl.SSLContext, client: ClientCertificate) -> None:
    password = b"" if client.password is None else client.password.reveal().encode()
    key = None if client.key is None else fspath(client.key)
    try:
        # A password always, if only an empty one: without one OpenSSL would ask on the terminal.
        context.load_cert_chain(fspath(client.certificate), key, lambda: password)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The client certificate in {_shown(client.certificate)} cannot be used: "
            f"{_why(error)}. It takes PEM files with the certificate and its private key, and the "
            "key's password if it has one.",
            code="CLIENT_CERTIFICATE",
        ) from None


def _shown(path: Path) -> str:
    return one_line(fspath(path), 200)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return one_line((error.reason or "it is not readable as PEM").replace("_", " ").lower(), 80)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "its path or content is not usable"
