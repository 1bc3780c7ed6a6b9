"""Keeps the HTTP libraries' own logs from repeating what a server sent back.

At DEBUG, httpcore writes down every response header and every malformed answer as they are; a
server that echoes a token there would put it into a log file. While one of our requests is under
way, such a line keeps its event's name and loses the rest, and a logged URL loses its query. Other
requests of the same process are logged as ever.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["discreet_logs"]

_DISCREET: ContextVar[bool] = ContextVar("tui_chat_discreet_logs", default=False)

# A filter sees what is logged by its own logger only, not by that logger's children.
_HTTPCORE: Final = ("connection", "http11", "http2", "proxy", "socks")


@contextmanager
def discreet_logs() -> Iterator[None]:
    """Shorten what httpx and httpcore log in this task while the block runs."""
    token = _DISCREET.set(True)
    try:
        yield
    finally:
        _DISCREET.reset(token)


def _event_only(record: logging.LogRecord) -> bool:
    if _DISCREET.get():
        record.msg, record.args = str(record.msg).split(" ", 1)[0], None
    return True


def _without_query(record: logging.LogRecord) -> bool:
    if _DISCREET.get() and isinstance(record.args, tuple):
        # Method, URL, version, status, and a reason phrase that is the server's own text.
        shown = [str(value).split("?", 1)[0] for value in record.args[:4]]
        record.msg, record.args = "HTTP Request: %s", (" ".join(shown),)
    return True


logging.getLogger("httpx").addFilter(_without_query)
for _name in _HTTPCORE:
    logging.getLogger(f"httpcore.{_name}").addFilter(_event_only)
