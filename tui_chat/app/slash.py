"""Slash commands: what counts as one, and what a beginning of one can become. No widget.

A text is a command when it is one line that begins with ``/`` and a word of small letters and
hyphens, with nothing or a blank behind it. So ``/usr/bin/x is broken``, ``/2``, and whatever has a
second line, is a message like any other. ``//word`` sends ``/word``; a blank in front does as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from tui_chat.app.commands import REGISTRY, Command

__all__ = [
    "COMMANDS",
    "Completer",
    "Invocation",
    "Suggestion",
    "escape",
    "nearest",
    "parse",
    "sent",
]

COMMANDS: Final[dict[str, Command]] = {c.slash: c for c in REGISTRY if c.slash}
"""The commands by what is typed, without the slash, in the order of the registry."""

LONGEST: Final = 200
"""Characters; a longer line is no command, and is not looked through at each key."""

_COMMAND: Final = re.compile(r"/([a-z][a-z-]*)(?:[ \t]+(.*))?")
_BEGINNING: Final = re.compile(r"/([a-z-]*)")
_WITH_ARGUMENT: Final = re.compile(r"/([a-z][a-z-]*)[ \t]+(.*)")


class Invocation(NamedTuple):
    """A command as it was typed.

    Attributes:
        name: the word behind the slash; not necessarily one that exists.
        argument: what stands behind the name, without blanks around it.
    """

    name: str
    argument: str = ""

    @property
    def command(self) -> Command | None:
        """The command of this name; None if there is none."""
        return COMMANDS.get(self.name)

    @property
    def possible(self) -> bool:
        """Whether it can be run as it was typed."""
        command = self.command
        return command is not None and bool(command.argument or not self.argument)


def parse(text: str) -> Invocation | None:
    """Return the command that ``text`` is; None for a message."""
    if not text.startswith("/") or len(text) > LONGEST:
        return None
    match = _COMMAND.fullmatch(text)
    return None if match is None else Invocation(match[1], (match[2] or "").strip())


def sent(text: str) -> str:
    """Return what is sent for ``text``: ``//word`` is a message that begins with ``/word``."""
    return text[1:] if text.startswith("//") and _looks_like_one(text) else text


def escape(text: str) -> str:
    """Return what has to stand in the prompt so that ``text`` is sent; undone by :func:`sent`."""
    return f"/{text}" if _looks_like_one(text) else text


def _looks_like_one(text: str) -> bool:
    """Say whether ``text`` is a command but for the number of slashes."""
    return text.startswith("/") and parse(f"/{text.lstrip('/')}") is not None


def nearest(name: str) -> str:
    """Return the name of a command that may have been meant; empty if none is like it."""
    ranked = _ranked(name)
    close = get_close_matches(name, COMMANDS, 1, 0.5)
    return (close or ranked or [""])[0]


def _ranked(typed: str) -> list[str]:
    """Return the names that fit: the very one, those that begin so, those with these letters."""
    begin = sorted((n for n in COMMANDS if n.startswith(typed)), key=lambda name: name != typed)
    inside = [name for name in COMMANDS if typed in name and name not in begin]
    loose = [
        name
        for name in COMMANDS
        if name not in begin and name not in inside and _holds_in_order(name, typed)
    ]
    return begin + inside + loose


def _holds_in_order(name: str, typed: str) -> bool:
    letters = iter(name)
    return all(letter in letters for letter in typed)


class Suggestion(NamedTuple):
    """A line of the list.

    Attributes:
        text: what the prompt holds when it is taken.
        help: one sentence.
        hint: a word for what may follow; empty if nothing does.
    """

    text: str
    help: str
    hint: str = ""


def _no_choices(_: Command) -> Sequence[str]:
    return ()


class Completer:
    """The list that goes with what is being typed, and which line of it is chosen.

    Args:
        choices: returns the arguments that a command can be given, if they can be listed.
    """

    def __init__(self, choices: Callable[[Command], Sequence[str]] = _no_choices) -> None:
        self.choices = choices
        self._text = ""
        self._closed = False
        self.suggestions: tuple[Suggestion, ...] = ()
        self.at: int | None = None
        """The chosen line. None if nothing begins as typed: then nothing is taken unasked."""

    @property
    def open(self) -> bool:
        """Whether there is anything to choose from."""
        return bool(self.suggestions) and not self._closed

    @property
    def chosen(self) -> Suggestion | None:
        """The chosen line."""
        return self.suggestions[self.at] if self.open and self.at is not None else None

    def see(self, text: str) -> None:
        """Take in what stands in the prompt; the same text changes nothing."""
        if text == self._text:
            return
        # Closed with Esc, it stays so until another command is begun.
        self._closed = self._closed and text.startswith("/") and len(text) > 1
        self._text = text
        self.suggestions, first_fits = self._suggest(text)
        self.at = 0 if self.suggestions and first_fits else None

    def move(self, step: int) -> None:
        """Choose another line; behind the last one comes the first."""
        if self.at is None:
            self.at = 0 if step > 0 else len(self.suggestions) - 1
        else:
            self.at = (self.at + step) % len(self.suggestions)

    def close(self) -> None:
        """Offer no more until the prompt was empty or began otherwise."""
        self._closed = True

    def _suggest(self, text: str) -> tuple[tuple[Suggestion, ...], bool]:
        if not text.startswith("/") or len(text) > LONGEST:
            return (), False
        if (match := _BEGINNING.fullmatch(text)) is not None:
            typed = match[1]
            names = _ranked(typed)
            found = tuple(
                Suggestion(f"/{name}", COMMANDS[name].help, COMMANDS[name].argument)
                for name in names
            )
            return found, bool(names) and names[0].startswith(typed)
        if (match := _WITH_ARGUMENT.fullmatch(text)) is None or match[1] not in COMMANDS:
            return (), False
        command, typed = COMMANDS[match[1]], match[2]
        fitting = [choice for choice in self.choices(command) if choice.startswith(typed)]
        return tuple(
            Suggestion(f"/{command.slash} {choice}", command.help) for choice in fitting
        ), True
