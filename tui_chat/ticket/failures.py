"""What to make of an exception: its kind, its ``Retry-After``, a copy that holds nothing.

A traceback keeps the local variables of every frame it went through, credentials and tickets
among them, and some crash reports print those. So an error that leaves the ticket manager is a
copy without the frames below, and one copy for each caller, because raising one exception
object in many tasks would mix their tracebacks.
"""

from __future__ import annotations

import math
from typing import TypeVar

from tui_chat.errors import (
    NetworkError,
    RateLimited,
    RequestTimeout,
    ServerError,
    TuiChatError,
)
from tui_chat.protocol.http import MAX_RETRY_AFTER

__all__ = ["clamped_retry_after", "detached", "normalised", "retry_after_of"]

_Error = TypeVar("_Error", bound=TuiChatError)


def clamped_retry_after(seconds: float | None) -> float | None:
    """Return a wait between 0 and :data:`MAX_RETRY_AFTER`; None for none, a negative one or NaN."""
    if seconds is None or math.isnan(seconds) or seconds < 0:
        return None
    return min(seconds, MAX_RETRY_AFTER)


def retry_after_of(error: TuiChatError) -> float | None:
    """Return the seconds a server asked to wait, clamped; None if it did not ask.

    Only 429 and 503 carry that wish (RFC 9110 section 10.2.3, RFC 6585 section 4).
    """
    if isinstance(error, RateLimited):
        return clamped_retry_after(error.retry_after)
    if isinstance(error, ServerError) and error.status in (503, None):
        return clamped_retry_after(error.retry_after)
    return None


def detached(error: _Error) -> _Error:
    """Return a copy of ``error`` without any traceback; its cause is kept, without one as well."""
    copy = error.__class__.__new__(error.__class__, *error.args)
    copy.__dict__.update(error.__dict__)
    copy.__cause__ = _bare(error.__cause__)
    copy.__suppress_context__ = True
    return copy


def normalised(error: Exception) -> TuiChatError:
    """Return what anything a ticket source raised means to the manager.

    A source is somebody else's code: its own exceptions may hold anything in their text, so only
    their type is shown, and only the operating system's errors are chained.
    """
    result: TuiChatError
    match error:
        case TuiChatError():
            return detached(error)
        case TimeoutError():
            return RequestTimeout("The ticket server did not answer in time.")
        case OSError():
            result = NetworkError("The ticket server cannot be reached.")
            result.__cause__ = _bare(error)
            return result
        case _:
            return TuiChatError(
                f"The ticket source failed with {type(error).__name__}, which it should not; "
                "this is a defect in that source.",
                code="TICKET_SOURCE",
            )


def _bare(error: BaseException | None, depth: int = 8) -> BaseException | None:
    """Take the tracebacks off an error and its causes, and the context it was raised in."""
    if error is None or depth == 0:
        return None
    error.__cause__ = _bare(error.__cause__, depth - 1)
    error.__context__ = None
    return error.with_traceback(None)
