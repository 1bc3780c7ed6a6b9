"""Saving messages and conversations: what is written, and that nothing is ever written over."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app_support import NOW, Stage, conversation, make_stage, said, started, wait_until
from tests.outbox_support import LOST, mine
from tests.unit.test_app_message_menu import choose, shown
from tests.unit.test_transcript_entry import entry
from tui_chat.app import saving
from tui_chat.app.saving import checked_path, folder_to_save_in, suggested_name, write_new
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.save import SaveScreen
from tui_chat.app.transcript.exporting import as_json, as_markdown, as_text, record
from tui_chat.conversation.model import (
    DeliveryState,
    Message,
    MessageAdded,
    MessageKind,
    MessageState,
    ToolCall,
)
from tui_chat.errors import TuiChatError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes and links are POSIX")

# -- the file -------------------------------------------------------------------------------------


def test_the_suggested_name_has_the_date() -> None:
    assert suggested_name("message", NOW, ".md", UTC) == "message-2026-01-15-1100.md"
    assert suggested_name("message", 1e300, ".md", UTC) == "message.md"
    assert suggested_name("message", float("nan"), ".md", UTC) == "message.md"


def test_a_new_file_is_the_owners_alone(tmp_path: Path) -> None:
    path = checked_path("  some name.md ", tmp_path)
    assert path == tmp_path / "some name.md"
    assert write_new(path, iter(["one\n", "zwei ü\n", "\ud800"])) == 18
    assert path.read_bytes() == "one\nzwei ü\n\\ud800".encode()
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "there.md"
    path.write_text("precious")
    with pytest.raises(TuiChatError, match="exists already"):
        checked_path("there.md", tmp_path)
    with pytest.raises(TuiChatError, match="exists already"):  # it came after the look
        write_new(path, ["new"])
    assert path.read_text() == "precious"


@POSIX
def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(TuiChatError, match="exists already"):
        checked_path("link.md", tmp_path)
    with pytest.raises(TuiChatError, match="exists already"):
        write_new(tmp_path / "link.md", ["new"])
    assert not (tmp_path / "elsewhere.md").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Type a name"),
        ("  ", "Type a name"),
        ("a\x1b[2Jb.md", "hidden characters"),
        ("a\u202eb.md", "hidden characters"),
        ("a\nb.md", "hidden characters"),
        (".", "is a folder"),
        ("..", "is a folder"),
        ("folder", "is a folder"),
        ("new/", "is a folder"),
        ("nowhere/a.md", "There is no folder"),
        ("file.md/a.md", "There is no folder"),
        ("x" * 300, "cannot be written"),
        ("~nobody-of-that-name/a.md", "no such user"),
    ],
)
def test_names_that_cannot_be_are_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.md").write_text("")
    with pytest.raises(TuiChatError, match=why):
        checked_path(text, tmp_path)


def test_the_users_folder_has_a_short_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert checked_path("~/a.md", Path("/nowhere")) == tmp_path / "a.md"


@pytest.mark.parametrize("name", ["nul", "CON.md", "com1.json", "Lpt9.tar.md", "aux ."])
def test_devices_of_windows_are_refused_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(saving, "_ON_WINDOWS", True)
    with pytest.raises(TuiChatError, match="for a device"):
        checked_path(name, tmp_path)
    assert checked_path("console.md", tmp_path) == tmp_path / "console.md"


def test_what_could_not_be_written_whole_is_removed(tmp_path: Path) -> None:
    def parts() -> Iterator[str]:
        yield "one"
        raise OSError(28, os.strerror(28))

    with pytest.raises(TuiChatError, match="No space left"):
        write_new(tmp_path / "a.md", parts())
    assert not (tmp_path / "a.md").exists()


@POSIX
def test_a_current_folder_that_is_gone_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert folder_to_save_in() == Path.home()


# -- what is in it --------------------------------------------------------------------------------


def markdown(*messages: Any) -> str:
    return "".join(as_markdown(map(record, messages), UTC))


def test_a_conversation_as_markdown() -> None:
    call = ToolCall("c", "look_up", "server", arguments={"q": "```x"}, result=["a"])
    cut = MessageState.INTERRUPTED
    assert markdown(
        entry(MessageKind.USER, "Why?"),
        entry(MessageKind.REASONING, "Hm.", finished=103.0),
        entry(MessageKind.TOOL, tool=call, finished=102.0),
        entry(MessageKind.ASSISTANT, "*So*\n", state=cut, finished=103.0),
        entry(MessageKind.ERROR, "Busy.", code="SERVER_BUSY"),
    ).splitlines() == [
        "# Conversation",
        "",
        "## You, 1970-01-01 00:01",
        "",
        "Why?",
        "",
        "## Reasoning, 3 s, 1970-01-01 00:01",
        "",
        "Hm.",
        "",
        "## Tool look\\_up (server), 2 s, 1970-01-01 00:01",
        "",
        "Arguments:",
        "",
        "````json",
        "{",
        '  "q": "```x"',
        "}",
        "````",
        "",
        "Result:",
        "",
        "```json",
        "[",
        '  "a"',
        "]",
        "```",
        "",
        "## Assistant, 1970-01-01 00:01",
        "",
        "*So*",
        "",
        "*Interrupted: this is not all of it.*",
        "",
        "## Error SERVER\\_BUSY, 1970-01-01 00:01",
        "",
        "Busy.",
    ]


def test_where_a_message_of_the_user_stands_is_written_down() -> None:
    lost = entry(MessageKind.USER, "Why?", delivery=DeliveryState.UNKNOWN, note=LOST)
    assert f"*Not known whether this arrived. {LOST}*" in markdown(lost)


def test_what_is_hidden_is_visible_in_the_file() -> None:
    bad = "a\x1b]52;c;eA==\x07\u202eb"
    call = ToolCall("c", bad, "server", arguments={bad: bad}, error=bad)
    entries = [
        entry(kind, bad, code=bad, note=bad, tool=call if kind is MessageKind.TOOL else None)
        for kind in MessageKind
    ]
    for text in (
        markdown(*entries),
        *("".join(as_text(record(each))) for each in entries),
        "".join(as_json(map(record, entries))),
    ):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text


def test_a_conversation_as_json_is_the_text_that_came() -> None:
    bad = "ü\x1b]52;c;eA==\x07\u202e\ud800b"
    call = ToolCall("c", "look", "client", arguments={"a": [1]}, result=bad)
    found = json.loads(
        "".join(
            as_json(
                [
                    record(entry(MessageKind.USER, bad, delivery=DeliveryState.PERSISTED)),
                    record(entry(MessageKind.TOOL, tool=call, finished=102.5)),
                ]
            )
        )
    )
    assert found == [
        {
            "kind": "user",
            "state": "complete",
            "created": "1970-01-01T00:01:40.000+00:00",
            "delivery": "persisted",
            "text": bad,
        },
        {
            "kind": "tool",
            "state": "complete",
            "created": "1970-01-01T00:01:40.000+00:00",
            "finished": "1970-01-01T00:01:42.500+00:00",
            "tool": {
                "name": "look",
                "side": "client",
                "arguments": {"a": [1]},
                "result": bad,
                "error": None,
            },
        },
    ]
    assert json.loads("".join(as_json([]))) == []


def test_no_value_keeps_a_conversation_from_being_saved() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, 10**5_000, object(), {1: {2}}, float("nan")):
        message = record(entry(MessageKind.TOOL, tool=ToolCall("c", "x", "server", value, value)))
        assert "tool" in "".join(as_json([message]))
        json.loads("".join(as_json([message])))
        assert "Result:" in "".join(as_markdown([message]))


def test_all_of_a_large_result_is_saved() -> None:
    call = ToolCall("c", "x", "server", result=["word"] * 100_000)
    message = record(entry(MessageKind.TOOL, tool=call))
    assert "".join(as_text(message)).count("word") == 100_000


# -- in the application ---------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def save_screen(pilot: Pilot[Any], stage: Stage) -> SaveScreen:
    await wait_until(pilot, lambda: isinstance(stage.app.screen, SaveScreen))
    screen = stage.app.screen
    assert isinstance(screen, SaveScreen)
    return screen


async def entered(pilot: Pilot[Any], screen: SaveScreen, name: str) -> None:
    screen.name_input.value = name
    await pilot.press("enter")


def notes(stage: Stage) -> list[str]:
    return [note.message for note in stage.app._notifications]


async def test_a_message_is_saved_where_the_user_says(folder: Path) -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        text = "# So\n\n`a`\n"
        await shown(pilot, stage, MessageAdded(said(1, MessageKind.ASSISTANT, text)))
        await choose(pilot, stage, 1, "Save to a file")
        screen = await save_screen(pilot, stage)
        assert screen.name_input.value.startswith("message-2026-01-1")
        assert str(folder)[:40] in screen.where.text

        (folder / "there.md").write_text("precious")
        await entered(pilot, screen, "there.md")
        await wait_until(pilot, lambda: "exists already" in screen.notice.text)
        assert stage.app.screen is screen
        await entered(pilot, screen, "new.md")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        assert (folder / "new.md").read_text() == text + "\n"
        assert (folder / "there.md").read_text() == "precious"
        assert "new.md (11 bytes)" in notes(stage)[-1]
        assert stage.app.focused is stage.transcript


async def test_the_conversation_is_saved_as_it_is_at_that_moment(folder: Path) -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, stage, *conversation())
        await stage.chat.action_save_conversation()
        screen = await save_screen(pilot, stage)
        assert screen.name_input.value.startswith("conversation-2026-01-1")
        late = Message(9, MessageKind.SYSTEM, NOW, ["came late"])
        stage.client.changes(MessageAdded(late))
        await wait_until(pilot, lambda: len(stage.transcript.entries) == 6)
        await entered(pilot, screen, "all.json")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        found = json.loads((folder / "all.json").read_text())
        assert [each["kind"] for each in found] == [
            "user", "reasoning", "assistant", "user", "assistant", "system",
        ]  # fmt: skip
        assert found[-1]["text"] == "came late"
        assert found[-2]["state"] == "streaming"


async def test_the_conversation_is_saved_by_a_command(folder: Path) -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        await stage.chat.action_save_conversation("a.md")
        await wait_until(pilot, lambda: "nothing to save" in "".join(notes(stage)))
        stage.client.changes(*conversation())
        await wait_until(pilot, lambda: len(stage.transcript.entries) == 5)
        stage.chat.prompt.insert("/save a.md")
        await pilot.press("enter")
        await wait_until(pilot, lambda: "Saved to" in notes(stage)[-1])
        text = (folder / "a.md").read_text()
        assert "## You, 2026-01-1" in text
        assert "*Not finished when this was saved.*" in text
        stage.chat.prompt.insert("/save a.md")
        await pilot.press("enter")
        await wait_until(pilot, lambda: "exists already" in stage.chat.notice.text)
        assert (folder / "a.md").read_text() == text
        assert names(folder) == ["a.md"]


async def test_escape_saves_nothing(folder: Path) -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, stage, *conversation(), mine(7, "x", DeliveryState.PERSISTED))
        await stage.chat.action_save_conversation()
        await save_screen(pilot, stage)
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        assert names(folder) == []
