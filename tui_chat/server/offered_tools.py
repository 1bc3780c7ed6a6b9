"""The tools a client offers, read leniently."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from tui_chat.protocol.client_frames import JsonObject
from tui_chat.server.agent import OfferedTool

__all__ = ["offered_tools"]

MAX_TOOLS: Final = 500
"""Tools of one client; further ones are ignored."""


def offered_tools(schemas: Iterable[JsonObject]) -> dict[str, OfferedTool]:
    """Return the tools by name; a schema without a usable name is left out."""
    tools: dict[str, OfferedTool] = {}
    for schema in islice(schemas, MAX_TOOLS):
        name, description = schema.get("name"), schema.get("description")
        parameters = schema.get("parameters")
        if not isinstance(name, str) or not name:
            continue
        tools[name] = OfferedTool(
            name,
            description if isinstance(description, str) else "",
            tuple(
                parameter
                for parameter in (parameters if isinstance(parameters, list) else [])
                if isinstance(parameter, dict)
            ),
        )
    return tools
