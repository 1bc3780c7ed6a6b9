"""Calls of client tools that an agent without a mind of its own can make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tui_chat.server.agent import OfferedTool, Turn

__all__ = ["pick_tool", "sample_arguments"]

# Not for showing off: they ask the user something, or draw something.
_INTERACTIVE_TOOLS: Final = frozenset({"ask_user_question", "render_ui"})


def pick_tool(turn: Turn) -> OfferedTool | None:
    """Return the tool that was named in the message, or else one that needs the least."""
    words = set(turn.text.split())
    named = next((tool for tool in turn.tools if tool.name in words), None)
    callable_tools = [tool for tool in turn.tools if tool.name not in _INTERACTIVE_TOOLS]
    return named or min(callable_tools, key=lambda tool: len(_required(tool)), default=None)


def _required(tool: OfferedTool) -> list[Mapping[str, Any]]:
    return [
        parameter
        for parameter in tool.parameters
        if parameter.get("isRequired") and isinstance(parameter.get("name"), str)
    ]


def sample_arguments(tool: OfferedTool) -> dict[str, Any]:
    """Return something for every parameter that has to be given."""
    return {parameter["name"]: _sample(parameter) for parameter in _required(tool)}


def _sample(parameter: Mapping[str, Any]) -> Any:
    schema = parameter.get("schema")
    if not isinstance(schema, dict):
        schema = {}
    if "default" in schema:
        return schema["default"]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    samples: dict[str, Any] = {
        "integer": 1,
        "number": 1,
        "boolean": True,
        "array": [],
        "object": {},
        "null": None,
    }
    kind = schema.get("type", parameter.get("type"))
    return samples.get(kind, "demo") if isinstance(kind, str) else "demo"
