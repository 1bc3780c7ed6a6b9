"""Textual's private names that the application leans on: each with what for.

They may change with any release of Textual. Then these tests say what has to be looked at, instead
of a screen that stays black or a key that does nothing.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from textual import _ansi_sequences, _wait, _xterm_parser
from textual.app import App
from textual.scroll_view import ScrollView
from textual.widgets import TextArea

import tui_chat.app

if sys.platform != "win32":
    from textual.drivers.linux_driver import LinuxDriver
else:
    LinuxDriver = None


class Use(NamedTuple):
    """A private name, where Textual has it, and what the application does with it."""

    holder: Any
    name: str
    purpose: str
    parameters: tuple[str, ...] | None = None
    """What it is called with, without ``self``; None for what is no function."""


USES = [
    Use(
        _ansi_sequences,
        "ANSI_SEQUENCES_KEYS",
        "the table of key sequences gets ESC CR, so that Alt+Enter is a key of its own",
    ),
    Use(_wait, "SLEEP_IDLE", "when the tests' pilot takes the program for idle"),
    Use(_xterm_parser, "XTermParser", "reads key sequences, between the texts that we cut out"),
    Use(_xterm_parser.XTermParser, "feed", "takes what was read", ("data",)),
    Use(_xterm_parser.XTermParser, "tick", "tells a lone Esc from the start of a sequence", ()),
    Use(App, "_display", "the first frame starts the client", ("screen", "renderable")),
    Use(App, "_batch_count", "tells whether a frame is painted or part of a batch"),
    Use(App, "_fatal_error", "overridden: no traceback with the values of locals", ()),
    Use(App, "_close_messages_no_wait", "ends the application after a crash", ()),
    Use(App, "_return_code", "tells a crash from a wish to leave"),
    Use(App, "_driver", "takes the sequence that fills the terminal's clipboard"),
    Use(App, "_clipboard", "what is pasted inside the application"),
    Use(App, "_exception", "what the application crashed with"),
    Use(TextArea, "_replace_via_keyboard", "edits as typing does", ("insert", "start", "end")),
    Use(ScrollView, "_refresh_scrollbars", "the scroll bar is there in the first frame", ()),
    Use(
        ScrollView,
        "_size_updated",
        "the transcript is laid out before the frame of its new size",
        ("size", "virtual_size", "container_size", "layout"),
    ),
    Use(LinuxDriver, "run_input_thread", "replaced: text is read as text", ()),
    Use(LinuxDriver, "process_message", "hands an event to the application", ("message",)),
    Use(LinuxDriver, "fileno", "the terminal's descriptor"),
    Use(LinuxDriver, "exit_event", "ends the thread that reads"),
    Use(LinuxDriver, "attrs_before", "the line settings before the application's own"),
    Use(LinuxDriver, "_key_thread", "whether the terminal is the application's"),
    Use(LinuxDriver, "_writer_thread", "whether there is still a way to the terminal"),
    Use(LinuxDriver, "_app", "the application"),
    Use(LinuxDriver, "_loop", "its event loop, for the signal handler"),
    Use(LinuxDriver, "_sigcont_application", "overridden: one reading thread", None),
    Use(LinuxDriver, "_must_signal_resume", "whether it was stopped in order (SIGTSTP)"),
    Use(LinuxDriver, "_auto_restart", "whether the terminal is to be taken back at all"),
]


@pytest.mark.parametrize("use", USES, ids=lambda use: use.name)
def test_textual_still_has(use: Use) -> None:
    if use.holder is None:
        pytest.skip("Textual's driver for POSIX terminals")
    where = getattr(use.holder, "__name__", str(use.holder))
    lost = f"Textual has no {where}.{use.name} any more. It was used for this: {use.purpose}."
    found = getattr(use.holder, use.name, None)
    if found is None:  # set by __init__, or a default of None
        assert use.name in _mentioned(use.holder), lost
    if use.parameters is not None:
        assert callable(found), lost
        given = tuple(inspect.signature(found).parameters)
        assert given == ("self", *use.parameters), (
            f"Textual calls {where}.{use.name} with other arguments now. It is used for this: "
            f"{use.purpose}."
        )


def _mentioned(holder: type) -> set[str]:
    """Return the attributes that a class or a base of it sets on itself."""
    names: set[str] = set()
    for base in holder.__mro__[:-1]:
        if base.__module__.startswith("textual"):
            tree = ast.parse(inspect.getsource(sys.modules[base.__module__]))
            names |= {
                node.attr
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            }
    return names


def test_no_private_name_is_missing_here() -> None:
    known = {use.name for use in USES}
    missing = sorted({*_used(), *_overridden()} - known)
    assert not missing, f"not in the list above, with what for: {', '.join(missing)}"


def _sources() -> Iterator[ast.Module]:
    for path in Path(tui_chat.app.__path__[0]).rglob("*.py"):
        yield ast.parse(path.read_text("utf-8"))


def _used() -> set[str]:
    """Return the private names that the application reads and does not define itself."""
    used, own = set(), set()
    for tree in _sources():
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    own.add(name)
                case ast.AnnAssign(target=ast.Name(id=name)):
                    own.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    own.add(name)
                case ast.Attribute(attr=name) if name.startswith("_") and name[1:2] != "_":
                    used.add(name)
                case ast.ImportFrom(module=str(module), names=names) if (
                    module.startswith("textual") and "._" in module
                ):
                    used |= {alias.name for alias in names}
                case _:
                    pass
    return used - own


def _overridden() -> set[str]:
    """Return the private methods of Textual's that a class of the application replaces."""
    names: set[str] = set()
    for module in pkgutil.walk_packages(tui_chat.app.__path__, "tui_chat.app."):
        if module.name.endswith("terminal_driver") and sys.platform == "win32":
            continue
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if not kind.__module__.startswith("tui_chat."):
                continue
            theirs = [b for b in kind.__mro__[1:] if b.__module__.startswith("textual")]
            names |= {
                name
                for name, value in vars(kind).items()
                if name.startswith("_")
                and not name.startswith("__")
                and callable(value)
                and any(name in vars(base) for base in theirs)
            }
    return names
