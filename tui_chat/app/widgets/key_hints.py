"""The last line: the keys that matter right now, made from the registry."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from tui_chat.app.bindings import REGISTRY, Command, Scope, key_of

__all__ = ["KeyHints"]

# Not Textual's own "@click": that one repaints everything in the style of a link.
_META: Final = "tui_chat_action"


class KeyHints(Widget):
    """Shows as many hints as fit, in the order of the registry; each can be clicked."""

    running: reactive[bool] = reactive(False)
    queued: reactive[bool] = reactive(False)

    def __init__(self) -> None:
        super().__init__(id="key-hints")

    def hints(self) -> list[Command]:
        """Return the commands to show, most important first."""
        shown = sorted((c for c in REGISTRY if c.footer), key=lambda command: command.footer)
        now = {"queue": self.queued, "stop": self.running}
        for command in reversed(REGISTRY):
            if now.get(command.id):
                shown.insert(0, command)
        return shown

    async def on_click(self, event: events.Click) -> None:
        """Do what the hint under the mouse says."""
        action = event.style.meta.get(_META)
        if action is not None:
            event.stop()
            await self.run_action(action)

    def render(self) -> Content:
        """Draw as many hints as fit."""
        width = self.content_size.width
        parts: list[Content] = []
        used = 0
        for command in self.hints():
            key, gap = key_of(command), 3 if parts else 0
            needed = gap + cell_len(key) + 1 + cell_len(command.label)
            if used + needed > width:
                continue
            place = "screen" if command.scope is Scope.CHAT else "app"
            link = Style.from_meta({_META: f"{place}.{command.action}"})
            parts.append(
                Content.assemble(
                    " " * gap, (key, "$text-primary"), " ", (command.label, "$muted")
                ).stylize_before(link, gap)
            )
            used += needed
        return Content("").join(parts)
