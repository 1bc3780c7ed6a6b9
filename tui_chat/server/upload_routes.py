"""``POST /api/v1/upload``, and where the files can be fetched."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from tui_chat.protocol.addresses import UPLOAD_PATH
from tui_chat.protocol.http import UPLOAD_FOLDER
from tui_chat.server.answers import ApiError, answer
from tui_chat.server.multipart import FilePart, FormReader
from tui_chat.server.requests import authenticate, invalid, request_id
from tui_chat.server.state import ServerState
from tui_chat.server.uploads import StoredFile, is_folder

__all__ = ["FILES_PATH", "UploadApi"]

_log = logging.getLogger("tui_chat.server")

FILES_PATH: Final = "/uploads"
"""Files are fetched below it."""
OVERHEAD: Final = 16 * 1024
"""Bytes of a form beside its files: boundaries, headers, fields."""
MAX_AT_ONCE: Final = 8
"""Uploads under way, of all users; each holds in memory what has arrived of it."""
MAX_AT_ONCE_PER_USER: Final = 2
CHUNK: Final = 64 * 1024
"""Bytes that go out at once: a client that does not read holds no more of a file than that."""

_FILE_HEADERS: Final = {
    # What was uploaded is never shown by a browser in this server's name.
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


class UploadApi:
    """The endpoints for files.

    A file is fetched without credentials: its address, which only its owner is told, is what lets
    one have it. Whoever fetches an attachment must not be handed anybody's token for that.

    Args:
        state: the server's.
    """

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._under_way: Counter[str] = Counter()

    def routes(self) -> list[BaseRoute]:
        """Return the endpoints with their paths and methods."""
        return [
            Route(UPLOAD_PATH, self.upload, methods=["POST"]),
            Route(f"{FILES_PATH}/{{key}}/{{name}}", self.fetch, methods=["GET"]),
        ]

    async def upload(self, request: Request) -> Response:
        """``POST /api/v1/upload``: one file as ``file``, or several as ``files``."""
        # Before a byte of the body is read.
        user = authenticate(self._state, request)
        with self._counted(user.identity):
            files, folder = await self._read(request)
        kept = [
            self._state.uploads.keep(
                user.identity, folder, file.name, file.media_type, bytes(file.content)
            )
            for file in files
        ]
        size = sum(len(file.content) for file in kept)
        _log.info(
            "%s uploads %d bytes in %d file(s) [%s]",
            user.label,
            size,
            len(kept),
            request_id(request),
        )
        urls = [{"url": _url(request, file)} for file in kept]
        if files[0].form_field == "file":
            return answer({"success": True, **urls[0]})
        return answer({"success": True, "data": urls})

    async def fetch(self, request: Request) -> Response:
        """``GET /uploads/{key}/{name}``."""
        file = self._state.uploads.find(request.path_params["key"])
        if file is None or file.name != request.path_params["name"]:
            raise ApiError(404, "There is no such file, or no longer.", "FILE_NOT_FOUND")
        headers = {
            **_FILE_HEADERS,
            "content-type": file.media_type,
            "content-length": str(len(file.content)),
            "content-disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
        }
        return StreamingResponse(_chunks(file.content), headers=headers)

    async def _read(self, request: Request) -> tuple[list[FilePart], str]:
        """Return the files of an upload and the folder they go to."""
        config = self._state.config
        form = FormReader(
            request.headers.get("content-type", ""),
            max_files=config.max_media,
            max_file_bytes=min(config.max_upload_bytes, config.upload_space),
        )
        max_bytes = config.max_media * config.max_upload_bytes + OVERHEAD
        try:
            async with asyncio.timeout(config.upload_timeout):
                await _feed(request, form, max_bytes)
        except TimeoutError:
            raise ApiError(
                408, "The upload took too long to arrive.", None, {"Connection": "close"}
            ) from None
        except ClientDisconnect:
            raise ApiError(400, "The upload broke off.", "INVALID_REQUEST") from None
        names = {file.form_field for file in form.files}
        if names not in ({"file"}, {"files"}) or ("file" in names and len(form.files) > 1):
            raise invalid("An upload has one file named file, or one or several named files.")
        folder = form.fields.get("folder", UPLOAD_FOLDER) or UPLOAD_FOLDER
        if not is_folder(folder):
            raise ApiError(
                400,
                "A folder's name has letters, digits, - and _, in up to four parts with / between.",
                "INVALID_FOLDER",
            )
        return form.files, folder

    @contextmanager
    def _counted(self, owner: str) -> Iterator[None]:
        if self._under_way[owner] >= MAX_AT_ONCE_PER_USER:
            raise ApiError(429, "Too many uploads at once.", "RATE_LIMITED", {"Retry-After": "1"})
        if self._under_way.total() >= MAX_AT_ONCE:
            raise ApiError(503, "Too many uploads at once.", None, {"Retry-After": "1"})
        self._under_way[owner] += 1
        try:
            yield
        finally:
            self._under_way[owner] -= 1


async def _feed(request: Request, form: FormReader, max_bytes: int) -> None:
    """Read a form to its end.

    Raises:
        ApiError: as soon as anything is wrong with it. The connection stays open all the same:
            what is still on its way is thrown away, for as long as headers may take to arrive. A
            client that is still sending would otherwise find a reset connection, not the answer.
    """
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise ApiError(413, "The upload is too large.", "TOO_LARGE")
        form.write(chunk)
    form.finish()


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


def _url(request: Request, file: StoredFile) -> str:
    """Return where a file can be fetched: by the name the client knows this server by."""
    # Host was looked at on the way in and is a name of this server.
    return f"{request.url.scheme}://{request.url.netloc}{FILES_PATH}/{file.key}/{quote(file.name)}"
