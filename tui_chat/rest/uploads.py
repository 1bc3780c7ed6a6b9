"""``POST /api/v1/upload``: files that go with a message."""

from __future__ import annotations

import mimetypes
import os
import stat
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from tui_chat.daemon_thread import call_in_daemon_thread
from tui_chat.errors import ConfigurationError, TuiChatError
from tui_chat.protocol.addresses import UPLOAD_PATH
from tui_chat.protocol.http import MAX_UPLOAD_BYTES, MAX_UPLOADS_PER_MESSAGE, UPLOAD_FOLDER, Upload
from tui_chat.protocol.urls import ServerUrl
from tui_chat.rest.refusals import refusal, unreadable
from tui_chat.text import is_clean, one_line
from tui_chat.ticket.answers import Answer
from tui_chat.ticket.auth import AuthData
from tui_chat.ticket.http_api import HttpApi, RequestBody

__all__ = ["FileToUpload", "Upload", "UploadsApi"]

UPLOAD_TIMEOUT: Final = 300.0
"""Seconds for one upload: all of its files on a line of 2 Mbit/s."""
CHUNK: Final = 256 * 1024
"""Bytes that are read from a file at once."""
MAX_URL: Final = 2048
"""Characters of an address the server may name."""
_FAILED: Final = "The server did not take the upload"

FileToUpload = str | os.PathLike[str] | tuple[str, bytes, str]
"""A file's path, or name, bytes and content type of something that is not a file."""


@dataclass(frozen=True, slots=True)
class _Source:
    """One file on its way out.

    Attributes:
        head: the part's boundary and headers.
        size: bytes of the content.
        content: the content, or where it is read from.
        shown: what to call it in a sentence.
        identity: what tells a file from one that has been changed since.
    """

    head: bytes
    size: int
    content: bytes | Path
    shown: str
    identity: tuple[int, int, int] = (0, 0, 0)


class UploadsApi(HttpApi):
    """Uploads files.

    Args:
        server: the server.
        max_bytes: size of one file, checked before anything is sent.
        max_files: files of one upload.
        timeout: seconds for one whole upload.
        options: see :class:`~tui_chat.ticket.http_api.HttpApi`.
    """

    def __init__(
        self,
        server: ServerUrl | str,
        *,
        max_bytes: int = MAX_UPLOAD_BYTES,
        max_files: int = MAX_UPLOADS_PER_MESSAGE,
        timeout: float = UPLOAD_TIMEOUT,
        **options: Any,
    ) -> None:
        super().__init__(server, timeout=timeout, **options)
        self._max_bytes = max_bytes
        self._max_files = max_files

    async def upload(
        self, files: Sequence[FileToUpload], auth: AuthData, *, folder: str = UPLOAD_FOLDER
    ) -> list[Upload]:
        """Upload files and return where the server keeps them, in the same order.

        Files are read while they are sent, off the event loop, and never held in memory whole.
        What the server answers goes into a message's ``media`` as
        :attr:`~tui_chat.protocol.http.Upload.media_url`.

        Args:
            files: what to upload.
            auth: on whose behalf.
            folder: where the server should put them.

        Raises:
            ConfigurationError: before anything is sent: ``NO_FILES``, ``TOO_MANY_FILES``,
                ``FILE_TOO_LARGE``, ``FILE_UNREADABLE``; while it is sent: ``FILE_CHANGED``.
            TuiChatError: why the server did not take them.
        """
        if not files:
            raise ConfigurationError("There is nothing to upload.", code="NO_FILES")
        if len(files) > self._max_files:
            raise ConfigurationError(
                f"{len(files)} files are too many for one message; it takes {self._max_files}.",
                code="TOO_MANY_FILES",
            )
        return await self._guarded(self._upload(files, auth, folder))

    async def _upload(
        self, files: Sequence[FileToUpload], auth: AuthData, folder: str
    ) -> list[Upload]:
        field = "file" if len(files) == 1 else "files"
        boundary = uuid.uuid4().hex

        def prepare() -> list[_Source]:
            return [self._source(file, field, boundary) for file in files]

        sources = await call_in_daemon_thread(prepare, name="tui-chat upload")
        tail = (
            f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="folder"\r\n\r\n{folder}'
            f"\r\n--{boundary}--\r\n"
        ).encode()
        size = sum(len(source.head) + source.size for source in sources) + len(tail)
        body = RequestBody(
            _pieces(sources, tail), f"multipart/form-data; boundary={boundary}", size
        )
        answer = await self._request("POST", UPLOAD_PATH, auth, body)
        return _read(answer, len(files))

    def _source(self, file: FileToUpload, field: str, boundary: str) -> _Source:
        """Look at a file: does it exist, is it one, is it small enough?"""
        content: bytes | Path
        identity = (0, 0, 0)
        if isinstance(file, tuple):
            name, content, media_type = file
            size = len(content)
        else:
            content = Path(file)
            name = content.name
            media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            found = _look_at(content)
            size, identity = found.st_size, _identity(found)
        shown = one_line(name, 80) or "the file"
        if size > self._max_bytes:
            raise ConfigurationError(
                f"{shown} has {size / 1024 / 1024:.1f} MB; a file may have "
                f"{self._max_bytes / 1024 / 1024:g} MB.",
                code="FILE_TOO_LARGE",
            )
        if not (media_type.isascii() and is_clean(media_type)) or "\n" in media_type:
            media_type = "application/octet-stream"
        head = (
            f"\r\n--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{field}"; filename="{_escaped(name)}"\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        )
        return _Source(head.encode("utf-8", "replace"), size, content, shown, identity)


def _look_at(path: Path) -> os.stat_result:
    shown = one_line(str(path), 120)
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(shown, error) from None
    if not stat.S_ISREG(found.st_mode):
        # A pipe or a device may never end, and a folder is none of both.
        raise ConfigurationError(f"{shown} is not a file.", code="FILE_UNREADABLE")
    return found


async def _pieces(sources: Sequence[_Source], tail: bytes) -> AsyncIterator[bytes]:
    """Yield the form, as many bytes as was said before."""
    for source in sources:
        yield source.head
        if isinstance(source.content, bytes):
            yield source.content
            continue
        for start in range(0, source.size, CHUNK):
            yield await call_in_daemon_thread(
                partial(_read_piece, source, source.content, start), name="tui-chat upload"
            )
    yield tail


def _read_piece(source: _Source, path: Path, start: int) -> bytes:
    """Read one piece of a file that must be the same as when it was looked at.

    It is opened for each piece: a handle that is kept would have to be closed by one thread while
    another one may still be reading, when the upload is cancelled.
    """
    size = min(source.size - start, CHUNK)
    try:
        with path.open("rb", buffering=0) as file:
            same = _identity(os.fstat(file.fileno())) == source.identity
            file.seek(start)
            piece = file.read(size) if same else b""
    except OSError as error:
        raise _unreadable(source.shown, error) from None
    if len(piece) < size:
        raise ConfigurationError(
            f"{source.shown} was changed while it was uploaded.",
            advice="Try again when nothing writes to it.",
            code="FILE_CHANGED",
        )
    return piece


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _unreadable(shown: str, error: Exception) -> TuiChatError:
    reason = one_line(getattr(error, "strerror", None) or type(error).__name__, 80)
    return ConfigurationError(f"{shown} cannot be read: {reason}.", code="FILE_UNREADABLE")


def _escaped(name: str) -> str:
    """Return a name as a form writes it (WHATWG HTML, multipart/form-data encoding algorithm)."""
    name = name.encode("utf-8", "replace").decode("utf-8")
    for character, escape in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):
        name = name.replace(character, escape)
    return name


class _Success(msgspec.Struct):
    success: bool


class _Several(_Success):
    data: list[Upload]


def _read(answer: Answer, count: int) -> list[Upload]:
    """Return what the server says it keeps, one for each file."""
    if answer.status >= 300:
        raise refusal(answer, _FAILED)
    try:
        if count == 1:  # the fields of the one stand beside ``success``
            success = msgspec.json.decode(answer.body, type=_Success).success
            uploads = [msgspec.json.decode(answer.body, type=Upload)]
        else:
            several = msgspec.json.decode(answer.body, type=_Several)
            success, uploads = several.success, several.data
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise unreadable(answer, _FAILED) from None
    if not success or len(uploads) != count or not all(map(_plausible, uploads)):
        raise unreadable(answer, _FAILED)
    return uploads


def _plausible(upload: Upload) -> bool:
    """Say whether an address may be shown and sent on: one line, http(s), not endless."""
    return all(
        0 < len(url) <= MAX_URL
        and is_clean(url)
        and not any(character.isspace() for character in url)
        and url.startswith(("https://", "http://", "/"))
        for url in (upload.url, upload.media_url)
    )
