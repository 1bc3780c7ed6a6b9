"""What was typed survives: the real program, killed, started again, and beside another one."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_demo import CONNECTED, Serve, ask
from tests.support.checkout import ROOT, run_python
from tests.support.tmux import Terminal, alive, programs, wait_until

pytestmark = pytest.mark.needs("tmux")


@pytest.fixture
def credentials() -> dict[str, str]:
    return {
        "TUI_CHAT_TOKEN": secrets.token_urlsafe(24),
        "TUI_CHAT_SERVER_KEY": secrets.token_urlsafe(24),
    }


@pytest.fixture
def server(tmp_path: Path, credentials: dict[str, str]) -> Iterator[Serve]:
    """A server that does not run yet, with a port of its own."""
    serve = Serve(tmp_path, credentials)
    with socket.create_server(("127.0.0.1", 0)) as free:
        serve.port = free.getsockname()[1]
    try:
        yield serve
    finally:
        serve.kill()


def chat(server: Serve, credentials: dict[str, str], *arguments: str, rows: int = 30) -> Terminal:
    return Terminal(
        [sys.executable, "-m", "tui_chat", "--server-url", server.url, *arguments],
        environment={**credentials, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        rows=rows,
    )


def type_offline(terminal: Terminal, text: str) -> None:
    """Send a message with no server to send it to."""
    terminal.wait_for("Nothing answers")  # the client has started, and tried
    ask(terminal, text)


def queue(*arguments: str, **environment: str) -> tuple[int, str, str]:
    done = run_python("-m", "tui_chat", "queue", *arguments, check=False, environment=environment)
    return done.returncode, done.stdout, done.stderr


def waiting() -> list[dict[str, Any]]:
    code, out, err = queue("--json")
    assert (code, err) == (0, "")
    found: list[dict[str, Any]] = json.loads(out)
    return found


def texts() -> list[str]:
    return [each["text"] for each in waiting()]


def test_what_was_typed_offline_survives_a_kill_and_is_delivered(
    server: Serve, credentials: dict[str, str]
) -> None:
    with chat(server, credentials) as first:
        type_offline(first, "typed offline")
        wait_until(lambda: texts() == ["typed offline"], lambda: str(texts()))
        type_offline(first, "and one more")
        wait_until(lambda: len(texts()) == 2, lambda: str(texts()))
        (pid,) = programs(first)
        assert {each["openIn"] for each in waiting()} == {pid}
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), lambda: "it is still there")

    code, out, _ = queue()
    assert code == 0
    assert re.findall(r"^  \w{6}  waiting +(?:now|\d+ \w+)  (.*)$", out, re.MULTILINE) == [
        "typed offline",
        "and one more",
    ]
    assert "open in" not in out

    with chat(server, credentials) as second:
        second.wait_for(lambda text: "typed offline" in text and "and one more" in text)
        server.start()
        second.wait_for(CONNECTED)
        second.wait_for("2 left over from an earlier session")
        assert [each["state"] for each in waiting()] == ["queued"] * 2, "they wait for the user"
        second.press("C-q")
        assert second.exit_code() == 0
        second.wait_for("2 messages are not sent yet")

    code, out, err = queue("send", "--all", **credentials)
    assert (code, err) == (0, "")
    assert [line.split()[1] for line in out.splitlines()] == ["delivered"] * 2
    assert queue() == (0, "Nothing waits.\n", "")

    with chat(server, credentials) as third:
        # The conversation went on without a screen, answers included.
        third.wait_for(
            lambda text: re.search(r"▌ typed offline", text) and re.search(r"▌ and one more", text)
        )
        third.wait_for("● Assistant")
        third.press("C-q")
        assert third.exit_code() == 0
        assert "not sent" not in third.everything()


def test_a_draft_is_back_after_a_kill(server: Serve, credentials: dict[str, str]) -> None:
    with chat(server, credentials) as first:
        first.wait_for("Nothing answers")
        first.type("half a thought")
        first.wait_for("half a thought")
        wait_until(lambda: "half a thought" in kept_bytes(), lambda: "the draft is not kept")
        (pid,) = programs(first)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), lambda: "it is still there")
    with chat(server, credentials) as second:
        second.wait_for("half a thought")
        assert texts() == []


def kept_bytes() -> str:
    """Return everything that is on the disk; the database and its log hold text as it is."""
    folder = Path(os.environ["XDG_DATA_HOME"])
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode(errors="replace") for path in files)


def test_two_running_programs_have_a_queue_each(server: Serve, credentials: dict[str, str]) -> None:
    with chat(server, credentials) as first, chat(server, credentials) as second:
        type_offline(first, "of the first")
        type_offline(second, "of the second")
        wait_until(lambda: len(texts()) == 2, lambda: str(texts()))
        assert "of the second" not in first.screen()
        assert "of the first" not in second.screen()
        by_text = {each["text"]: each for each in waiting()}
        for terminal, text in ((first, "of the first"), (second, "of the second")):
            (pid,) = programs(terminal)
            assert by_text[text]["openIn"] == pid
            for command in (("drop", "--yes"), ("edit", "--text", "x")):
                code, out, err = queue(command[0], by_text[text]["id"], *command[1:])
                assert (code, out) == (1, "")
                assert f"(process {pid})" in err
        assert sorted(texts()) == ["of the first", "of the second"]
        server.start()
        for terminal in (first, second):
            terminal.wait_for(lambda text: "● Assistant" in text)
        wait_until(lambda: texts() == [], lambda: str(texts()))
        for terminal in (first, second):
            terminal.press("C-q")
            assert terminal.exit_code() == 0


def test_an_ephemeral_chat_keeps_nothing(server: Serve, credentials: dict[str, str]) -> None:
    server.start()
    with chat(server, credentials, "--ephemeral") as terminal:
        terminal.wait_for(CONNECTED)
        ask(terminal, "hello from nowhere")
        terminal.wait_for("● Assistant")
        terminal.press("C-q")
        assert terminal.exit_code() == 0
    assert queue() == (0, "Nothing waits.\n", "")
    assert "hello from nowhere" not in kept_bytes()


def test_the_editor_edits_what_waits(
    server: Serve, credentials: dict[str, str], tmp_path: Path
) -> None:
    with chat(server, credentials) as terminal:
        type_offline(terminal, "with a typo")
        wait_until(lambda: texts() == ["with a typo"], lambda: str(texts()))
        terminal.press("C-q")
        assert terminal.exit_code() == 0
        terminal.wait_for("1 message is not sent yet. It is kept")
    script = tmp_path / "edit.sh"
    script.write_text('printf "without one" > "$1"\n')
    (message,) = waiting()
    code, _, err = queue("edit", message["id"][:8], VISUAL=f"sh {script}", **credentials)
    assert (code, err) == (0, "tui-chat: changed.\n")
    assert texts() == ["without one"]
