"""Text and numbers in a form that SQLite and JSON can carry."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

__all__ = ["decode_json", "encode_json", "finite", "whole"]

_encoder: Final = msgspec.json.Encoder(enc_hook=str)
_decoder: Final = msgspec.json.Decoder()


def whole(text: str) -> str:
    """Return ``text`` with the halves of surrogate pairs joined, or replaced by U+FFFD.

    As :mod:`tui_chat.protocol.codec` does: UTF-8 has no form for a half.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def finite(number: float) -> float:
    """Return ``number``, or 0 if it is none; SQLite reads a NaN as NULL."""
    return number if math.isfinite(number) else 0.0


def encode_json(value: Any) -> bytes:
    """Return a value as JSON. Never raises: what JSON cannot say becomes its text."""
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):  # a UnicodeError is a ValueError
        try:
            return _encoder.encode(_plain(value, 64))
        except RecursionError:
            return b"null"


def decode_json(data: bytes | str) -> Any:
    """Return the value of JSON that was stored, None if it cannot be read."""
    try:
        return _decoder.decode(data)
    except (ValueError, RecursionError):
        return None


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return whole(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 64 else float_of(value)
    if depth == 0:
        return "…"
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name), depth - 1) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {whole(str(key)): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth - 1) for item in value]
    return whole(str(value))


def float_of(number: int) -> float | str:
    """Return a number too big for JSON readers as a float, or as text if even that is too small."""
    try:
        return float(number)
    except OverflowError:
        return "a number too big to be stored"
