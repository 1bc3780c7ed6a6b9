"""What the user can do: one command, and where it works."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = ["Command", "Scope"]


class Scope(StrEnum):
    """Where a key works; the value is the heading on the help screen."""

    PROMPT = "Writing"
    CHAT = "The conversation"
    FINDING = "Finding words in the conversation"
    WALKING = "Message by message, when the conversation has the focus"
    SELECTING = "Selecting, when the conversation has the focus"
    APP = "Everywhere"
    WELCOME = "The first screen"
    OVERLAY = "Help, queue and the other panels"
    QUEUE = "The queue"
    SAID = "Your messages"
    DEBUG = "The debug info"
    LINKS = "Links"
    SETTINGS = "The settings"


class Command(NamedTuple):
    """One thing the user can do, and the keys for it.

    Attributes:
        id: stable name, for configuration and documentation.
        keys: Textual's names of the keys; the first one is shown where there is room for one.
            Terminals keep some function keys and some Alt keys for themselves, so commands that
            have one of these have another one too. Without any, the palette is the way.
        action: the Textual action that is run.
        label: one or two words for the footer.
        help: a sentence for the help screen and the palette.
        scope: where it works.
        footer: position in the footer, from 1; 0 keeps it out.
        priority: whether it works even where the focused widget uses the key itself.
        palette: the palette's title; empty keeps it out.
        slash: what is typed behind a ``/`` in an empty prompt to run it; empty keeps it out.
            Whatever the palette offers, and whatever has a function key, has one.
        argument: what may follow behind the slash command's name, in one word for the help; the
            action takes it as a text. Empty for commands that take nothing.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    label: str
    help: str
    scope: Scope
    footer: int = 0
    priority: bool = False
    palette: str = ""
    slash: str = ""
    argument: str = ""
