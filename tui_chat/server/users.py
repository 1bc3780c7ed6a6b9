"""Who may ask for tickets: credentials, where they come from, and how they are compared."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tui_chat.errors import ConfigurationError
from tui_chat.secret import Secret
from tui_chat.text import one_line

__all__ = [
    "KEY_VARIABLE",
    "TOKEN_VARIABLE",
    "CredentialsRefused",
    "User",
    "UserDirectory",
    "load_users",
    "readable_by_others",
    "take_from_environment",
]

TOKEN_VARIABLE: Final = "TUI_CHAT_TOKEN"  # noqa: S105 -- the name of a variable
KEY_VARIABLE: Final = "TUI_CHAT_SERVER_KEY"

MAX_USERS_FILE: Final = 1024 * 1024
"""Bytes; a users file above this size is refused."""


class CredentialsRefused(Exception):
    """A token or key is missing or unknown.

    Attributes:
        code: ``AUTH_MISSING``, ``AUTH_INVALID`` or ``SERVER_KEY_INVALID``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class User:
    """One user of the server.

    Attributes:
        token: the user's token.
        key: the key of the application the user calls with.
        user_id: the user's id; None for the single user of a server that was started without a
            users file, who may call himself what he likes.
        name: how log lines and the agent call the user.
    """

    token: Secret
    key: Secret
    user_id: str | None = None
    name: str = ""

    @classmethod
    def at_random(cls, *, token: Secret | None = None, key: Secret | None = None) -> User:
        """Return a user with random credentials for whatever is not given (256 bits each)."""
        return cls(
            token=token or Secret(secrets.token_urlsafe(32)),
            key=key or Secret(secrets.token_urlsafe(32)),
        )

    @property
    def identity(self) -> str:
        """What tickets, threads and limits are filed under."""
        return self.user_id if self.user_id is not None else "local"

    @property
    def label(self) -> str:
        """The user for log lines: cleaned, bounded, never a secret."""
        return one_line(self.name or self.identity, 40)


class UserDirectory:
    """Finds the user that belongs to a token and a key.

    Raises:
        ConfigurationError: without users, or if two share an id or a pair of credentials.
    """

    def __init__(self, users: Iterable[User]) -> None:
        self._users = tuple(users)
        if not self._users:
            raise ConfigurationError("A server needs at least one user.")
        ids = {user.identity for user in self._users}
        pairs = {(user.token, user.key) for user in self._users}
        if len(ids) < len(self._users) or len(pairs) < len(self._users):
            raise ConfigurationError("Two users have the same id or the same credentials.")
        for user in self._users:
            if not (_sendable(user.token) and _sendable(user.key)):
                raise ConfigurationError(
                    f"The token or the key of {user.label} is empty, or holds something that an "
                    "HTTP header cannot carry."
                )

    @property
    def users(self) -> tuple[User, ...]:
        """All users, in the order they were given."""
        return self._users

    def authenticate(self, token: Secret | None, key: Secret | None) -> User:
        """Return the user who holds both.

        Every user is looked at and every comparison takes the same time, so that the time until
        the answer says nothing about how close a guess was.

        Raises:
            CredentialsRefused: whose code says which of the two is the problem.
        """
        if not token:
            raise CredentialsRefused("AUTH_MISSING", "The request carries no user token.")
        found: User | None = None
        key_known = False
        for user in self._users:
            key_matches = key is not None and user.key == key
            token_matches = user.token == token
            key_known |= key_matches
            if key_matches & token_matches:
                found = user
        if not key_known:
            raise CredentialsRefused("SERVER_KEY_INVALID", "The server key is not known here.")
        if found is None:
            raise CredentialsRefused("AUTH_INVALID", "The user token is not valid.")
        return found


def _sendable(secret: Secret) -> bool:
    text = secret.reveal()
    return bool(text) and text.isascii() and text.isprintable() and text == text.strip()


def take_from_environment(environ: MutableMapping[str, str]) -> tuple[Secret | None, Secret | None]:
    """Return token and key from the environment, and remove them from it.

    Removed, because whatever this process starts later would inherit them.
    """
    token = environ.pop(TOKEN_VARIABLE, "").strip()
    key = environ.pop(KEY_VARIABLE, "").strip()
    return (Secret(token) if token else None, Secret(key) if key else None)


class _UserEntry(msgspec.Struct, forbid_unknown_fields=True):
    token: str
    key: str
    user_id: str
    name: str = ""


class _UsersFile(msgspec.Struct, forbid_unknown_fields=True):
    users: list[_UserEntry]


def load_users(path: Path) -> tuple[User, ...]:
    """Read users from a JSON or TOML file.

    A TOML file holds ``[[users]]`` tables, a JSON file ``{"users": [...]}``, each entry with
    ``token``, ``key``, ``user_id`` and, if wanted, ``name``.

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
    decode = msgspec.toml.decode if path.suffix.lower() == ".toml" else msgspec.json.decode
    try:
        entries = decode(data, type=_UsersFile).users
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ConfigurationError(
            f"The users file {shown} cannot be understood: {one_line(str(error), 120)}. It needs a "
            "list named users, each entry with token, key, user_id and, if you like, name."
        ) from None
    users = tuple(
        User(Secret(entry.token), Secret(entry.key), entry.user_id, entry.name) for entry in entries
    )
    try:
        UserDirectory(users)
    except ConfigurationError as error:
        raise ConfigurationError(f"The users file {shown} cannot be used. {error}") from None
    return users


def readable_by_others(path: Path) -> bool:
    """Say whether other users of this machine may read the file (False where nobody can tell)."""
    if os.name != "posix":
        return False
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
