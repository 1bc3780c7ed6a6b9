"""What the flight recorder remembers besides frames: attempts, renewals, first tokens."""

from __future__ import annotations

from dataclasses import dataclass

from tui_chat.flight_recorder.frames import FrameRecord

__all__ = ["AttemptRecord", "FlightHistory", "RenewalRecord"]


@dataclass(frozen=True, slots=True)
class RenewalRecord:
    """One refresh of the ticket, all its tries together.

    Attributes:
        at: epoch seconds by this machine's wall clock, when it ended.
        outcome: ``"ok"``, ``"failed"``, or ``"discarded"`` because nobody wanted it any more.
        duration: seconds.
        error_type: the error's code where it failed, else empty.
    """

    at: float
    outcome: str
    duration: float
    error_type: str = ""


@dataclass(slots=True)
class AttemptRecord:
    """One attempt to connect, and the connection if it became one.

    Texts are cleaned, on one line, and hold no secret.

    Attributes:
        at: epoch seconds by this machine's wall clock, when it began.
        generation: counts the attempts.
        request_id: what this client sent along.
        server_request_id: what the server answered with; empty if nothing.
        took: seconds to the ready session; None if there was none.
        lasted: seconds from the beginning to the end; None while it lives.
        code: the code of the error that ended it; empty while it lives, or if this client ended it.
        cause: that error in a sentence.
        close_code: of the socket; None if none was closed.
        close_reason: what was said with it.
        closed_by: ``"server"``, ``"client"`` or ``"network"``; empty if none was closed.
    """

    at: float
    generation: int
    request_id: str
    server_request_id: str = ""
    took: float | None = None
    lasted: float | None = None
    code: str = ""
    cause: str = ""
    close_code: int | None = None
    close_reason: str = ""
    closed_by: str = ""


@dataclass(frozen=True, slots=True)
class FlightHistory:
    """What a flight recorder holds at one moment; everything oldest first.

    Attributes:
        renewals: the latest refreshes of the ticket.
        attempts: the latest attempts to connect.
        round_trips: seconds that the latest answered pings took.
        first_tokens: seconds from a message written to the first text of the reply.
        frames: the latest frames.
        keeping: whether the content of frames is kept.
    """

    renewals: tuple[RenewalRecord, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    round_trips: tuple[float, ...] = ()
    first_tokens: tuple[float, ...] = ()
    frames: tuple[FrameRecord, ...] = ()
    keeping: bool = False
