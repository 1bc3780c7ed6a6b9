"""The command line: what it accepts, what it says, and the codes it ends with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest

from tests.support.checkout import run_python
from tui_chat import __main__, __version__
from tui_chat.app.settings import ChatSettings
from tui_chat.cli import demo, main
from tui_chat.cli.exits import Exit
from tui_chat.cli.numbers import Number
from tui_chat.cli.resources import Resources
from tui_chat.errors import NetworkError
from tui_chat.secret import Secret

TOKEN = "canary-token-5521"
KEY = "canary-key-9917"

Calls = list[dict[str, Any]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Stand in for the terminal; collect what the application would be started with."""
    made: Calls = []

    def run_chat(settings: ChatSettings | None, **options: Any) -> int:
        made.append({"settings": settings, **options})
        return Exit.OK

    for module in (main, demo):
        monkeypatch.setattr(module, "run_chat", run_chat)
        monkeypatch.setattr(module, "require_terminal", lambda: None)
    monkeypatch.setattr(main, "forbid_core_dumps", lambda: None)
    return made


def spoken(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on stderr; nothing else may have been printed."""
    out = capsys.readouterr()
    assert out.out == ""
    lines = out.err.splitlines()
    assert len(lines) == 1, out.err
    return lines[0]


# -- the beginning --------------------------------------------------------------------------------


def test_version_is_answered_before_anything_else_is_imported() -> None:
    code = (
        "import sys\n"
        "sys.argv[1:] = ['--version']\n"
        "from tui_chat.__main__ import main\n"
        "status = main()\n"
        "heavy = {'click', 'textual', 'rich', 'httpx', 'websockets', 'keyring', 'asyncio'}\n"
        "print(status, sorted(heavy & set(sys.modules)))\n"
    )
    done = run_python("-c", code)
    assert done.stdout == f"tui-chat {__version__}\n0 []\n"


def test_help_and_errors_import_no_textual_and_no_network() -> None:
    code = (
        "import sys\n"
        "from tui_chat.cli.main import run\n"
        "status = run(['--nope'])\n"
        "heavy = {'textual', 'rich', 'httpx', 'websockets', 'keyring'}\n"
        "print(status, sorted(heavy & set(sys.modules)))\n"
    )
    assert run_python("-c", code).stdout == "2 []\n"


def test_the_application_imports_the_network_libraries_only_when_it_runs() -> None:
    code = (
        "import sys\n"
        "import tui_chat.app.app, tui_chat.app.screens.chat, tui_chat.app.screens.welcome\n"
        "heavy = {'httpx', 'websockets', 'keyring', 'msgspec', 'markdown_it', 'starlette'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    assert run_python("-c", code).stdout == "[]\n"


def test_the_entry_point_runs_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tui-chat", "--version"])
    assert __main__.main() == 0
    assert capsys.readouterr().out == f"tui-chat {__version__}\n"
    monkeypatch.setattr(sys, "argv", ["tui-chat", "--nope"])
    assert __main__.main() == Exit.USAGE
    assert "--nope" in spoken(capsys)


def test_help_names_the_commands_and_where_secrets_come_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.run(["--help"]) == 0
    text = capsys.readouterr().out
    for word in ("demo", "serve", "--server-url", "TUI_CHAT_TOKEN", "TUI_CHAT_SERVER_KEY"):
        assert word in text
    assert "--token" not in text


# -- what is handed on ----------------------------------------------------------------------------


def test_without_a_server_the_welcome_screen_comes(calls: Calls) -> None:
    assert main.run([]) == 0
    assert calls[0]["settings"] is None


def test_the_settings_are_handed_on_and_the_secrets_leave_the_environment(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_CHAT_TOKEN", TOKEN)
    monkeypatch.setenv("TUI_CHAT_SERVER_KEY", KEY)
    arguments = ["--server-url", "https://h:1/x", "--user-id", "u", "--entity-id", "e"]
    assert main.run([*arguments, "--entity-type", "brand", "--allow-plaintext"]) == 0
    settings = calls[0]["settings"]
    assert settings.token.reveal() == TOKEN
    assert settings.key.reveal() == KEY
    assert (settings.server_url, settings.user_id, settings.entity_id) == (
        "https://h:1/x",
        "u",
        "e",
    )
    assert settings.entity_type == "BRAND"
    assert settings.allow_plaintext is True
    assert "TUI_CHAT_TOKEN" not in os.environ
    assert "TUI_CHAT_SERVER_KEY" not in os.environ
    assert TOKEN not in repr(calls)
    assert KEY not in repr(calls)


def test_the_server_may_come_from_the_environment_and_the_secrets_from_a_hidden_prompt(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_CHAT_SERVER_URL", "https://h")
    asked: list[tuple[str, bool]] = []

    def prompt(text: str, *, hide_input: bool, err: bool) -> str:
        asked.append((text, hide_input))
        assert err
        return f" {TOKEN} "

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr(sys, "stdin", _Terminal())
    assert main.run([]) == 0
    assert asked == [("Token (hidden)", True), ("Server key (hidden)", True)]
    assert calls[0]["settings"].token.reveal() == TOKEN


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_the_demo_starts_its_server_and_ends_it_whatever_happens(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    def start(resources: Resources, *, port: int, ticket_ttl: float) -> ChatSettings:
        events.append(f"start {port} {ticket_ttl}")
        resources.callback(lambda: events.append("close"))
        return ChatSettings("http://127.0.0.1:1", Secret("t"), Secret("k"))

    monkeypatch.setattr(demo, "start_demo_server", start)
    assert main.run(["demo", "--port", "4711", "--ticket-ttl", "9"]) == 0
    assert events == ["start 4711 9.0", "close"]

    def fail(*_: Any, **__: Any) -> int:
        raise NetworkError("It broke.")

    monkeypatch.setattr(demo, "run_chat", fail)
    assert main.run(["demo"]) == Exit.FAILURE
    assert events[2:] == ["start 0 120.0", "close"]


def test_the_exit_code_of_the_application_is_the_programs(
    monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    monkeypatch.setattr(main, "run_chat", lambda *_, **__: Exit.TERMINATED)
    assert main.run([]) == Exit.TERMINATED


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--token", "--key", "--server-key", "--password"])
@pytest.mark.parametrize("form", ["{0}={1}", "{0} {1}"])
def test_secrets_are_no_arguments(
    option: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(form.format(option, TOKEN).split()) == Exit.USAGE
    line = spoken(capsys)
    assert f"No such option: {option}." in line
    assert "TUI_CHAT_TOKEN" in line
    assert TOKEN not in line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dmeo"], "Did you mean 'demo'?"),
        (["server"], "Did you mean 'serve'?"),
        (["zzz"], "There is no command 'zzz'."),
        (["--nope"], "No such option '--nope'."),
        (["--server-url", "ftp://h"], "must start with https://"),
        (["--server-url", "https://u:p@h"], "Credentials do not belong in a URL"),
        (["--server-url", "https://h"], "Token missing: set TUI_CHAT_TOKEN"),
        (["--server-url", "https://h", "demo"], "--server-url does not go with 'demo'"),
        (["demo", "--ticket-ttl", "0"], "--ticket-ttl"),
        (["demo", "--port", "70000"], "--port"),
        (["--theme", "pink"], "--theme"),
        (["demo\x1b[31m"], "There is no command"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(arguments) == Exit.USAGE
    line = spoken(capsys)
    assert line.startswith("tui-chat: ")
    assert says in line
    assert "\x1b" not in line


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "0", "1e9", "86401", "ten", ""])
def test_a_number_that_is_none_or_too_far_off_is_named(
    value: str, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["demo", f"--ticket-ttl={value}"]) == Exit.USAGE
    assert spoken(capsys) == (
        "tui-chat: --ticket-ttl takes a number of seconds from 1 to 86,400, and "
        f"{value or 'nothing'} is not one. Try 'tui-chat demo --help'."
    )
    assert calls == []


def test_numbers_without_an_upper_limit() -> None:
    assert Number(least=0).convert("1e12", None, None) == 1e12
    with pytest.raises(click.UsageError, match="takes a number of at least 0, and inf is not one"):
        Number(least=0).convert("inf", None, None)


def test_what_must_not_stay_behind_is_ended_even_while_closing_hangs() -> None:
    ended: list[str] = []
    resources = Resources()
    resources.last_resort(lambda: ended.append("first"))
    resources.last_resort(lambda: 1 / 0)
    resources.last_resort(lambda: ended.append("last"))
    resources.callback(resources.force)  # closing it: nothing is on the stack any more
    resources.close()
    assert ended == ["last", "first"]


def test_without_a_terminal_it_says_so() -> None:
    done = run_python("-m", "tui_chat", check=False)
    assert done.returncode == Exit.USAGE
    assert done.stdout == ""
    assert done.stderr.startswith("tui-chat: The chat needs a terminal, and standard input is not")
    assert done.stderr.count("\n") == 1


def _raise(error: BaseException) -> Callable[..., int]:
    def run_chat(*_: Any, **__: Any) -> int:
        local = TOKEN
        assert local
        raise error

    return run_chat


def test_expected_errors_are_one_line_and_exit_code_1(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "run_chat", _raise(NetworkError("Nobody\nanswers \x1b[31m.")))
    assert main.run([]) == Exit.FAILURE
    assert spoken(capsys) == "tui-chat: Nobody answers ␛[31m."


def test_an_unexpected_error_shows_its_type_and_nothing_else(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "run_chat", _raise(ValueError(TOKEN)))
    assert main.run([]) == Exit.FAILURE
    line = spoken(capsys)
    assert "(ValueError)" in line
    assert "TUI_CHAT_DEBUG=1" in line
    assert TOKEN not in line


def test_debugging_shows_a_traceback_without_local_variables(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUI_CHAT_DEBUG", "1")
    monkeypatch.setattr(main, "run_chat", _raise(ValueError("broken")))
    assert main.run([]) == Exit.FAILURE
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "ValueError: broken" in text
    assert TOKEN not in text


def test_ctrl_c_at_a_prompt(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "run_chat", _raise(KeyboardInterrupt()))
    assert main.run([]) == Exit.INTERRUPTED
    # click ends the line of the prompt first
    assert capsys.readouterr().err == "\ntui-chat: stopped.\n"
