"""The options about how the chat looks, which come before what the user's settings say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

__all__ = ["look_options"]

# The names as in tui_chat.app.theme, which would import Textual.
_NAMES: Final = ("auto", "dark", "light", "high-contrast", "ansi")


def look_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--theme`` and ``--plain``."""
    return _theme(_plain(command))


_theme = click.option(
    "--theme",
    type=click.Choice(_NAMES),
    default=None,
    show_default="as in your settings",
    envvar="TUI_CHAT_THEME",
    show_envvar=True,
    callback=lambda _context, _parameter, value: value or "",
    help="Colours, for this time; 'ansi' are the 16 of the terminal. NO_COLOR turns all off.",
)
_plain = click.option(
    "--plain",
    is_flag=True,
    help="For screen readers: no frames or bars, words in place of symbols.",
)
