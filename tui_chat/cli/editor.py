"""Which editor ``tui-chat queue edit`` starts."""

from __future__ import annotations

import sys

import click

from tui_chat.app.external_editor import EditedFile, chosen_editor, usual_editor
from tui_chat.errors import TuiChatError

__all__ = ["EditedFile", "editor_command"]


def editor_command() -> list[str]:
    """Return the argument vector of the editor the user has chosen, or of a usual one.

    Raises:
        click.UsageError: if none is chosen and there is no terminal for a usual one, or there is
            none at all, or the variable cannot be split into words.
    """
    try:
        command = chosen_editor()
        if not command and not (sys.stdin and sys.stdin.isatty()):
            raise click.UsageError(
                "There is no terminal for an editor: give the new text with --text or --stdin."
            )
        return command or usual_editor()
    except TuiChatError as error:
        raise click.UsageError(str(error)) from error
