"""Where the token and the server key come from: the environment, or a hidden prompt.

Never from arguments: those are in the process list and in the shell's history.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import click

from tui_chat.secret import Secret

__all__ = ["KEY_VARIABLE", "TOKEN_VARIABLE", "Credentials", "ask_for_missing", "take_credentials"]

TOKEN_VARIABLE = "TUI_CHAT_TOKEN"  # noqa: S105 - the variable's name, not its value
KEY_VARIABLE = "TUI_CHAT_SERVER_KEY"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is known so far; None where the user has not said."""

    token: Secret | None
    key: Secret | None


def take_credentials() -> Credentials:
    """Take both variables out of the environment, so that no child process inherits them."""
    token = os.environ.pop(TOKEN_VARIABLE, "").strip()
    key = os.environ.pop(KEY_VARIABLE, "").strip()
    return Credentials(Secret(token) if token else None, Secret(key) if key else None)


def ask_for_missing(credentials: Credentials) -> tuple[Secret, Secret]:
    """Return token and server key, prompting for what is missing.

    Raises:
        click.UsageError: if something is missing and there is nobody to ask.
    """
    return (
        credentials.token or _ask("Token", TOKEN_VARIABLE),
        credentials.key or _ask("Server key", KEY_VARIABLE),
    )


def _ask(what: str, variable: str) -> Secret:
    if not (sys.stdin and sys.stdin.isatty()):
        raise click.UsageError(
            f"{what} missing: set {variable}, or start tui-chat in a terminal to be asked for it."
        )
    # err=True: a prompt is narration, so that stdout stays data.
    return Secret(str(click.prompt(f"{what} (hidden)", hide_input=True, err=True)).strip())
