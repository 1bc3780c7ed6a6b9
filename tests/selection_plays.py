"""What each key does that selects, copies or shows links: for the tests of the registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from tests.app_support import Stage, said, wait_until
from tui_chat.app.screens.links import LinksScreen
from tui_chat.conversation.model import MessageAdded, MessageKind

__all__ = ["SELECTION_PLAYS"]

Play = Callable[[Pilot[Any], Stage, str], Awaitable[None]]

TEXT = "one two three\n\nfour five six\n\nseven <https://a.example/>"


async def _show(pilot: Pilot[Any], stage: Stage, *before: str) -> list[tuple[str, str]]:
    """Show a reply, focus it, press some keys; return what is copied and opened from then on."""
    done: list[tuple[str, str]] = []

    def copy(text: Any, _what: str = "") -> None:
        done.append(("copied", text if isinstance(text, str) else "".join(text)))

    def open_link(address: str) -> None:
        done.append(("opened", address))

    setattr(stage.app, "copy", copy)  # noqa: B010 - in place of a method
    setattr(stage.app, "open_link", open_link)  # noqa: B010 - in place of a method
    stage.client.changes(MessageAdded(said(1, MessageKind.ASSISTANT, TEXT)))
    await wait_until(pilot, lambda: stage.transcript.latest_reply() is not None)
    stage.transcript.flush()
    if before:
        stage.transcript.focus()
        await pilot.press(*before)
    return done


def _chosen(stage: Stage) -> str:
    return "".join(stage.transcript.selection())


def _selects(wanted: str, *before: str) -> Play:
    async def play(pilot: Pilot[Any], stage: Stage, key: str) -> None:
        await _show(pilot, stage, *(before or ("shift+end",)))
        if not before:
            stage.transcript.clear_selection()
        await pilot.press(key)
        await wait_until(pilot, lambda: _chosen(stage) == wanted)
        assert stage.chat.prompt.text == ""

    return play


def _moves(key_back: str, wanted: str, *before: str) -> Play:
    """Return a play in which a key moves the caret, and what is selected from there."""

    async def play(pilot: Pilot[Any], stage: Stage, key: str) -> None:
        # By itself the caret is on the blank line above the last one.
        await _show(pilot, stage, *(before or ("shift+up", "shift+home")), key)
        assert _chosen(stage) == ""
        await pilot.press(key_back)
        await wait_until(pilot, lambda: _chosen(stage) == wanted)

    return play


async def _copy_selection(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    done = await _show(pilot, stage, "ctrl+shift+left", key)
    await wait_until(pilot, lambda: done)
    assert done == [("copied", "https://a.example/")]
    assert not _chosen(stage)


async def _clear(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _show(pilot, stage, "ctrl+a")
    assert _chosen(stage)
    await pilot.press(key)
    await wait_until(pilot, lambda: not _chosen(stage))
    assert stage.client.stops == 0


async def _select(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _show(pilot, stage)
    await pilot.press("d", key, "shift+left")
    await wait_until(pilot, lambda: _chosen(stage) == "/")
    assert stage.chat.prompt.text == "d"


async def _copy_reply(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    done = await _show(pilot, stage)
    await pilot.press("d", key)
    await wait_until(pilot, lambda: done)
    assert done == [("copied", TEXT.replace("<", "").replace(">", ""))]
    assert stage.chat.prompt.text == "d"


async def _open_links(pilot: Pilot[Any], stage: Stage) -> list[tuple[str, str]]:
    done = await _show(pilot, stage)
    await pilot.press("alt+l")
    await wait_until(pilot, lambda: isinstance(stage.app.screen, LinksScreen))
    return done


async def _links(pilot: Pilot[Any], stage: Stage, key: str) -> None:
    await _show(pilot, stage)
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(stage.app.screen, LinksScreen))


def _with_link(wanted: str) -> Play:
    async def play(pilot: Pilot[Any], stage: Stage, key: str) -> None:
        done = await _open_links(pilot, stage)
        await pilot.press(key)
        await wait_until(pilot, lambda: done)
        assert done == [(wanted, "https://a.example/")]
        await wait_until(pilot, lambda: stage.app.screen is stage.chat)

    return play


_ALL = "Assistant\none two three\n\nfour five six\n\nseven https://a.example/"
_LAST = "seven https://a.example/"

_FIRST = ("ctrl+shift+home", "home")
"""The caret before the first character."""

SELECTION_PLAYS: dict[str, Play] = {
    "select-left": _selects("/"),
    "select-right": _selects("A", *_FIRST),
    "select-up": _selects("\n" + _LAST, "shift+left", "end"),
    "select-down": _selects("Assistant\n", *_FIRST),
    "select-word-left": _selects("https://a.example/"),
    "select-word-right": _selects("Assistant", *_FIRST),
    "select-line-start": _selects(_LAST),
    "select-line-end": _selects("Assistant", *_FIRST),
    "select-page-up": _selects(_ALL.removeprefix("Assistant"), "shift+left", "end"),
    "select-page-down": _selects(_ALL.removesuffix(_LAST), *_FIRST),
    "select-start": _selects(_ALL, "shift+left", "end"),
    "select-end": _selects(_ALL, *_FIRST),
    "select-all": _selects(_ALL),
    "caret-left": _moves("shift+right", "\n"),
    "caret-right": _moves("shift+left", "\n"),
    "caret-up": _moves("shift+end", "four five six"),
    "caret-down": _moves("shift+end", _LAST),
    "caret-word-left": _moves("ctrl+shift+left", "six"),
    "caret-word-right": _moves("ctrl+shift+right", "seven "),
    "caret-line-start": _moves("shift+end", _LAST, "shift+left"),
    "caret-line-end": _moves("shift+left", "/", "shift+home"),
    "copy-selection": _copy_selection,
    "clear-selection": _clear,
    "select": _select,
    "copy-reply": _copy_reply,
    "links": _links,
    "link-open": _with_link("opened"),
    "link-copy": _with_link("copied"),
}
