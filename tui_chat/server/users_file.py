"""The users file: several users of one server, from TOML or JSON, and what is wrong with it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, Final

from tui_chat.errors import ConfigurationError
from tui_chat.secret import Secret
from tui_chat.server.users import User, UserDirectory
from tui_chat.text import one_line

__all__ = ["load_users"]

MAX_USERS_FILE: Final = 1024 * 1024
"""Bytes; a users file above this size is refused."""
MAX_USERS: Final = 1000
"""Every request compares its credentials with those of every user."""

_NEEDED: Final = ("token", "key", "user_id")
_KNOWN: Final = {"token": str, "key": str, "user_id": str, "name": str, "blocked": bool}
_SHAPE: Final = (
    "It needs a list named users, each entry with token, key, user_id and, if you like, name."
)
_KINDS: Final = {str: "text in quotes", bool: "true or false"}
_POSITION: Final = re.compile(r"\(at line (\d+), column \d+\)")


def load_users(path: Path) -> tuple[User, ...]:
    """Read users from a JSON or TOML file.

    A TOML file holds ``[[users]]`` tables, a JSON file ``{"users": [...]}``, each entry with
    ``token``, ``key``, ``user_id`` and, if wanted, ``name`` and ``blocked``.

    Raises:
        ConfigurationError: if the file cannot be read or does not look like that. The message
            names the place and never repeats a value.
    """
    shown = one_line(str(path), 120)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_USERS_FILE + 1)
    except OSError as error:
        reason = one_line(error.strerror or type(error).__name__, 80)
        raise ConfigurationError(f"The users file {shown} cannot be read: {reason}.") from None
    if len(data) > MAX_USERS_FILE:
        raise ConfigurationError(f"The users file {shown} is larger than 1 MiB.")
    is_toml = path.suffix.lower() == ".toml"
    text = _decoded(data, shown)
    value = _parsed(text, shown, is_toml=is_toml)
    lines = _lines_of_entries(text) if is_toml else []
    users = tuple(
        _user(entry, _place(shown, number, lines))
        for number, entry in enumerate(_entries(value, shown))
    )
    try:
        UserDirectory(users)
    except ConfigurationError as error:
        raise ConfigurationError(f"The users file {shown} cannot be used. {error}") from None
    return users


def _decoded(data: bytes, shown: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"The users file {shown} is not UTF-8 text (line {line}). Save it as UTF-8."
        ) from None


def _parsed(text: str, shown: str, *, is_toml: bool) -> Any:
    kind = "TOML" if is_toml else "JSON"
    line = ""
    try:
        return tomllib.loads(text) if is_toml else json.loads(text)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, column {error.colno}"
    except tomllib.TOMLDecodeError as error:
        # The parser's own words are for those who write parsers, and may quote what is there.
        found = _POSITION.search(str(error))
        line = f"line {found[1]}" if found else "the end"
    except (RecursionError, ValueError):
        raise ConfigurationError(
            f"The users file {shown} is not what it should be. {_SHAPE}"
        ) from None
    raise ConfigurationError(
        f"The users file {shown} is not valid {kind}: look at {line}. Something is missing or too "
        f"much there, such as a quotation mark, a comma or a bracket."
    )


def _entries(value: Any, shown: str) -> list[Any]:
    users = value.get("users") if isinstance(value, dict) else None
    if not isinstance(users, list):
        raise ConfigurationError(f"The users file {shown} has no list of users. {_SHAPE}")
    if not users:
        raise ConfigurationError(f"The users file {shown} names no user. {_SHAPE}")
    if len(users) > MAX_USERS:
        raise ConfigurationError(
            f"The users file {shown} names {len(users)} users; a server has at most {MAX_USERS}."
        )
    others = sorted(one_line(str(name), 40) for name in value if name != "users")
    if others:
        raise ConfigurationError(
            f"The users file {shown} has {others[0]} beside the list of users, which means nothing "
            "here. Every user is an entry of the list."
        )
    return users


def _user(entry: Any, place: str) -> User:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{place} is no entry with names and values. {_SHAPE}")
    for name in _NEEDED:
        if name not in entry:
            raise ConfigurationError(f"{place} has no {name}. {_SHAPE}")
    for name, value in entry.items():
        kind = _KNOWN.get(name)
        if kind is None:
            known = ", ".join(_KNOWN)
            raise ConfigurationError(
                f"{place} has {one_line(name, 40)}, which means nothing here. It may have {known}."
            )
        if not isinstance(value, kind):
            raise ConfigurationError(f"{place} has a {name} that is not {_KINDS[kind]}.")
    return User(
        Secret(entry["token"]),
        Secret(entry["key"]),
        entry["user_id"],
        entry.get("name", ""),
        entry.get("blocked", False),
    )


def _place(shown: str, number: int, lines: list[int]) -> str:
    """Name an entry: where it begins, if that is known, else the how many-th it is."""
    line = f" (line {lines[number]})" if number < len(lines) else ""
    return f"User {number + 1}{line} of the users file {shown}"


def _lines_of_entries(text: str) -> list[int]:
    """Return the lines of a TOML file where an entry of ``users`` begins."""
    heading = re.compile(r"\s*\[\[\s*users\s*\]\]")
    return [number for number, line in enumerate(text.splitlines(), 1) if heading.match(line)]
