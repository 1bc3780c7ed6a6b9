"""What one client counts, measures and remembers: in process, as JSON, and through OpenTelemetry.

:class:`Telemetry` records; :meth:`Telemetry.snapshot` is everything at one moment, with
:meth:`TelemetrySnapshot.to_json`; :mod:`tui_chat.telemetry.opentelemetry` hands the same
instruments to OpenTelemetry where that is installed. What there is to record stands in
:mod:`tui_chat.telemetry.table`.
"""

from tui_chat.telemetry.instruments import (
    Attributes,
    AttributeValue,
    Counter,
    EventKind,
    Gauge,
    Histogram,
    Instrument,
    TelemetryDefect,
)
from tui_chat.telemetry.recorder import Sink, Telemetry
from tui_chat.telemetry.snapshot import (
    HistogramPoint,
    LogEntry,
    Metric,
    NumberPoint,
    TelemetrySnapshot,
)
from tui_chat.telemetry.table import EVENTS, INSTRUMENTS, error_type

__all__ = [
    "EVENTS",
    "INSTRUMENTS",
    "AttributeValue",
    "Attributes",
    "Counter",
    "EventKind",
    "Gauge",
    "Histogram",
    "HistogramPoint",
    "Instrument",
    "LogEntry",
    "Metric",
    "NumberPoint",
    "Sink",
    "Telemetry",
    "TelemetryDefect",
    "TelemetrySnapshot",
    "error_type",
]
