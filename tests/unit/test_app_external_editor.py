"""The user's editor on the prompt: the text gets there and back, and nothing else does."""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.app import SuspendNotSupported
from textual.pilot import Pilot

from tests.app_support import Stage, make_stage, started, wait_until
from tui_chat.app import external_editor
from tui_chat.app.external_editor import EditedFile, chosen_editor, usual_editor
from tui_chat.errors import TuiChatError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files to edit are made."""
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def stage(folder: Path) -> Stage:
    return make_stage()


def editor_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """Let EDITOR be a program that has the file's path in ``path``."""
    program = tmp_path / "editor.py"
    program.write_text(
        f"import os, sys, json, pathlib\npath = pathlib.Path(sys.argv[-1])\n{script}\n", "utf-8"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} '{program}'")


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def lend(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the test's driver lend its terminal, and note when."""
    events: list[str] = []

    @contextmanager
    def suspend() -> Iterator[None]:
        events.append("lent")
        yield
        events.append("back")  # as Textual's: not when an error leaves the block

    monkeypatch.setattr(stage.app, "suspend", suspend)
    return events


async def edit(pilot: Pilot[None], stage: Stage, *typed: str) -> None:
    await started(pilot, stage)
    await pilot.press(*typed, "f6")
    await pilot.pause()


# -- which ----------------------------------------------------------------------------------------


def test_visual_comes_before_editor() -> None:
    assert chosen_editor({"VISUAL": "code --wait", "EDITOR": "vi"}) == ["code", "--wait"]
    assert chosen_editor({"VISUAL": " ", "EDITOR": "vi"}) == ["vi"]
    assert chosen_editor({}) == []


def test_a_variable_that_is_no_command_is_named() -> None:
    with pytest.raises(TuiChatError, match="EDITOR cannot be read"):
        chosen_editor({"EDITOR": "vi 'unclosed"})


def test_a_usual_one_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TuiChatError, match="Set VISUAL or EDITOR"):
        usual_editor()
    program = tmp_path / external_editor.USUAL[-1]
    program.write_text("", "utf-8")
    program.chmod(0o700)
    assert usual_editor() == [external_editor.USUAL[-1]]


# -- there and back -------------------------------------------------------------------------------


async def test_the_text_goes_there_and_comes_back(
    stage: Stage, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_CHAT_TOKEN", "canary")
    monkeypatch.setenv("TUI_CHAT_SERVER_KEY", "canary")
    report = tmp_path / "report"
    editor_is(
        monkeypatch,
        tmp_path,
        f"pathlib.Path({str(report)!r}).write_text(json.dumps([path.read_text('utf-8'),"
        "path.stat().st_mode, path.parent.stat().st_mode, dict(os.environ)]))\n"
        "path.write_text('second\\n\\x1b[31mline\\n', 'utf-8')",
    )
    async with stage.app.run_test() as pilot:
        events = lend(stage, monkeypatch)
        await edit(pilot, stage, *"first")
        await wait_until(pilot, lambda: stage.chat.prompt.text == "second\n␛[31mline")
        assert events == ["lent", "back"]
        text, mode, folder_mode, environment = json.loads(report.read_text("utf-8"))
        assert text == "first\n"
        if os.name == "posix":
            assert stat.S_IMODE(mode) == 0o600
            assert stat.S_IMODE(folder_mode) == 0o700
        assert not any(name.startswith("TUI_CHAT_") for name in environment)
        assert "canary" not in json.dumps(environment)
        assert left_in(folder) == [], "the file is gone"
        assert stage.client.sent == [], "sending is for Enter"
        await wait_until(pilot, lambda: stage.app._notifications)
        await pilot.press("ctrl+z")
        assert stage.chat.prompt.text == "first", "undo brings the old text back"


async def test_a_large_paste_is_edited_in_full(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor_is(monkeypatch, tmp_path, "path.write_text(path.read_text() + 'end\\n')")
    async with stage.app.run_test() as pilot:
        lend(stage, monkeypatch)
        await started(pilot, stage)
        stage.chat.prompt.paste("x" * 1_000_000)
        await pilot.press("f6")
        await wait_until(pilot, lambda: stage.chat.prompt.whole.endswith("x\nend"))
        assert len(stage.chat.prompt.text) < 100, "a placeholder stands for it"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("path.write_text('new'); sys.exit(3)", "ended with code 3: nothing was changed"),
        ("path.write_bytes(b'\\xff\\xfe')", "not UTF-8"),
        ("path.unlink()", "cannot be read"),
    ],
)
async def test_whatever_fails_keeps_the_text_and_says_why(
    stage: Stage,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    words: str,
) -> None:
    editor_is(monkeypatch, tmp_path, script)
    async with stage.app.run_test() as pilot:
        lend(stage, monkeypatch)
        await edit(pilot, stage, *"old")
        await wait_until(pilot, lambda: words in stage.chat.notice.text)
        assert stage.chat.prompt.text == "old"
        assert left_in(folder) == []


async def test_an_editor_that_does_not_exist(
    stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "/nowhere/to/be/found --wait")
    async with stage.app.run_test() as pilot:
        events = lend(stage, monkeypatch)
        await edit(pilot, stage, *"old")
        await wait_until(pilot, lambda: "could not be started" in stage.chat.notice.text)
        assert events == ["lent", "back"]
        assert stage.chat.prompt.text == "old"
        assert left_in(folder) == []


async def test_a_terminal_that_cannot_be_lent(
    stage: Stage, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor_is(monkeypatch, tmp_path, "path.write_text('new')")
    async with stage.app.run_test() as pilot:
        with pytest.raises(SuspendNotSupported), stage.app.suspend():
            pass  # the test's own driver is such a one
        await edit(pilot, stage, *"old")
        await wait_until(pilot, lambda: "cannot be lent" in stage.chat.notice.text)
        assert stage.chat.prompt.text == "old"
        assert left_in(folder) == []


async def test_by_its_slash_command_the_draft_is_empty(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor_is(monkeypatch, tmp_path, "path.write_text('was ' + repr(path.read_text()))")
    async with stage.app.run_test() as pilot:
        lend(stage, monkeypatch)
        await started(pilot, stage)
        await pilot.press(*"/editor", "enter")
        await wait_until(pilot, lambda: stage.chat.prompt.text == "was '\\n'")


def test_what_comes_back_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_editor, "LARGEST", 100)
    file = EditedFile("")
    assert list(folder.iterdir()) == [file.path.parent]
    file.path.write_text("x" * 101, "utf-8")
    with pytest.raises(TuiChatError, match="too large"):
        file.text()
    file.remove()
    assert left_in(folder) == []
