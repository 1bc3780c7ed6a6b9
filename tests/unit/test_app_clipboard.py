"""Where copied text goes, and that the notice says no more than is known."""

from __future__ import annotations

import base64
import os
import stat
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.app_support import make_stage, started, wait_until
from tui_chat.app import clipboard
from tui_chat.app.browser import browser, open_address
from tui_chat.app.clipboard import OSC52_LIMIT, Copied, Tool, Way, find_tool, osc52, put, save
from tui_chat.storage.folder import Unusable

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the tools are scripts")


@pytest.mark.parametrize(
    ("environ", "platform", "programs", "wanted"),
    [
        ({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, "linux", "wl-copy xclip", "wl-copy"),
        ({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, "linux", "xclip", "xclip"),
        ({"DISPLAY": ":0"}, "linux", "wl-copy xsel", "xsel"),
        ({"DISPLAY": ":0"}, "linux", "wl-copy", None),
        ({}, "linux", "wl-copy xclip xsel", None),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "x"}, "linux", "xclip", "xclip"),
        ({"WAYLAND_DISPLAY": "w", "SSH_CONNECTION": "x"}, "linux", "wl-copy", None),
        ({}, "darwin", "pbcopy", "pbcopy"),
        ({"SSH_TTY": "x"}, "darwin", "pbcopy", None),
        ({}, "win32", "clip.exe", "clip.exe"),
        ({"WSL_DISTRO_NAME": "u"}, "linux", "clip.exe", "clip.exe"),
        ({"TMUX": "/t,1,0"}, "linux", "tmux", "tmux"),
        ({"TMUX": "/t,1,0", "DISPLAY": ":0"}, "linux", "tmux xclip", "xclip"),
        ({}, "linux", "tmux", None),
    ],
)
def test_the_tool_is_the_one_that_reaches_the_users_clipboard(
    environ: Mapping[str, str], platform: str, programs: str, wanted: str | None
) -> None:
    def which(name: str) -> str | None:
        return f"/bin/{name}" if name in programs.split() else None

    tool = find_tool(environ, platform, which)
    assert (None if tool is None else tool.command[0]) == (wanted and f"/bin/{wanted}")
    if tool is not None:
        assert (tool.way is Way.TMUX) == (wanted == "tmux")


def script(folder: Path, text: str) -> Tool:
    path = folder / "tool"
    path.write_text("#!/bin/sh\n" + textwrap.dedent(text))
    path.chmod(0o700)
    return Tool((str(path), str(folder / "got")))


@POSIX
def test_a_tool_gets_the_text_and_no_secrets(tmp_path: Path) -> None:
    tool = script(tmp_path, 'cat > "$1"; env > "$1.env"\n')
    environ = {"PATH": os.environ["PATH"], "DISPLAY": ":9", "TUI_CHAT_TOKEN": "hush", "X_KEY": "no"}
    sent: list[str] = []
    copied = put("one\ntwo 日本", sent.append, environ=environ, tool=tool)
    assert copied == Copied(Way.SYSTEM, 2)
    assert copied.sentence() == "Copied to the system clipboard (2 lines)."
    assert (tmp_path / "got").read_text("utf-8") == "one\ntwo 日本"
    passed_on = (tmp_path / "got.env").read_text()
    assert "DISPLAY=:9" in passed_on
    assert "hush" not in passed_on
    assert "X_KEY" not in passed_on
    assert not sent


@POSIX
@pytest.mark.parametrize("text", ["exit 1", "exec sleep 30", "kill $$"])
def test_a_tool_that_fails_or_hangs_gives_way_to_the_terminal(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clipboard, "TIMEOUT", 0.2)
    sent: list[str] = []
    copied = put("hello", sent.append, environ=os.environ, tool=script(tmp_path, text))
    assert copied.way is Way.TERMINAL
    assert sent == ["\x1b]52;c;aGVsbG8=\a"]
    assert "does not say" in copied.sentence()


def test_a_tool_that_is_gone_gives_way_to_the_terminal(tmp_path: Path) -> None:
    sent: list[str] = []
    assert put("x", sent.append, environ={}, tool=Tool((str(tmp_path / "no"),))).way is Way.TERMINAL


def test_what_the_terminal_may_not_take_goes_to_a_file(tmp_path: Path) -> None:
    sent: list[str] = []
    text = "日本\n" * 20_000
    copied = put(text, sent.append, environ={"TUI_CHAT_DATA": str(tmp_path)})
    assert copied.way is Way.FILE
    assert copied.lines == 20_000
    assert copied.path is not None
    assert copied.path.read_text("utf-8") == text
    assert str(copied.path) in copied.sentence("the message")
    assert not sent
    if sys.platform != "win32":
        assert stat.S_IMODE(copied.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(copied.path.parent.stat().st_mode) == 0o700


def test_without_a_terminal_there_is_a_file(tmp_path: Path) -> None:
    assert put("short", None, environ={"TUI_CHAT_DATA": str(tmp_path)}).way is Way.FILE


def test_where_nothing_works_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "copied").write_text("in the way")
    copied = put("short", None, environ={"TUI_CHAT_DATA": str(tmp_path)})
    assert copied.way is Way.NOWHERE
    assert copied.sentence().startswith("Not copied: ")
    assert "not a folder" in copied.sentence()


@POSIX
def test_a_folder_of_somebody_elses_choice_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "copied").symlink_to(tmp_path / "there")
    with pytest.raises(Unusable):
        save("text", tmp_path / "copied", "now")
    assert not list((tmp_path / "there").iterdir())


def test_files_of_the_same_second_and_old_ones(tmp_path: Path) -> None:
    names = [save(f"{n}", tmp_path / "copied", "20260101-000000").name for n in range(3)]
    assert names == ["20260101-000000.txt", "20260101-000000-2.txt", "20260101-000000-3.txt"]
    paths = [save("x", tmp_path / "copied", f"20260102-{n:06}") for n in range(clipboard.KEPT + 5)]
    assert sorted((tmp_path / "copied").iterdir()) == paths[-clipboard.KEPT :]


def test_the_longest_sequence() -> None:
    fits = "x" * (OSC52_LIMIT // 4 * 3)
    sequence = osc52(fits)
    assert sequence is not None
    assert base64.b64decode(sequence[len("\x1b]52;c;") : -1]).decode() == fits
    assert osc52(fits + "xxx") is None


def test_hidden_characters_are_shown_and_told_of() -> None:
    sent: list[str] = []
    copied = put("rm\u202e -rf \x1b[8m", sent.append, environ={})
    assert base64.b64decode(sent[0][7:-1]).decode() == "rm<U+202E> -rf ␛[8m"
    assert copied.sentence().endswith("Hidden characters in it were made visible.")


# -- in the application ---------------------------------------------------------------------------


async def test_the_application_copies_and_says_where_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "TMUX", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUI_CHAT_DATA", str(tmp_path))
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        written: list[str] = []
        assert stage.app._driver is not None
        monkeypatch.setattr(stage.app._driver, "write", written.append)

        def notes() -> list[str]:
            return [note.message for note in stage.app._notifications]

        stage.app.copy(iter(["one\n", "two"]), "the message")
        await wait_until(pilot, lambda: bool(notes()))
        assert notes()[-1].startswith("Sent to the terminal's clipboard (the message, 2 lines).")
        assert stage.app.clipboard == "one\ntwo"
        assert "\x1b]52;c;b25lCnR3bw==\a" in written

        stage.app.copy("", "the code")
        await wait_until(pilot, lambda: len(notes()) == 2)
        assert notes()[-1] == "There is nothing in it to copy."

        stage.app.copy("x" * 90_000)
        await wait_until(pilot, lambda: len(notes()) == 3)
        assert str(tmp_path) in notes()[-1]


# -- the browser ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "platform", "wanted"),
    [
        ({"DISPLAY": ":0"}, "linux", ("/bin/xdg-open",)),
        ({"WAYLAND_DISPLAY": "w"}, "linux", ("/bin/xdg-open",)),
        ({}, "linux", None),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "x"}, "linux", None),
        ({}, "darwin", ("/bin/open",)),
        ({}, "win32", ("/bin/explorer.exe",)),
        ({"WSL_DISTRO_NAME": "u"}, "linux", ("/bin/wslview",)),
    ],
)
def test_which_browser(
    environ: Mapping[str, str], platform: str, wanted: tuple[str, ...] | None
) -> None:
    assert browser(environ, platform, lambda name: f"/bin/{name}") == wanted


@POSIX
def test_a_browser_gets_the_address_and_no_secrets(tmp_path: Path) -> None:
    tool = script(tmp_path, 'echo "$2" > "$1"; env > "$1.env"\n')
    environ = {"PATH": os.environ["PATH"], "TUI_CHAT_TOKEN": "hush", "HOME": "/h"}
    assert open_address("https://a.example/$(id)", tool.command, environ)
    assert (tmp_path / "got").read_text() == "https://a.example/$(id)\n"
    assert "hush" not in (tmp_path / "got.env").read_text()
    assert not open_address("https://a.example/", (str(tmp_path / "none"),), environ)
    assert not open_address("https://a.example/", script(tmp_path, "exit 3").command, environ)
    assert not open_address("https://a.example/", None, {})
