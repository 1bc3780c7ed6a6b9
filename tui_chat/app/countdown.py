"""What the ticket-countdown bar says, worked out without any widget.

It is told what happened to the ticket and asked what to show at a moment of the boot clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from tui_chat.app.spans import clock_face, milliseconds, rough

if TYPE_CHECKING:
    from tui_chat.ticket.events import TicketView

__all__ = ["TicketCountdown", "TicketFace", "TicketPhase"]

FRESH_FOR: Final = 3.0
"""Seconds for which a renewal is announced."""

_DROPPED: Final = {
    "rejected": "the server refused it, the next one is on its way",
    "leased": "one-time ticket, in use by this connection",
    "cleared": "no ticket is held",
    "credentials": "the credentials changed",
    "discarded": "the credentials changed",
}


class TicketPhase(StrEnum):
    """Where the ticket stands; also the bar's style class."""

    NONE = "none"
    VALID = "valid"
    RENEWING = "renewing"
    RENEWED = "renewed"
    FAILED = "failed"
    EXPIRED = "expired"


class TicketFace(NamedTuple):
    """One moment of the bar.

    Attributes:
        phase: where the ticket stands.
        time: what is left as a clock face, empty without a ticket.
        share: what is left of the lifetime, from 0 to 1; None without a ticket.
        renew_share: where on the bar the renewal is due; None without one.
        note: what happens next, or what went wrong, in a few words.
    """

    phase: TicketPhase
    time: str
    share: float | None
    renew_share: float | None
    note: str


class TicketCountdown:
    """Follows the ticket by its messages."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._view: TicketView | None = None
        self._attempt: tuple[int, int] | None = None
        self._failure: tuple[str, float | None, bool] | None = None
        self._fresh_until: float | None = None
        self._took = 0.0
        self._expired = False
        self._dropped = ""

    def renewing(self, attempt: int, max_attempts: int) -> None:
        """A ticket is being asked for."""
        self._attempt = (attempt, max_attempts)

    def renewed(self, view: TicketView, duration: float, now: float) -> None:
        """A fresh ticket is here."""
        self._forget()
        self._view = view
        self._took = duration
        self._fresh_until = now + FRESH_FOR

    def failed(self, sentence: str, retry_at: float | None, *, final: bool) -> None:
        """A try, or the whole renewal, has failed."""
        self._attempt = None
        self._failure = (sentence, retry_at, final)

    def expired(self, serial: int) -> None:
        """The ticket with this number has run out."""
        if self._view is not None and self._view.serial == serial:
            self._expired = True

    def gone(self, reason: str, serial: int | None) -> None:
        """A ticket is no longer held; it may be an older one than the bar shows."""
        if reason in {"cleared", "credentials", "discarded"}:
            self._attempt = None  # what was under way ends without a word
        if self._view is not None and serial == self._view.serial:
            self._view = None
            self._dropped = _DROPPED.get(reason, "")

    def face(self, now: float, *, explained: bool = False) -> TicketFace:
        """Return what to show at ``now``.

        Args:
            now: on the boot clock.
            explained: whether it is said elsewhere why there is no connection, and when the next
                try is. Tries that come and go then make no difference here.
        """
        view = self._view
        left = 0.0 if view is None else view.deadline - now
        phase = self._phase(now, left)
        calm = explained and phase in (TicketPhase.RENEWING, TicketPhase.FAILED)
        if calm:
            phase = TicketPhase.NONE
        share: float | None
        renew_share: float | None
        if view is None or self._expired or left <= 0:
            time = "" if view is None else "00:00"
            share = None if view is None else 0.0
            renew_share = None
        else:
            lifetime = max(view.lifetime, 0.001)
            time, share = clock_face(left), min(left / lifetime, 1.0)
            at = (view.deadline - view.renew_at) / lifetime
            renew_share = at if 0 < at < 1 and view.renew_at > now else None
        note = self._calm_note() if calm else self._note(phase, now)
        return TicketFace(phase, time, share, renew_share, note)

    def _calm_note(self) -> str:
        return "no ticket while disconnected" if self._view is None else "renews when connected"

    def _phase(self, now: float, left: float) -> TicketPhase:
        if self._attempt is not None:
            return TicketPhase.RENEWING
        if self._failure is not None:
            return TicketPhase.FAILED
        if self._view is None:
            return TicketPhase.NONE
        if self._expired or left <= 0:
            return TicketPhase.EXPIRED
        if self._fresh_until is not None and now < self._fresh_until:
            return TicketPhase.RENEWED
        return TicketPhase.VALID

    def _note(self, phase: TicketPhase, now: float) -> str:
        if phase is TicketPhase.RENEWING and self._attempt is not None:
            attempt, most = self._attempt
            word = "fetching" if self._view is None else "renewing"
            return word if attempt == 1 else f"{word}, try {attempt} of {most}"
        if phase is TicketPhase.FAILED and self._failure is not None:
            _, retry_at, _ = self._failure
            word = "no ticket" if self._view is None else "not renewed"
            if retry_at is None:
                return word
            wait = retry_at - now
            return f"{word}, next try in {rough(wait)}" if wait > 0 else f"{word}, trying again"
        if phase is TicketPhase.EXPIRED:
            return "expired, the next connection needs a new one"
        if phase is TicketPhase.RENEWED:
            return f"renewed in {milliseconds(self._took)}"
        if phase is TicketPhase.VALID and self._view is not None:
            wait = self._view.renew_at - now
            return f"renews in {clock_face(wait)}" if wait > 0 else "renewal is due"
        return self._dropped or "no ticket yet"

    @property
    def failure(self) -> str:
        """Why the last renewal failed, one sentence; empty while none has or one is under way."""
        if self._failure is None or self._attempt is not None or not self._failure[2]:
            return ""
        return self._failure[0]

    def minutes_left(self, now: float) -> int:
        """Return the whole minutes that are left of the ticket; 0 without one."""
        return 0 if self._view is None else max(int((self._view.deadline - now) // 60), 0)

    def next_change(self, now: float, cells: int) -> float:
        """Return the seconds until :meth:`face` may look different on a bar of ``cells`` columns.

        Never under a tenth of a second; never over one, so that a clock which ran on during a
        suspend shows soon.
        """
        view = self._view
        if view is None or self._expired or view.deadline <= now:
            return 1.0
        left = view.deadline - now
        to_second = left % 1.0 or 1.0
        to_cell = view.lifetime / max(cells, 1)
        return min(max(min(to_second, to_cell), 0.1), 1.0)
