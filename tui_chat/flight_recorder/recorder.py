"""Remembers what happened lately to one client, for whoever has to find out why."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tui_chat.errors import ConnectionClosed, TuiChatError
from tui_chat.flight_recorder.frames import FrameLog
from tui_chat.flight_recorder.history import AttemptRecord, FlightHistory, RenewalRecord
from tui_chat.telemetry import Attributes, Histogram, LogEntry, Telemetry, table
from tui_chat.text import one_line

__all__ = ["FlightRecorder"]

MAX_RENEWALS: Final = 20
MAX_ATTEMPTS: Final = 20
MAX_ROUND_TRIPS: Final = 60
MAX_FIRST_TOKENS: Final = 20

_OUTCOMES: Final = {
    table.REFRESH_ENDED.name: "",  # it says so itself
    table.REFRESH_DISCARDED.name: "discarded",
}


class FlightRecorder:
    """The latest frames, attempts, renewals and round trips. Nothing in it is a secret.

    Belongs to the client's event loop. Renewals and round trips it learns from telemetry, the rest
    it is told.

    Args:
        telemetry: the client's.

    Attributes:
        telemetry: the same.
        frames: the latest wire frames.
        attentive: whether an inbound frame deserves more than a bare note: its content is kept,
            or it may be the first text of a reply.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry: Final = telemetry
        self._clock = telemetry.clock
        self.frames = FrameLog(telemetry.clock.wall)
        self._renewals: deque[RenewalRecord] = deque(maxlen=MAX_RENEWALS)
        self._attempts: deque[AttemptRecord] = deque(maxlen=MAX_ATTEMPTS)
        self._round_trips: deque[float] = deque(maxlen=MAX_ROUND_TRIPS)
        self._first_tokens: deque[float] = deque(maxlen=MAX_FIRST_TOKENS)
        self._asked_at: float | None = None
        self.attentive = False
        telemetry.add_sink(self)

    def keep_frames(self, *, on: bool) -> None:
        """Keep what frames hold, masked; switching that off forgets it."""
        self.frames.keeping = on
        self.attentive = on or self._asked_at is not None

    def history(self) -> FlightHistory:
        """Return what is remembered."""
        return FlightHistory(
            renewals=tuple(self._renewals),
            attempts=tuple(replace(attempt) for attempt in self._attempts),
            round_trips=tuple(self._round_trips),
            first_tokens=tuple(self._first_tokens),
            frames=self.frames.latest(),
            keeping=self.frames.keeping,
        )

    # -- attempts -------------------------------------------------------------------------------

    def attempt_began(self, generation: int, request_id: str) -> FlightLeg:
        """An attempt to connect begins; tell what is returned how it goes."""
        record = AttemptRecord(self._clock.wall(), generation, request_id)
        self._attempts.append(record)
        self._asked_at = None  # what the lost connection was asked, this one does not answer
        self.attentive = self.frames.keeping
        return FlightLeg(record, self._clock.boot)

    # -- a run ----------------------------------------------------------------------------------

    def asked(self) -> None:
        """A message of the user is being written to the socket."""
        self._asked_at = self._clock.boot()
        self.attentive = True

    def answered(self, *, text: bool) -> None:
        """The first text of the reply has come, or the run has ended without any."""
        if self._asked_at is not None and text:
            self._first_tokens.append(self._clock.boot() - self._asked_at)
        self._asked_at = None
        self.attentive = self.frames.keeping

    # -- a sink of telemetry --------------------------------------------------------------------

    def recorded(self, histogram: Histogram, value: float, attributes: Attributes) -> None:  # noqa: ARG002 - a sink's signature
        """Remember a round trip."""
        if histogram is table.PING_DURATION:
            self._round_trips.append(value)

    def happened(self, event: LogEntry) -> None:
        """Remember a refresh of the ticket."""
        outcome = _OUTCOMES.get(event.kind)
        if outcome is None:
            return
        told = dict(event.attributes)
        duration = told.get("duration", 0.0)
        self._renewals.append(
            RenewalRecord(
                event.at,
                outcome or str(told.get("outcome", "")),
                duration if isinstance(duration, int | float) else 0.0,
                str(told.get("error.type", "")),
            )
        )


class FlightLeg:
    """Follows one attempt. Made by :meth:`FlightRecorder.attempt_began`."""

    def __init__(self, record: AttemptRecord, boot: Callable[[], float]) -> None:
        self._record = record
        self._boot = boot
        self._began = boot()

    def opened(self, server_request_id: str) -> None:
        """The socket is open; the server's answer carried this id, cleaned and masked."""
        self._record.server_request_id = server_request_id

    def ready(self) -> None:
        """The session is ready."""
        self._record.took = self._boot() - self._began

    def closed(self, code: int, by: str) -> None:
        """The socket has been closed with this code, by ``server``, ``client`` or ``network``."""
        self._record.close_code, self._record.closed_by = code, by

    def ended(self, error: BaseException | None) -> None:
        """The attempt is over.

        Args:
            error: why; anything but a ``TuiChatError`` means that this client wanted it.
        """
        record = self._record
        record.lasted = self._boot() - self._began
        if not isinstance(error, TuiChatError):
            return
        record.code, record.cause = one_line(error.code, 64), one_line(str(error), 300)
        if isinstance(error, ConnectionClosed):
            record.close_reason = one_line(error.reason, 123)
