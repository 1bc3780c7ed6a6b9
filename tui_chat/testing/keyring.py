"""A keyring that keeps secrets in memory, and misbehaves as real ones do.

::

    with MemoryKeyring().installed() as ring:
        ring.locked = True
        run_your_program()
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import keyring.core
from keyring.backend import KeyringBackend
from keyring.compat import properties
from keyring.errors import KeyringLocked, PasswordDeleteError

from tui_chat.secret import Secret

__all__ = ["KeyringCall", "MemoryKeyring"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeyringCall:
    """What a program asked of the keyring; without the secret.

    Attributes:
        operation: ``get``, ``set`` or ``delete``.
        service: the service's name.
        username: the entry's name.
    """

    operation: str
    service: str
    username: str


class MemoryKeyring(KeyringBackend):
    """A backend for tests. May be used by several threads.

    Attributes:
        locked: whether every call raises ``KeyringLocked``, as a Secret Service does whose prompt
            was dismissed.
        failure: raised by every call, if it is not None.
        calls: what was asked, the oldest first, failed calls included.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring's own
        self.locked = False
        self.failure: Exception | None = None
        self.calls: list[KeyringCall] = []
        self._secrets: dict[tuple[str, str], Secret] = {}
        self._open = threading.Event()
        self._open.set()
        self._waiting = 0
        self._guard = threading.Lock()

    @properties.classproperty
    def priority(cls) -> float:  # noqa: N805 - a class property
        """Never chosen by itself: keyring picks among the classes that name a priority."""
        raise RuntimeError("made for tests; install it explicitly")

    # -- what keyring calls ------------------------------------------------------------------------

    def get_password(self, service: str, username: str) -> str | None:
        """Return an entry, None if there is none.

        Raises:
            KeyringLocked: while it is locked.
            Exception: :attr:`failure`.
        """
        found = self._call("get", service, username, self._secrets.get)
        return None if found is None else found.reveal()

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep an entry.

        Raises:
            KeyringLocked: while it is locked.
            Exception: :attr:`failure`.
        """
        secret = Secret(password)
        self._call("set", service, username, lambda key: self._secrets.update({key: secret}))

    def delete_password(self, service: str, username: str) -> None:
        """Forget an entry.

        Raises:
            PasswordDeleteError: if there is none.
            KeyringLocked: while it is locked.
            Exception: :attr:`failure`.
        """
        if self._call("delete", service, username, lambda k: self._secrets.pop(k, None)) is None:
            raise PasswordDeleteError("there is no such entry")

    # -- what a test does --------------------------------------------------------------------------

    def hang(self) -> None:
        """Let every call wait until :meth:`release`, as one does behind a prompt nobody sees."""
        self._open.clear()

    def release(self) -> None:
        """Let the calls that hang go on, and later ones not hang."""
        self._open.set()

    @property
    def waiting(self) -> int:
        """Calls that hang at the moment."""
        return self._waiting

    @property
    def entries(self) -> list[tuple[str, str]]:
        """The service and user names of what is kept."""
        return sorted(self._secrets)

    @contextmanager
    def installed(self) -> Iterator[MemoryKeyring]:
        """Be the process's keyring for the length of the block; then release what hangs.

        The one that was set before is put back, or the choice left open again if none was made.
        """
        before = keyring.core._keyring_backend  # noqa: SLF001 - get_keyring() would go and choose one
        keyring.core.set_keyring(self)
        try:
            yield self
        finally:
            self.release()
            keyring.core._keyring_backend = before  # noqa: SLF001 - set_keyring() does not take None

    def __repr__(self) -> str:
        return f"MemoryKeyring(entries={len(self._secrets)}, locked={self.locked})"

    __str__ = __repr__

    def _call(
        self, operation: str, service: str, username: str, act: Callable[[tuple[str, str]], T]
    ) -> T:
        with self._guard:
            self.calls.append(KeyringCall(operation, service, username))
            self._waiting += 1
        try:
            self._open.wait()
        finally:
            with self._guard:
                self._waiting -= 1
        if self.failure is not None:
            raise self.failure.with_traceback(None)
        if self.locked:
            raise KeyringLocked("the keyring is locked")
        with self._guard:
            return act((service, username))
