"""``tui-chat history``, the retention setting, and what the chat is started with."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.checkout import run_python
from tests.support.kept import SERVER, held, item, keep, kept
from tui_chat.app.settings import ChatSettings
from tui_chat.cli import main
from tui_chat.cli import terminal as cli_terminal
from tui_chat.cli.exits import Exit
from tui_chat.conversation.model import Message, MessageKind
from tui_chat.secret import Secret
from tui_chat.storage import Scope, Store

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    code = main.run(["history", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def one_line(err: str) -> str:
    assert err.count("\n") == 1, err
    return err


@pytest.fixture(autouse=True)
def no_core_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "forbid_core_dumps", lambda: None)


def chat(text: str, *, server: str = SERVER) -> str:
    """Leave a conversation behind in which this was said; return its id."""

    async def work() -> str:
        async with held(server) as conversation:
            message = Message(1, MessageKind.USER, time.time(), [text])
            conversation.record_messages([message])
            await conversation.flush()
            return conversation.id

    return asyncio.run(work())


def servers() -> list[str]:
    """Return the servers of the conversations that are kept, the oldest first."""

    async def work() -> list[str]:
        store = await Store.open()
        try:
            found = sorted(await store.conversations(), key=lambda each: each.touched)
            return [each.scope.server for each in found]
        finally:
            await store.aclose()

    return asyncio.run(work())


# -- the list -------------------------------------------------------------------------------------


def test_nothing_is_kept(capsys: Capture) -> None:
    assert run(capsys, "list") == (Exit.OK, "Nothing is kept.\n", "")
    assert run(capsys, "list", "--json") == (Exit.OK, "[]\n", "")
    code, out, err = run(capsys, "purge", "--all", "--yes")
    assert (code, err) == (Exit.OK, "")
    assert out == "Removed 0 conversations with 0 messages, and 0 remembered prompts.\n"


def test_the_list_begins_with_the_latest(capsys: Capture) -> None:
    chat("what is a \x1b[31mticket", server="https://one.example.com")
    keep(item("unsent"), server="https://two.example.com")
    code, out, err = run(capsys, "list")
    assert (code, err) == (Exit.OK, "")
    assert "\x1b" not in out
    two, its_title, its_facts, one, title, facts = out.splitlines()
    assert (two, one) == ("https://two.example.com", "https://one.example.com")
    assert its_title == "  unsent"
    assert its_facts.endswith("0 messages, 1 unsent")
    assert title == "  what is a ␛[31mticket"
    assert facts.endswith("1 message")


def test_the_list_for_programs(capsys: Capture) -> None:
    conversation = keep(item("unsent"))
    (found,) = json.loads(run(capsys, "list", "--json")[1])
    assert found["id"] == conversation
    assert (found["server"], found["unsent"], found["openIn"]) == (SERVER, {"queued": 1}, None)


# -- purging --------------------------------------------------------------------------------------


def test_purging_spares_what_was_not_sent(capsys: Capture) -> None:
    chat("said", server="https://one.example.com")
    keep(item("unsent"), server="https://two.example.com")
    code, out, err = run(capsys, "purge", "--all", "--yes")
    assert code == Exit.OK
    assert out.startswith("Removed 1 conversation with 1 message,")
    assert "1 conversation kept because of unsent messages" in one_line(err)
    assert servers() == ["https://two.example.com"]
    assert len(kept()) == 1
    code, out, err = run(capsys, "purge", "--all", "--unsent", "--yes")
    assert (code, err) == (Exit.OK, "")
    assert "1 of them unsent" in out or "1 unsent" in out
    assert servers() == []
    assert kept() == []


def test_purging_by_age(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    chat("said")
    assert run(capsys, "purge", "--older-than", "1", "--yes")[1].startswith("Removed 0 ")
    assert servers() == [SERVER]
    assert run(capsys, "purge", "--older-than", "0", "--yes")[0] == Exit.OK
    assert servers() == []


def test_purging_asks_first(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    chat("said")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = run(capsys, "purge", "--all")
    assert code == Exit.USAGE
    assert "--yes" in one_line(err)
    for answer, left in (("n\n", 1), ("y\n", 0)):
        terminal = io.StringIO(answer)
        terminal.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdin", terminal)
        code, _, err = run(capsys, "purge", "--all")
        assert "Remove 1 conversation, and what the prompt remembers of that time, for good?" in err
        assert code == (Exit.FAILURE if left else Exit.OK)
        assert len(servers()) == left


@pytest.mark.parametrize(
    "arguments", [(), ("--all", "--older-than", "3"), ("--older-than", "-1"), ("--older-than", "x")]
)
def test_what_is_meant_has_to_be_said(arguments: tuple[str, ...], capsys: Capture) -> None:
    code, _, err = run(capsys, "purge", *arguments, "--yes")
    assert code == Exit.USAGE
    assert "--older-than" in one_line(err)


async def test_what_is_open_elsewhere_is_named_and_left_alone(capsys: Capture) -> None:
    async with held(items=[item("mine")]):
        code, out, err = await asyncio.to_thread(run, capsys, "purge", "--all", "--yes")
        assert (code, out[:23]) == (Exit.OK, "Removed 0 conversations")
        assert f"left alone: mine, open in process {os.getpid()}." in err
        assert f"open in process {os.getpid()}" in (await asyncio.to_thread(run, capsys, "list"))[1]
    assert await asyncio.to_thread(servers) == [SERVER]


# -- what the chat is started with ----------------------------------------------------------------

Opener = Callable[[ChatSettings], Any]


@pytest.fixture
def openers(monkeypatch: pytest.MonkeyPatch) -> list[Opener]:
    """Stand in for the terminal; collect what would open the archive."""
    made: list[Opener] = []

    def run_chat(*_: Any, open_archive: Opener, **__: Any) -> int:
        made.append(open_archive)
        return Exit.OK

    monkeypatch.setattr(main, "run_chat", run_chat)
    monkeypatch.setattr(main, "require_terminal", lambda: None)
    return made


def opened(opener: Opener, *, demo: bool = False) -> dict[str, Any]:
    """Open the archive and say what came of it."""

    async def work() -> dict[str, Any]:
        settings = ChatSettings(SERVER, Secret("t"), Secret("k"), demo=demo)
        archive = await opener(settings)(lambda notice: pytest.fail(str(notice)))
        try:
            return {"lasting": archive.lasting, "id": archive.record.id}
        finally:
            await archive.aclose()

    return asyncio.run(work())


def test_the_latest_conversation_is_resumed_or_a_new_one_begun(openers: list[Opener]) -> None:
    first = chat("said")
    assert main.run([]) == main.run(["--new"]) == Exit.OK
    assert opened(openers[0]) == {"lasting": True, "id": first}
    assert opened(openers[1])["id"] != first


def test_ephemeral_and_demo_keep_nothing(openers: list[Opener]) -> None:
    assert main.run(["--ephemeral"]) == main.run([]) == Exit.OK
    assert not opened(openers[0])["lasting"]
    assert not opened(openers[1], demo=True)["lasting"]
    assert servers() == []


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "ten", "1d"])
def test_a_retention_that_is_none_is_named(
    value: str, openers: list[Opener], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_CHAT_RETENTION_DAYS", value)
    assert main.run([]) == Exit.USAGE
    err = capsys.readouterr().err
    assert "TUI_CHAT_RETENTION_DAYS takes a number of days above 0" in one_line(err)
    assert openers == []


def test_the_retention_reaches_the_store(
    openers: list[Opener], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    real = Store.open.__func__  # type: ignore[attr-defined]

    async def spy(cls: type[Store], *arguments: Any, **options: Any) -> Store:
        given.append(options.get("retention"))
        store: Store = await real(cls, *arguments, **options)
        return store

    monkeypatch.setattr(Store, "open", classmethod(spy))
    for value, days in (("1.5", 1.5), (" ", None)):
        monkeypatch.setenv("TUI_CHAT_RETENTION_DAYS", value)
        assert main.run([]) == Exit.OK
        opened(openers[-1])
        assert given.pop().days == days


def test_nothing_of_the_storage_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys\n"
        "from tui_chat.cli.main import run\n"
        "import tui_chat.app.app, tui_chat.app.screens.chat\n"
        "statuses = [run([name, '--help']) for name in ('history', 'queue')]\n"
        "heavy = {'sqlite3', 'tui_chat.storage', 'httpx', 'websockets', 'asyncio.runners_'}\n"
        "print(statuses, sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    assert run_python("-c", code).stderr == "[0, 0] []\n"


# -- what is said at the end ----------------------------------------------------------------------


class Ended:
    def __init__(self, unsent: int, *, lasting: bool) -> None:
        self.unsent = unsent
        self.lasting = lasting


@pytest.mark.parametrize(
    ("count", "lasting", "says"),
    [
        (0, True, ""),
        (
            1,
            True,
            (
                "tui-chat: 1 message is not sent yet. It is kept and offered at the next start; "
                "`tui-chat queue` shows it.\n"
            ),
        ),
        (
            2,
            True,
            (
                "tui-chat: 2 messages are not sent yet. They are kept and offered at the next "
                "start; `tui-chat queue` shows them.\n"
            ),
        ),
        (2, False, "tui-chat: 2 messages are not sent, and lost: this session kept nothing.\n"),
    ],
)
def test_what_is_left_is_said_at_the_end(
    count: int, lasting: bool, says: str, capsys: Capture
) -> None:
    cli_terminal._say_unsent(Ended(count, lasting=lasting))  # type: ignore[arg-type]
    assert capsys.readouterr().err == says


def test_scopes_are_canonical() -> None:
    assert Scope("wss://Chat.example.com/").server == SERVER
