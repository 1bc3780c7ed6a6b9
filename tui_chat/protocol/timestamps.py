"""Times on the wire: ISO 8601, milliseconds, ``Z``."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["format_timestamp", "parse_http_date", "parse_timestamp"]


def format_timestamp(seconds: float) -> str:
    """Return epoch ``seconds`` as ``2026-01-15T11:30:00.000Z``.

    Raises:
        ValueError: if the time cannot be written that way (not finite, outside years 1 to 9999).
    """
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("time out of range") from error
    # Not strftime: its %Y leaves out leading zeros on some systems.
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_timestamp(text: str) -> float:
    """Return an ISO 8601 time as epoch seconds; a time without a zone is read as UTC.

    Raises:
        ValueError: if ``text`` is not such a time.
    """
    if len(text) > 64:
        raise ValueError("not an ISO 8601 time: too long")
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = moment.timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError("not an ISO 8601 time") from error
    if not math.isfinite(seconds):
        raise ValueError("not an ISO 8601 time")
    return seconds


def parse_http_date(text: str | None) -> float | None:
    """Return an HTTP ``Date`` value (RFC 9110 section 5.6.7) as epoch seconds, None if unusable."""
    if not text or len(text) > 64:
        return None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None
