"""What happened lately to one client: frames, attempts, renewals, round trips. No secrets.

:class:`FlightRecorder` is told and remembers; :meth:`FlightRecorder.history` is what the debug info
shows of it.
"""

from tui_chat.flight_recorder.frames import EVENTS, FrameLog, FrameRecord
from tui_chat.flight_recorder.history import AttemptRecord, FlightHistory, RenewalRecord
from tui_chat.flight_recorder.masking import FrameMasking
from tui_chat.flight_recorder.recorder import FlightLeg, FlightRecorder

__all__ = [
    "EVENTS",
    "AttemptRecord",
    "FlightHistory",
    "FlightLeg",
    "FlightRecorder",
    "FrameLog",
    "FrameMasking",
    "FrameRecord",
    "RenewalRecord",
]
