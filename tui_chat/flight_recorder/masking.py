"""Takes the secrets out of a wire frame by its structure, before anything of it is kept.

A search for known secrets is not enough: a frame may hold one that this client has never seen, in
a header for an MCP server or in a tool's result. So a frame is decoded, and whatever stands under a
name that is a secret's name is replaced, however deep. A frame that cannot be decoded is not kept.
Nor are the pieces of a streamed text, because half a secret cannot be told from other text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from tui_chat.secret import MASK
from tui_chat.text import shorten

__all__ = ["MAX_DECODED", "FrameMasking", "is_secret_name"]

MAX_DECODED: Final = 128 * 1024
"""Bytes; a larger frame is not decoded: nobody reads it, and the connection would wait for it."""
MAX_STRING: Final = 2_000
"""Characters kept of one string."""
MAX_DEPTH: Final = 40
"""Levels of nesting that are kept; JSON inside a string counts as a level."""

_PUNCTUATION: Final = re.compile(r"[\W_]+")
# Compared without case and punctuation: "X-Api-Key", "api_key" and "apiKey" are one name.
_SECRET_PARTS: Final = (
    "apikey", "bearer", "cookie", "credential", "csrf", "jwt", "oauth", "passphrase", "passwd",
    "password", "pwd", "secret", "sessionid", "signature", "ticket", "token", "xsrf",
)  # fmt: skip
_SECRET_NAMES: Final = frozenset({"key", "keys", "otp", "pass", "pin", "sas", "sid", "sig"})
_SECRET_PATTERN: Final = re.compile(
    rf"{'|'.join(_SECRET_PARTS)}|auth(?!or(?!i[sz]))|key$|^(?:{'|'.join(sorted(_SECRET_NAMES))})$"
)
_ALL_VALUES: Final = ("headers", "environ")
"""Names of mappings of which every value counts as a secret; the names inside stay readable."""
_PAIR_NAMES: Final = frozenset({"name", "key", "header", "field", "variable"})
_PAIR_VALUES: Final = frozenset({"value", "val", "values", "content", "data"})
_PIECES: Final = frozenset({"delta", "textdelta", "argsdelta", "argstextdelta", "partialjson"})

_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{1,40}-----.*?(?:-----END [A-Z ]{1,40}-----|\Z)", re.DOTALL
)
_USERINFO: Final = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]{0,20}://)[^/\s\"'<>?#]{0,400}@")
_QUERY: Final = re.compile(
    r"(?P<before>[?&;#])(?P<name>[^=&;#\s\"'?]{1,80})=(?P<value>[^&;#\s\"'<>]*)"
)
# In running text, in a header line, or in a piece of JSON.
_ASSIGNED: Final = re.compile(
    r"(?<![\w-])(?P<name>[\w-]{2,200})(?P<between>\\*[\"']?\s{0,8}(?:=>|[:=])\s{0,8})"
    r"(?P<value>\\*\"(?:[^\"\\]|\\.)*(?:\"|\\?\Z)|'[^']*(?:'|\Z)"
    r"|(?:(?:bearer|basic|digest|negotiate)\s{1,8})?[^\s,;&\"'}\]]+)",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(
    r"\b(?P<before>(?:bearer|basic|digest|negotiate)\s{1,8})[\w.~+/=-]{6,}", re.IGNORECASE
)
_JWT: Final = re.compile(r"\beyJ[\w-]{4,}\.[\w-]*(?:\.[\w-]*)?")


def is_secret_name(name: str) -> bool:
    """Say whether what goes by this name has to be taken for a secret."""
    # The names of the protocol come again and again; long ones are not worth remembering.
    return _is_secret(name) if len(name) > 60 else _is_secret_cached(name)


def _is_secret(name: str) -> bool:
    return _SECRET_PATTERN.search(_plain(unquote(name))) is not None


_is_secret_cached = lru_cache(maxsize=1024)(_is_secret)


class FrameMasking:
    """Masks the frames of one connection.

    Args:
        known: takes the secrets out of a text that this client knows, its ticket for instance.
    """

    def __init__(self, known: Callable[[str], str] = str) -> None:
        self._known = known

    def frame(self, payload: bytes) -> str | None:
        """Return a frame as compact JSON without secrets, None if that cannot be made.

        It cannot where the frame is not JSON in UTF-8, nested too deeply to be read, or larger
        than :data:`MAX_DECODED`.
        """
        if len(payload) > MAX_DECODED:
            return None
        try:
            masked = self._value(msgspec.json.decode(payload), 0)
            return msgspec.json.encode(masked).decode()
        except (ValueError, OverflowError, RecursionError):
            return None

    def text(self, text: str) -> str:
        """Return at most :data:`MAX_STRING` characters of a text, without its secrets.

        Those that this client knows, and those that their surroundings give away.
        """
        length = len(text)
        # What is known goes first: the cut could leave half of it.
        text = shorten(self._known(text), MAX_STRING)
        text = _PRIVATE_KEY.sub(MASK, text)
        text = _USERINFO.sub(_kept_before, text)
        text = _QUERY.sub(_query, text)
        text = _ASSIGNED.sub(_assigned, text)
        text = _SCHEME.sub(_kept_before, text)
        text = _JWT.sub(MASK, text)
        return text if length <= MAX_STRING else f"{text} ({length:,} characters)"

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._string(value, depth)
        if not isinstance(value, dict | list):
            return value
        if depth >= MAX_DEPTH:
            return "(nested deeper)"
        return self._mapping(value, depth) if isinstance(value, dict) else self._list(value, depth)

    def _mapping(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        # A header as an object with its name and its value.
        is_pair = any(
            isinstance(item, str) and is_secret_name(item)
            for key, item in value.items()
            if _plain(key) in _PAIR_NAMES
        )
        kind = value.get("type")
        pieces = (
            _PIECES | {"text"} if isinstance(kind, str) and kind.endswith("-delta") else _PIECES
        )
        masked: dict[str, Any] = {}
        for key, item in value.items():
            plain, shown = _plain(key), self._name(key)
            if any(part in plain for part in _ALL_VALUES):
                masked[shown] = self._leaves(item, depth)
            elif is_secret_name(key) or (is_pair and plain in _PAIR_VALUES):
                masked[shown] = MASK
            elif plain in pieces and isinstance(item, str):
                masked[shown] = f"({len(item):,} characters)"
            else:
                masked[shown] = self._value(item, depth + 1)
        return masked

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        masked: list[Any] = []
        announced = False  # ["Authorization", "Bearer ..."], ["--token", "..."]
        for item in value:
            secret = announced and not isinstance(item, dict | list)
            masked.append(MASK if secret else self._value(item, depth + 1))
            announced = isinstance(item, str) and len(item) <= 60 and is_secret_name(item)
        return masked

    def _leaves(self, value: Any, depth: int) -> Any:
        """Return mappings with their names and without their values."""
        if isinstance(value, dict) and depth < MAX_DEPTH:
            return {self._name(key): self._leaves(item, depth + 1) for key, item in value.items()}
        return MASK

    def _name(self, name: str) -> str:
        # An identifier holds none of the signs by which an unknown secret could be told.
        simple = len(name) <= 200 and name.isidentifier()
        return self._known(name) if simple else self.text(name)

    def _string(self, value: str, depth: int) -> str:
        # A tool's arguments and results are often JSON once more, as text.
        if depth < MAX_DEPTH and value.lstrip()[:1] in ("{", "[", '"'):
            try:
                inner = self._value(msgspec.json.decode(value), depth + 1)
                shown = msgspec.json.encode(inner).decode()
            except (ValueError, OverflowError, RecursionError):
                return self.text(value)
            cut = shorten(shown, MAX_STRING)
            return cut if cut == shown else f"{cut} ({len(value):,} characters)"
        return self.text(value)


def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name.lower())


def _kept_before(match: re.Match[str]) -> str:
    at = "@" if match.group().endswith("@") else ""
    return f"{match['before']}{MASK}{at}"


def _query(match: re.Match[str]) -> str:
    return f"{match['before']}{match['name']}={MASK}" if is_secret_name(match["name"]) else match[0]


def _assigned(match: re.Match[str]) -> str:
    if not is_secret_name(match["name"]):
        return match[0]
    quote = match["value"][0] if match["value"][0] in "\"'" else ""
    return f"{match['name']}{match['between']}{quote}{MASK}{quote}"
