"""Colours: enough contrast in every theme, 16 or none where that is what was asked for."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.pilot import Pilot
from textual.theme import Theme

from tests.app_support import (
    BOOT,
    READY,
    Stage,
    conversation,
    make_stage,
    started,
    view,
    wait_until,
)
from tests.outbox_support import waiting
from tui_chat.app.colourless import without_colours
from tui_chat.app.glyphs import ASCII, PLAIN
from tui_chat.app.plain_output import write_plain
from tui_chat.app.preferences import SETTINGS, Preferences
from tui_chat.app.preferences_file import Loaded
from tui_chat.app.theme import ANSI, DARK, HIGH_CONTRAST, LIGHT, THEMES, theme_called
from tui_chat.connection.status import ConnectionState, ConnectionStatus
from tui_chat.errors import NetworkError
from tui_chat.events import OutboxChanged
from tui_chat.ticket.events import TicketRenewed

LEAST = {DARK.name: 4.5, LIGHT.name: 4.5, HIGH_CONTRAST.name: 7.0}
"""WCAG 2.2, 1.4.3 and 1.4.6."""
SCREENS = ("", "f1", "f2", "f3", "f4", "f7", "f12", "ctrl+p")


def preferring(**values: Any) -> Loaded:
    return Loaded(Preferences(**values), (), Path("/nowhere/settings.toml"))


def drawn(stage: Stage) -> Iterator[Segment]:
    """Yield what is on the screen, as the terminal gets it."""
    for strip in stage.app.screen._compositor.render_strips():
        yield from (segment for segment in strip if segment.text and segment.style)


async def show(pilot: Pilot[Any], stage: Stage) -> None:
    """A conversation, something queued, no connection."""
    await started(pilot, stage)
    stage.client.status(READY)
    await wait_until(pilot, lambda: stage.chat.status_bar.status == READY)
    stage.client.ticket(TicketRenewed(view(), 0.045))
    stage.client.changes(*conversation())
    stage.client.emit(OutboxChanged((waiting(1, "one"), waiting(2, "two", held=True))))
    stage.client.status(
        replace(
            READY,
            connected=False,
            state=ConnectionState.BACKOFF,
            cause=NetworkError("Nobody answers."),
            retry_at=BOOT + 7,
        )
    )
    await wait_until(pilot, lambda: stage.chat.banner.text)
    await wait_until(pilot, lambda: stage.chat.outbox)
    await wait_until(pilot, lambda: len(list(stage.transcript.said())) == 2)


def is_read(text: str) -> bool:
    """Say whether there is something to read, which lines and bars are not."""
    return any(unicodedata.category(c)[0] in "LNPS" and not 0x2500 <= ord(c) < 0x25A0 for c in text)


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio as WCAG 2.2 defines it."""

    def luminance(color: Color) -> float:
        parts = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in color.normalized
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(Color.parse("#000"), Color.parse("#fff")) == pytest.approx(21)
    assert contrast(Color.parse("#777"), Color.parse("#fff")) == pytest.approx(4.48, abs=0.01)


def test_the_themes_are_those_of_the_setting() -> None:
    setting = next(s for s in SETTINGS if s.name == "theme")
    names = {f"tui-chat-{choice}" for choice in setting.choices if choice != "auto"}
    assert names == {theme.name for theme in THEMES}


@pytest.mark.parametrize(
    ("name", "colours", "full"),
    [
        ("auto", "truecolor", DARK.name),
        ("auto", "256", DARK.name),
        ("auto", "standard", ANSI.name),
        ("auto", None, ANSI.name),
        ("light", "standard", LIGHT.name),
        ("tui-chat-light", "256", LIGHT.name),
    ],
)
def test_which_theme_is_meant(name: str, colours: str | None, full: str) -> None:
    assert theme_called(name, colours) == full


@pytest.mark.parametrize("theme", [DARK, LIGHT, HIGH_CONTRAST], ids=lambda t: t.name)
@pytest.mark.parametrize("key", SCREENS)
async def test_what_is_to_be_read_stands_out(theme: Theme, key: str) -> None:
    stage = make_stage(theme=theme.name)
    stage.app.animation_level = "none"
    async with stage.app.run_test(size=(100, 40)) as pilot:
        await show(pilot, stage)
        if key:
            await pilot.press(key)
            await pilot.pause(0.1)
        faint: dict[str, float] = {}
        seen = 0
        # What a panel covers is dimmed on purpose.
        inside = None if not key else stage.app.screen
        for segment in panel_segments(inside) if inside is not None else drawn(stage):
            style = segment.style
            if style is None or not is_read(segment.text):
                continue
            assert style.color is not None
            assert style.bgcolor is not None
            front, back = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
            ratio = contrast(front, back)
            seen += 1
            if ratio < LEAST[theme.name]:
                faint[f"{segment.text.strip()[:30]} {front.hex} on {back.hex}"] = round(ratio, 2)
        assert seen > 2
        assert faint == {}


def panel_segments(screen: Any) -> Iterator[Segment]:
    """Yield what the widgets of the topmost screen draw themselves."""
    for widget in screen.query("*"):
        if widget.display and widget.region and not list(widget.children):
            lines = widget.render_lines(widget.size.region)
            for strip in lines:
                yield from (segment for segment in strip if segment.text and segment.style)


def codes(stage: Stage) -> set[ColorType]:
    styles = {segment.style for segment in drawn(stage) if segment.style}
    return {c.type for s in styles for c in (s.color, s.bgcolor) if c is not None}


@pytest.mark.parametrize("key", SCREENS)
async def test_sixteen_colours_are_all_there_are(key: str) -> None:
    stage = make_stage(theme=ANSI.name)
    stage.app.animation_level = "none"
    async with stage.app.run_test(size=(100, 40)) as pilot:
        await show(pilot, stage)
        if key:
            await pilot.press(key)
            await pilot.pause(0.1)
        assert codes(stage) <= {ColorType.DEFAULT, ColorType.STANDARD}
        for segment in drawn(stage):
            style = segment.style
            if style is not None and style.color is not None and is_read(segment.text):
                assert style.color != style.bgcolor or style.color.is_default, segment


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
@pytest.mark.parametrize("key", SCREENS)
async def test_no_color_means_none(theme: Theme, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stage = make_stage(theme=theme.name)
    stage.app.animation_level = "none"
    async with stage.app.run_test(size=(100, 40)) as pilot:
        await show(pilot, stage)
        if key:
            await pilot.press(key)
            await pilot.pause(0.1)
        assert codes(stage) == set()


async def test_an_empty_no_color_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    stage = make_stage(theme=DARK.name)
    async with stage.app.run_test() as pilot:
        await pilot.pause()
        assert ColorType.TRUECOLOR in codes(stage)


def test_only_the_colours_are_taken() -> None:
    style = Style(
        color="red",
        bgcolor="blue",
        bold=True,
        reverse=True,
        link="https://a.example",
        meta={"a": 1},
    )
    bare = without_colours(style)
    assert bare.color is None
    assert bare.bgcolor is None
    assert bare.bold
    assert bare.reverse
    assert bare.link == style.link
    assert bare.meta == style.meta
    assert style.color is not None, "the original is as it was"
    assert bare.render("x").startswith("\x1b]8;"), "and it can be drawn"


async def test_themes_change_while_it_runs() -> None:
    stage = make_stage(theme=DARK.name)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        for theme in (ANSI, LIGHT, HIGH_CONTRAST, ANSI, DARK):
            stage.app.change_preference("theme", theme.name.removeprefix("tui-chat-"))
            await pilot.pause(0.05)
            wanted = {ColorType.TRUECOLOR} if theme is not ANSI else set(codes(stage))
            assert wanted & codes(stage)
            assert (ColorType.TRUECOLOR in codes(stage)) == (theme is not ANSI)


async def test_reduced_motion_turns_animations_off_and_on_again() -> None:
    stage = make_stage(preferences=preferring(reduced_motion=True))
    stage.app.settings_path = None
    usual = make_stage().app.animation_level
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        assert stage.app.animation_level == "none"
        stage.app.change_preference("reduced_motion", False)
        assert stage.app.animation_level == usual


async def test_plain_mode_has_words_and_no_decoration() -> None:
    stage = make_stage(preferences=preferring(plain=True), glyphs=PLAIN._replace(ascii=True))
    async with stage.app.run_test(size=(80, 40)) as pilot:
        await show(pilot, stage)
        stage.client.status(ConnectionStatus(state=ConnectionState.BACKOFF, retry_at=BOOT + 7))
        await wait_until(pilot, lambda: not stage.chat.banner.text)
        stage.client.status(ConnectionStatus(state=ConnectionState.CLOSED))
        await wait_until(pilot, lambda: "Disconnected" in stage.chat.announcement.text)
        await pilot.pause(0.1)
        lines = [
            "".join(segment.text for segment in strip)
            for strip in stage.app.screen._compositor.render_strips()
        ]
        text = "\n".join(lines)
        for words in ("You:", "Assistant:", "Reasoning:", "tui-chat, offline", "2 queued"):
            assert words in text, words
        assert "Disconnected." in text
        # No time that would be read again every second.
        assert "in 7" not in lines[0]
        assert "04:" not in text
        # The conversation's own code and tables still have theirs.
        own = [*lines[: stage.transcript.region.y], *lines[stage.transcript.region.bottom :]]
        frames = [line for line in own if any(0x2500 <= ord(c) < 0x25A0 for c in line)]
        assert frames == []


def stand_in(text: str) -> str:
    """Return what a terminal without UTF-8 is sent for a text."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    write_plain(stream)
    stream.write(text)
    stream.flush()
    return raw.getvalue().decode("ascii")


async def test_ascii_means_ascii() -> None:
    stage = make_stage(glyphs=ASCII)
    stage.app.animation_level = "none"
    async with stage.app.run_test(size=(100, 40)) as pilot:
        await show(pilot, stage)
        for key in ("f1", "f2", "f3", "f4", "f12"):
            await pilot.press(key)
            await pilot.pause(0.1)
            words = {segment.text.strip() for segment in drawn(stage) if not segment.text.isascii()}
            # Lines, bars and bullets have a stand-in, which the stream puts in their place.
            assert {word for word in words if "?" in stand_in(word)} == set(), key
            await pilot.press("escape")
