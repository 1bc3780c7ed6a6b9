"""Every string that a server's frames can carry, found in the types themselves.

A field that is added to a frame is filled from then on, and a type that this does not know how to
fill is an error: nothing has to be added here by hand, and nothing is left out in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, get_args

import msgspec
from msgspec import inspect

from tui_chat.protocol.server_frames import ServerFrame

__all__ = ["Filler", "frames", "string_fields"]

Filler = Callable[[str], str]
"""Makes the text for a field from its name, like ``ToolCallRequest.callId``."""

_FREE: Final = (inspect.AnyType, inspect.RawType)

# What has to be right for a frame to be understood as more than an unknown one.
_EVENTS: Final[tuple[dict[str, str], ...]] = (
    {"event": "provider-event", "type": "reasoning-start"},
    {"event": "provider-event", "type": "reasoning-delta"},
    {"event": "provider-event", "type": "reasoning-end"},
    {"event": "provider-event", "type": "tool-call"},
    {"event": "provider-event", "type": "tool-result"},
    {"event": "latitude-event", "type": "tool-result"},
    {"event": "provider-event", "type": "text-delta"},
    {"event": "content-delta"},
)


def _types(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        yield from kind.types
    else:
        yield kind


def _value(kind: inspect.Type, name: str, fill: Filler) -> Any:
    """Return a value for a field, hostile where the type lets it be."""
    options = [
        each
        for each in _types(kind)
        if not isinstance(each, inspect.NoneType)
        and getattr(each, "cls", None) is not msgspec.UnsetType
    ]
    if len(options) != 1:
        raise TypeError(f"{name}: cannot tell which of {options} to fill")
    match options[0]:
        case inspect.StrType():
            return fill(name)
        case inspect.IntType():
            return 1
        case inspect.BoolType():
            return True
        case inspect.AnyType() | inspect.RawType():
            return {fill(f"{name}.key"): [fill(f"{name}[]"), {"error": fill(f"{name}.error")}]}
        case inspect.ListType(item_type=item):
            return [_value(item, f"{name}[]", fill)]
        case inspect.DictType(key_type=key, value_type=item):
            return {_value(key, f"{name}.key", fill): _value(item, f"{name}.value", fill)}
        case inspect.StructType() as struct:
            return {
                field.encode_name: _value(field.type, f"{name}.{field.encode_name}", fill)
                for field in struct.fields
            }
        case other:
            raise TypeError(f"{name}: no way to fill {other}")


def frames(fill: Filler) -> dict[str, list[dict[str, Any]]]:
    """Return every frame with every string in it filled, by the frame's ``type``.

    ``chat_event`` comes once for each kind of event, and once as an unknown one.
    """
    made: dict[str, list[dict[str, Any]]] = {}
    for kind in get_args(ServerFrame):
        struct = inspect.type_info(kind)
        assert isinstance(struct, inspect.StructType)
        whole = _value(struct, kind.__name__, fill)
        tag = str(struct.tag)
        variants = [whole]
        if tag == "chat_event":
            for event in _EVENTS:
                data = {**whole["data"], "type": event.get("type", whole["data"]["type"])}
                variants.append({"event": event["event"], "data": data})
        elif tag == "ui_component":
            variants += [
                {**whole, "status": status} for status in ("streaming", "complete", "error")
            ]
        elif "error" in whole:
            variants.append({**whole, "error": fill(f"{kind.__name__}.error")})
        made[tag] = [{"type": tag, **each} for each in variants]
    return made


def string_fields() -> set[str]:
    """Return the names of all fields that are filled."""
    names: set[str] = set()

    def note(name: str) -> str:
        names.add(name)
        return name

    frames(note)
    return names
