"""The registry: everything the user can do, and the keys for it."""

from __future__ import annotations

from typing import Final

from tui_chat.app.commands.command import Command, Scope
from tui_chat.app.commands.conversation import CONVERSATION
from tui_chat.app.commands.everywhere import EVERYWHERE
from tui_chat.app.commands.finding import FINDING
from tui_chat.app.commands.panels import PANELS
from tui_chat.app.commands.selecting import SELECTING
from tui_chat.app.commands.walking import WALKING
from tui_chat.app.commands.writing import WRITING

__all__ = ["REGISTRY", "Command", "Scope"]

REGISTRY: Final[tuple[Command, ...]] = (
    *WRITING,
    *CONVERSATION,
    *FINDING,
    *WALKING,
    *SELECTING,
    *EVERYWHERE,
    *PANELS,
)
"""Every command, in the order of the help screen."""
