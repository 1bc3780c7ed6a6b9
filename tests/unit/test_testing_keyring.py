"""The keyring in memory, through the keyring library's own functions."""

from __future__ import annotations

import threading
import time

import keyring
import keyring.backend
import keyring.core
import pytest
from keyring.errors import KeyringLocked, NoKeyringError, PasswordDeleteError

from tui_chat.testing import KeyringCall, MemoryKeyring


def test_it_keeps_secrets_while_it_is_installed() -> None:
    with pytest.raises(NoKeyringError):
        keyring.get_password("service", "user")
    before = keyring.get_keyring()
    with MemoryKeyring().installed() as ring:
        assert keyring.get_keyring() is ring
        assert keyring.get_password("service", "user") is None
        keyring.set_password("service", "user", "pass-CANARY")
        assert keyring.get_password("service", "user") == "pass-CANARY"
        assert keyring.get_password("service", "other") is None
        assert ring.entries == [("service", "user")]
        keyring.delete_password("service", "user")
        assert ring.entries == []
        with pytest.raises(PasswordDeleteError):
            keyring.delete_password("service", "user")
    assert keyring.get_keyring() is before
    assert [call.operation for call in ring.calls] == [
        "get", "set", "get", "get", "delete", "delete",
    ]  # fmt: skip
    assert ring.calls[1] == KeyringCall("set", "service", "user")


def test_a_keyring_that_nobody_chose_yet_stays_unchosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    with MemoryKeyring().installed():
        keyring.set_password("service", "user", "x")
    assert keyring.core._keyring_backend is None


def test_an_error_in_the_block_puts_the_other_one_back() -> None:
    before = keyring.get_keyring()
    with pytest.raises(ZeroDivisionError), MemoryKeyring().installed():
        _ = 1 / 0
    assert keyring.get_keyring() is before


def test_it_is_never_chosen_by_itself() -> None:
    MemoryKeyring()
    assert MemoryKeyring not in set(keyring.backend.KeyringBackend.get_viable_backends())
    assert not any(isinstance(each, MemoryKeyring) for each in keyring.backend.get_all_keyring())


def test_locked() -> None:
    with MemoryKeyring().installed() as ring:
        keyring.set_password("service", "user", "x")
        ring.locked = True
        with pytest.raises(KeyringLocked):
            keyring.get_password("service", "user")
        with pytest.raises(KeyringLocked):
            keyring.set_password("service", "user", "y")
        with pytest.raises(KeyringLocked):
            keyring.delete_password("service", "user")
        ring.locked = False
        assert keyring.get_password("service", "user") == "x"


def test_failing() -> None:
    with MemoryKeyring().installed() as ring:
        ring.failure = OSError(5, "no bus")
        for _ in range(2):
            with pytest.raises(OSError, match="no bus") as raised:
                keyring.get_password("service", "user")
            assert len(raised.traceback) < 10, "tracebacks do not pile up"
        assert len(ring.calls) == 2


def test_hanging_until_released() -> None:
    found: list[str | None] = []
    with MemoryKeyring().installed() as ring:
        keyring.set_password("service", "user", "x")
        ring.hang()
        thread = threading.Thread(
            target=lambda: found.append(keyring.get_password("service", "user"))
        )
        thread.start()
        wait_for(lambda: ring.waiting == 1)
        assert found == []
        ring.release()
        thread.join(5)
        assert found == ["x"]
        assert ring.waiting == 0


def test_the_end_of_the_block_releases_what_hangs() -> None:
    with MemoryKeyring().installed() as ring:
        ring.hang()
        thread = threading.Thread(target=lambda: keyring.get_password("service", "user"))
        thread.start()
        wait_for(lambda: ring.waiting == 1)
    thread.join(5)
    assert not thread.is_alive()


def test_nothing_shows_a_secret() -> None:
    ring = MemoryKeyring()
    ring.set_password("service", "user", "pass-CANARY")
    assert "CANARY" not in f"{ring!r} {ring} {vars(ring)!r} {ring.calls!r} {ring.entries!r}"


def wait_for(condition: object) -> None:
    end = time.monotonic() + 5
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.002)
