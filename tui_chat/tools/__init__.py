"""Client tools: functions of this program that the server may call."""

from __future__ import annotations

from tui_chat.tools.calls import ToolCalls
from tui_chat.tools.registry import ClientTool, ToolError, ToolRegistry

__all__ = ["ClientTool", "ToolCalls", "ToolError", "ToolRegistry"]
