"""What waits to be sent, above the prompt: how much, what, why, and the keys for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.timer import Timer
from textual.widget import Widget

from tui_chat.app.bindings import key_of
from tui_chat.app.glyphs import UNICODE, Glyphs
from tui_chat.app.queue_face import QueueFace, preview
from tui_chat.app.widgets.one_line import cut

if TYPE_CHECKING:
    from tui_chat.delivery.item import OutboxItem

__all__ = ["QueueStrip"]

PREVIEWS: Final = 3
"""Messages shown at most."""
LOW: Final = 16
"""Rows of a screen under which there is no room for previews."""
PATIENCE: Final = 0.4
"""Seconds for which a message that is about to leave is not worth a line."""


class QueueStrip(Widget):
    """Hidden while nothing waits."""

    def __init__(self, *, glyphs: Glyphs = UNICODE) -> None:
        super().__init__(id="queue-strip", classes="-empty")
        self._glyphs = glyphs
        self._face = QueueFace()
        self._ready = False
        self._replying = False
        self._kept = False
        self._patience: Timer | None = None

    @property
    def face(self) -> QueueFace:
        """What the strip is about."""
        return self._face

    def show(self, face: QueueFace) -> None:
        """Show another state of the queue."""
        if not face.held:
            self._kept = False  # those that come later are asked about again
        self._face = face
        self._update()

    def go_by(self, *, ready: bool | None = None, running: bool | None = None) -> None:
        """Take in whether there is a session, and whether a reply is being written."""
        self._ready = self._ready if ready is None else ready
        self._replying = self._replying if running is None else running
        self._update()

    def keep(self) -> None:
        """Say no more about leftovers than that there are some."""
        self._kept = True
        self._update()

    def _update(self) -> None:
        face = self._face
        leaving = bool(face.waiting) and not self._reason
        quiet = not face.held and not face.hidden
        if leaving and quiet and self.has_class("-empty"):
            if self._patience is None:
                self._patience = self.set_timer(PATIENCE, self._unveil)
            return
        self._unveil()

    def _unveil(self) -> None:
        if self._patience is not None:
            self._patience.stop()
            self._patience = None
        face = self._face
        self.set_class(not (face.waiting or face.held or face.hidden), "-empty")
        self.refresh(layout=True)

    @property
    def _reason(self) -> str:
        return self._face.reason(ready=self._ready, running=self._replying)

    # -- drawing ----------------------------------------------------------------------------------

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return the rows needed."""
        return len(list(self._lines(width)))

    def render(self) -> Content:
        """Draw all lines."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> Iterator[Content]:
        face, glyphs = self._face, self._glyphs
        room = PREVIEWS if self.app.size.height >= LOW else 0
        queue = f"{key_of('queue')} opens the queue"
        if face.waiting:
            words = f"{glyphs.waiting} {len(face.waiting):,} queued"
            reason = self._reason or "going out now"
            yield from self._head(words, [reason, queue], "$text-primary", width)
            yield from self._previews(face.waiting, room, width)
            room = max(room - len(face.waiting), 0)
        if face.held and self._kept:
            words = f"{glyphs.waiting} {len(face.held):,} kept for later"
            yield from self._head(words, [queue], "$muted", width)
        elif face.held:
            words = f"{glyphs.alert} {len(face.held):,} left over from an earlier session"
            keys = [
                f"{key_of('release')} sends",
                f"{key_of('keep')} later",
                f"{key_of('queue')} queue",
            ]
            yield from self._head(words, keys, "$text-warning", width)
            yield from self._previews(face.held, room, width)
        if face.hidden:
            words = f"{glyphs.alert} {face.hidden:,} could not be sent"
            yield from self._head(words, [queue], "$text-error", width)

    def _head(self, words: str, facts: list[str], style: str, width: int) -> Iterator[Content]:
        """Put words and facts on one line, or as many lines as they need."""
        dot = f" {self._glyphs.dot} "
        line, used = (
            Content.styled(cut(words, width, self._glyphs.ellipsis), style),
            cell_len(words),
        )
        for fact in facts:
            needed = cell_len(dot) + cell_len(fact)
            if used + needed <= width:
                line = Content.assemble(line, (dot + fact, "$muted"))
                used += needed
            else:
                yield line
                text = cut(fact, width - 2, self._glyphs.ellipsis)
                line, used = Content.assemble("  ", (text, "$muted")), 2 + cell_len(text)
        yield line

    def _previews(self, items: tuple[OutboxItem, ...], room: int, width: int) -> Iterator[Content]:
        for item in items[:room]:
            text = cut(preview(item), width - 2, self._glyphs.ellipsis)
            yield Content.assemble("  ", (text, ""))
        if room and len(items) > room:
            yield Content.styled(f"  +{len(items) - room:,} more", "$muted")
