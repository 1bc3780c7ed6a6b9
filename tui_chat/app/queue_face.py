"""What the screen says about the outbox, worked out without any widget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from tui_chat.app.glyphs import Glyphs
from tui_chat.app.spans import rough
from tui_chat.conversation.delivery_state import DeliveryState
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.delivery.item import OutboxItem

__all__ = ["QueueFace", "Standing", "addressed", "age", "preview", "standing"]

_UNSETTLED: Final = (DeliveryState.UNKNOWN, DeliveryState.FAILED)
_PREVIEW: Final = 300


class Standing(NamedTuple):
    """Where a message stands: a glyph, words, a colour."""

    glyph: str
    words: str
    style: str


class QueueFace(NamedTuple):
    """One moment of the queue.

    Attributes:
        waiting: messages of this session that have not been sent, in order.
        held: those that an earlier session left over.
        unknown: how many may or may not have arrived.
        failed: how many certainly have not arrived.
        hidden: how many of ``unknown`` and ``failed`` the conversation does not show.
    """

    waiting: tuple[OutboxItem, ...] = ()
    held: tuple[OutboxItem, ...] = ()
    unknown: int = 0
    failed: int = 0
    hidden: int = 0

    @classmethod
    def of(cls, items: Iterable[OutboxItem]) -> QueueFace:
        """Sort items by what has to be said about them."""
        items = tuple(items)
        queued = [item for item in items if item.state is DeliveryState.QUEUED]
        unsettled = [item for item in items if item.state in _UNSETTLED]
        return cls(
            waiting=tuple(item for item in queued if not item.held),
            held=tuple(item for item in queued if item.held),
            unknown=sum(item.state is DeliveryState.UNKNOWN for item in unsettled),
            failed=sum(item.state is DeliveryState.FAILED for item in unsettled),
            hidden=sum(item.message_id is None for item in unsettled),
        )

    def counts(self) -> str:
        """Return what the status line says; empty if there is nothing to say."""
        queued = len(self.waiting) + len(self.held)
        parts = (
            f"{queued:,} queued" if queued else "",
            f"{self.unknown:,} not known" if self.unknown else "",
            f"{self.failed:,} failed" if self.failed else "",
        )
        return ", ".join(part for part in parts if part)

    def reason(self, *, ready: bool, running: bool) -> str:
        """Return why the first message waits; empty if it is about to leave.

        Args:
            ready: whether there is a session.
            running: whether a reply is being written.
        """
        note = one_line(self.waiting[0].note) if self.waiting else ""
        if not ready:
            return "goes out when connected"
        if running:
            return "after this reply"
        return note


def addressed(items: Sequence[OutboxItem]) -> OutboxItem | None:
    """Return the message that the keys for an unclear message are about: the latest one."""
    unsettled = [item for item in items if item.state in _UNSETTLED]
    # Those that the conversation shows first: only there a person sees which one it is.
    return max(
        unsettled,
        key=lambda item: (item.message_id is not None, item.message_id or 0, item.position),
        default=None,
    )


def standing(item: OutboxItem, glyphs: Glyphs) -> Standing:
    """Return where a message stands, as it is shown."""
    match item.state:
        case DeliveryState.QUEUED if item.held:
            return Standing(glyphs.alert, "left over", "$text-warning")
        case DeliveryState.QUEUED:
            return Standing(glyphs.waiting, "queued", "$text-primary")
        case DeliveryState.UNKNOWN:
            return Standing(glyphs.alert, "not known whether it arrived", "$text-warning")
        case DeliveryState.FAILED:
            return Standing(glyphs.alert, "not sent", "$text-error")
        case _:
            return Standing(glyphs.busy, "being sent", "$muted")


def age(item: OutboxItem, wall: float) -> str:
    """Return how old a message is; a clock that was set back makes none younger than new."""
    return f"{rough(max(wall - item.created, 0.0))} old"


def preview(item: OutboxItem) -> str:
    """Return the text on one line, clean; what goes along with it at the end."""
    files = len(item.media)
    more = "" if not files else f" [+{files} {'file' if files == 1 else 'files'}]"
    return one_line(item.text, _PREVIEW) + more
