"""A server's TLS context whose handshake says why it fails.

asyncio's TLS closes the connection on a handshake that fails and throws away the alert that OpenSSL
has put into the outgoing buffer. Other servers send it, and it is all a client without a
certificate ever learns, so here it is sent as well.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from contextvars import ContextVar
from typing import Any

__all__ = ["ACCEPTED", "AlertingContext"]

ACCEPTED: ContextVar[socket.socket | None] = ContextVar("accepted_socket", default=None)
"""The socket of the connection that is being accepted; its transport runs in this context."""


class _AlertingObject(ssl.SSLObject):
    outgoing: ssl.MemoryBIO | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake; send the alert if that fails."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLSyscallError):
            raise
        except ssl.SSLError:
            accepted = ACCEPTED.get()
            if accepted is not None and self.outgoing is not None:
                with contextlib.suppress(OSError):
                    accepted.send(self.outgoing.read())
            raise


class AlertingContext(ssl.SSLContext):
    """A context to hand to asyncio. Set :data:`ACCEPTED` before."""

    sslobject_class = _AlertingObject

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any
    ) -> ssl.SSLObject:
        """Make what speaks TLS for one connection."""
        made = super().wrap_bio(incoming, outgoing, *args, **options)
        if isinstance(made, _AlertingObject):
            made.outgoing = outgoing
        return made
