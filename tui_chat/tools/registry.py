"""Client tools: Python functions a server may call.

A tool is a function with annotated parameters; its JSON Schema comes from the annotations and the
arguments of a call are converted to them before the function sees anything.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tui_chat.daemon_thread import call_in_daemon_thread
from tui_chat.errors import ConfigurationError
from tui_chat.protocol.client_frames import JsonObject, ToolCallResponse
from tui_chat.protocol.codec import encode
from tui_chat.text import one_line

__all__ = ["ClientTool", "ToolError", "ToolRegistry"]

TOOL_TIMEOUT: Final = 60.0
"""Seconds a tool may take; the server gets an error then instead of waiting for ever."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_JSON_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array"})


class ToolError(Exception):
    """Raise this in a tool to answer the server with a message of your own."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    annotation: Any
    required: bool
    schema: JsonObject


class ClientTool:
    """A function the server may call.

    Args:
        function: sync or async, with annotated parameters that can be passed by name. A function
            that is not async runs in a thread, so it may block.
        name: what the server calls it, by default the function's name.
        description: for the model, by default the first paragraph of the docstring.
        descriptions: a sentence per parameter.

    Raises:
        ConfigurationError: if the function cannot be offered that way.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        descriptions: dict[str, str] | None = None,
    ) -> None:
        self.name = name or str(getattr(function, "__name__", ""))
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"{one_line(self.name, 80)!r} is not a tool name: letters, digits, '_', '.' and "
                "'-', at most 64, starting with a letter."
            )
        self._function = function
        self.description = description or _first_paragraph(function)
        self._parameters = tuple(_parameters(self.name, function))
        self._descriptions = dict(descriptions or {})

    def __repr__(self) -> str:
        return f"ClientTool({self.name!r})"

    @property
    def schema(self) -> JsonObject:
        """The tool as the protocol describes it to the server."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": [
                {
                    "name": parameter.name,
                    "type": _json_type(parameter.schema),
                    "description": self._descriptions.get(parameter.name, ""),
                    "isRequired": parameter.required,
                    "schema": parameter.schema,
                }
                for parameter in self._parameters
            ],
        }

    async def call(self, arguments: Any) -> Any:
        """Run the tool and return its result as plain JSON values.

        Args:
            arguments: what the server sent; null counts as no arguments.

        Raises:
            ToolError: with a sentence for the server: bad arguments, too slow, the tool's own
                :class:`ToolError`, or a result that JSON cannot say.
            Exception: whatever else the tool raises.
        """
        values = self._convert({} if arguments is None else arguments)
        deadline = asyncio.timeout(TOOL_TIMEOUT)
        try:
            async with deadline:
                result = await self._run(values)
        except TimeoutError as error:
            if not deadline.expired():  # the tool's own
                raise
            raise ToolError(f"The tool did not finish within {TOOL_TIMEOUT:g} seconds.") from error
        try:
            plain = msgspec.to_builtins(result)
            encode(ToolCallResponse("", result=plain))
        except (TypeError, ValueError, RecursionError) as error:
            raise ToolError("The tool returned something that JSON cannot express.") from error
        return plain

    async def _run(self, values: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(**values)
        result = await call_in_daemon_thread(
            lambda: self._function(**values), name=f"tui-chat tool {self.name}"
        )
        return await result if isinstance(result, Awaitable) else result

    def _convert(self, arguments: Any) -> dict[str, Any]:
        if not isinstance(arguments, dict):
            raise ToolError("The arguments must be a JSON object.")
        known = {parameter.name for parameter in self._parameters}
        if unknown := sorted(str(name) for name in arguments if name not in known):
            raise ToolError(f"Unknown argument {one_line(unknown[0], 64)!r}.")
        values: dict[str, Any] = {}
        for parameter in self._parameters:
            if parameter.name not in arguments:
                if parameter.required:
                    raise ToolError(f"The argument {parameter.name!r} is missing.")
                continue
            try:
                values[parameter.name] = msgspec.convert(
                    arguments[parameter.name], parameter.annotation
                )
            except msgspec.ValidationError as error:
                raise ToolError(
                    f"The argument {parameter.name!r} is wrong: {one_line(str(error))}"
                ) from error
        return values


class ToolRegistry:
    """The tools of one client, by name; a name registered again replaces the tool."""

    def __init__(self, tools: Iterable[ClientTool] = ()) -> None:
        self._tools: dict[str, ClientTool] = {}
        self.add(tools)

    def add(self, tools: Iterable[ClientTool]) -> None:
        """Add tools, each name once."""
        for tool in tools:
            self._tools[tool.name] = tool

    async def call(self, name: str, arguments: Any) -> Any:
        """Run the tool of that name; see :meth:`ClientTool.call`.

        Raises:
            ToolError: also if there is no such tool.
        """
        tool = self._tools.get(name)
        if tool is None:
            raise ToolError("This client has no such tool.")
        return await tool.call(arguments)

    def __iter__(self) -> Iterator[ClientTool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    @property
    def schemas(self) -> list[JsonObject]:
        """All tools as the protocol describes them."""
        return [tool.schema for tool in self._tools.values()]


def _parameters(tool: str, function: Callable[..., Any]) -> Iterator[_Parameter]:
    try:
        signature = inspect.signature(function)
        hints = typing.get_type_hints(function)
    except (TypeError, ValueError, NameError) as error:
        raise ConfigurationError(f"The tool {tool!r} has no signature that can be read.") from error
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigurationError(
                f"The tool {tool!r} takes {str(parameter)!r}, which cannot be passed by name."
            )
        annotation = hints.get(parameter.name, Any)
        try:
            schema = msgspec.json.schema(annotation)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"The tool {tool!r} has a parameter {parameter.name!r} whose type "
                "has no JSON Schema."
            ) from error
        required = parameter.default is parameter.empty
        yield _Parameter(parameter.name, annotation, required, schema)


def _json_type(schema: JsonObject) -> str:
    kind = schema.get("type")
    return kind if kind in _JSON_TYPES else "object"


def _first_paragraph(function: Callable[..., Any]) -> str:
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
