"""Certificates for tests, good ones and every sort of bad one."""

from __future__ import annotations

import datetime as dt
import importlib.util
import ssl
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from tui_chat.errors import ConfigurationError
from tui_chat.testing.alerts import AlertingContext

if TYPE_CHECKING:
    import trustme

__all__ = ["CertificateKind", "Certificates"]

CertificateKind = Literal[
    "good",
    "expired",
    "not_yet_valid",
    "wrong_host",
    "self_signed",
    "unknown_authority",
    "client_certificate",
]

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
OTHER_NAME: Final = "another-host.example"
"""For whom the certificate of the kind ``wrong_host`` was issued."""


class Certificates:
    """A certificate authority of its own, in memory, and what it signs.

    The first one in a process takes a third of a second, most of it to load the cryptography.

    Args:
        names: host names that good certificates are for, beside loopback's.

    Raises:
        ConfigurationError: if trustme is not installed.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        require_trustme()
        import trustme  # noqa: PLC0415 - an extra, loaded where it is needed

        self._names = (*LOCAL_NAMES, *names)
        self._authority = trustme.CA()
        self._stranger = trustme.CA()
        self._contexts: dict[CertificateKind, ssl.SSLContext] = {}

    @property
    def authority_pem(self) -> bytes:
        """The authority's certificate, which a client has to trust; PEM."""
        return self._authority.cert_pem.bytes()

    def write_authority(self, path: str | PathLike[str]) -> Path:
        """Write the authority's certificate to a file, for a ``ca_file`` or ``SSL_CERT_FILE``."""
        target = Path(path)
        target.write_bytes(self.authority_pem)
        return target

    def write_client_certificate(self, path: str | PathLike[str]) -> Path:
        """Write a client's certificate and private key, both into one PEM file."""
        target = Path(path)
        leaf = self._authority.issue_cert("client@tests.example")
        target.write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
        return target

    def client_context(self, *, with_certificate: bool = False) -> ssl.SSLContext:
        """Return a context that trusts this authority and nobody else.

        Args:
            with_certificate: whether it can show a client certificate.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        if with_certificate:
            self._authority.issue_cert("client@tests.example").configure_cert(context)
        return context

    def server_context(self, kind: CertificateKind = "good") -> ssl.SSLContext:
        """Return a server's context with a certificate of that kind, the same each time."""
        context = self._contexts.get(kind)
        if context is None:
            context = self._contexts[kind] = self._make(kind)
        return context

    def _make(self, kind: CertificateKind) -> ssl.SSLContext:
        context = AlertingContext(ssl.PROTOCOL_TLS_SERVER)
        if kind == "self_signed":
            # An authority's own certificate is the one that it signed itself.
            pem = self._stranger.private_key_pem.bytes() + self._stranger.cert_pem.bytes()
            with _blob(pem).tempfile() as path:
                context.load_cert_chain(path)
            return context
        self._leaf(kind).configure_cert(context)
        if kind == "client_certificate":
            self._authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _leaf(self, kind: CertificateKind) -> trustme.LeafCert:
        now = dt.datetime.now(dt.UTC)
        day = dt.timedelta(days=1)
        match kind:
            case "expired":
                return self._authority.issue_cert(
                    *self._names, not_before=now - 30 * day, not_after=now - day
                )
            case "not_yet_valid":
                return self._authority.issue_cert(
                    *self._names, not_before=now + day, not_after=now + 30 * day
                )
            case "wrong_host":
                return self._authority.issue_cert(OTHER_NAME)
            case "unknown_authority":
                return self._stranger.issue_cert(*self._names)
            case _:
                return self._authority.issue_cert(*self._names)


def require_trustme() -> None:
    """Make sure that certificates can be made.

    Raises:
        ConfigurationError: if not.
    """
    if importlib.util.find_spec("trustme") is None:
        raise ConfigurationError(
            "TLS in tests needs trustme, which is not installed: pip install 'tui-chat[testing]'.",
            code="MISSING_EXTRA",
        )


def _blob(data: bytes) -> trustme.Blob:
    import trustme  # noqa: PLC0415 - see above

    return trustme.Blob(data)
