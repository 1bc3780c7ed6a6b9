"""Telemetry for OpenTelemetry: the same instruments, to whatever the program exports to.

Needs ``opentelemetry-api``, the extra ``tui-chat[opentelemetry]``, and that the program has set
up an SDK; without one everything here does nothing, at next to no cost. Values of histograms are
handed over as they are recorded; counters and gauges are looked up when a reader collects.
Events and notes stay in process.
"""

from __future__ import annotations

import threading
from collections import Counter as Totals
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from tui_chat import __version__
from tui_chat.errors import ConfigurationError
from tui_chat.telemetry.instruments import Attributes, Counter, Gauge, Histogram
from tui_chat.telemetry.recorder import Telemetry
from tui_chat.telemetry.snapshot import LogEntry
from tui_chat.telemetry.table import INSTRUMENTS

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
    from opentelemetry.metrics import Histogram as OpenTelemetryHistogram

__all__ = ["SCOPE", "OpenTelemetryExporter"]

SCOPE: Final = "tui_chat"
"""The name of the meter."""


class OpenTelemetryExporter:
    """Hands the telemetry of any number of clients to OpenTelemetry.

    Make one for a meter provider and attach every client's telemetry to it: counters of several
    clients are added up, since nothing in them tells clients apart.

    Args:
        meter_provider: where the meter comes from; by default the global one, which may be set
            later.

    Raises:
        ConfigurationError: if ``opentelemetry-api`` is not installed.
    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        try:
            from opentelemetry import metrics  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ConfigurationError(
                "OpenTelemetry is not installed, so nothing can be exported to it. Install it "
                "with: pip install 'tui-chat[opentelemetry]'",
                code="OPENTELEMETRY_MISSING",
            ) from error
        self._observation: type[Observation] = metrics.Observation
        self._lock = threading.Lock()
        self._attached: dict[int, Telemetry] = {}
        self._next = 0
        # What detached clients had counted: a counter must never fall.
        self._retired: dict[Counter, Totals[Attributes]] = {}
        self._histograms: dict[Histogram, OpenTelemetryHistogram] = {}
        self._create(metrics.get_meter(SCOPE, __version__, meter_provider=meter_provider))

    def attach(self, telemetry: Telemetry) -> Callable[[], None]:
        """Export a client's telemetry from now on; what it has counted before is included.

        Returns:
            A function that ends this. What was counted until then stays in the sums.
        """
        with self._lock:
            self._next += 1
            number = self._next
            self._attached[number] = telemetry
        remove_sink = telemetry.add_sink(self)

        def detach() -> None:
            remove_sink()
            with self._lock:
                if self._attached.pop(number, None) is None:
                    return
                for counter in INSTRUMENTS:
                    if isinstance(counter, Counter):
                        _add(self._retired.setdefault(counter, Totals()), telemetry, counter)

        return detach

    # -- what the telemetry calls ---------------------------------------------------------------

    def recorded(self, histogram: Histogram, value: float, attributes: Attributes) -> None:
        """Hand a value over."""
        self._histograms[histogram].record(value, dict(attributes))

    def happened(self, event: LogEntry) -> None:
        """Events stay in process."""

    # -- what OpenTelemetry calls ---------------------------------------------------------------

    def _create(self, meter: Meter) -> None:
        for instrument in INSTRUMENTS:
            about: dict[str, Any] = {
                "name": instrument.name,
                "unit": instrument.unit,
                "description": instrument.description,
            }
            if isinstance(instrument, Histogram):
                self._histograms[instrument] = meter.create_histogram(
                    **about, explicit_bucket_boundaries_advisory=list(instrument.boundaries)
                )
            elif isinstance(instrument, Counter):
                meter.create_observable_counter(callbacks=[self._sums_of(instrument)], **about)
            elif isinstance(instrument, Gauge):
                meter.create_observable_gauge(callbacks=[self._values_of(instrument)], **about)

    def _sums_of(self, counter: Counter) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_: CallbackOptions) -> Iterator[Observation]:
            with self._lock:
                totals = Totals(self._retired.get(counter, Totals()))
                for telemetry in self._attached.values():
                    _add(totals, telemetry, counter)
            for attributes, total in totals.items():
                yield self._observation(total, dict(attributes))

        return observe

    def _values_of(self, gauge: Gauge) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_: CallbackOptions) -> Iterator[Observation]:
            with self._lock:
                attached = list(self._attached.values())
            values = [v for t in attached if (v := t.gauge_value(gauge)) is not None]
            if values:
                yield self._observation(gauge.combine(values))

        return observe


def _add(totals: Totals[Attributes], telemetry: Telemetry, counter: Counter) -> None:
    for point in telemetry.counter_points(counter):
        totals[point.attributes] += int(point.value)
