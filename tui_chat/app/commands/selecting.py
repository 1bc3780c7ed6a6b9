"""How text is selected with keys, when the conversation has the focus."""

from __future__ import annotations

from typing import Final

from tui_chat.app.commands.command import Command, Scope

__all__ = ["SELECTING"]


def _selects(name: str, key: str, where: str, label: str, help_text: str) -> Command:
    return Command(
        f"select-{name}", (key,), f"select_to('{where}')", label, help_text, Scope.SELECTING
    )


def _moves(name: str, key: str, where: str, help_text: str) -> Command:
    return Command(
        f"caret-{name}", (key,), f"move_caret('{where}')", name, help_text, Scope.SELECTING
    )


SELECTING: Final[tuple[Command, ...]] = (
    _selects("left", "shift+left", "left", "left", "Select a character to the left"),
    _selects("right", "shift+right", "right", "right", "Select a character to the right"),
    _selects("up", "shift+up", "up", "up", "Select up to the row above"),
    _selects("down", "shift+down", "down", "down", "Select down to the row below"),
    _selects("word-left", "ctrl+shift+left", "word_left", "word left", "Select a word back"),
    _selects("word-right", "ctrl+shift+right", "word_right", "word right", "Select a word on"),
    _selects("line-start", "shift+home", "line_start", "line start", "Select to the line's start"),
    _selects("line-end", "shift+end", "line_end", "line end", "Select to the line's end"),
    _selects("page-up", "shift+pageup", "page_up", "page up", "Select a page up"),
    _selects("page-down", "shift+pagedown", "page_down", "page down", "Select a page down"),
    _selects("start", "ctrl+shift+home", "start", "start", "Select to the first message"),
    _selects("end", "ctrl+shift+end", "end", "end", "Select to the newest message"),
    Command(
        "select-all",
        ("ctrl+a",),
        "select_everything",
        "select all",
        "Select the whole conversation",
        Scope.SELECTING,
    ),
    _moves("left", "left", "left", "Move the caret left, once there is one"),
    _moves("right", "right", "right", "Move the caret right"),
    _moves("up", "up", "up", "Move the caret up"),
    _moves("down", "down", "down", "Move the caret down"),
    _moves("word-left", "ctrl+left", "word_left", "Move the caret a word back"),
    _moves("word-right", "ctrl+right", "word_right", "Move the caret a word on"),
    _moves("line-start", "home", "line_start", "Move the caret to the line's start"),
    _moves("line-end", "end", "line_end", "Move the caret to the line's end"),
    Command(
        "copy-selection",
        ("y",),
        "copy_selection",
        "copy",
        "Copy what is selected, as Ctrl+C does",
        Scope.SELECTING,
    ),
    Command(
        "clear-selection",
        ("escape",),
        "clear_selection",
        "clear",
        "Select nothing",
        Scope.SELECTING,
    ),
)
