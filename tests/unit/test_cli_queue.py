"""``tui-chat queue``: what it lists, changes and sends, and what it leaves alone."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import KEY, TOKEN, running_server
from tests.support.checkout import ROOT, run_python
from tests.support.kept import SERVER, held, item, keep, kept
from tui_chat.app.wording import age
from tui_chat.cli import main
from tui_chat.cli.exits import Exit
from tui_chat.cli.listing import cut
from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.item import SecretReference
from tui_chat.server.runs import Runs

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    code = main.run(["queue", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def one_line(err: str) -> str:
    assert err.count("\n") == 1, err
    return err


@pytest.fixture(autouse=True)
def no_core_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "forbid_core_dumps", lambda: None)


# -- the list -------------------------------------------------------------------------------------


def test_nothing_waits(capsys: Capture) -> None:
    assert run(capsys) == (Exit.OK, "Nothing waits.\n", "")
    assert run(capsys, "list", "--json") == (Exit.OK, "[]\n", "")


def test_the_list_names_id_state_age_server_and_first_line_in_order(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0 + 7_300)
    items = [
        item("first\nits second line", position=1),
        item("second", DeliveryState.UNKNOWN, position=2),
        item("third", DeliveryState.FAILED, position=3, note="It is too large."),
    ]
    keep(*reversed(items))
    code, out, err = run(capsys)
    assert (code, err) == (Exit.OK, "")
    assert out.splitlines() == [
        SERVER,
        f"  {items[0].id[:6]}  waiting              2 h  first",
        f"  {items[1].id[:6]}  may have arrived     2 h  second",
        f"  {items[2].id[:6]}  refused              2 h  third",
        "          It is too large.",
    ]


def test_settled_messages_are_not_listed(capsys: Capture) -> None:
    keep(item("there", DeliveryState.PERSISTED), item("gone", DeliveryState.DISCARDED, position=2))
    assert run(capsys)[1] == "Nothing waits.\n"


def test_ids_that_begin_alike_get_more_characters(capsys: Capture) -> None:
    keep(item("a", id="abcdef7" + "0" * 25), item("b", id="abcdef8" + "0" * 25, position=2))
    out = run(capsys)[1]
    assert re.findall(r"^ +(abcdef\w*) ", out, re.MULTILINE) == ["abcdef7", "abcdef8"]
    code, out, err = run(capsys, "show", "abcdef")
    assert (code, out) == (Exit.FAILURE, "")
    assert "2 messages have an id that begins with 'abcdef'" in one_line(err)
    assert run(capsys, "show", "ABCDEF7")[1] == "a\n"


@pytest.mark.parametrize("given", ["0123", "", "\x1b[31m", "../x"])
def test_an_id_that_is_nobodys(given: str, capsys: Capture) -> None:
    keep(item("a", id="f" * 32))
    code, out, err = run(capsys, "show", given)
    assert (code, out) == (Exit.FAILURE, "")
    assert "There is no message" in one_line(err)
    assert "\x1b" not in err


def test_json_is_complete_and_ascii(capsys: Capture) -> None:
    text = "hé\x1b[31m\x7f\u202e" + "long " * 500
    made = item(text)
    conversation = keep(made)
    code, out, _ = run(capsys, "--json")
    assert code == Exit.OK
    assert out.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", out)
    (found,) = json.loads(out)
    assert found["id"] == made.id
    assert found["text"] == text
    assert (found["state"], found["server"], found["conversation"]) == (
        "queued",
        SERVER,
        conversation,
    )
    assert json.loads(run(capsys, "show", made.id, "--json")[1]) == found


def test_hostile_text_reaches_no_terminal(capsys: Capture) -> None:
    keep(item("\x1b]52;c;evil\x07 \x9b31m \u202eabc\rnew", note="\x1b[2J"))
    for arguments in ((), ("show", item_id())):
        out = run(capsys, *arguments)[1]
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", out), arguments
        assert "␛]52;c;evil␇" in out


def item_id() -> str:
    return kept()[0].id


@pytest.mark.parametrize("columns", [20, 60, 200])
def test_the_list_is_no_wider_than_the_terminal(
    columns: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.cells import cell_len

    monkeypatch.setattr("tui_chat.cli.waiting.width", lambda: columns)
    keep(item("漢字" * 100), item("x" * 300, position=2), server=f"https://{'h' * 60}.example.com")
    for line in run(capsys)[1].splitlines():
        assert cell_len(line) <= max(columns, 48), line


def test_in_a_plain_locale_nothing_but_ascii_is_printed() -> None:
    keep(item("naïve 漢字"))
    for encoding, out in (("ascii", "na\\xefve \\u6f22\\u5b57"), ("utf-8", "naïve 漢字")):
        done = run_python(
            *("-m", "tui_chat", "queue"), environment={"LC_ALL": "C", "PYTHONIOENCODING": encoding}
        )
        assert done.stdout.rstrip().endswith(out)


def test_a_reader_that_has_gone_is_no_mistake() -> None:
    keep(item("x" * 200_000))
    command = f"{shlex.quote(sys.executable)} -m tui_chat queue show {item_id()} | head -c 1"
    done = subprocess.run(  # noqa: S603 - the interpreter itself
        ["sh", "-c", command],  # noqa: S607 - whichever is there
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"x", b"")


def test_columns_and_ages() -> None:
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("abc", 3) == "abc"
    assert [age(s) for s in (-5, 0, 1, 59, 60, 3_599, 3_600, 86_400, 200_000)] == [
        *("now", "now", "1 s", "59 s", "1 min", "59 min", "1 h", "1 d", "2 d")
    ]


def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_queue(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_CHAT_DATA", "not/absolute")
    code, out, err = run(capsys)
    assert (code, out) == (Exit.FAILURE, "")
    assert "is not an absolute path" in err
    assert "cannot be read" in err


# -- dropping and putting back --------------------------------------------------------------------


def test_dropped_messages_are_printed_and_gone(capsys: Capture) -> None:
    items = [item("one\nlines"), item("two", position=2), item("three", position=3)]
    keep(*items)
    code, out, err = run(capsys, "drop", items[0].id[:8], items[2].id, "--yes")
    assert code == Exit.OK
    assert "one\nlines" in out
    assert "three" in out
    assert one_line(err) == "tui-chat: 2 messages dropped.\n"
    assert [each.text for each in kept()] == ["two"]
    assert run(capsys, "drop", "--all", "--yes")[0] == Exit.OK
    assert kept() == []
    assert run(capsys, "drop", "--all", "--yes")[1] == "Nothing waits.\n"


def test_nothing_is_dropped_without_being_asked(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(item("one"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = run(capsys, "drop", "--all")
    assert code == Exit.USAGE
    assert "--yes" in one_line(err)
    terminal = io.StringIO("n\n")
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", terminal)
    code, out, err = run(capsys, "drop", "--all")
    assert code == Exit.FAILURE
    assert "Drop 1 message for good?" in err
    assert "nothing was dropped" in err
    assert out == ""
    assert [each.text for each in kept()] == ["one"]


@pytest.mark.parametrize("arguments", [("drop",), ("send",), ("drop", "abc", "--all")])
def test_what_is_meant_has_to_be_said(arguments: tuple[str, ...], capsys: Capture) -> None:
    code, _, err = run(capsys, *arguments)
    assert code == Exit.USAGE
    assert "--all" in one_line(err)


def test_a_refused_message_goes_back_into_the_queue(capsys: Capture) -> None:
    keep(
        item("failed", DeliveryState.FAILED),
        item("unknown", DeliveryState.UNKNOWN, position=2),
        item("waits", position=3),
    )
    ids = [each.id for each in kept()]
    code, _, err = run(capsys, "resend", *ids[:2])
    assert code == Exit.OK
    assert "2 messages put back into the queue" in one_line(err)
    assert [each.state for each in kept()] == [DeliveryState.QUEUED] * 3
    code, _, err = run(capsys, "resend", ids[2])
    assert code == Exit.FAILURE
    assert f"{ids[2][:6]}: Only a message that failed or is unknown" in one_line(err)


# -- editing --------------------------------------------------------------------------------------


def test_edit_with_a_text_or_from_standard_input(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(item("before"))
    code, out, err = run(capsys, "edit", item_id(), "--text", "after")
    assert (code, out, one_line(err)) == (Exit.OK, "", "tui-chat: changed.\n")
    assert kept()[0].text == "after"
    monkeypatch.setattr(sys, "stdin", io.StringIO("from\nstdin\n"))
    assert run(capsys, "edit", item_id(), "--stdin")[0] == Exit.OK
    assert kept()[0].text == "from\nstdin"
    for text, says in (("from\nstdin", "nothing was changed"), (" \n", "the text is empty")):
        code, _, err = run(capsys, "edit", item_id(), "--text", text)
        assert code == Exit.OK
        assert says in one_line(err)
    assert kept()[0].text == "from\nstdin"


def test_what_was_sent_cannot_be_edited(capsys: Capture) -> None:
    keep(item("unsure", DeliveryState.UNKNOWN, writes=1))
    code, _, err = run(capsys, "edit", item_id(), "--text", "after")
    assert code == Exit.FAILURE
    assert "cannot be edited any more" in one_line(err)
    assert kept()[0].text == "unsure"


@pytest.fixture
def edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary files are made."""
    folder = tmp_path / "temporary files"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Let VISUAL be a program that has the file's path in ``path``."""
    script = tmp_path / "an editor.py"
    script.write_text(
        "import json, os, pathlib, stat, sys\npath = pathlib.Path(sys.argv[-1])\n" + code
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} '{script}' --wait")


def test_the_editor_gets_a_private_file_and_no_secrets(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, edits: Path
) -> None:
    keep(item("before"))
    monkeypatch.setenv("TUI_CHAT_TOKEN", "canary-token")
    monkeypatch.setenv("TUI_CHAT_SERVER_KEY", "canary-key")
    seen = tmp_path / "seen.json"
    editor(
        monkeypatch,
        tmp_path,
        "mode = lambda p: stat.S_IMODE(p.stat().st_mode)\n"
        f"pathlib.Path({str(seen)!r}).write_text(json.dumps("
        "[sys.argv[1:-1], path.read_text(), mode(path), mode(path.parent), dict(os.environ)]))\n"
        "path.write_text('after: naïve\\n', encoding='utf-8')\n",
    )
    assert run(capsys, "edit", item_id())[0] == Exit.OK
    assert kept()[0].text == "after: naïve"
    arguments, text, mode, folder_mode, environment = json.loads(seen.read_text())
    assert (arguments, text) == (["--wait"], "before\n")
    if os.name == "posix":
        assert (stat.S_IMODE(mode), stat.S_IMODE(folder_mode)) == (0o600, 0o700)
    assert "canary" not in str(environment)
    assert list(edits.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "says", "exit_code"),
    [
        ("", "nothing was changed", Exit.OK),
        ("path.write_text(' \\n')", "the text is empty: nothing was changed", Exit.OK),
        ("sys.exit(3)", "ended with code 3: nothing was changed", Exit.FAILURE),
    ],
)
def test_an_editor_that_changes_nothing(
    code: str,
    says: str,
    exit_code: int,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    edits: Path,
) -> None:
    keep(item("before"))
    editor(monkeypatch, tmp_path, code)
    found, _, err = run(capsys, "edit", item_id())
    assert found == exit_code
    assert says in one_line(err)
    assert kept()[0].text == "before"
    assert list(edits.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("path.write_bytes(b'caf\\xe9')", "not UTF-8"),
        ("path.write_text('kept'); sys.exit(1)", "ended with code 1"),
        ("path.write_text('x' * 20_000_000)", "at most 16 MiB can be sent"),
    ],
)
def test_what_was_written_is_not_lost(
    code: str,
    says: str,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    edits: Path,
) -> None:
    keep(item("before"))
    editor(monkeypatch, tmp_path, code)
    found, _, err = run(capsys, "edit", item_id())
    assert found == Exit.FAILURE
    assert says in one_line(err)
    assert kept()[0].text == "before"
    (file,) = edits.glob("*/message.txt")
    assert str(file) in err


def test_a_message_that_was_dropped_meanwhile_does_not_take_the_text_along(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, edits: Path
) -> None:
    keep(item("before"))
    wanted = item_id()
    editor(
        monkeypatch,
        tmp_path,
        "import subprocess\npath.write_text('a new text')\n"
        f"subprocess.run([sys.executable, '-m', 'tui_chat', 'queue', 'drop', {wanted!r}, '--yes'],"
        f" cwd={str(Path.cwd())!r}, check=True, stdout=-3)\n",
    )
    code, _, err = run(capsys, "edit", wanted)
    assert code == Exit.FAILURE
    (file,) = edits.glob("*/message.txt")
    assert file.read_text() == "a new text"
    assert str(file) in err


def test_without_an_editor_and_a_terminal_it_says_what_to_do(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(item("before"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = run(capsys, "edit", item_id())
    assert code == Exit.USAGE
    assert "--stdin" in one_line(err)
    monkeypatch.setenv("EDITOR", "/nowhere/no-such-editor")
    code, _, err = run(capsys, "edit", item_id())
    assert code == Exit.FAILURE
    assert "could not be started" in one_line(err)
    monkeypatch.setenv("EDITOR", "vi 'unclosed")
    assert run(capsys, "edit", item_id())[0] == Exit.USAGE


# -- open elsewhere -------------------------------------------------------------------------------


async def test_what_is_open_elsewhere_is_shown_and_left_alone(capsys: Capture) -> None:
    mine = item("mine")
    async with held(items=[mine]):
        for arguments in (
            ("edit", mine.id, "--text", "x"),
            ("drop", mine.id, "--yes"),
            ("resend", mine.id),
        ):
            code, out, err = await asyncio.to_thread(run, capsys, *arguments)
            assert (code, out) == (Exit.FAILURE, "")
            assert f"open in another tui-chat (process {os.getpid()}). Edit it there." in err
        code, out, _ = await asyncio.to_thread(run, capsys)
        assert code == Exit.OK
        assert f"(open in process {os.getpid()})" in out
    (left,) = await asyncio.to_thread(kept)
    assert (left.text, left.state) == ("mine", DeliveryState.QUEUED)


# -- sending --------------------------------------------------------------------------------------


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_CHAT_TOKEN", TOKEN)
    monkeypatch.setenv("TUI_CHAT_SERVER_KEY", KEY)


async def test_send_delivers_in_order_and_keeps_the_answers(login: None, capsys: Capture) -> None:
    items = [item(f"message {n}", position=n) for n in range(1, 4)]
    async with running_server() as server:
        await asyncio.to_thread(keep, *reversed(items), server=server.url)
        code, out, err = await asyncio.to_thread(run, capsys, "send", "--all")
        (thread,) = server._state.threads.list(server.user.identity)
        said = [m.content for m in thread.messages if m.role == "user"]
    assert (code, err) == (Exit.OK, "")
    assert out.splitlines() == [f"{each.id[:6]}  delivered" for each in items]
    assert said == ["message 1", "message 2", "message 3"]
    assert await asyncio.to_thread(kept) == []


async def test_only_what_was_named_is_sent(login: None, capsys: Capture) -> None:
    items = [item(f"message {n}", position=n) for n in range(1, 4)]
    async with running_server() as server:
        await asyncio.to_thread(keep, *items, server=server.url)
        code, out, _ = await asyncio.to_thread(run, capsys, "send", items[1].id[:10])
    assert (code, out) == (Exit.OK, f"{items[1].id[:6]}  delivered\n")
    left = await asyncio.to_thread(kept)
    assert [each.text for each in left] == ["message 1", "message 3"]


async def test_what_cannot_be_sent_from_here_stays_as_it_is(login: None, capsys: Capture) -> None:
    headers = {"mcp": {"Authorization": SecretReference("a-secret")}}
    items = [
        item("refused", DeliveryState.FAILED),
        item("needs a secret", position=2, mcp_headers=headers),
        item("fine", position=3),
    ]
    async with running_server() as server:
        await asyncio.to_thread(keep, *items, server=server.url)
        code, out, err = await asyncio.to_thread(run, capsys, "send", "--all")
    assert code == Exit.FAILURE
    assert [line.split("  ")[1][:12] for line in out.splitlines()] == [
        "was refused;",
        "needs secret",
        "delivered",
    ]
    assert "2 messages not delivered" in one_line(err)
    left = await asyncio.to_thread(kept)
    assert [each.state for each in left] == [DeliveryState.FAILED, DeliveryState.QUEUED]


def test_without_a_server_everything_stays_in_the_queue(login: None, capsys: Capture) -> None:
    keep(item("one"), item("two", position=2), server="http://127.0.0.1:9")
    code, out, err = run(capsys, "send", "--all", "--timeout", "5")
    assert (code, out) == (Exit.FAILURE, "")
    assert "2 messages not delivered, and in the queue still" in err
    assert len(err.splitlines()) == 2, err
    assert [each.state for each in kept()] == [DeliveryState.QUEUED] * 2


async def test_wrong_credentials_are_named(
    login: None, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_CHAT_TOKEN", "canary-wrong")
    async with running_server() as server:
        await asyncio.to_thread(keep, item("one"), server=server.url)
        code, _, err = await asyncio.to_thread(run, capsys, "send", "--all")
    assert code == Exit.FAILURE
    assert "TUI_CHAT_TOKEN" in err or "token" in err
    assert "canary" not in err
    assert len(await asyncio.to_thread(kept)) == 1


@pytest.fixture
def swallowed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let the server take messages and say nothing; set when it has taken the first one."""
    taken = asyncio.Event()

    async def submit(*_: object) -> None:
        taken.set()

    monkeypatch.setattr(Runs, "submit", submit)
    return taken


async def test_a_server_that_says_nothing_costs_the_time_that_was_given(
    login: None, capsys: Capture, swallowed: asyncio.Event
) -> None:
    items = [item("one"), item("two", position=2)]
    async with running_server() as server:
        await asyncio.to_thread(keep, *items, server=server.url)
        code, out, err = await asyncio.to_thread(run, capsys, "send", "--all", "--timeout", "1")
    assert swallowed.is_set()
    assert code == Exit.FAILURE
    assert out.splitlines()[0].endswith("sends it once more")
    assert "waiting still: nothing came of" in out.splitlines()[1]
    assert "2 messages not delivered" in one_line(err)
    left = await asyncio.to_thread(kept)
    assert [each.state for each in left] == [DeliveryState.UNKNOWN, DeliveryState.QUEUED]


def test_credentials_go_to_one_server_only(
    login: None, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = item("one"), item("two")
    keep(one, server="http://127.0.0.1:9")
    keep(two, server="http://127.0.0.1:10")
    code, _, err = run(capsys, "send", "--all")
    assert code == Exit.USAGE
    assert "for 2 servers" in one_line(err)
    monkeypatch.setenv("TUI_CHAT_SERVER_URL", "http://127.0.0.1:9/")
    code, _, err = run(capsys, "send", two.id)
    assert code == Exit.USAGE
    assert "a message is for http://127.0.0.1:10" in one_line(err)
    monkeypatch.setenv("TUI_CHAT_SERVER_URL", "http://127.0.0.1:11")
    assert run(capsys, "send", "--all")[:2] == (Exit.OK, "Nothing waits.\n")


async def test_ctrl_c_leaves_the_rest_in_the_queue(swallowed: asyncio.Event) -> None:
    """In a process of its own: the signal goes to its main thread."""
    async with running_server() as server:
        await asyncio.to_thread(keep, item("one"), item("two", position=2), server=server.url)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tui_chat", "queue", "send", "--all"),
            env={**os.environ, "TUI_CHAT_TOKEN": TOKEN, "TUI_CHAT_SERVER_KEY": KEY},
            cwd=ROOT,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(30):
                await swallowed.wait()
                process.send_signal(signal.SIGINT)
                _, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == Exit.INTERRUPTED, err
    assert err.decode().split("\n") == [
        (
            "tui-chat: 2 messages not delivered, and in the queue still; "
            "`tui-chat queue` lists what is there."
        ),
        "",  # the line on which the terminal shows ^C
        "tui-chat: stopped.",
        "",
    ]
    left = await asyncio.to_thread(kept)
    assert [each.state for each in left] == [DeliveryState.UNKNOWN, DeliveryState.QUEUED]
