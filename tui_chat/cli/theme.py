"""The option that chooses light or dark."""

from __future__ import annotations

import click

__all__ = ["theme_option"]

# The names as in tui_chat.app.theme, which would import Textual.
_NAMES = {"dark": "tui-chat-dark", "light": "tui-chat-light"}

theme_option = click.option(
    "--theme",
    type=click.Choice(list(_NAMES)),
    default="dark",
    show_default=True,
    envvar="TUI_CHAT_THEME",
    show_envvar=True,
    callback=lambda _context, _parameter, value: _NAMES[value],
    help="Colours for a dark or a light terminal.",
)
