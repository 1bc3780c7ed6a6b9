"""HTTP answers: JSON in the shape the API promises, errors included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tui_chat.protocol.codec import encode

__all__ = ["ApiError", "answer", "error_answer", "on_api_error", "on_http_error", "on_unexpected"]


class ApiError(Exception):
    """Ends a request with an error answer.

    Args:
        status: the HTTP status.
        message: a sentence for people.
        code: for machines; None where the API has none for the case.
        headers: further headers, such as ``Retry-After``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer; msgspec structures keep their key order and leave out what is unset."""
    return Response(
        encode(value),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json",
    )


def error_answer(error: ApiError) -> Response:
    """Return ``{"success": false, "error": ..., "code": ...}``."""
    body: dict[str, Any] = {"success": False, "error": str(error)}
    if error.code is not None:
        body["code"] = error.code
    return answer(body, error.status, error.headers)


async def on_api_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for :class:`ApiError`."""
    assert isinstance(error, ApiError)  # noqa: S101 -- registered for this class only
    return error_answer(error)


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for what its router refuses: 404, 405."""
    status = getattr(error, "status_code", 500)
    sentences = {404: "There is nothing here.", 405: "This method is not allowed here."}
    headers = getattr(error, "headers", None)
    return error_answer(
        ApiError(status, sentences.get(status, "The request failed."), None, headers)
    )


async def on_unexpected(_request: Request, _error: Exception) -> Response:
    """Starlette's handler for everything else; the log has the traceback, the client does not."""
    return error_answer(ApiError(500, "The server failed. Its log says why.", "INTERNAL"))
