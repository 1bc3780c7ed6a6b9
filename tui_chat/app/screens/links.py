"""The links of a message, with their real targets: to open one or to copy its address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.content import Content

from tui_chat.app.bindings import Scope, bindings_for
from tui_chat.app.screens.message_list import MessageList
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.app.safe_app import SafeApp
    from tui_chat.app.transcript.links import Reference

__all__ = ["LinksScreen"]


class LinksScreen(MessageList):
    """Some links to choose from.

    Args:
        app: what opens and copies.
        links: the links.
        title: of the panel.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.LINKS)]

    def __init__(
        self, app: SafeApp, links: Sequence[Reference], title: str = "Links of this message"
    ) -> None:
        super().__init__(title, "There are no links in it.", screen_id="links-screen")
        self._owner = app
        self._links = list(links)
        self._shown = [(str(number), _prompt(link)) for number, link in enumerate(self._links)]

    def possible(self) -> Sequence[str]:
        """What is no address for a browser can only be copied."""
        link = self._link()
        if link is None:
            return ()
        return ("link-open", "link-copy") if link.address else ("link-copy",)

    def _link(self) -> Reference | None:
        return self._links[int(self.chosen)] if self.chosen else None

    def action_edit(self) -> None:
        """Open the chosen link."""
        link = self._link()
        if link is None:
            return
        if link.address is None:
            self.notice.show("Only http and https addresses without a user name are opened.")
            return
        self.dismiss()
        self._owner.open_link(link.address)

    def action_copy_link(self) -> None:
        """Copy the chosen link's address."""
        link = self._link()
        if link is not None:
            self.dismiss()
            self._owner.copy(link.address or link.target, "the address")


def _prompt(link: Reference) -> Content:
    """Return the real target, and before it the words of the message if they are others."""
    target = one_line(link.address or link.target, 2_000)
    if link.honest:
        return Content(target)
    label = one_line(link.label, 200) or "(no words)"
    return Content.assemble(label, "\n", ("goes to ", "$text-muted"), (target, "$text-primary"))
