"""The same instruments through OpenTelemetry, read back with its own SDK."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import tui_chat
from tests.unit.test_telemetry import Moment
from tui_chat import ConfigurationError
from tui_chat.telemetry import INSTRUMENTS, Counter, Histogram, Telemetry, table
from tui_chat.telemetry.opentelemetry import SCOPE, OpenTelemetryExporter


class Backend:
    """An SDK that keeps everything in memory."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def collect(self) -> dict[str, Any]:
        """Return the metrics by name; those without a point are absent."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        [resource] = data.resource_metrics
        [scope] = resource.scope_metrics
        assert (scope.scope.name, scope.scope.version) == (SCOPE, tui_chat.__version__)
        names = [metric.name for metric in scope.metrics]
        assert len(names) == len(set(names))
        return {metric.name: metric for metric in scope.metrics}

    def points(self, name: str) -> dict[tuple[Any, ...], Any]:
        """Return the points of a metric by their attributes' values."""
        metric = self.collect().get(name)
        points = () if metric is None else metric.data.data_points
        return {tuple(point.attributes.values()): point for point in points}

    def values(self, name: str) -> dict[tuple[Any, ...], float]:
        return {key: point.value for key, point in self.points(name).items()}


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.provider.shutdown()


def record_everything(telemetry: Telemetry) -> None:
    for instrument in INSTRUMENTS:
        given = {a.argument: min(a.words, key=str) for a in instrument.attributes}
        if isinstance(instrument, Counter):
            telemetry.count(instrument, 2, **given)
        elif isinstance(instrument, Histogram):
            telemetry.record(instrument, 0.25, **given)
    telemetry.observe(table.TIME_TO_EXPIRY, lambda: 240.0)
    telemetry.observe(table.CLOCK_SKEW, lambda: -1.5)
    telemetry.observe(table.OUTBOX_OLDEST_AGE, lambda: 3.5)


def test_every_instrument_arrives_with_unit_and_description(backend: Backend) -> None:
    telemetry = Telemetry(Moment())
    OpenTelemetryExporter(backend.provider).attach(telemetry)
    record_everything(telemetry)
    metrics = backend.collect()
    assert set(metrics) == {instrument.name for instrument in INSTRUMENTS}
    for instrument in INSTRUMENTS:
        metric = metrics[instrument.name]
        assert (metric.unit, metric.description) == (instrument.unit, instrument.description)
        [point] = metric.data.data_points
        assert set(point.attributes) == {a.key for a in instrument.attributes}
        if isinstance(instrument, Counter):
            assert metric.data.is_monotonic
            assert point.value == 2
        elif isinstance(instrument, Histogram):
            assert (point.count, point.sum) == (1, 0.25)
            assert tuple(point.explicit_bounds) == instrument.boundaries
    assert backend.values(table.TIME_TO_EXPIRY.name) == {(): 240.0}
    assert backend.values(table.CLOCK_SKEW.name) == {(): -1.5}


def test_histograms_arrive_as_they_are_recorded(backend: Backend) -> None:
    telemetry = Telemetry(Moment())
    telemetry.record(table.REFRESH_DURATION, 1, outcome="ok")  # before: stays in process
    detach = OpenTelemetryExporter(backend.provider).attach(telemetry)
    telemetry.record(table.REFRESH_DURATION, 2, outcome="ok", error_type=None)
    telemetry.record(table.REFRESH_DURATION, 3, outcome="failed", error_type="NetworkError")
    telemetry.event(table.REFRESH_STARTED)  # not exported, and no harm done
    points = backend.points(table.REFRESH_DURATION.name)
    assert {key: point.sum for key, point in points.items()} == {
        ("ok",): 2,
        ("failed", "NetworkError"): 3,
    }
    detach()
    telemetry.record(table.REFRESH_DURATION, 5, outcome="ok")
    assert backend.points(table.REFRESH_DURATION.name)[("ok",)].sum == 2


def test_counters_of_several_clients_are_added_and_never_fall(backend: Backend) -> None:
    exporter = OpenTelemetryExporter(backend.provider)
    one, two = Telemetry(Moment()), Telemetry(Moment())
    one.count(table.SESSION_COUNT, 5)  # before: included, a counter is a sum
    detach = exporter.attach(one)
    exporter.attach(two)
    two.count(table.SESSION_COUNT)
    frames = two.counter(table.FRAME_COUNT, direction="receive")
    frames.value += 7
    two.count(table.FRAME_COUNT, direction="transmit")
    assert backend.values(table.SESSION_COUNT.name) == {(): 6}
    assert backend.values(table.FRAME_COUNT.name) == {("receive",): 7, ("transmit",): 1}
    detach()
    detach()
    one.count(table.SESSION_COUNT, 100)  # nobody's business any more
    assert backend.values(table.SESSION_COUNT.name) == {(): 6}
    two.count(table.SESSION_COUNT)
    assert backend.values(table.SESSION_COUNT.name) == {(): 7}


def test_gauges_of_several_clients_make_one_value(backend: Backend) -> None:
    exporter = OpenTelemetryExporter(backend.provider)
    for left, skew in ((100.0, 2.0), (50.0, -30.0)):
        telemetry = Telemetry(Moment())
        telemetry.observe(table.TIME_TO_EXPIRY, lambda left=left: left)  # type: ignore[misc]
        telemetry.observe(table.CLOCK_SKEW, lambda skew=skew: skew)  # type: ignore[misc]
        exporter.attach(telemetry)
    exporter.attach(Telemetry(Moment()))  # one that knows nothing
    assert backend.values(table.TIME_TO_EXPIRY.name) == {(): 50.0}
    assert backend.values(table.CLOCK_SKEW.name) == {(): -30.0}


def test_without_a_provider_the_global_one_is_asked_and_nothing_breaks() -> None:
    telemetry = Telemetry(Moment())
    detach = OpenTelemetryExporter().attach(telemetry)
    record_everything(telemetry)
    detach()
    assert telemetry.histogram_points(table.PING_DURATION)[0].count == 1


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules is how Python says that a module cannot be imported.
    for name in [*sys.modules, "opentelemetry"]:
        if name.partition(".")[0] == "opentelemetry":
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ConfigurationError, match=r"pip install 'tui-chat\[opentelemetry\]'"
    ) as info:
        OpenTelemetryExporter()
    assert info.value.code == "OPENTELEMETRY_MISSING"
