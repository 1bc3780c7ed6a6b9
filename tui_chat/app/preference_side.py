"""The side of the application that follows the user's preferences.

It applies them, at the start and while it runs, writes them down when they are changed, and looks
after what goes to the terminal besides the screen: its title, and the sign that a reply has ended.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from textual import constants, events, work
from textual.app import App
from textual.filter import ANSIToTruecolor, LineFilter

from tui_chat.app.bindings import key_changes
from tui_chat.app.colourless import Colourless
from tui_chat.app.keymap import check_keys, use_keys
from tui_chat.app.notifications import Attention, signal_for
from tui_chat.app.preferences import Preferences, did_you_mean
from tui_chat.app.safe_app import SafeApp
from tui_chat.app.terminal_title import RESTORE, TerminalTitle, title_of
from tui_chat.app.theme import THEMES, theme_called
from tui_chat.connection.status import ConnectionState
from tui_chat.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from tui_chat.app import messages
    from tui_chat.app.preferences_file import Loaded

__all__ = ["PreferenceSide"]

NOTICE_FOR: Final = 20.0
"""Seconds for which errors in the file are shown; the settings screen shows them as well."""


class PreferenceSide(SafeApp, inherit_bindings=False):
    """An application that looks and behaves as its user prefers.

    Attributes:
        preferences: what holds at the moment.
        settings_problems: sentences about what was wrong in the file.
        settings_path: where the file is; None if nothing is kept.
    """

    preferences = Preferences()
    settings_problems: tuple[str, ...] = ()
    settings_path: Path | None = None

    _settings_notice = ""
    _title_name = ""
    _saving = False
    _state = ConnectionState.IDLE

    def prefer(self, loaded: Loaded | None, theme: str) -> None:
        """Take the preferences that hold at the start. Called before anything runs.

        Args:
            loaded: what the file held; None for the defaults, and nothing is kept then.
            theme: the theme to begin with, with or without ``tui-chat-``; empty for the preferred.
        """
        self._attention = Attention()
        self._title = TerminalTitle(self._write)
        self._unsaved: dict[str, str | bool] = {}
        self._colourless: Sequence[LineFilter] = (Colourless(),)
        # Unlike Textual, as the convention has it: an empty value means nothing.
        self.no_color = bool(os.environ.get("NO_COLOR"))
        for known in THEMES:
            self.register_theme(known)
        # Only these are offered: with another one the contrasts are anybody's guess.
        for name in self.available_themes.keys() - {known.name for known in THEMES}:
            self.unregister_theme(name)
        if loaded is not None:
            self.preferences = loaded.preferences
            self.settings_path = loaded.path
            checked = check_keys(loaded.preferences.keys)
            loaded = loaded._replace(problems=(*loaded.problems, *checked.problems))
            self.settings_problems, self._settings_notice = loaded.problems, loaded.notice
            use_keys(checked.keys)
            self.set_keymap(key_changes(checked.keys))
        else:
            use_keys({})
        wanted = theme_called(theme or self.preferences.theme, self.console.color_system)
        # Before anything runs; setting it the usual way would read all styles once more.
        self.set_reactive(App.theme, wanted)
        self.stylesheet.set_variables(self.get_css_variables())
        self._apply()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what is done to the colours of everything that is drawn."""
        if self.no_color:
            return self._colourless
        filters = super().get_line_filters()
        if self.native_ansi_color:
            return [each for each in filters if not isinstance(each, ANSIToTruecolor)]
        return filters

    # -- applying and keeping ---------------------------------------------------------------------

    def change_preference(self, name: str, value: str | bool) -> None:
        """Let another value hold from now on, and keep it.

        Args:
            name: a name from :data:`tui_chat.app.preferences.SETTINGS`.
            value: one of its choices.
        """
        self.preferences = replace(self.preferences, **cast("dict[str, Any]", {name: value}))
        if name == "theme":
            self.theme = theme_called(self.preferences.theme, self.console.color_system)
        self._apply()
        self.refresh_css(animate=False)
        for screen in self.screen_stack:
            screen.refresh(layout=True)
        if self.settings_path is not None:
            self._unsaved[name] = value
            self._save()

    def _apply(self) -> None:
        preferences = self.preferences
        calm = preferences.reduced_motion or preferences.plain
        usual = constants.TEXTUAL_ANIMATIONS
        self.animation_level = "none" if calm else usual
        self.set_class(preferences.plain, "-plain")
        if preferences.terminal_title:
            self._show_title()
        else:
            self._title.restore()
            self._leave_with("")

    @work(group="settings", exit_on_error=False)
    async def _save(self) -> None:
        from tui_chat.app.preferences_file import NotSaved, save  # noqa: PLC0415 - seldom needed
        from tui_chat.daemon_thread import call_in_daemon_thread  # noqa: PLC0415 - see above

        path = self.settings_path
        # One at a time: each reads the file, and writes what it read along with the changes.
        while path is not None and self._unsaved and not self._saving:
            changes = dict(self._unsaved)
            self._unsaved.clear()
            self._saving = True
            try:
                await call_in_daemon_thread(partial(save, path, changes), name="settings")
            except NotSaved as error:
                self.notify(one_line(str(error), 400), severity="error", markup=False)
            finally:
                self._saving = False

    async def on_unmount(self) -> None:
        """Write down what was changed at the last moment."""
        if self.settings_path is not None and self._unsaved:
            from tui_chat.app.preferences_file import NotSaved, save  # noqa: PLC0415 - see above

            with suppress(NotSaved):
                save(self.settings_path, self._unsaved)

    def on_mount(self) -> None:
        """Say what was wrong in the file."""
        self.app_resume_signal.subscribe(self, lambda _: self._begin_title_again())
        if self._settings_notice:
            self.notify(
                self._settings_notice,
                title="Settings",
                severity="warning",
                timeout=NOTICE_FOR,
                markup=False,
            )
        self._show_title()

    def action_change_theme(self, name: str = "") -> None:
        """Change the colours: to those of this name, or of one chosen from the settings."""
        known = [theme.name.removeprefix("tui-chat-") for theme in THEMES] + ["auto"]
        wanted = name.removeprefix("tui-chat-")
        if not name:
            self.action_toggle_settings()
        elif wanted in known:
            self.change_preference("theme", wanted)
        else:
            self.notify(
                f"There is no theme {one_line(name, 40)!r}. There are: {', '.join(known)}."
                f"{did_you_mean(name, known)}",
                severity="warning",
                markup=False,
            )

    def action_toggle_settings(self) -> None:
        """Open or close the settings."""

    # -- the terminal's title, and the end of a reply ---------------------------------------------

    def _write(self, data: str) -> None:
        driver = self._driver
        if driver is not None and self.is_running:
            driver.write(data)

    def _show_title(self) -> None:
        if self.preferences.terminal_title and self.is_running:
            self._leave_with(RESTORE)
            attention = self._attention
            self._title.show(
                title_of(
                    self._title_name, self._state, attention.unread, replying=attention.replying
                )
            )

    def _leave_with(self, farewell: str) -> None:
        driver = self._driver
        if driver is not None and hasattr(driver, "farewell"):
            driver.farewell = farewell

    def _begin_title_again(self) -> None:
        self._title.forget()
        self._show_title()

    def name_in_title(self, name: str) -> None:
        """Let the title name a server."""
        self._title_name = name
        self._show_title()

    def on_app_focus(self, event: events.AppFocus) -> None:  # noqa: ARG002 - Textual's signature
        """The terminal is in front: everything counts as read."""
        self._attention.returned()
        self._show_title()

    def on_app_blur(self, event: events.AppBlur) -> None:  # noqa: ARG002 - Textual's signature
        """The terminal is not in front."""
        self._attention.left()

    def on_connection_changed(self, event: messages.ConnectionChanged) -> None:
        """Let the title say it."""
        self._state = event.status.state
        self._show_title()

    def on_conversation_changed(self, event: messages.ConversationChanged) -> None:
        """Look for the end of a reply."""
        from tui_chat.conversation.model import RunChanged  # noqa: PLC0415 - the transcript's

        for change in event.changes:
            if isinstance(change, RunChanged) and change.running != self._attention.replying:
                if self._attention.run(running=change.running) and (
                    signal := signal_for(self.preferences.notify)
                ):
                    self._write(signal)
                self._show_title()
