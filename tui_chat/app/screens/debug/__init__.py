"""The debug info over the conversation: overview, queue, environment, log."""

from tui_chat.app.screens.debug.facts import debug_sections
from tui_chat.app.screens.debug.screen import DebugScreen

__all__ = ["DebugScreen", "debug_sections"]
