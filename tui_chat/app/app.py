"""The application: screens, keys, and the client's thread behind them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.console import RenderableType
from textual import events, work
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.geometry import Size
from textual.screen import Screen

from tui_chat.app.bindings import REGISTRY, Command, Scope, bindings_for, key_of
from tui_chat.app.client_port import ClientFactory, default_client
from tui_chat.app.conversation_side import ConversationSide
from tui_chat.app.glyphs import UNICODE, Glyphs
from tui_chat.app.paths import style_sheet
from tui_chat.app.preference_side import PreferenceSide
from tui_chat.app.screens.too_small import TooSmallScreen, is_too_small
from tui_chat.app.settings import ChatSettings
from tui_chat.app.theme import DARK
from tui_chat.clock import Clock, SystemClock
from tui_chat.errors import TuiChatError
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.app import messages
    from tui_chat.app.archive import ArchiveOpener
    from tui_chat.app.preferences_file import Loaded
    from tui_chat.app.screens.chat import ChatScreen
    from tui_chat.app.screens.welcome import WelcomeScreen

__all__ = ["ChatApp"]

QUIT_WINDOW: Final = 3.0
"""Seconds within which a second Ctrl+C quits."""


class ChatApp(ConversationSide, PreferenceSide, inherit_bindings=False):
    """The terminal chat.

    Args:
        settings: where to connect; None shows the welcome screen.
        start_demo: starts the demo server, blocking, and returns how to reach it; raises
            ``TuiChatError``. Called in a thread.
        client_factory: makes the client, in the client's thread.
        clock: what the countdown goes by.
        glyphs: the symbols the terminal can show.
        theme: the theme to begin with, with or without ``tui-chat-``; empty for the preferred one.
        preferences: what the user's file of settings held; None for the defaults, kept nowhere.
        versions: the line of versions in the debug info; by default the real ones.
        zone: time zone of the debug info; None is the local one.
        leaving: called when the application begins to leave, whatever made it do so.
        open_archive: returns what opens the archive of a server's conversation; nothing is kept
            without it.
    """

    TITLE = "tui-chat"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.APP)]
    # Its binding would come on top of the registry's; the registry says Ctrl+P as well.
    COMMAND_PALETTE_BINDING: ClassVar[str] = next(c for c in REGISTRY if c.id == "palette").keys[0]

    def __init__(
        self,
        settings: ChatSettings | None,
        *,
        start_demo: Callable[[], ChatSettings] | None = None,
        client_factory: ClientFactory = default_client,
        clock: Clock | None = None,
        glyphs: Glyphs = UNICODE,
        theme: str = DARK.name,
        preferences: Loaded | None = None,
        versions: str = "",
        zone: tzinfo | None = None,
        leaving: Callable[[], object] | None = None,
        open_archive: ArchiveOpener | None = None,
    ) -> None:
        # Textual reads a screen's own style sheet when the screen is pushed; the first one is not.
        first = "welcome" if settings is None else "chat"
        super().__init__(
            [str(style_sheet("app")), str(style_sheet(first))],
            client_factory=client_factory,
            leaving=leaving,
            open_archive=open_archive,
        )
        self.prefer(preferences, theme)
        self._settings = settings
        self._start_demo = start_demo
        self._clock = clock or SystemClock()
        self._glyphs = glyphs
        self._versions = versions
        self._zone = zone
        self._begun = False
        self._quit_until = float("-inf")
        self.set_class(glyphs.ascii, "-ascii")

    # -- screens ----------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        """The chat, or the way to one."""
        settings = self._settings
        return self._make_welcome() if settings is None else self.make_chat(settings)

    def _make_welcome(self) -> WelcomeScreen:
        from tui_chat.app.screens.welcome import WelcomeScreen  # noqa: PLC0415 - seldom needed

        return WelcomeScreen(self._glyphs)

    def make_chat(self, settings: ChatSettings) -> ChatScreen:
        """Return a chat screen for a server."""
        from tui_chat.app.screens.chat import ChatScreen  # noqa: PLC0415 - not for the welcome
        from tui_chat.app.widgets.status_bar import host_of  # noqa: PLC0415 - goes with it

        self.name_in_title(host_of(settings.server_url))
        return ChatScreen(settings, self._clock, self._glyphs)

    @property
    def chat_settings(self) -> ChatSettings | None:
        """The server that is talked to."""
        return self._settings

    def on_mount(self) -> None:
        """Look whether there is room."""
        self._fit(self.size)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        # Start the client after the first frame, because the imports that this needs take longer
        # than that frame. Textual's Ready event and call_after_refresh come earlier: at start-up
        # they fall into a batch, in which nothing is painted.
        super()._display(screen, renderable)
        if self._settings is not None and not self._begun and not self._batch_count:
            self._begun = True
            self.call_later(self._start_client, self._settings)

    def on_resize(self, event: events.Resize) -> None:
        """Look whether there is room."""
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        """Cover everything in a terminal that is too small, and uncover it when it has grown."""
        if not self.screen_stack:
            return
        top = self.screen
        cover = top if isinstance(top, TooSmallScreen) else None
        if is_too_small(size):
            if cover is None:
                cover = TooSmallScreen()
                self.push_screen(cover)
            cover.show(size)
        elif cover is not None:
            self.pop_screen()

    # -- the demo ---------------------------------------------------------------------------------

    def begin_demo(self) -> None:
        """Start the demo server in a thread, then chat with it."""
        self._run_demo()

    @work(thread=True, exclusive=True, exit_on_error=False, group="demo")
    def _run_demo(self) -> None:
        from tui_chat.app import messages  # noqa: PLC0415 - seldom needed

        # Posted, not called: a call would wait for an application that may be about to end.
        try:
            if self._start_demo is None:
                raise TuiChatError("The demo is not available here.")  # noqa: TRY301 - one way out
            self.post_message(messages.DemoStarted(self._start_demo()))
        except TuiChatError as error:
            self.post_message(messages.DemoFailed(one_line(str(error), 300)))
        except Exception as error:  # noqa: BLE001 - whatever it was, the user has to be told
            kind = type(error).__name__
            self.post_message(messages.DemoFailed(f"The demo could not be started ({kind})."))

    def on_demo_failed(self, event: messages.DemoFailed) -> None:
        """Say why on the welcome screen."""
        from tui_chat.app.screens.welcome import WelcomeScreen  # noqa: PLC0415 - it is there

        for screen in self.screen_stack:
            if isinstance(screen, WelcomeScreen):
                screen.failed(event.sentence)

    async def on_demo_started(self, event: messages.DemoStarted) -> None:
        """Chat with the demo server."""
        while len(self.screen_stack) > 1:  # help may be open by now
            await self.pop_screen()
        # On top of the welcome screen, which nobody comes back to.
        await self.push_screen(self.make_chat(event.settings))
        self._fit(self.size)
        self._settings = event.settings  # the next frame starts the client
        self.screen.refresh()

    # -- keys and commands ------------------------------------------------------------------------

    def action_toggle_help(self) -> None:
        """Open or close the list of keys."""
        from tui_chat.app.screens.help import HelpScreen  # noqa: PLC0415 - seldom needed

        self._toggle(HelpScreen, HelpScreen)

    def action_toggle_debug(self) -> None:
        """Open or close the debug info."""
        from tui_chat.app.screens.debug import DebugScreen  # noqa: PLC0415 - seldom needed

        self._toggle(
            DebugScreen,
            lambda: DebugScreen(
                self._clock,
                self._versions or _versions(),
                self._zone,
                glyphs=self._glyphs,
                settings=self._settings,
            ),
        )

    def action_toggle_queue(self) -> None:
        """Open or close the queue."""
        from tui_chat.app.screens.queue import QueueScreen  # noqa: PLC0415 - seldom needed

        if (chat := self.chat) is not None:
            self._toggle(QueueScreen, lambda: QueueScreen(chat, self._clock, self._glyphs))

    def action_toggle_settings(self) -> None:
        """Open or close the settings."""
        from tui_chat.app.screens.settings import SettingsScreen  # noqa: PLC0415 - seldom needed

        self._toggle(SettingsScreen, lambda: SettingsScreen(self, self._glyphs))

    def action_toggle_said(self) -> None:
        """Open or close the list of the user's messages."""
        from tui_chat.app.screens.said import SaidScreen  # noqa: PLC0415 - seldom needed

        if (chat := self.chat) is not None:
            self._toggle(SaidScreen, lambda: SaidScreen(chat))

    def action_toggle_conversations(self, words: str = "") -> None:
        """Open or close the list of conversations, or look for words in all of them."""
        from tui_chat.app.screens.conversations import (  # noqa: PLC0415 - seldom needed
            ConversationsScreen,
        )

        if self.chat is not None:
            self._toggle(
                ConversationsScreen,
                lambda: ConversationsScreen(self, self._clock, self._glyphs, words),
            )

    def _toggle(self, kind: type[Screen[None]], make: Callable[[], Screen[None]]) -> None:
        from tui_chat.app.screens.overlay import Panel  # noqa: PLC0415 - seldom needed

        top = self.screen
        if isinstance(top, TooSmallScreen):
            return
        if isinstance(top, kind):
            self.pop_screen()
        elif isinstance(top, Panel):
            self.switch_screen(make())
        else:
            self.push_screen(make())

    def action_reconnect(self) -> None:
        """Connect now."""
        if self._worker is not None:
            self._worker.reconnect()

    def action_command_palette(self) -> None:
        """Open the palette where it has room."""
        if not isinstance(self.screen, TooSmallScreen):
            super().action_command_palette()

    async def action_quit(self) -> None:
        """Quit; at the second press only if something would be lost by it."""
        waiting = 0 if self.chat is None else sum(not i.settled for i in self.chat.outbox)
        now = self._clock.boot()
        if not waiting or self.lasting or now < self._quit_until:
            self.exit()
            return
        self._quit_until = now + QUIT_WINDOW
        what = "1 message is" if waiting == 1 else f"{waiting} messages are"
        self.notify(
            f"{what} not sent yet and would be lost: nothing is kept in this session. "
            "Press the key again to quit.",
            severity="warning",
            timeout=QUIT_WINDOW,
            markup=False,
        )

    def action_interrupt(self) -> None:
        """Copy the selection of the conversation, else quit at the second Ctrl+C.

        A selection in a field was copied before it came to this.
        """
        if self.chat is not None and self.screen is self.chat and self.chat.copy_selection():
            return
        now = self._clock.boot()
        if now < self._quit_until:
            self.exit()
            return
        self._quit_until = now + QUIT_WINDOW
        self.notify(f"Press {key_of('interrupt')} again to quit", timeout=QUIT_WINDOW, markup=False)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """The palette: what the registry has a title for."""
        for command in REGISTRY:
            if command.palette:
                yield SystemCommand(command.palette, command.help, _runner(self, command))


def _runner(app: ChatApp, command: Command) -> Callable[[], object]:
    async def run() -> None:
        # What belongs to the conversation is done there, even if something lies over it.
        where = app.chat if command.scope is Scope.CHAT else None
        await app.run_action(command.action, where)

    return run


def _versions() -> str:
    import textual  # noqa: PLC0415 - its version is looked up on disk

    from tui_chat import __version__  # noqa: PLC0415 - see above

    return (
        f"tui-chat {__version__}, Textual {textual.__version__}, "
        f"Python {sys.version.split(maxsplit=1)[0]}, {sys.platform}"
    )
