"""The ticket-countdown bar: time left, share of the lifetime, and what happens next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget

from tui_chat.app.countdown import TicketCountdown, TicketFace, TicketPhase
from tui_chat.app.glyphs import UNICODE, Glyphs
from tui_chat.app.widgets.one_line import cut, spread
from tui_chat.clock import Clock

if TYPE_CHECKING:
    from tui_chat.app.messages import ClientMessage

__all__ = ["TicketBar"]

_COLOURS: Final = {
    TicketPhase.NONE: "$muted",
    TicketPhase.VALID: "$primary",
    TicketPhase.RENEWING: "$text-warning",
    TicketPhase.RENEWED: "$text-success",
    TicketPhase.FAILED: "$text-error",
    TicketPhase.EXPIRED: "$text-error",
}
_WORDS: Final = {
    TicketPhase.RENEWING: "busy",
    TicketPhase.RENEWED: "on",
    TicketPhase.FAILED: "alert",
    TicketPhase.EXPIRED: "alert",
}
PLAIN_EVERY: Final = 30.0
"""Seconds between two looks at the clock in plain mode, where minutes are shown."""
BAR_MOST: Final = 40
BAR_LEAST: Final = 4


class TicketBar(Widget):
    """Lives from the ticket messages and an injected clock; nothing here knows the client."""

    def __init__(self, clock: Clock, *, glyphs: Glyphs = UNICODE) -> None:
        super().__init__(id="ticket-bar")
        self._clock = clock
        self._glyphs = glyphs
        self._countdown = TicketCountdown()
        self._timer: Timer | None = None
        self._cells = BAR_MOST
        self._explained = False

    @property
    def face(self) -> TicketFace:
        """What the bar says right now."""
        return self._countdown.face(self._clock.boot(), explained=self._explained)

    @property
    def failure(self) -> str:
        """Why the last renewal failed, one sentence; empty while none has, or it is explained."""
        return "" if self._explained else self._countdown.failure

    def explain(self, *, explained: bool) -> None:
        """Take in whether it is said elsewhere why there is no connection."""
        if explained != self._explained:
            self._explained = explained
            self.refresh()

    def on_mount(self) -> None:
        """Start counting down."""
        self._tick()

    def take(self, message: ClientMessage) -> None:
        """Follow one of the ticket messages."""
        from tui_chat.app import messages  # noqa: PLC0415 - only once there are any

        countdown = self._countdown
        match message:
            case messages.TicketRenewing(attempt=attempt, max_attempts=most):
                countdown.renewing(attempt, most)
            case messages.TicketRenewed(ticket=ticket, duration=duration):
                countdown.renewed(ticket, duration, self._clock.boot())
            case messages.TicketRenewalFailed(sentence=sentence, retry_at=retry_at, final=final):
                countdown.failed(sentence, retry_at, final=final)
            case messages.TicketExpired(serial=serial):
                countdown.expired(serial)
            case messages.TicketGone(reason=reason, serial=serial):
                countdown.gone(reason, serial)
            case _:
                return
        self._tick()

    def _tick(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self.refresh()
        wait = self._countdown.next_change(self._clock.boot(), self._cells)
        if self.app.has_class("-plain"):
            wait = PLAIN_EVERY
        self._timer = self.set_timer(wait, self._tick)

    def render(self) -> Content:
        """Draw the line; the bar takes what the words leave."""
        width = self.content_size.width
        face = self.face
        if self.app.has_class("-plain"):
            return Content(cut(self._in_words(face), width, "."))
        glyphs = self._glyphs
        colour = _COLOURS[face.phase]
        head = f"ticket {face.time or glyphs.dash}  "
        glyph = getattr(glyphs, _WORDS[face.phase]) + " " if face.phase in _WORDS else ""
        note = glyph + face.note
        room = width - cell_len(head) - 2
        self._cells = min(room - cell_len(note), BAR_MOST)
        if self._cells < BAR_LEAST or face.share is None:  # words before pictures
            return Content.assemble(
                (head, "$muted"), (cut(note, room + 2, glyphs.ellipsis), colour)
            )
        gap = spread(cell_len(head) + self._cells, cell_len(note), width)
        return Content.assemble(
            ("ticket ", "$muted"),
            (face.time, f"bold {colour}" if face.phase is not TicketPhase.VALID else "bold"),
            "  ",
            *self._bar(face, colour),
            " " * min(gap, 2) if gap > 1 else " ",
            (note, colour if face.phase is not TicketPhase.VALID else "$muted"),
        )

    def _in_words(self, face: TicketFace) -> str:
        if face.phase in {TicketPhase.VALID, TicketPhase.RENEWED}:
            minutes = self._countdown.minutes_left(self._clock.boot())
            left = "less than a minute" if not minutes else f"about {minutes} min"
            return f"ticket valid for {left}, renewed by itself"
        return f"ticket: {face.note}"

    def _bar(self, face: TicketFace, colour: str) -> list[tuple[str, str]]:
        cells, glyphs = self._cells, self._glyphs
        full = round((face.share or 0.0) * cells)
        if face.share and not full:
            full = 1  # something is left, so something is shown
        row = [(glyphs.bar, colour)] * full + [(glyphs.track, "$faint")] * (cells - full)
        if face.renew_share is not None:
            # The point at which the renewal is due, as long as the bar has not shrunk to it.
            at = min(int(face.renew_share * cells), cells - 1)
            if at < full:
                row[at] = (glyphs.mark, colour)
        return row
