"""F2: the settings, made from the fields that declare them; what is changed holds at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content

from tui_chat.app.bindings import Scope, bindings_for
from tui_chat.app.glyphs import Glyphs
from tui_chat.app.preferences import SETTINGS, Setting
from tui_chat.app.screens.message_list import Line, MessageList
from tui_chat.app.widgets.plain_text import PlainText

if TYPE_CHECKING:
    from tui_chat.app.preference_side import PreferenceSide

__all__ = ["SettingsScreen"]

LOW: Final = 26
"""Rows under which there is no room for everything."""
LOWEST: Final = 18
"""Rows under which there is only room for the list and the keys."""

_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
_COLUMN: Final = max(cell_len(setting.title) for setting in SETTINGS) + 2


class SettingsScreen(MessageList):
    """One line for each setting, and under them what the chosen one is about.

    Args:
        app: whose settings these are.
        glyphs: the symbols in use.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.SETTINGS)]

    def __init__(self, app: PreferenceSide, glyphs: Glyphs) -> None:
        super().__init__("Settings", "", screen_id="settings")
        self._owner = app
        self._glyphs = glyphs
        self._shown = self._lines()
        self.about = PlainText(id="about")
        self.choices = PlainText(id="choices")
        self.file = PlainText(self._kept(), id="file")
        self.notice.show("\n".join(app.settings_problems))

    def on_mount(self) -> None:
        """Put the explanations between the list and the keys."""
        self.query_one("#panel").mount(self.about, self.choices, self.file, before=self.notice)

    def on_resize(self, event: events.Resize) -> None:
        """Leave out what the list and the keys need the room of."""
        self.set_class(event.size.height < LOW, "-low")
        self.set_class(event.size.height < LOWEST, "-lowest")

    def possible(self) -> Sequence[str]:
        """Every setting has another value."""
        return ("settings-next", "settings-previous")

    def show_keys(self) -> None:
        """Say which keys do something, and what the chosen setting is about."""
        super().show_keys()
        setting = _BY_NAME.get(self.chosen)
        if setting is not None:
            self.about.show(setting.help)
            self.choices.show(self._all_of(setting))

    def action_edit(self) -> None:
        """Take the next value; Enter means the same everywhere in lists."""
        self.action_change(1)

    def action_change(self, step: int) -> None:
        """Let the next value hold, or the one before.

        Args:
            step: 1 or -1.
        """
        setting = _BY_NAME.get(self.chosen)
        if setting is None:
            return
        values = list(setting.choices)
        at = values.index(getattr(self._owner.preferences, setting.name))
        self._owner.change_preference(setting.name, values[(at + step) % len(values)])
        self.show_lines(self._lines())

    def _lines(self) -> list[Line]:
        return [
            (
                setting.name,
                Content.assemble(
                    setting.title.ljust(_COLUMN), (self._word(setting), "bold $text-primary")
                ),
            )
            for setting in SETTINGS
        ]

    def _word(self, setting: Setting) -> str:
        return setting.choices[getattr(self._owner.preferences, setting.name)]

    def _all_of(self, setting: Setting) -> str:
        words = [
            f"[{word}]" if value == getattr(self._owner.preferences, setting.name) else word
            for value, word in setting.choices.items()
        ]
        return f" {self._glyphs.dot} ".join(words)

    def _kept(self) -> str:
        path = self._owner.settings_path
        if path is None:
            return "Changes hold until you quit."
        return f"Kept in {path}; keys are changed there, under [keys]."
