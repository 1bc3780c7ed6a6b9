"""Slash commands: what is one, how it is completed, and that nothing is sent or lost by them."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.app_support import FakeClient, make_stage, started, wait_until
from tests.support.readme import readme
from tui_chat.app.bindings import REGISTRY, Scope
from tui_chat.app.screens.help import HelpScreen, help_sections
from tui_chat.app.slash import COMMANDS, Completer, Invocation, escape, nearest, parse, sent
from tui_chat.app.widgets.completion import MOST_ROWS
from tui_chat.conversation.model import RunChanged

# -- what is one ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/help", Invocation("help")),
        ("/theme  light ", Invocation("theme", "light")),
        ("/foo bar", Invocation("foo", "bar")),
        ("/edit-it", Invocation("edit-it")),
        ("/", None),
        ("//help", None),
        (" /help", None),
        ("/help\nme", None),
        ("/usr/bin/x is broken", None),
        ("/2 is a half", None),
        ("/Users is full", None),
        ("/foo, bar", None),
        ("/-x", None),
        ("see /help", None),
        ("/help " + "x" * 1_000, None),
    ],
)
def test_what_counts_as_a_command(text: str, expected: Invocation | None) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("//help", "/help"),
        ("//foo bar", "/foo bar"),
        ("///foo", "//foo"),
        ("// a comment", "// a comment"),
        ("//usr/bin", "//usr/bin"),
        ("//foo\nint x;", "//foo\nint x;"),
        (" /foo", " /foo"),
        ("hello", "hello"),
    ],
)
def test_two_slashes_send_one(typed: str, message: str) -> None:
    assert sent(typed) == message


@given(st.text(st.sampled_from("/ab- \n2"), max_size=12))
def test_what_was_sent_can_be_sent_again_by_entering_it(text: str) -> None:
    typed = escape(text)
    assert parse(typed) is None
    assert sent(typed) == text


def test_a_nearest_command() -> None:
    assert nearest("reconect") == "reconnect"
    assert nearest("hlep") == "help"
    assert nearest("xyzzy") == ""


# -- one registry ---------------------------------------------------------------------------------


def test_every_command_that_the_palette_or_a_function_key_has_is_a_slash_command() -> None:
    for command in REGISTRY:
        function_key = any(re.fullmatch(r"f\d+", key) for key in command.keys)
        everywhere = command.scope in (Scope.CHAT, Scope.APP)
        if everywhere and (command.palette or function_key):
            assert command.slash, command.id
            assert parse(f"/{command.slash}") == Invocation(command.slash)
    assert len(COMMANDS) == len([c for c in REGISTRY if c.slash]), "no name twice"
    assert {"reconnect", "debug", "help", "queue", "quit", "stop", "retry", "theme"} <= set(
        COMMANDS
    )


def test_the_help_screen_and_the_readme_have_all_of_them() -> None:
    sections = dict(help_sections())
    rows = [name for name, _ in sections["Slash commands"]]
    assert rows == [f"/{name} {c.argument}".rstrip() for name, c in COMMANDS.items()]
    table = readme().split("## Slash commands", 1)[1].split("\n## ", 1)[0]
    documented = [
        tuple(cell.strip() for cell in row.strip("|").split("|"))
        for row in table.splitlines()
        if row.startswith("| `/")
    ]
    assert documented == [
        (f"`/{name} {c.argument}`".replace(" `", "`"), c.help) for name, c in COMMANDS.items()
    ]


# -- completion -----------------------------------------------------------------------------------


def test_what_begins_so_comes_first_and_is_chosen() -> None:
    completer = Completer()
    completer.see("/")
    assert [s.text for s in completer.suggestions] == [f"/{name}" for name in COMMANDS]
    completer.see("/e")
    texts = [s.text for s in completer.suggestions]
    begin = [f"/{name}" for name in COMMANDS if name.startswith("e")]
    assert texts[: len(begin)] == begin
    assert len(texts) > len(begin), "those that hold the letters come behind"
    assert completer.chosen is not None
    assert completer.chosen.text == begin[0]


def test_nothing_is_chosen_unasked_when_nothing_begins_so() -> None:
    completer = Completer()
    completer.see("/bug")
    assert completer.open
    assert [s.text for s in completer.suggestions] == ["/debug"]
    assert completer.chosen is None
    completer.move(1)
    assert completer.chosen is not None


def test_closed_it_stays_closed_until_another_command_is_begun() -> None:
    completer = Completer()
    completer.see("/re")
    completer.close()
    completer.see("/rec")
    assert not completer.open
    completer.see("")
    completer.see("/")
    assert completer.open


async def test_the_list_opens_chooses_completes_and_runs() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        completion, prompt = stage.chat.completion, stage.chat.prompt
        assert not completion.display
        await pilot.press("/")
        await wait_until(pilot, lambda: completion.display)
        await pilot.press("r", "e", "down")
        chosen = prompt.completer.chosen
        assert chosen is not None
        await pilot.press("tab")
        assert prompt.text == chosen.text
        await pilot.press(*["backspace"] * len(prompt.text))
        await wait_until(pilot, lambda: not completion.display)
        await pilot.press(*"/reco", "enter")
        await wait_until(pilot, lambda: stage.client.reconnects == 1)
        assert prompt.text == ""
        assert not completion.display
        assert stage.client.sent == []


async def test_enter_typed_without_a_pause_still_runs_what_was_typed() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"/help", "enter")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, HelpScreen))
        assert stage.client.sent == []


async def test_a_click_takes_a_line() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("/")
        await wait_until(pilot, lambda: stage.chat.completion.size.height > 1)
        await pilot.click("#completion", offset=(5, 1))
        second = list(COMMANDS)[1]
        await wait_until(pilot, lambda: stage.chat.prompt.text.strip() == f"/{second}")
        assert stage.chat.prompt.has_focus


async def test_esc_closes_the_list_and_does_not_stop_the_reply() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.changes(RunChanged(running=True))
        await wait_until(pilot, lambda: stage.chat.key_hints.running)
        await pilot.press("/", "escape")
        await wait_until(pilot, lambda: not stage.chat.completion.display)
        assert stage.client.stops == 0
        assert stage.chat.prompt.text == "/"
        await pilot.press("escape")
        await wait_until(pilot, lambda: stage.client.stops == 1)


@pytest.mark.parametrize("size", [(40, 12), (60, 24), (80, 24), (120, 60), (40, 10)])
async def test_the_list_leaves_room_for_everything_else(size: tuple[int, int]) -> None:
    stage = make_stage(FakeClient())
    async with stage.app.run_test(size=size) as pilot:
        await started(pilot, stage)
        chat = stage.chat
        await pilot.press("/")
        await wait_until(pilot, lambda: chat.completion.size.height)
        width, height = size
        rows = chat.completion.size.height
        assert rows == min(MOST_ROWS, height // 3)
        for _ in COMMANDS:
            await pilot.press("down")  # round and back to the first one
            lines = chat.completion.render().plain.split("\n")
            assert len(lines) == rows
            assert sum(line.startswith("> /") for line in lines) == 1, "the chosen one is in view"
            assert all(len(line) <= width - 4 for line in lines)
        assert chat.status_bar.region.y == 0
        assert chat.status_bar.region.height == 1
        assert chat.completion.region.bottom == chat.prompt.region.y
        assert chat.key_hints.region.bottom == height, "nothing was pushed off the screen"


# -- running --------------------------------------------------------------------------------------


async def test_an_unknown_command_is_not_sent_and_stays() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"/reconect", "enter")
        await wait_until(pilot, lambda: stage.chat.notice.text)
        assert stage.chat.notice.text == (
            "No such command; nearest: /reconnect. To send it as text, put a space before it or "
            "write //reconect"
        )
        assert stage.chat.prompt.text == "/reconect"
        assert not stage.chat.prompt.pending
        await pilot.press("home", "/", "enter")
        await wait_until(pilot, lambda: stage.client.sent == ["/reconect"])
        await wait_until(pilot, lambda: stage.chat.prompt.text == "")
        await pilot.press("up")
        assert stage.chat.prompt.text == "//reconect", "recalled so that it can be sent again"


async def test_words_behind_a_command_that_takes_none_do_not_run_it() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"/quit smoking", "enter")
        await wait_until(pilot, lambda: "takes nothing" in stage.chat.notice.text)
        assert stage.chat.prompt.text == "/quit smoking"
        assert stage.client.sent == []


async def test_a_path_is_a_message() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"/usr/bin/x is broken", "enter")
        await wait_until(pilot, lambda: stage.client.sent == ["/usr/bin/x is broken"])


async def test_a_theme_by_its_name() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"/theme ")
        texts = [s.text for s in stage.chat.prompt.completer.suggestions]
        assert {"/theme dark", "/theme light"} <= set(texts)
        await pilot.press("l", "enter")
        await wait_until(pilot, lambda: stage.app.theme == "tui-chat-light")
        await pilot.press(*"/theme nosuch", "enter")
        await wait_until(pilot, lambda: stage.app._notifications)
        assert "nosuch" in next(iter(stage.app._notifications)).message
        assert stage.app.theme == "tui-chat-light"


async def test_a_text_of_an_earlier_session_that_looks_like_a_command_can_be_sent_again() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.chat.prompt.load(("/quit",))
        await pilot.press("up")
        assert stage.chat.prompt.text == "//quit"
        stage.chat.prompt.clear()
        stage.chat.prompt.bring("/quit")
        await pilot.press("enter")
        await wait_until(pilot, lambda: stage.client.sent == ["/quit"])


async def test_a_command_typed_behind_a_message_that_waits_runs_afterwards() -> None:
    stage = make_stage(FakeClient(gate=asyncio.Event()))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("a", "enter", *"/reconnect", "enter")
        stage.client.open_gate()
        await wait_until(pilot, lambda: stage.client.reconnects == 1)
        assert stage.client.sent == ["a"]
        assert stage.chat.prompt.text == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_whole_name_is_the_first_suggestion(name: str) -> None:
    completer = Completer()
    completer.see(f"/{name}")
    assert completer.chosen is not None
    assert completer.chosen.text == f"/{name}"
