"""From an answer that is no success to the error it amounts to."""

from __future__ import annotations

from tui_chat.errors import (
    CredentialsRejected,
    RateLimited,
    RequestRejected,
    ServerError,
    TuiChatError,
)
from tui_chat.ticket.answers import Answer, read_retry_after

__all__ = ["refusal", "unreadable"]


def refusal(answer: Answer, failed: str) -> TuiChatError:
    """Return the error for a status of 300 and above.

    Args:
        answer: what came back.
        failed: what did not happen, a sentence without its full stop.
    """
    said, status = answer.error(), answer.status
    code = said.code or None
    detail = f"HTTP {status}" + (f": {said.text}" if said.text else "")
    sentence = f"{failed} ({detail})."
    if status in (401, 403):
        return CredentialsRejected(sentence, status=status, code=code)
    if status == 429:
        return RateLimited(sentence, retry_after=read_retry_after(answer), code=code)
    if status in (408, 425) or status >= 500:
        return ServerError(sentence, status=status, retry_after=read_retry_after(answer), code=code)
    if 300 <= status < 400:
        return RequestRejected(
            sentence,
            advice="Redirects are not followed, because credentials would go along.",
            status=status,
            code=code or "REDIRECT",
        )
    return RequestRejected(sentence, status=status, code=code)


def unreadable(answer: Answer, failed: str) -> TuiChatError:
    """Return the error for a success whose body is not what the API promises."""
    said = answer.error()
    if said.code or said.text:  # "success": false under a 2xx status
        detail = said.text or said.code
        return RequestRejected(
            f"{failed} ({detail}).", status=answer.status, code=said.code or None
        )
    return RequestRejected(
        f"{failed}: the answer is not what a chat server sends.",
        advice="Check the server URL; the server may not offer this.",
        status=answer.status,
        code="UNREADABLE_ANSWER",
    )
