"""F1: every key and every slash command, from the registry."""

from __future__ import annotations

from tui_chat.app.bindings import Scope, commands_in, display_keys
from tui_chat.app.commands import REGISTRY
from tui_chat.app.screens.overlay import Overlay
from tui_chat.app.widgets.sections import Section, Sections

__all__ = ["HelpScreen", "help_sections"]

_ORDER = (
    Scope.PROMPT,
    Scope.CHAT,
    Scope.FINDING,
    Scope.WALKING,
    Scope.SELECTING,
    Scope.APP,
    Scope.QUEUE,
    Scope.SAID,
    Scope.DEBUG,
    Scope.LINKS,
    Scope.SETTINGS,
    Scope.OVERLAY,
    Scope.WELCOME,
)


def help_sections() -> list[Section]:
    """Return the keys, grouped by where they work, and the slash commands."""
    keys: list[Section] = [
        (
            scope.value,
            [(display_keys(command), command.help) for command in commands_in(scope)],
        )
        for scope in _ORDER
    ]
    typed = [
        (f"/{command.slash} {command.argument}".rstrip(), command.help)
        for command in REGISTRY
        if command.slash
    ]
    return [*keys, ("Slash commands", typed)]


class HelpScreen(Overlay):
    """The keys."""

    def __init__(self) -> None:
        super().__init__(
            "Keys",
            Sections(help_sections(), name_style="bold", value_style="$muted"),
            screen_id="help",
        )
