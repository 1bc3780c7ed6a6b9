"""Who may ask for tickets: credentials, where they come from, and how they are compared."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tui_chat.errors import ConfigurationError
from tui_chat.secret import Secret
from tui_chat.text import one_line

__all__ = [
    "KEY_VARIABLE",
    "TOKEN_VARIABLE",
    "CredentialsRefused",
    "User",
    "UserDirectory",
    "readable_by_others",
    "take_from_environment",
]

TOKEN_VARIABLE: Final = "TUI_CHAT_TOKEN"  # noqa: S105 -- the name of a variable
KEY_VARIABLE: Final = "TUI_CHAT_SERVER_KEY"


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
        blocked: whether the user's credentials are good and yet do not let them in (403).
    """

    token: Secret
    key: Secret
    user_id: str | None = None
    name: str = ""
    blocked: bool = False

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


def readable_by_others(path: Path) -> bool:
    """Say whether other users of this machine may read the file (False where nobody can tell)."""
    if os.name != "posix":
        return False
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
