"""Keys that the user has given to commands: what is accepted, and that everything goes by them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app_support import Stage, make_stage, started, wait_until
from tui_chat.app.bindings import display, display_keys, key_of
from tui_chat.app.commands import REGISTRY, Scope
from tui_chat.app.keymap import Actions, check_keys, key_name, keys_of, use_keys
from tui_chat.app.preferences import Preferences
from tui_chat.app.preferences_file import Loaded
from tui_chat.app.screens.help import HelpScreen, help_sections


@pytest.fixture(autouse=True)
def own_keys_afterwards() -> Iterator[None]:
    yield
    use_keys({})


def stage_with(**keys: tuple[str, ...]) -> Stage:
    preferences = Preferences(keys={name.replace("_", "-"): k for name, k in keys.items()})
    return make_stage(preferences=Loaded(preferences, (), Path("/nowhere/settings.toml")))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ctrl+t", "ctrl+t"),
        ("Ctrl+T", "ctrl+t"),
        ("ctrl-t", "ctrl+t"),
        (" shift + Ctrl + left ", "ctrl+shift+left"),
        ("PgUp", "pageup"),
        ("alt+PgDn", "alt+pagedown"),
        ("Esc", "escape"),
        ("f12", "f12"),
        ("F5", "f5"),
        ("?", "question_mark"),
        ("ctrl+\\", "ctrl+backslash"),
        ("alt+-", "alt+minus"),
        ("x", "x"),
        ("X", "X"),
        ("kontrol+t", None),
        ("ctrl+", None),
        ("ctrl+foo", None),
        ("f99", None),
        ("", None),
        ("+" * 5_000, None),
        ("\x1b", None),
    ],
)
def test_keys_as_people_write_them(written: str, name: str | None) -> None:
    assert key_name(written) == name


def test_every_key_of_the_registry_can_be_written_as_it_is_shown_and_as_it_is_named() -> None:
    for command in REGISTRY:
        for key in command.keys:
            assert key_name(key) == key
            assert key_name(display(key)) in {key, key.lower(), display(key)}, key


def test_the_registry_itself_is_accepted() -> None:
    found = check_keys({c.id: c.keys for c in REGISTRY})
    assert found.problems == ()
    assert found.keys == {c.id: c.keys for c in REGISTRY}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"recconnect": ("ctrl+t",)}, ["'keys.recconnect' names no command", "'reconnect'"]),
        (
            {"reconnect": ("ctl+t",)},
            ["'keys.reconnect'", "no key 'ctl+t'", "keeps its own: ctrl+r"],
        ),
        ({"reconnect": ("pageupp",)}, ["no key 'pageupp'", "Did you mean 'pageup'?"]),
        ({"reconnect": ("x",)}, ["'x' is needed for writing"]),
        ({"reconnect": ("space",)}, ["'space' is needed for writing"]),
        ({"reconnect": ("ctrl+m",)}, ["do not tell 'ctrl+m' from Enter"]),
        ({"reconnect": ("f1",)}, ["'f1' is the key of 'help' already"]),
        ({"queue-drop": ("s",)}, ["'s' is the key of 'queue-send-now' already"]),
        ({"queue-drop": ("f1",)}, ["'f1' is the key of 'help' already"]),
        ({"reconnect": tuple(f"f{n}" for n in range(13, 23))}, ["more than 8 keys"]),
        ({"re\x1b[8m": ("f1",)}, ["'keys.re␛[8m' names no command"]),
    ],
)
def test_what_cannot_be_is_said_and_the_own_keys_stay(
    wanted: dict[str, tuple[str, ...]], said: list[str]
) -> None:
    found = check_keys({"stop": ("ctrl+k",), **wanted})
    assert found.keys == {"stop": ("ctrl+k",)}, "what is right beside it holds"
    assert len(found.problems) == 1
    for part in said:
        assert part in found.problems[0]


def test_two_commands_can_swap_their_keys() -> None:
    found = check_keys({"help": ("f12",), "debug": ("f1",)})
    assert found.problems == ()
    assert found.keys == {"help": ("f12",), "debug": ("f1",)}


def test_giving_one_back_its_key_takes_it_from_who_had_taken_it() -> None:
    # `help` cannot have F3; so it keeps F1, which `debug` then cannot have.
    found = check_keys({"help": ("f3",), "debug": ("f1",)})
    assert found.keys == {}
    assert len(found.problems) == 2


def test_two_that_never_have_the_focus_together_may_share_a_key() -> None:
    assert check_keys({"queue-drop": ("r",), "queue-resend": ("d",)}).problems == ()
    assert check_keys({"said-retry": ("s",)}).problems == ()


def test_without_keys_a_command_is_found_by_its_name() -> None:
    use_keys(check_keys({"reconnect": ()}).keys)
    assert keys_of("reconnect") == ()
    assert key_of("reconnect") == "/reconnect"
    assert display_keys(next(c for c in REGISTRY if c.id == "reconnect")) == "Ctrl+P, by name"


def test_actions_follow_the_keymap() -> None:
    actions = Actions(Scope.PROMPT)
    assert actions["enter"] == "send"
    use_keys({"send": ("ctrl+s",)})
    assert actions.get("enter") is None
    assert actions["ctrl+s"] == "send"
    use_keys({})
    assert actions["enter"] == "send"


async def test_a_changed_key_works_and_the_old_one_does_not() -> None:
    stage = stage_with(reconnect=("ctrl+t", "alt+z"))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("ctrl+r")
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: stage.client.reconnects == 1)
        await pilot.press("alt+z")
        await wait_until(pilot, lambda: stage.client.reconnects == 2)


async def test_a_command_without_a_key_can_be_given_one_and_another_lose_its_own() -> None:
    stage = stage_with(help=(), retry=("ctrl+t",))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        asked: list[int] = []
        stage.chat.action_retry = lambda: asked.append(1)  # type: ignore[method-assign]
        await pilot.press("f1", "ctrl+t")
        await wait_until(pilot, lambda: asked)
        assert not isinstance(stage.app.screen, HelpScreen)


async def test_the_prompts_keys_can_be_changed() -> None:
    stage = stage_with(send=("ctrl+s",), newline=("enter",))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("h", "enter", "i", "ctrl+s")
        await wait_until(pilot, lambda: stage.client.sent == ["h\ni"])


async def test_help_footer_and_hints_show_the_keys_that_work() -> None:
    stage = stage_with(reconnect=("ctrl+t",), queue=("ctrl+k",))
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await started(pilot, stage)
        footer = str(stage.chat.key_hints.render())
        assert "Ctrl+T reconnect" in footer
        assert "Ctrl+R" not in footer
        rows = [row for _, rows in help_sections() for row in rows]
        assert ("Ctrl+T", "Reconnect now, without waiting for the next try") in rows
        assert key_of("queue") == "Ctrl+K"


async def test_errors_are_said_on_the_screen() -> None:
    stage = stage_with(reconnect=("f1",), nonsense=("f9",))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        notes = [str(n.message) for n in stage.app._notifications]
        assert len(notes) == 1
        assert "/nowhere/settings.toml" in notes[0]
        assert "'keys.reconnect'" in notes[0]
        assert "'keys.nonsense'" in notes[0]
        await pilot.press("ctrl+r")
        await wait_until(pilot, lambda: stage.client.reconnects == 1)
