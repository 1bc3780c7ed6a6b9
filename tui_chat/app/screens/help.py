"""F1: every key, from the registry."""

from __future__ import annotations

from tui_chat.app.bindings import Scope, commands_in, display_keys
from tui_chat.app.screens.overlay import Overlay
from tui_chat.app.widgets.sections import Section, Sections

__all__ = ["HelpScreen", "help_sections"]

_ORDER = (
    Scope.PROMPT,
    Scope.CHAT,
    Scope.APP,
    Scope.QUEUE,
    Scope.SAID,
    Scope.OVERLAY,
    Scope.WELCOME,
)


def help_sections() -> list[Section]:
    """Return the keys, grouped by where they work."""
    return [
        (
            scope.value,
            [(display_keys(command.keys), command.help) for command in commands_in(scope)],
        )
        for scope in _ORDER
    ]


class HelpScreen(Overlay):
    """The keys."""

    def __init__(self) -> None:
        super().__init__(
            "Keys",
            Sections(help_sections(), name_style="bold", value_style="$muted"),
            screen_id="help",
        )
