"""F12: everything worth knowing about connection, ticket, queue and machine, live. No secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Paste
from textual.widgets import ContentSwitcher, Static

from tui_chat.app.bindings import Scope, bindings_for, key_of
from tui_chat.app.glyphs import UNICODE, Glyphs
from tui_chat.app.paths import style_sheet
from tui_chat.app.screens.debug.environment import environment
from tui_chat.app.screens.debug.facts import Row, cleaned, debug_sections, queue_sections
from tui_chat.app.screens.debug.log_lines import log_items
from tui_chat.app.screens.debug.log_view import LogView
from tui_chat.app.screens.debug.report import Report, save
from tui_chat.app.screens.overlay import Panel
from tui_chat.app.settings import ChatSettings
from tui_chat.app.widgets.field import Field
from tui_chat.app.widgets.sections import Section, Sections
from tui_chat.clock import Clock
from tui_chat.errors import TuiChatError
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.app.app import ChatApp
    from tui_chat.debug_info import ClientDebugInfo

__all__ = ["DebugScreen"]

REFRESH: Final = 0.5
"""Seconds between two looks at the client."""

LONGEST_FILTER: Final = 200
"""Characters."""

TABS: Final = ("overview", "queue", "environment", "log")


class _Filter(Field):
    """Where the log is filtered; Esc and Enter lead back to the log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.end_filter(True)", show=False),
        Binding("enter", "screen.end_filter(False)", show=False),
        Binding("down", "screen.end_filter(False)", show=False),
    ]


class DebugScreen(Panel):
    """The debug info, refreshed twice a second by asking the client's thread.

    Args:
        clock: the application's.
        versions: the line of versions.
        zone: of the times; None is the local one.
        glyphs: the symbols the terminal can show.
        settings: where the client connects, and what must not be in a copy: everything here is
            masked before it comes this far, and once more before it leaves.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.DEBUG)]
    AUTO_FOCUS = "#overview"

    def __init__(
        self,
        clock: Clock,
        versions: str,
        zone: tzinfo | None = None,
        *,
        glyphs: Glyphs = UNICODE,
        settings: ChatSettings | None = None,
    ) -> None:
        super().__init__(screen_id="debug")
        self.css_path = [style_sheet("overlay"), style_sheet("debug")]
        self._clock = clock
        self._versions = versions
        self._zone = zone
        self._glyphs = glyphs
        self._server = "" if settings is None else settings.server_url
        self._secrets = () if settings is None else (settings.token, settings.key)
        self._asked = False
        self._info: ClientDebugInfo | None = None
        self._environment: list[tuple[str, Sequence[Row]]] = [
            ("Environment", [("state", "being looked up")])
        ]
        self.body = self._sections()
        self._queue = self._sections()
        self._machine = self._sections()
        self.log_view = LogView(glyphs, zone, id="log-view")

    def _sections(self) -> Sections:
        return Sections(name_style="$muted", value_style="")

    def compose(self) -> ComposeResult:
        """The names of the tabs, and one of them."""
        with Vertical(id="debug-panel") as panel:
            panel.border_title = Content("Debug info")
            panel.border_subtitle = Content("Esc closes")
            yield Static(id="tabs")
            with ContentSwitcher(initial="overview", id="tab"):
                for name, sections in (
                    ("overview", self.body),
                    ("queue", self._queue),
                    ("environment", self._machine),
                ):
                    with VerticalScroll(id=name):
                        yield sections
                with Vertical(id="log"):
                    yield self.log_view
                    yield _Filter(placeholder="words to filter by, or: in, out, event", id="filter")
            yield Static(id="debug-keys")

    # -- what is shown ----------------------------------------------------------------------------

    @property
    def _chat_app(self) -> ChatApp:
        return cast("ChatApp", self.app)

    @property
    def tab(self) -> str:
        """Which tab is in front."""
        return self.query_one("#tab", ContentSwitcher).current or TABS[0]

    def on_mount(self) -> None:
        """Ask for the first snapshot, and go on asking."""
        self._chat_app.keep_frames(on=True)
        self._ask()
        self.set_interval(REFRESH, self._ask)
        self.run_worker(self._look_up(), name="environment", exit_on_error=False)
        self._show_tab()

    def on_unmount(self) -> None:
        """Frames are looked at no longer, unless the user wants them kept."""
        self._chat_app.keep_frames(on=self._chat_app.frames_wanted)

    def _ask(self) -> None:
        # One question at a time: answers must not pile up while the screen stands still.
        if not self._asked:
            self._asked = self._chat_app.ask_debug_info()
            if not self._asked:
                self.show(None)

    def show(self, info: ClientDebugInfo | None) -> None:
        """Show a snapshot; None while there is no client."""
        self._asked, self._info = False, info
        self.body.show(self._overview())
        self._queue.show(self._waiting())
        self._machine.show(self._surroundings())
        if info is not None:
            if not info.flight.keeping:  # a client that was started after this was opened
                self._chat_app.keep_frames(on=True)
            self.log_view.show(info)

    def _overview(self) -> list[Section]:
        return debug_sections(self._info, self._clock, self._versions, self._zone, self._glyphs)

    def _waiting(self) -> list[Section]:
        chat = self._chat_app.chat
        return queue_sections(() if chat is None else chat.outbox, self._clock)

    def _surroundings(self) -> list[Section]:
        app = self.app
        screen: list[Row] = [
            ("size", f"{app.size.width} x {app.size.height}"),
            ("colours", str(app.console.color_system or "none")),
            ("theme", app.theme),
            ("symbols", "ASCII" if self._glyphs.ascii else "Unicode"),
        ]
        return cleaned([*self._environment, ("Screen", screen)])

    async def _look_up(self) -> None:
        self._environment = await asyncio.to_thread(environment, self._server)
        self._machine.show(self._surroundings())

    # -- tabs -------------------------------------------------------------------------------------

    def action_tab(self, name: str) -> None:
        """Show a tab."""
        self.query_one("#tab", ContentSwitcher).current = name
        self._show_tab()

    def action_next_tab(self, by: int) -> None:
        """Show the next tab, or the one before."""
        self.action_tab(TABS[(TABS.index(self.tab) + by) % len(TABS)])

    def _show_tab(self) -> None:
        current = self.tab
        names = [
            Content.from_markup(
                f"[@click=screen.tab('{name}')]$label[/]",
                label=f" {number} {name.capitalize()} ",
            ).stylize("bold reverse" if name == current else "$muted")
            for number, name in enumerate(TABS, 1)
        ]
        self.query_one("#tabs", Static).update(Content(" ").join(names))
        front = self.log_view if current == "log" else self.query_one(f"#{current}")
        self.set_focus(front)
        self._show_keys()

    def on_log_view_changed(self) -> None:
        """Say how the log stands."""
        self._show_keys()

    def _show_keys(self) -> None:
        keys = f"{key_of('debug-copy')}/{key_of('debug-json')}"
        parts = [f"{keys} copies (as text, as JSON)", f"{key_of('debug-save')} saves"]
        panel = self.query_one("#debug-panel")
        if self.tab == "log":
            log = self.log_view
            shown, total = log.counts
            count = f"{shown:,}" if shown == total else f"{shown:,} of {total:,}"
            state = "paused" if log.paused else "live" if log.following else "End follows"
            kept = ", kept" if self._chat_app.frames_wanted else ""
            panel.border_subtitle = Content(f"{count} entries, {state}{kept}")
            parts = [
                f"{key_of('debug-unfold')} unfolds",
                f"{key_of('debug-filter')} filters",
                f"{key_of('debug-pause')} pauses",
                f"{key_of('debug-keep')} keeps",
                f"{keys} copies",
                parts[1],
            ]
        else:
            panel.border_subtitle = Content("Esc closes")
        dot = f" {self._glyphs.dot} "
        self.query_one("#debug-keys", Static).update(Content(dot.join(parts)))

    # -- the log ----------------------------------------------------------------------------------

    def action_unfold(self) -> None:
        """Show all of a frame, or its one line again."""
        if self.tab == "log":
            self.log_view.action_unfold()

    def action_filter(self) -> None:
        """Type what the log is filtered by."""
        self.action_tab("log")
        box = self.query_one("#filter", Field)
        box.display = True
        self.set_focus(box)  # at once: the next key may be there already

    def on_paste(self, event: Paste) -> None:
        """Filter by what is pasted over the log; so does a filter typed in one burst."""
        if self.tab == "log":
            event.stop()
            box = self.query_one("#filter", Field)
            box.value = one_line(event.text.removeprefix("/"), LONGEST_FILTER)
            box.cursor_position = len(box.value)
            self.action_filter()

    def on_input_changed(self, event: Field.Changed) -> None:
        """Filter while somebody types."""
        self.log_view.filter(event.value[:LONGEST_FILTER])

    def action_end_filter(self, clear: bool) -> None:
        """Go back to the log, with the filter or without."""
        box = self.query_one("#filter", Field)
        if clear:
            box.value = ""
        box.display = bool(box.value)
        self.set_focus(self.log_view)

    def action_pause(self) -> None:
        """Let the log stand still, or go on."""
        self.action_tab("log")
        self.log_view.toggle_pause()

    def action_keep(self) -> None:
        """Go on keeping frames when this is closed, or not."""
        app = self._chat_app
        app.frames_wanted = not app.frames_wanted
        self.notify(
            "What frames hold is kept, masked, until you press the key again."
            if app.frames_wanted
            else "What frames hold is forgotten when this is closed.",
            markup=False,
        )
        self._show_keys()

    # -- for a bug report -------------------------------------------------------------------------

    def report(self) -> Report:
        """Return everything that can be seen here."""
        info = self._info
        items = [] if info is None else log_items(info.recent, info.flight.frames)
        sections = [*self._overview(), *self._waiting(), *self._surroundings()]
        return Report(self._clock.wall(), sections, items, info, self._secrets)

    def action_copy_text(self) -> None:
        """Copy everything as text."""
        self._chat_app.copy(self.report().text(self._zone), "the debug info")

    def action_copy_json(self) -> None:
        """Copy everything as JSON."""
        self._chat_app.copy(self.report().json(), "the debug info as JSON")

    def action_save(self) -> None:
        """Write everything to a file in the current folder."""
        self.run_worker(self._save(self.report()), group="save", exclusive=True)

    async def _save(self, report: Report) -> None:
        try:
            path = await asyncio.to_thread(_write, report)
        except (TuiChatError, OSError) as error:  # the current folder may be gone
            self.notify(one_line(str(error), 300), severity="error", markup=False)
        else:
            self.notify(f"Saved in {one_line(str(path), 300)}", markup=False)


def _write(report: Report) -> Path:
    return save(report.json(), Path.cwd(), report.at, "json")
