"""The user's preferences: what is allowed, what is said about errors, and the file they are in."""

from __future__ import annotations

import os
import stat
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tui_chat.app.preferences import SETTINGS, Preferences, understand
from tui_chat.app.preferences_file import (
    FILE,
    MOST,
    NotSaved,
    config_folder,
    load,
    save,
)
from tui_chat.errors import TuiChatError

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX's")


def test_every_field_is_a_setting_with_a_title_and_a_sentence() -> None:
    assert {s.name for s in SETTINGS} == {f.name for f in fields(Preferences)} - {"keys"}
    for setting in SETTINGS:
        assert setting.title
        assert setting.help.endswith(".")
        assert setting.default in setting.choices
        assert len(setting.choices) > 1


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_every_choice_is_understood(setting: Any) -> None:
    for value in setting.choices:
        found = understand({setting.name: value})
        assert found.problems == ()
        assert getattr(found.preferences, setting.name) == value


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"theme": "ligth"}, ["'theme'", "'ligth'", '"light"', "Did you mean 'light'?", '"auto"']),
        ({"themes": "dark"}, ["no setting 'themes'", "Did you mean 'theme'?"]),
        ({"plain": 1}, ["'plain' cannot be 1", "true, false"]),
        ({"plain": "yes"}, ["'plain' cannot be 'yes'"]),
        ({"notify": []}, ["'notify' cannot be a list"]),
        ({"notify": {"a": 1}}, ["'notify' cannot be a table"]),
        ({"keys": "ctrl+t"}, ["'keys' is a table"]),
        ({"keys": {"help": "f1"}}, ["'keys.help' is a list of keys", "'f1'"]),
        ({"keys": {"help": ["f1", 2]}}, ["'keys.help'", "a list"]),
        ({"evil\x1b]0;x\x07": 1}, ["no setting 'evil␛]0;x␇'"]),
    ],
)
def test_what_is_wrong_is_said_and_costs_only_itself(data: Any, said: list[str]) -> None:
    found = understand({"terminal_title": False, **data})
    assert found.preferences == Preferences(terminal_title=False)
    assert len(found.problems) == 1
    for part in said:
        assert part in found.problems[0]


def test_the_folder_can_be_named(tmp_path: Path) -> None:
    assert config_folder({"TUI_CHAT_CONFIG_DIR": str(tmp_path)}) == tmp_path
    assert config_folder({}).name == "tui-chat"


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    found = load(tmp_path / "missing")
    assert found.preferences == Preferences()
    assert found.problems == ()
    assert found.notice == ""


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / FILE
    save(path, {"theme": "light", "plain": True})
    found = load(path.parent)
    assert found.preferences == Preferences(theme="light", plain=True)
    assert found.problems == ()
    assert [each.name for each in path.parent.iterdir()] == [FILE], "nothing is left beside it"


@posix
def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / FILE
    save(path, {"theme": "light"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_comments_order_and_unknown_keys_stay(tmp_path: Path) -> None:
    path = tmp_path / FILE
    text = '# mine\nfuture = [1, 2]\ntheme = "dark" # nice\n\n[keys]\nreconnect = ["ctrl+t"] # x\n'
    path.write_text(text)
    save(path, {"theme": "light", "notify": "bell"})
    new = path.read_text()
    for line in (
        "# mine",
        "future = [1, 2]",
        'theme = "light" # nice',
        'reconnect = ["ctrl+t"] # x',
    ):
        assert line in new
    found = load(tmp_path)
    assert found.preferences.notify == "bell", "a new one does not end up in the table of keys"
    assert found.preferences.keys == {"reconnect": ("ctrl+t",)}
    assert "no setting 'future'" in found.notice


@pytest.mark.parametrize(
    "text", ["theme = ", "[[[", "a = 1\na = 2\n", "\x00", "a = " + "[" * 9_000]
)
def test_what_is_no_toml_is_said_and_never_written_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE
    path.write_text(text)
    found = load(tmp_path)
    assert found.preferences == Preferences()
    assert "TOML" in found.notice
    assert str(path) in found.notice
    with pytest.raises(NotSaved, match="not written over"):
        save(path, {"theme": "light"})
    assert path.read_text() == text


@pytest.mark.parametrize("data", [b"\xff\xfe", b"#" * (MOST + 1)])
def test_what_is_no_text_or_too_large_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE).write_bytes(data)
    found = load(tmp_path)
    assert found.preferences == Preferences()
    assert found.problems
    with pytest.raises(NotSaved):
        save(tmp_path / FILE, {"theme": "light"})


@posix
def test_a_pipe_or_folder_of_that_name_stops_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    assert "not a regular file" in load(tmp_path).notice
    (tmp_path / "more" / FILE).mkdir(parents=True)
    assert load(tmp_path / "more").problems


@posix
def test_a_link_of_the_users_own_is_followed_and_stays_one(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "chat.toml"
    real.parent.mkdir()
    real.write_text('theme = "light"\n')
    path = tmp_path / "config" / FILE
    path.parent.mkdir()
    path.symlink_to(real)
    assert load(path.parent).preferences.theme == "light"
    save(path, {"theme": "dark"})
    assert path.is_symlink()
    assert real.read_text() == 'theme = "dark"\n'


@posix
def test_what_belongs_to_somebody_else_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FILE
    path.write_text('theme = "light"\n')
    if os.geteuid() == 0:
        os.chown(path, 1_234, -1)
    else:
        somebody = os.geteuid() + 77
        monkeypatch.setattr(os, "geteuid", lambda: somebody)
    found = load(tmp_path)
    assert found.preferences == Preferences()
    assert "another user" in found.notice
    with pytest.raises(NotSaved, match="another user"):
        save(path, {"theme": "dark"})


@posix
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FILE
    path.write_text('theme = "light"\n')

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotSaved, match="No space left"):
        save(path, {"theme": "dark"})
    assert path.read_text() == 'theme = "light"\n'
    assert [each.name for each in tmp_path.glob("*settings*")] == [FILE]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / FILE
    save(path, {"theme": "light"})
    torn: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            torn.extend(load(tmp_path).problems)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(60):
            save(path, {"theme": "dark" if number % 2 else "light"})
    finally:
        done.set()
        reader.join(10)
    assert torn == []


def test_not_saved_is_one_of_our_errors() -> None:
    assert issubclass(NotSaved, TuiChatError)
