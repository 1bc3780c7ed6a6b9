"""A multipart form that arrives piece by piece, within limits (RFC 7578)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tui_chat.server.answers import ApiError
from tui_chat.server.requests import invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["FilePart", "FormReader"]

MAX_HEADERS: Final = 8
"""Header lines of one part; browsers send two."""
MAX_HEADER: Final = 2048
"""Bytes of one of them; a file's name stands in one."""
MAX_FIELDS: Final = 16
"""Fields that are no files."""
MAX_FIELD: Final = 1024
"""Bytes of one of them."""


@dataclass(slots=True)
class FilePart:
    """A file in a form.

    Attributes:
        form_field: the form field it belongs to.
        name: what the client calls it, as it came.
        media_type: what the client says it is.
        content: the bytes.
    """

    form_field: str
    name: str
    media_type: str
    content: bytearray = field(default_factory=bytearray)


class FormReader:
    """Takes in the bytes of a form and gives out its fields and files.

    Args:
        content_type: the request's ``Content-Type``.
        max_files: how many files it may hold.
        max_file_bytes: how large each of them may be.

    Attributes:
        files: the files, complete after :meth:`finish`.
        fields: the other fields; of several with one name the last.

    Raises:
        ApiError: 400 if the request is no form.
    """

    def __init__(self, content_type: str, *, max_files: int, max_file_bytes: int) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise invalid("An upload is a form: multipart/form-data with a boundary.")
        self._max_files = max_files
        self._max_file_bytes = max_file_bytes
        self.files: list[FilePart] = []
        self.fields: dict[str, str] = {}
        self._ended = False
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._file: FilePart | None = None
        self._field_name = ""
        self._field_value = bytearray()
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        try:
            self._parser = MultipartParser(
                boundary, callbacks, max_header_count=MAX_HEADERS, max_header_size=MAX_HEADER
            )
        except FormParserError:
            raise _unreadable() from None

    def write(self, data: bytes) -> None:
        """Take in the next bytes.

        Raises:
            ApiError: 400 if they make no sense, 413 if a limit is exceeded.
        """
        try:
            self._parser.write(data)
        except FormParserError:
            raise _unreadable() from None

    def finish(self) -> None:
        """Note that all bytes have come.

        Raises:
            ApiError: 400 if the form is not complete.
        """
        if not self._ended:
            raise _unreadable()

    # -- what the parser finds --------------------------------------------------------------------

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise _unreadable()
        name = _text(options[b"name"])
        self._file = None
        if b"filename" in options:
            if len(self.files) >= self._max_files:
                raise ApiError(
                    413, f"An upload has at most {self._max_files} files.", "TOO_MANY_FILES"
                )
            media_type = _text(self._headers.get(b"content-type", b""))
            self._file = FilePart(name, _text(options[b"filename"]), media_type)
            self.files.append(self._file)
        else:
            if len(self.fields) >= MAX_FIELDS:
                raise invalid(f"A form has at most {MAX_FIELDS} fields beside its files.")
            self._field_name = name
            self._field_value.clear()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            if len(self._field_value) + end - start > MAX_FIELD:
                raise invalid(f"A field of a form has at most {MAX_FIELD} bytes.")
            self._field_value += data[start:end]
            return
        if len(self._file.content) + end - start > self._max_file_bytes:
            limit = self._max_file_bytes / (1024 * 1024)
            raise ApiError(413, f"A file has at most {limit:g} MB.", "FILE_TOO_LARGE")
        self._file.content += data[start:end]

    def _on_part_end(self) -> None:
        if self._file is None:
            self.fields[self._field_name] = _text(bytes(self._field_value))

    def _on_end(self) -> None:
        self._ended = True


def _unreadable() -> ApiError:
    return invalid("The form cannot be understood.")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
