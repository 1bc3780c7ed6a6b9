"""What the command line has to do with what is kept: the options, the setting, opening the store.

Nothing of the storage itself is imported before it is needed: most commands do without it, and the
chat's first frame does not wait for it.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import click

from tui_chat.app.settings import Wish
from tui_chat.cli.exits import say
from tui_chat.errors import StorageError

if TYPE_CHECKING:
    from tui_chat.app.archive import Archive, ArchiveOpener, Notice, OpenArchive
    from tui_chat.app.settings import ChatSettings
    from tui_chat.storage import StorageNotice, Store

__all__ = [
    "DAY",
    "RETENTION_VARIABLE",
    "archive_opener",
    "confirmed",
    "conversation_option",
    "ephemeral_option",
    "json_option",
    "new_option",
    "opened_store",
    "retention_days",
    "yes_option",
]

RETENTION_VARIABLE: Final = "TUI_CHAT_RETENTION_DAYS"
DAY: Final = 86_400.0
"""Seconds."""

ephemeral_option = click.option(
    "--ephemeral", is_flag=True, help="Keep nothing on this machine: all is gone at the end."
)
new_option = click.option(
    "--new",
    "fresh",
    is_flag=True,
    help="Begin a new conversation instead of resuming the latest one with this server.",
)
conversation_option = click.option(
    "--conversation",
    metavar="ID",
    default=None,
    help="Open this conversation; `tui-chat history list` shows the ids, the beginning is enough.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document, for programs; nothing is cut."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def retention_days() -> float | None:
    """Return for how many days conversations are kept; None keeps them for ever.

    Raises:
        click.UsageError: if the variable holds anything but a number above 0.
    """
    value = os.environ.get(RETENTION_VARIABLE, "").strip()
    if not value:
        return None
    try:
        days = float(value)
    except ValueError:
        days = math.nan
    if math.isfinite(days) and days > 0:
        return days
    raise click.UsageError(
        f"{RETENTION_VARIABLE} takes a number of days above 0, and {value!r} is not one. Without "
        "it everything is kept."
    )


def archive_opener(
    *, ephemeral: bool, fresh: bool = False, conversation: str | None = None
) -> ArchiveOpener:
    """Return what opens the archive of a server's conversation, for the application.

    The demo is never kept: its server forgets everything at the end.

    Args:
        ephemeral: keep everything in memory.
        fresh: begin a new conversation.
        conversation: the beginning of the id of the one to open; None for the latest.

    Raises:
        click.UsageError: if the retention setting cannot be used, or options exclude each other.
    """
    if conversation is not None and (fresh or ephemeral):
        raise click.UsageError(
            "--conversation opens what is kept: give it without --new and --ephemeral."
        )
    days = None if ephemeral else retention_days()

    usual = Wish(fresh, conversation)

    def opener(settings: ChatSettings, wish: Wish | None = None, /) -> OpenArchive:
        async def open_archive(tell: Callable[[Notice], object]) -> Archive:
            from tui_chat.app.archive import StoredArchive  # noqa: PLC0415 - in the client's thread

            return await StoredArchive.open(
                settings,
                tell,
                ephemeral=ephemeral or settings.demo,
                wish=usual if wish is None else wish,
                retention_days=days,
            )

        return open_archive

    return opener


def confirmed(question: str, *, yes: bool) -> bool:
    """Return whether the user wants it.

    Args:
        question: what is asked.
        yes: the user has said so beforehand, with an option.

    Raises:
        click.UsageError: if there is nobody to ask.
    """
    if yes:
        return True
    if not (sys.stdin and sys.stdin.isatty()):
        raise click.UsageError("There is no terminal to ask: give --yes.")
    return click.confirm(question, err=True)


@asynccontextmanager
async def opened_store() -> AsyncIterator[Store]:
    """Open the user's store for a command; its notices are lines on stderr.

    Raises:
        StorageError: if there is no way to what is kept.
    """
    from tui_chat.storage import Store  # noqa: PLC0415 - see the module

    def notice(found: StorageNotice) -> None:
        say(found.sentence)

    store = await Store.open(on_notice=notice)
    try:
        if store.kind == "memory":
            raise StorageError("What is kept cannot be read, so there is nothing to show.")
        yield store
    finally:
        await store.aclose()
