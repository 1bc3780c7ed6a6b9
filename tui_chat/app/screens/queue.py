"""F3: what waits, failed or may not have arrived, and what can be done about each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.content import Content

from tui_chat.app.bindings import Scope, bindings_for, key_of
from tui_chat.app.glyphs import Glyphs
from tui_chat.app.queue_face import age, preview, standing
from tui_chat.app.screens.message_list import MessageList
from tui_chat.app.widgets.editor import PASTE_LIMIT, Editor
from tui_chat.clock import Clock
from tui_chat.conversation.model import DeliveryState
from tui_chat.text import clean, one_line

if TYPE_CHECKING:
    from tui_chat.app.screens.chat import ChatScreen
    from tui_chat.delivery.item import OutboxItem

__all__ = ["QueueScreen"]

_UNSETTLED = (DeliveryState.UNKNOWN, DeliveryState.FAILED)
_EDITING = "Enter saves, Esc leaves the message as it was"
_GONE = "This message is on its way by now. Enter puts your text into the prompt instead."


class QueueScreen(MessageList):
    """The outbox. A message that is edited stays in it as it was until the edit is saved.

    Args:
        chat: whose outbox it is.
        clock: tells how old a message is.
        glyphs: the symbols in use.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.QUEUE)]

    def __init__(self, chat: ChatScreen, clock: Clock, glyphs: Glyphs) -> None:
        super().__init__(
            "Queue", "Nothing waits: whatever you sent has left.", screen_id="queue-screen"
        )
        self._chat = chat
        self._clock = clock
        self._glyphs = glyphs
        self._items: dict[str, OutboxItem] = {item.id: item for item in chat.outbox}
        self._edited: str | None = None
        self._saving: str | None = None
        self.editor: Editor | None = None

    def on_mount(self) -> None:
        """Show what there is, and how it ages."""
        self._refresh()
        self.set_interval(1.0, self._refresh)

    async def show(self, items: Sequence[OutboxItem]) -> None:
        """Show another state of the outbox."""
        self._items = {item.id: item for item in items}
        self._refresh()
        if self._edited is None:
            return
        item = self._items.get(self._edited)
        if item is not None and self._saving is not None and item.text == self._saving:
            await self._close_editor()
        elif item is None or item.state is not DeliveryState.QUEUED:
            self._saving = None
            self.notice.show(_GONE)

    def show_failed(self, sentence: str) -> None:
        """Say that something did not work; what is being edited stays where it is."""
        self._saving = None
        self.notice.show(sentence)

    def _refresh(self) -> None:
        self.show_lines([(item.id, self._line(item)) for item in self._items.values()])

    def _line(self, item: OutboxItem) -> Content:
        where = standing(item, self._glyphs)
        dot = f" {self._glyphs.dot} "
        facts = dot + age(item, self._clock.wall())
        note = one_line(item.note)
        return Content.assemble(
            (f"{where.glyph} {where.words}", where.style),
            (facts + (dot + note if note else ""), "$muted"),
            "\n",
            preview(item),
        )

    # -- what can be done -------------------------------------------------------------------------

    def possible(self) -> Sequence[str]:
        """Return what is possible for the chosen message."""
        if self.editor is not None:
            return ()
        item = self._items.get(self.chosen)
        found: list[str] = []
        if item is not None and item.state is DeliveryState.QUEUED:
            found = ["queue-edit"] if not item.writes else []
            found += ["queue-send-now", "queue-drop"]
        elif item is not None and item.state in _UNSETTLED:
            found = ["queue-resend", "queue-drop"]
        if any(item.held for item in self._items.values()):
            found.append("queue-release")
        return found

    def show_keys(self) -> None:
        """Say which keys do something now."""
        if self.editor is not None:
            self.keys.show(_EDITING)
        else:
            super().show_keys()

    def _can(self, command_id: str) -> str:
        """Return the id of the chosen message if that is possible for it, else nothing."""
        self.notice.show("")
        return self.chosen if command_id in self.possible() else ""

    def action_send_now(self) -> None:
        """Send the chosen message before all others."""
        worker = self._chat.worker
        if worker is not None and (item_id := self._can("queue-send-now")):
            worker.send_now(item_id)

    def action_resend(self) -> None:
        """Send the chosen message again."""
        worker = self._chat.worker
        if worker is not None and (item_id := self._can("queue-resend")):
            worker.resend(item_id)

    def action_drop(self) -> None:
        """Discard the chosen message; its text can be recalled in the prompt."""
        worker = self._chat.worker
        if worker is not None and (item_id := self._can("queue-drop")):
            self._chat.prompt.remember(self._items[item_id].text)
            worker.drop(item_id)
            self.notice.show(f"Discarded. {key_of('older')} in the prompt brings the text back.")

    def action_release(self) -> None:
        """Send all leftovers."""
        worker = self._chat.worker
        if worker is not None and any(item.held for item in self._items.values()):
            self.notice.show("")
            worker.release(None)

    # -- editing ----------------------------------------------------------------------------------

    async def action_edit(self) -> None:
        """Open an editor with the chosen message's text."""
        item_id = self._can("queue-edit")
        if not item_id or self.editor is not None:
            return
        text = clean(self._items[item_id].text)
        if len(text) > PASTE_LIMIT:
            self.notice.show("This message is too long to be edited here.")
            return
        self._edited = item_id
        self.editor = Editor(text, id="editor")
        self.messages.disabled = True
        await self.query_one("#panel").mount(self.editor, before=self.notice)
        self.editor.move_cursor(self.editor.document.end)
        self.editor.focus()
        self.show_keys()

    async def on_editor_submitted(self, event: Editor.Submitted) -> None:
        """Save; the editor closes when the message has the text for certain."""
        event.stop()
        item = None if self._edited is None else self._items.get(self._edited)
        worker = self._chat.worker
        if not event.text.strip():
            self.notice.show("A message needs a text. Esc leaves it as it was.")
        elif item is None or item.state is not DeliveryState.QUEUED:
            await self._close_editor()
            self.dismiss()
            self._chat.prompt.bring(event.text)
        elif event.text == item.text:
            await self._close_editor()
        elif worker is not None:
            self._saving = event.text
            self.notice.show("")
            worker.edit(item.id, event.text)

    async def action_close(self) -> None:
        """Leave the editor, or the queue."""
        if self.editor is None:
            self.dismiss()
            return
        changed = self._remember_edit()
        await self._close_editor()
        if changed:
            older = key_of("older")
            self.notice.show(f"Left as it was. {older} in the prompt brings your text.")

    def on_unmount(self) -> None:
        """Lose nothing when the panel is closed in the middle of an edit."""
        self._remember_edit()

    def _remember_edit(self) -> bool:
        item = None if self._edited is None else self._items.get(self._edited)
        text = "" if self.editor is None else self.editor.text
        if not text.strip() or (item is not None and text == item.text):
            return False
        self._chat.prompt.remember(text)
        return True

    async def _close_editor(self) -> None:
        editor, self.editor = self.editor, None
        self._edited = self._saving = None
        self.notice.show("")
        if editor is not None:
            await editor.remove()
        self.messages.disabled = False
        self.messages.focus()
        self.show_keys()
