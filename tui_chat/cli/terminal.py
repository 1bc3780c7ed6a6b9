"""Runs the application in this process's terminal, and sees to it that it ends well."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tui_chat.cli.exits import Exit, debugging, explain_bug, say
from tui_chat.cli.guard import ExitGuard, TerminalWatch
from tui_chat.cli.resources import Resources
from tui_chat.errors import ConfigurationError

if TYPE_CHECKING:
    from tui_chat.app.app import ChatApp
    from tui_chat.app.archive import ArchiveOpener
    from tui_chat.app.settings import ChatSettings

__all__ = ["forbid_core_dumps", "require_terminal", "run_chat"]

WHEN_GONE: Final = 1.4
"""Seconds to end politely after the terminal has gone or a signal asked for it."""

WHEN_DONE: Final = 1.5
"""Seconds to end politely after the user has asked to quit; two are what people wait."""


def require_terminal() -> None:
    """Check that there is a terminal for the screen.

    Raises:
        ConfigurationError: if there is not.
    """
    streams = (
        ("standard input", sys.__stdin__),
        ("standard output", sys.__stdout__),
        ("standard error", sys.__stderr__),
    )
    for name, stream in streams:
        if stream is None or stream.closed or not stream.isatty():
            raise ConfigurationError(
                f"The chat needs a terminal, and {name} is not one. Start it without pipes and "
                "redirections."
            )
    if os.environ.get("TERM") == "dumb":
        raise ConfigurationError(
            "The chat needs a terminal that can place text, and TERM says this one is 'dumb'."
        )


def forbid_core_dumps() -> None:
    """Keep the operating system from writing memory, with the secrets in it, to a file."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_chat(
    settings: ChatSettings | None,
    *,
    theme: str,
    plain: bool = False,
    start_demo: Callable[[], ChatSettings],
    resources: Resources,
    open_archive: ArchiveOpener | None = None,
) -> int:
    """Run the application until the user leaves, and return the exit code.

    Args:
        settings: where to connect; None shows the welcome screen.
        theme: the theme for this time; empty for the one of the user's settings.
        plain: whether it is to be in plain mode, whatever the settings say.
        start_demo: starts the demo server and enters it into ``resources``.
        resources: closed when the application has ended, whatever happens.
        open_archive: opens what is kept of the conversations with a server; nothing is kept
            without it.
    """
    # Python's own thresholds make collections a third of the time that streaming takes, with pauses
    # of a fifth of a second. Imports are collected for nothing, too.
    gc.set_threshold(5_000, 10, 1_000)
    # Textual lets up to two periods pass between two pictures, and 60 a second are its default: a
    # key's echo behind a frame of the reply would take 50 ms.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from tui_chat.app.app import ChatApp  # noqa: PLC0415 - Textual, only when a screen is wanted
    from tui_chat.app.glyphs import PLAIN, glyphs_for  # noqa: PLC0415 - goes with it
    from tui_chat.app.plain_output import write_plain  # noqa: PLC0415 - seldom needed
    from tui_chat.app.preferences_file import load  # noqa: PLC0415 - only with a screen

    loaded = load()
    if plain:
        loaded = loaded._replace(preferences=replace(loaded.preferences, plain=True))
    # Textual writes to standard error.
    glyphs = glyphs_for(sys.__stderr__, os.environ, loaded.preferences.ascii)
    if glyphs.ascii:
        write_plain(sys.__stderr__)
    if loaded.preferences.plain:
        glyphs = PLAIN._replace(ascii=glyphs.ascii)
    guard = ExitGuard(resources.force)
    code: list[int] = []
    app = ChatApp(
        settings,
        start_demo=start_demo,
        glyphs=glyphs,
        theme=theme,
        preferences=loaded,
        leaving=lambda: guard.arm(code[0] if code else Exit.OK, WHEN_DONE),
        open_archive=open_archive,
    )

    def leave(why: int) -> None:
        code.append(why)
        guard.arm(why, WHEN_GONE)
        if not app.leave():
            raise SystemExit(why)

    with resources, _signals(leave), _thread_errors(lambda: leave(Exit.TERMINAL_GONE)):
        watch = TerminalWatch((0, 2), lambda: leave(Exit.TERMINAL_GONE))
        watch.start()
        try:
            app.run()
        finally:
            watch.stop()
    if code and code[0] == Exit.TERMINAL_GONE:
        # Python would try to flush to the terminal that is gone, and complain.
        guard.disarm()
        os._exit(code[0])
    _say_unsent(app)
    if code:
        return code[0]
    if app.crash is not None:
        explain_bug(app.crash)
        return Exit.FAILURE
    return Exit.FAILURE if app.died else Exit.OK


def _say_unsent(app: ChatApp) -> None:
    """Say what becomes of the messages that have not been sent, if there are any."""
    count: int = getattr(app, "unsent", 0)
    if not count:
        return
    messages, are, they, them = (
        ("1 message", "is", "It is", "it")
        if count == 1
        else (f"{count:,} messages", "are", "They are", "them")
    )
    if getattr(app, "lasting", False):
        say(
            f"{messages} {are} not sent yet. {they} kept and offered at the next start; "
            f"`tui-chat queue` shows {them}."
        )
    else:
        say(f"{messages} {are} not sent, and lost: this session kept nothing.")


@contextmanager
def _signals(leave: Callable[[int], None]) -> Iterator[None]:
    """End politely on SIGHUP and SIGTERM, where there are such signals."""
    wanted = {"SIGHUP": Exit.TERMINAL_GONE, "SIGTERM": Exit.TERMINATED}
    old: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name, code in wanted.items():
            number = getattr(signal, name, None)
            if number is not None:
                old[number] = signal.signal(number, lambda *_, code=code: leave(code))
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def _thread_errors(terminal_gone: Callable[[], None]) -> Iterator[None]:
    """Keep errors of threads off the screen; an I/O error of Textual's means the terminal."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else ""
        if name.startswith("textual-") and isinstance(args.exc_value, OSError):
            terminal_gone()
        elif debugging() and args.exc_value is not None:
            explain_bug(args.exc_value)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before
