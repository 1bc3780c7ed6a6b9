"""F7: what was written before is found, and what is being written is not lost over it."""

from __future__ import annotations

import time

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.app_support import Stage, make_stage, started, wait_until
from tui_chat.app.recall import Recall
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.prompt_history import MOST, PromptHistoryScreen, matches


async def opened(pilot: Pilot[None], stage: Stage, *texts: str) -> PromptHistoryScreen:
    """Open the list over these texts, the oldest first."""
    await started(pilot, stage)
    stage.chat.prompt.load(texts)
    await pilot.press("f7")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, PromptHistoryScreen))
    screen = stage.app.screen
    assert isinstance(screen, PromptHistoryScreen)
    await wait_until(pilot, lambda: screen.filter.has_focus)
    return screen


def shown(screen: PromptHistoryScreen) -> list[str]:
    chooser = screen.list
    return [str(chooser.get_option_at_index(n).prompt) for n in range(chooser.option_count)]


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("abc abc", ["bc"], [(1, 3), (5, 7)]),
        ("one two", ["two", "one"], [(0, 3), (4, 7)]),
        ("one two", ["one", "three"], None),
        ("one", [], []),
    ],
)
def test_matches(text: str, words: list[str], expected: list[tuple[int, int]] | None) -> None:
    assert matches(text, words) == expected


async def test_the_newest_comes_first_and_words_narrow_the_list() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        screen = await opened(pilot, stage, "deploy Alpha", "weather", "alpha\nrelease")
        assert shown(screen) == ["alpha release", "weather", "deploy Alpha"]
        await pilot.press(*"ALPHA")
        await wait_until(pilot, lambda: len(shown(screen)) == 2)
        assert shown(screen) == ["alpha release", "deploy Alpha"]
        option = screen.list.get_option_at_index(1).prompt
        spans = [(s.start, s.end) for s in option.spans]  # type: ignore[union-attr]
        assert spans == [(7, 12)], "the match is marked"
        await pilot.press(*" dep")
        await wait_until(pilot, lambda: shown(screen) == ["deploy Alpha"])
        await pilot.press(*"x")
        await wait_until(pilot, lambda: screen.empty.display)
        assert not screen.list.display


async def test_enter_brings_it_and_down_what_was_typed() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"unsent")
        await opened(pilot, stage, "one", "two", "three")
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        prompt = stage.chat.prompt
        assert prompt.text == "two"
        assert prompt.draft == "unsent"
        assert prompt.has_focus
        await pilot.press("down", "down")
        assert prompt.text == "unsent"
        assert stage.client.sent == []


async def test_esc_leaves_everything_as_it_was() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press(*"unsent")
        await opened(pilot, stage, "one")
        await pilot.press(*"o", "escape")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        assert stage.chat.prompt.text == "unsent"


async def test_a_click_brings_a_text() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        screen = await opened(pilot, stage, "one", "two")
        await pilot.click(screen.list, offset=(3, 1))
        await wait_until(pilot, lambda: stage.chat.prompt.text == "one")


async def test_as_a_slash_command_it_takes_what_to_search_for() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.chat.prompt.load(("one", "two"))
        await pilot.press(*"/history tw", "enter")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, PromptHistoryScreen))
        screen = stage.app.screen
        assert isinstance(screen, PromptHistoryScreen)
        await wait_until(pilot, lambda: shown(screen) == ["two"])
        assert screen.query_one(Input).value == "tw"


async def test_hostile_texts_are_shown_as_they_are() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        screen = await opened(pilot, stage, "[bold]x[/] \x1b[31m red", "İ" * 50 + " ß")
        await pilot.press("x")
        await wait_until(pilot, lambda: len(shown(screen)) == 1)
        assert shown(screen) == ["[bold]x[/] ␛[31m red"]
        await pilot.press("backspace", "ß")
        await wait_until(pilot, lambda: [line[-1:] for line in shown(screen)] == ["ß"])


async def test_many_and_large_texts_do_not_hold_a_key_up() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        texts = [f"number {n} " + "x" * 20_000 for n in range(1_000)]
        screen = await opened(pilot, stage, *texts)
        assert len(shown(screen)) == MOST
        began = time.process_time()
        screen.filter.value = "number 997"
        await wait_until(pilot, lambda: len(shown(screen)) == 1)
        assert time.process_time() - began < 2.0, "in development mode, on a slow machine"
        assert shown(screen)[0].startswith("number 997 ")


# -- what is kept of edited texts -----------------------------------------------------------------


async def test_an_edited_text_that_was_left_is_part_of_the_draft() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        prompt = stage.chat.prompt
        prompt.load(("one", "two"))
        await pilot.press(*"new", "up", "!", "up")
        assert prompt.text == "one"
        assert prompt.draft == "two!\nnew"
        await pilot.press("down", "down")
        assert prompt.text == "new"
        assert prompt.draft == "two!\nnew", "also when nothing recalled is shown"
        await pilot.press("up", "backspace", "down")
        assert prompt.draft == "new", "unlike a text that is as it was again"


def test_a_visited_text_comes_as_it_was_and_its_edited_form_stays() -> None:
    recall = Recall()
    recall.load(["a", "b"])
    assert recall.older("draft") == "b"
    assert recall.older("b!") == "a"
    assert recall.visit("b", "a") == "b"
    assert recall.edited == ["b!"]
    assert recall.newer("b") == "b!"
    assert recall.newer("b!") == "draft"


async def test_a_pasted_megabyte_is_recalled_and_found_without_a_freeze() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        prompt = stage.chat.prompt
        text = "needle " + "x" * 1_000_000
        began = time.process_time()
        prompt.paste(text)
        assert time.process_time() - began < 0.3, "0.1 s, and development mode"
        assert prompt.draft == text
        await pilot.press("enter")
        await wait_until(pilot, lambda: stage.client.sent == [text])
        await wait_until(pilot, lambda: prompt.text == "")
        await pilot.press("f7", *"needle", "enter")
        await wait_until(pilot, lambda: "1,000,007 characters" in prompt.text)
        assert prompt.whole == text
