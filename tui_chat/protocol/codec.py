"""One codec for both directions of the WebSocket.

Decoding never raises: what cannot be understood comes back as an :class:`IgnoredFrame` that says
why, so that a bad frame costs itself and nothing else. Client and server use the same codec with
the other set of frames.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from tui_chat.protocol.client_frames import ClientFrame
from tui_chat.protocol.server_frames import ServerFrame
from tui_chat.text import one_line

__all__ = [
    "CLIENT_FRAMES",
    "MAX_FRAME_BYTES",
    "SERVER_FRAMES",
    "FrameDecoder",
    "IgnoredFrame",
    "IgnoredReason",
    "encode",
    "error_text",
]

MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""Frames above this size are refused before they are decoded (DESIGN: 16 MiB, configurable)."""

IgnoredReason = Literal[
    "binary",
    "invalid_utf8",
    "invalid_json",
    "too_deep",
    "not_an_object",
    "unknown_type",
    "malformed",
]

Frame = TypeVar("Frame")


class IgnoredFrame(msgspec.Struct, frozen=True):
    """A frame that was received and could not be used.

    Attributes:
        reason: the kind of trouble, a small fixed set, usable as a counter's label.
        detail: where it is wrong, for people: cleaned, bounded, without the frame's content.
        frame_type: the frame's ``type`` where it could be read, cleaned and bounded.
        size: bytes on the wire.
        bare: the frame without its unreadable details, where it still means something without
            them (a ``chat_finished`` with a bad ``data`` still ends the run); else None.
    """

    reason: IgnoredReason
    detail: str
    frame_type: str
    size: int
    bare: Any = None


class _Envelope(msgspec.Struct):
    """Just enough to name a frame that the full decoder refused."""

    type: Any = None


_envelope: Final = msgspec.json.Decoder(_Envelope)
_encoder: Final = msgspec.json.Encoder()


class FrameDecoder(Generic[Frame]):
    """Decodes the frames of one direction.

    Args:
        frames: a union of tagged structures, such as ``ServerFrame``.
    """

    def __init__(self, frames: Any) -> None:
        self._frames = frames
        self._decode: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(frames)
        kinds = {str(kind.__struct_config__.tag): kind for kind in frames.__args__}
        self._types = frozenset(kinds)
        self._bare: dict[str, Frame] = {
            name: kind() for name, kind in kinds.items() if _all_optional(kind)
        }

    @property
    def types(self) -> frozenset[str]:
        """The ``type`` values this decoder knows."""
        return self._types

    def decode(self, data: bytes | str, *, binary: bool = False) -> Frame | IgnoredFrame:
        """Return the typed frame, or an :class:`IgnoredFrame`. Never raises.

        Args:
            data: the frame's payload; bytes are read as UTF-8.
            binary: whether the frame came with the binary opcode, which the protocol does not use.
        """
        if binary:
            return IgnoredFrame(
                "binary", "binary frames are not part of this protocol", "", len(data)
            )
        try:
            return self._decode.decode(data)
        except UnicodeError:
            return IgnoredFrame("invalid_utf8", "the text is not valid UTF-8", "", len(data))
        except msgspec.ValidationError as error:
            return self._explain(data, str(error))
        except msgspec.DecodeError as error:
            frame = self._with_lone_surrogates(data)
            if frame is not None:
                return frame
            return IgnoredFrame("invalid_json", one_line(str(error)), "", len(data))
        except RecursionError:
            return IgnoredFrame("too_deep", "the JSON is nested too deeply", "", len(data))

    def _with_lone_surrogates(self, data: bytes | str) -> Frame | None:
        """Read a frame that holds half of a surrogate pair, which only this decoder refuses.

        Servers that cut text by UTF-16 units send such halves when an emoji falls on the cut.
        """
        halves = b"\\ud" in data.lower() if isinstance(data, bytes) else "\\ud" in data.lower()
        if not halves:
            return None
        try:
            return msgspec.convert(json.loads(data), self._frames)  # type: ignore[no-any-return]
        except (ValueError, RecursionError):  # bad JSON, bad UTF-8, not a frame
            return None

    def _explain(self, data: bytes | str, detail: str) -> IgnoredFrame:
        """Name what is wrong with JSON that is well formed but not one of our frames."""
        size = len(data)
        try:
            frame_type = _envelope.decode(data).type
        except msgspec.ValidationError:
            return IgnoredFrame("not_an_object", "a frame must be a JSON object", "", size)
        except msgspec.DecodeError as error:
            # The full decoder stops at the first mismatch, so bad JSON may show only here.
            return IgnoredFrame("invalid_json", one_line(str(error)), "", size)
        except RecursionError:
            return IgnoredFrame("too_deep", "the JSON is nested too deeply", "", size)
        except UnicodeError:
            return IgnoredFrame("invalid_utf8", "the text is not valid UTF-8", "", size)
        if not isinstance(frame_type, str):
            return IgnoredFrame("malformed", "the frame has no type", "", size)
        name = one_line(frame_type, 64)
        if frame_type not in self._types:
            return IgnoredFrame("unknown_type", f"unknown frame type {name!r}", name, size)
        return IgnoredFrame("malformed", one_line(detail), name, size, self._bare.get(frame_type))


def _all_optional(kind: type[msgspec.Struct]) -> bool:
    return not any(field.required for field in msgspec.structs.fields(kind))


SERVER_FRAMES: Final[FrameDecoder[ServerFrame]] = FrameDecoder(ServerFrame)
"""Decodes what a server sends; used by the client."""

CLIENT_FRAMES: Final[FrameDecoder[ClientFrame]] = FrameDecoder(ClientFrame)
"""Decodes what a client sends; used by the server."""


def encode(frame: msgspec.Struct) -> bytes:
    """Return a frame as UTF-8 JSON with its keys in declaration order.

    Lone surrogates, which JSON text cannot carry, are replaced by U+FFFD.

    Raises:
        TypeError: if the frame holds a value that JSON has no word for.
        ValueError: if it is nested too deeply to be encoded.
    """
    try:
        try:
            return _encoder.encode(frame)
        except UnicodeEncodeError:
            return _encoder.encode(
                _without_surrogates(msgspec.to_builtins(frame, builtin_types=(msgspec.Raw,)))
            )
    except RecursionError as error:
        raise ValueError("the value is nested too deeply to be sent") from error


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | msgspec.Raw):
        return [_without_surrogates(item) for item in value]
    return value


def error_text(error: Any, *, limit: int = 500) -> str:
    """Return what a person can use of a server's ``error`` value, cleaned and bounded.

    Servers send a sentence, or an object that holds one under ``message``, ``error`` or
    ``detail``; anything else is not shown.
    """
    for _ in range(4):
        if isinstance(error, str):
            return one_line(error, limit)
        if not isinstance(error, dict):
            break
        error = next((error[key] for key in ("message", "error", "detail") if error.get(key)), None)
    return ""
