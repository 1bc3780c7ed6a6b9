"""Telemetry: where one client records, and what reads it. In process; nothing here holds a secret.

Metrics and events consist of declared words and of numbers, so no text from outside can get in.
Notes are for people: one cleaned line each; whoever writes one sees to it that it holds no secret,
and notes are shown to nobody but the owner of the client: no sink gets them.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from typing import Final, Literal, Protocol

from tui_chat.clock import Clock
from tui_chat.telemetry.instruments import (
    Attributes,
    Counter,
    EventKind,
    Gauge,
    Histogram,
    Instrument,
    defect,
)
from tui_chat.telemetry.points import CounterCell, HistogramCell, quantile, upper_bound
from tui_chat.telemetry.snapshot import (
    HistogramPoint,
    LogEntry,
    Metric,
    NumberPoint,
    TelemetrySnapshot,
)
from tui_chat.telemetry.table import EVENTS, INSTRUMENTS
from tui_chat.text import one_line

__all__ = ["NoteKind", "Sink", "Telemetry"]

_LOGGER: Final = logging.getLogger(__name__)

RING_SIZE: Final = 200
"""How many of the latest events are kept."""

NoteKind = Literal["ticket", "socket", "session", "frame", "run", "tool", "clock", "error"]

_DECLARED: Final = frozenset(INSTRUMENTS)
_KINDS: Final = frozenset(EVENTS)


class Sink(Protocol):
    """Somebody who is told at once. Called on the client's event loop: it must not block.

    Counters and gauges are not told, because counting a frame has to cost less than telling
    anybody: a sink reads them whenever it likes, from any thread, with
    :meth:`Telemetry.counter_points` and :meth:`Telemetry.gauge_value`.

    One that raises is logged once and gets nothing more.
    """

    def recorded(self, histogram: Histogram, value: float, attributes: Attributes) -> None:
        """A value was recorded on a histogram."""

    def happened(self, event: LogEntry) -> None:
        """A declared event happened."""


class Telemetry:
    """Counts, measures and remembers what happens to one client.

    Recording belongs to one thread; reading may be done from any.

    Args:
        clock: the wall clock stamps events, the boot clock measures.

    Attributes:
        clock: the same, for those who measure durations.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock: Final = clock
        self._started_at = clock.wall()
        self._ring: deque[LogEntry] = deque(maxlen=RING_SIZE)
        self._counters: dict[tuple[Counter, Attributes], CounterCell] = {}
        self._histograms: dict[tuple[Histogram, Attributes], HistogramCell] = {}
        # The same cells by what was given as keyword arguments. Only what is declared gets in, so
        # these are as bounded as the declarations.
        self._quick_counters: dict[tuple[object, ...], CounterCell] = {}
        self._quick_histograms: dict[tuple[object, ...], HistogramCell] = {}
        self._looks: dict[int, tuple[Gauge, Callable[[], float | None]]] = {}
        self._sinks: dict[int, Sink] = {}
        self._next = 0

    # -- recording ------------------------------------------------------------------------------

    def count(self, counter: Counter, amount: int = 1, /, **attributes: object) -> None:
        """Add ``amount``, which is not negative, to a counter.

        For what happens with every frame, get the :meth:`counter` once and use that.
        """
        try:
            cell = self._quick_counters[counter, *attributes.items()]
        except (KeyError, TypeError):  # new, or a value that cannot be a key
            cell = self.counter(counter, **attributes)
        cell.value += amount

    def counter(self, counter: Counter, /, **attributes: object) -> CounterCell:
        """Return the cell of a counter, whose ``value`` the owner of the client may increase."""
        kept = _declared(counter, attributes)
        cell = self._counters.get((counter, kept))
        if cell is None:
            cell = self._counters[counter, kept] = CounterCell()
        if _as_given(kept, attributes):
            self._quick_counters[counter, *attributes.items()] = cell
        return cell

    def record(self, histogram: Histogram, value: float, /, **attributes: object) -> None:
        """Record one value; what is not finite is left out, what is below 0 counts as 0."""
        try:
            cell = self._quick_histograms[histogram, *attributes.items()]
        except (KeyError, TypeError):  # new, or a value that cannot be a key
            cell = self._histogram(histogram, attributes)
        recorded = cell.record(value)
        if self._sinks and recorded is not None:
            self._tell(lambda sink: sink.recorded(histogram, recorded, cell.attributes))

    def _histogram(self, histogram: Histogram, attributes: dict[str, object]) -> HistogramCell:
        kept = _declared(histogram, attributes)
        cell = self._histograms.get((histogram, kept))
        if cell is None:
            cell = self._histograms[histogram, kept] = HistogramCell(kept)
        if _as_given(kept, attributes):
            self._quick_histograms[histogram, *attributes.items()] = cell
        return cell

    def observe(self, gauge: Gauge, look: Callable[[], float | None]) -> Callable[[], None]:
        """Ask ``look`` for a gauge's value whenever somebody wants to know it.

        Args:
            gauge: which.
            look: returns the value, or None for none. May be called from any thread.

        Returns:
            A function that ends this.
        """
        number = self._number()
        self._looks[number] = (gauge, look)

        def remove() -> None:
            self._looks.pop(number, None)

        return remove

    def event(self, kind: EventKind, /, **attributes: object) -> None:
        """Remember an event."""
        if kind not in _KINDS:
            defect("an event was recorded that is not declared")
            return
        kept = kind.normal(attributes)
        entry = LogEntry(self.clock.wall(), kind.name, kind.sentence(kept), kept)
        self._ring.append(entry)
        if self._sinks:
            self._tell(lambda sink: sink.happened(entry))

    def note(self, kind: NoteKind, text: str) -> None:
        """Remember one line for people; ``text`` is cleaned and bounded, and holds no secret."""
        self._ring.append(LogEntry(self.clock.wall(), kind, one_line(text)))

    # -- those who are told ---------------------------------------------------------------------

    def add_sink(self, sink: Sink) -> Callable[[], None]:
        """Tell ``sink`` from now on; calling what is returned ends that."""
        number = self._number()
        self._sinks[number] = sink

        def remove() -> None:
            self._sinks.pop(number, None)

        return remove

    def _tell(self, call: Callable[[Sink], None]) -> None:
        for number, sink in list(self._sinks.items()):
            try:
                call(sink)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not ours
                self._sinks.pop(number, None)
                # Without text and traceback, which may hold anything.
                _LOGGER.error(  # noqa: TRY400
                    "a telemetry sink (%s) raised %s and was removed",
                    type(sink).__qualname__,
                    type(error).__name__,
                )

    def _number(self) -> int:
        self._next += 1
        return self._next

    # -- reading --------------------------------------------------------------------------------

    def counter_points(self, counter: Counter) -> list[NumberPoint]:
        """Return a counter's values, sorted by attributes."""
        return sorted(
            (
                NumberPoint(attributes, cell.value)
                for (owner, attributes), cell in list(self._counters.items())
                if owner is counter
            ),
            key=_order,
        )

    def gauge_value(self, gauge: Gauge) -> float | None:
        """Return a gauge's value now, None if nobody knows one."""
        values: list[float] = []
        for number, (owner, look) in list(self._looks.items()):
            if owner is not gauge:
                continue
            try:
                value = look()
            except Exception as error:  # noqa: BLE001 - reading must not break anything
                self._looks.pop(number, None)
                _LOGGER.error("looking up %s raised %s", gauge.name, type(error).__name__)  # noqa: TRY400
                continue
            if value is not None and math.isfinite(value):
                values.append(value)
        return gauge.combine(values) if values else None

    def histogram_points(self, histogram: Histogram) -> list[HistogramPoint]:
        """Return a histogram's points, sorted by attributes."""
        return sorted(
            (
                _point(attributes, cell)
                for (owner, attributes), cell in list(self._histograms.items())
                if owner is histogram and cell.count
            ),
            key=_order,
        )

    def snapshot(self) -> TelemetrySnapshot:
        """Return everything as it is now."""
        return TelemetrySnapshot(
            at=self.clock.wall(),
            started_at=self._started_at,
            metrics=tuple(self._metric(instrument) for instrument in INSTRUMENTS),
            events=self.recent,
        )

    def _metric(self, instrument: Instrument) -> Metric:
        kind: Literal["counter", "gauge", "histogram"]
        points: list[NumberPoint] | list[HistogramPoint] = []
        if isinstance(instrument, Counter):
            kind, points = "counter", self.counter_points(instrument)
        elif isinstance(instrument, Histogram):
            kind, points = "histogram", self.histogram_points(instrument)
        else:
            assert isinstance(instrument, Gauge)  # noqa: S101 - there are three kinds
            value = self.gauge_value(instrument)
            kind, points = "gauge", [] if value is None else [NumberPoint((), value)]
        return Metric(instrument.name, kind, instrument.unit, instrument.description, tuple(points))

    @property
    def counters(self) -> dict[str, int]:
        """All counters above zero, by name and attributes: ``name{key=value,...}``."""
        named = {
            _label(counter.name, attributes): cell.value
            for (counter, attributes), cell in list(self._counters.items())
            if cell.value
        }
        return dict(sorted(named.items()))

    @property
    def recent(self) -> tuple[LogEntry, ...]:
        """The latest events and notes, oldest first."""
        return tuple(self._ring)


def _declared(instrument: Instrument, given: dict[str, object]) -> Attributes:
    """Return the attributes of a point as they are kept."""
    if instrument not in _DECLARED:
        defect("something was recorded on an instrument that is not declared")
    return instrument.normal(given)


def _as_given(kept: Attributes, given: dict[str, object]) -> bool:
    """Say whether nothing was recorded as something else; to what can be given there is no end."""
    present = {name: value for name, value in given.items() if value is not None}
    return present == {key.replace(".", "_"): value for key, value in kept}


def _label(name: str, attributes: Attributes) -> str:
    if not attributes:
        return name
    return f"{name}{{{','.join(f'{key}={value}' for key, value in attributes)}}}"


def _order(point: NumberPoint | HistogramPoint) -> list[tuple[str, str]]:
    return [(key, str(value)) for key, value in point.attributes]


def _point(attributes: Attributes, cell: HistogramCell) -> HistogramPoint:
    buckets = dict(cell.buckets)
    return HistogramPoint(
        attributes,
        count=cell.count,
        sum=cell.total,
        min=cell.smallest,
        max=cell.largest,
        p50=quantile(0.5, buckets, cell.smallest, cell.largest),
        p95=quantile(0.95, buckets, cell.smallest, cell.largest),
        buckets=tuple((upper_bound(bucket), buckets[bucket]) for bucket in sorted(buckets)),
    )
