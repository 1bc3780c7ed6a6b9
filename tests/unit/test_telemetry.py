"""Recording in process: what is declared, what is kept, what is never shown."""

from __future__ import annotations

import json
import logging
import math
import re
import typing
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.canaries import Canary, find
from tui_chat import errors
from tui_chat.app.screens.debug.facts import _short
from tui_chat.clock import SystemClock
from tui_chat.connection.status import ConnectionState
from tui_chat.protocol.codec import IgnoredReason
from tui_chat.telemetry import (
    EVENTS,
    INSTRUMENTS,
    Attributes,
    Counter,
    EventKind,
    Gauge,
    Histogram,
    HistogramPoint,
    LogEntry,
    NumberPoint,
    Telemetry,
    TelemetryDefect,
    error_type,
    table,
)
from tui_chat.telemetry.instruments import OTHER, Words
from tui_chat.telemetry.points import HistogramCell, quantile
from tui_chat.ticket.events import TicketDropped
from tui_chat.ticket.leases import LeaseOutcome

# What is promised to whoever builds a dashboard; everything else may be renamed.
PROMISED = {
    "ticket.client.refresh.duration": "s",
    "ticket.client.refresh.waiters": "{caller}",
    "ticket.client.time_to_expiry": "s",
    "ticket.client.clock.skew": "s",
    "ticket.client.lease.count": "{lease}",
    "websocket.client.connect.duration": "s",
    "websocket.client.outage.duration": "s",
    "websocket.client.connection.duration": "s",
    "websocket.client.close.count": "{close}",
    "websocket.client.ping.duration": "s",
    "outbox.message.count": "{message}",
    "outbox.message.oldest_age": "s",
    "outbox.delivery.duration": "s",
    "outbox.resend.count": "{message}",
}
OURS = {
    "chat.client.message.count": "{message}",
    "chat.client.tool_call.count": "{call}",
    "ticket.client.dropped.count": "{ticket}",
    "ticket.client.request.count": "{request}",
    "websocket.client.attempt.failed.count": "{attempt}",
    "websocket.client.frame.count": "{frame}",
    "websocket.client.frame.failed.count": "{frame}",
    "websocket.client.frame.ignored.count": "{frame}",
    "websocket.client.frame.io": "By",
    "websocket.client.handshake.count": "{handshake}",
    "websocket.client.session.count": "{session}",
}
PROMISED_EVENTS = {
    "ticket.refresh.start",
    "ticket.refresh.end",
    "ticket.refresh.discarded",
    "ticket.invalidated",
    "auth.circuit.open",
    "auth.circuit.close",
    "clock.jump",
    "socket.state",
    "socket.backoff",
    "outbox.unknown",
}


class Moment:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def wall(self) -> float:
        return self.now

    def boot(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def new() -> Telemetry:
    return Telemetry(Moment())


# -- the table ------------------------------------------------------------------------------------


def test_the_table_holds_what_is_promised_and_what_is_ours() -> None:
    assert {i.name: i.unit for i in INSTRUMENTS} == PROMISED | OURS
    assert {kind.name for kind in EVENTS} == PROMISED_EVENTS
    assert [i.name for i in INSTRUMENTS] == sorted(i.name for i in INSTRUMENTS)


@pytest.mark.parametrize("declared", [*INSTRUMENTS, *EVENTS], ids=lambda d: d.name)
def test_every_declaration_is_well_formed(declared: Any) -> None:
    assert re.fullmatch(r"[a-z]+(\.[a-z_]+)+", declared.name)
    assert declared.description.endswith(".")
    assert len(declared.name) < 64  # the limit of older OpenTelemetry APIs
    assert len({a.argument for a in declared.attributes}) == len(declared.attributes)
    if not isinstance(declared, EventKind):
        points = math.prod(len(a.words) + a.optional for a in declared.attributes)
        assert points <= 100, "few points, whatever happens"
        assert re.fullmatch(r"s|By|\{[a-z]+\}", declared.unit)
    if isinstance(declared, Histogram):
        assert list(declared.boundaries) == sorted(set(declared.boundaries))
        assert declared.boundaries


def test_closed_sets_are_those_of_the_code_they_speak_of() -> None:
    def words(declared: Any, key: str) -> set[object]:
        [attribute] = [a for a in declared.attributes if a.key == key]
        assert isinstance(attribute, Words)
        return set(attribute.words)

    classes = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.TuiChatError)
    }
    assert words(table.REFRESH_DURATION, "error.type") == classes | {OTHER}
    for key in ("previous", "current"):
        assert words(table.SOCKET_STATE, key) == {state.value for state in ConnectionState}
    assert words(table.FRAME_IGNORED_COUNT, "reason") == {*typing.get_args(IgnoredReason), OTHER}
    assert words(table.LEASE_COUNT, "outcome") == set(typing.get_args(LeaseOutcome))
    reasons = typing.get_args(typing.get_type_hints(TicketDropped)["reason"])
    assert words(table.DROPPED_COUNT, "reason") == {*reasons, "expired"}


def test_an_error_is_known_by_its_class_only() -> None:
    assert error_type(None) is None
    assert error_type(errors.ServerError("x", code="MADE-UP-BY-A-SERVER")) == "ServerError"
    assert error_type(ValueError("x")) == OTHER


# -- counters and gauges --------------------------------------------------------------------------


def test_counting() -> None:
    telemetry = new()
    telemetry.count(table.SESSION_COUNT)
    telemetry.count(table.SESSION_COUNT, 2)
    telemetry.count(table.CLOSE_COUNT, code=1006, initiator="network")
    telemetry.count(table.CLOSE_COUNT, initiator="network", code=1006)  # in any order
    received = telemetry.counter(table.FRAME_COUNT, direction="receive")
    received.value += 3
    received.add(4)
    telemetry.counter(table.FRAME_COUNT, direction="transmit")  # nothing yet
    assert telemetry.counters == {
        "websocket.client.close.count{code=1006,initiator=network}": 2,
        "websocket.client.frame.count{direction=receive}": 7,
        "websocket.client.session.count": 3,
    }
    assert telemetry.counter(table.FRAME_COUNT, direction="receive") is received


def test_what_the_other_side_chooses_is_counted_as_other() -> None:
    telemetry = new()
    for code in range(3100, 4100):
        telemetry.count(table.CLOSE_COUNT, code=code, initiator="server")
    assert telemetry.counters == {"websocket.client.close.count{code=other,initiator=server}": 1000}
    assert len(telemetry._quick_counters) == 0, "made-up codes must not fill the memory"


def test_an_optional_attribute_is_absent_when_it_is_none() -> None:
    telemetry = new()
    telemetry.record(table.REFRESH_DURATION, 1, outcome="ok", error_type=None)
    telemetry.record(table.REFRESH_DURATION, 1, outcome="ok")
    telemetry.record(table.REFRESH_DURATION, 1, outcome="failed", error_type="NetworkError")
    points = telemetry.histogram_points(table.REFRESH_DURATION)
    assert [(p.attributes, p.count) for p in points] == [
        ((("outcome", "failed"), ("error.type", "NetworkError")), 1),
        ((("outcome", "ok"),), 2),
    ]


def test_gauges_are_looked_up_when_wanted(caplog: pytest.LogCaptureFixture) -> None:
    telemetry, values = new(), {"a": 5.0, "b": -7.0}
    looks = [
        telemetry.observe(gauge, lambda name=name: values.get(name))  # type: ignore[misc]
        for gauge in (table.TIME_TO_EXPIRY, table.CLOCK_SKEW)
        for name in values
    ]
    assert telemetry.gauge_value(table.TIME_TO_EXPIRY) == -7.0  # the one that ends first
    assert telemetry.gauge_value(table.CLOCK_SKEW) == -7.0  # the one that is farthest off
    values["a"] = math.nan
    assert telemetry.gauge_value(table.CLOCK_SKEW) == -7.0
    values["b"] = math.inf
    assert telemetry.gauge_value(table.CLOCK_SKEW) is None
    values.clear()
    assert telemetry.gauge_value(table.CLOCK_SKEW) is None
    assert telemetry.snapshot().metric(table.CLOCK_SKEW.name).points == ()
    for remove in looks:
        remove()
        remove()
    values["a"] = 1
    assert telemetry.gauge_value(table.CLOCK_SKEW) is None

    def broken() -> float:
        raise OSError("SECRET-CANARY")

    telemetry.observe(table.CLOCK_SKEW, broken)
    assert telemetry.gauge_value(table.CLOCK_SKEW) is None
    assert telemetry.gauge_value(table.CLOCK_SKEW) is None
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == [
        "looking up ticket.client.clock.skew raised OSError"
    ]


# -- histograms -----------------------------------------------------------------------------------


@given(
    values=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=300),
    q=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
)
def test_a_quantile_is_at_most_a_tenth_off(values: list[float], q: float) -> None:
    cell = HistogramCell()
    for value in values:
        cell.record(value)
    exact = sorted(values)[max(math.ceil(q * len(values)) - 1, 0)]
    estimate = quantile(q, cell.buckets, cell.smallest, cell.largest)
    assert exact / 1.1 <= estimate <= exact * 1.1
    assert (cell.count, cell.smallest, cell.largest) == (len(values), min(values), max(values))
    assert cell.total == pytest.approx(sum(values))


@given(st.lists(st.floats(), max_size=1000))
def test_any_float_leaves_a_histogram_finite_and_small(values: list[float]) -> None:
    telemetry = new()
    for value in values:
        telemetry.record(table.PING_DURATION, value)
    kept = [value for value in values if math.isfinite(value)]
    points = telemetry.histogram_points(table.PING_DURATION)
    assert sum(point.count for point in points) == len(kept)
    for point in points:
        assert len(point.buckets) <= 281
        assert sum(count for _, count in point.buckets) == point.count
        numbers = [point.sum, point.min, point.max, point.p50, point.p95]
        assert all(math.isfinite(n) and n >= 0 for n in numbers)
        assert point.min <= point.p50 <= point.p95 <= point.max


def test_a_bucket_holds_what_its_bounds_say() -> None:
    cell = HistogramCell()
    for value in (1.0, 1.18, 1.19, 2.0, 2.000001, 0.0, -3.0, 1e-9, 1e300):
        cell.record(value)
    [point] = _points(cell)
    bounds = [bound for bound, _ in point.buckets]
    assert bounds == sorted(bounds)
    assert dict(point.buckets)[1.0] == 1
    assert dict(point.buckets)[2.0] == 1
    assert dict(point.buckets)[2**0.25] == 1  # 1.18; the next bucket begins above 1.1892
    assert dict(point.buckets)[2**0.5] == 1  # 1.19
    assert dict(point.buckets)[2.0**-20] == 3  # zero, below zero, next to nothing
    assert point.max == 1e15


def _points(cell: HistogramCell) -> list[HistogramPoint]:
    telemetry = new()
    telemetry._histograms[table.PING_DURATION, ()] = cell
    return telemetry.histogram_points(table.PING_DURATION)


# -- events ---------------------------------------------------------------------------------------


def test_events_and_notes_share_one_bounded_ring() -> None:
    telemetry = new()
    telemetry.event(table.SOCKET_STATE, previous=ConnectionState.IDLE, current="ticket")
    telemetry.note("session", "hostile\x1b[31m\ntext")
    telemetry.event(table.SOCKET_BACKOFF, state="backoff", delay=1.23456, error_type="ServerError")
    telemetry.event(table.SOCKET_BACKOFF, state="paused", delay=60)
    telemetry.event(table.CIRCUIT_CLOSED)
    at = telemetry.clock.wall()
    first, note, *rest = telemetry.recent
    attributes = (("previous", "idle"), ("current", "ticket"))
    assert first == LogEntry(at, "socket.state", "idle -> ticket", attributes)
    assert type(first.attributes[0][1]) is str, "the declared word, not what was handed in"
    assert note == LogEntry(at, "session", "hostile␛[31m text")
    assert [entry.text for entry in rest] == [
        "backoff for 1.23 s after ServerError",
        "state=paused, delay=60 s",
        "",
    ]
    for _ in range(500):
        telemetry.event(table.REFRESH_STARTED)
    assert len(telemetry.recent) == 200


@given(st.floats() | st.integers() | st.just(10**400) | st.just(-(10**400)))
def test_a_number_in_an_event_is_finite(number: float) -> None:
    telemetry = new()
    telemetry.event(table.CIRCUIT_OPENED, pause=number)
    [entry] = telemetry.recent
    assert all(math.isfinite(value) for _, value in entry.attributes)  # type: ignore[arg-type]
    json.loads(telemetry.snapshot().to_json())


# -- defects --------------------------------------------------------------------------------------

DEFECTS: list[Any] = [
    lambda t: t.count(table.SESSION_COUNT, colour="red"),
    lambda t: t.count(table.LEASE_COUNT, outcome="SECRET-CANARY"),
    lambda t: t.count(table.LEASE_COUNT, outcome=["SECRET-CANARY"]),
    lambda t: t.count(table.LEASE_COUNT),
    lambda t: t.record(table.REFRESH_DURATION, 1, outcome="ok", error_type="ok", SECRETCANARY=1),
    lambda t: t.count(Counter("made.up", "s", "Not in the table.")),
    lambda t: t.record(Histogram("made.up", "s", "Not in the table."), 1),
    lambda t: t.event(EventKind("made.up", "Not in the table.")),
    lambda t: t.event(table.CIRCUIT_OPENED, pause="SECRET-CANARY"),
    lambda t: t.event(table.CIRCUIT_OPENED, pause=True),
    lambda t: t.event(table.TICKET_INVALIDATED, reason="SECRET-CANARY"),
]


@pytest.mark.parametrize("number", range(len(DEFECTS)))
def test_what_is_not_declared_fails_tests_and_never_a_session(number: int) -> None:
    with pytest.raises(TelemetryDefect):
        DEFECTS[number](new())
    telemetry = new()
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        DEFECTS[number](telemetry)
    assert [w.category for w in shown] == [TelemetryDefect]
    everything = f"{[w.message for w in shown]} {telemetry.snapshot().to_json()}"
    assert "SECRET-CANARY" not in everything
    assert "made.up" not in telemetry.snapshot().to_json()


# -- sinks ----------------------------------------------------------------------------------------


class Listening:
    def __init__(self) -> None:
        self.values: list[tuple[str, float, Attributes]] = []
        self.events: list[LogEntry] = []

    def recorded(self, histogram: Histogram, value: float, attributes: Attributes) -> None:
        self.values.append((histogram.name, value, attributes))

    def happened(self, event: LogEntry) -> None:
        self.events.append(event)


class Raising(Listening):
    def recorded(self, histogram: Histogram, value: float, attributes: Attributes) -> None:
        super().recorded(histogram, value, attributes)
        raise OSError("SECRET-CANARY")


def test_a_sink_is_told_until_it_is_removed() -> None:
    telemetry, sink = new(), Listening()
    telemetry.record(table.PING_DURATION, 1)
    remove = telemetry.add_sink(sink)
    telemetry.record(table.CONNECT_DURATION, 2.5, outcome="ok")
    telemetry.record(table.PING_DURATION, math.nan)
    telemetry.record(table.PING_DURATION, -1)
    telemetry.event(table.TICKET_INVALIDATED, reason="rejected")
    telemetry.note("error", "notes stay at home")
    assert sink.values == [
        ("websocket.client.connect.duration", 2.5, (("outcome", "ok"),)),
        ("websocket.client.ping.duration", 0.0, ()),
    ]
    assert [event.kind for event in sink.events] == ["ticket.invalidated"]
    remove()
    remove()
    telemetry.record(table.PING_DURATION, 1)
    assert len(sink.values) == 2


def test_a_sink_that_raises_is_logged_once_and_removed(caplog: pytest.LogCaptureFixture) -> None:
    telemetry, broken, sound = new(), Raising(), Listening()
    telemetry.add_sink(broken)
    telemetry.add_sink(sound)
    for _ in range(3):
        telemetry.record(table.PING_DURATION, 1)
    assert (len(broken.values), len(sound.values)) == (1, 3)
    [record] = [r for r in caplog.records if r.name.startswith("tui_chat.telemetry")]
    assert record.getMessage() == "a telemetry sink (Raising) raised OSError and was removed"
    assert record.exc_info is None
    assert telemetry.histogram_points(table.PING_DURATION)[0].count == 3


# -- snapshots ------------------------------------------------------------------------------------


def filled(*, backwards: bool = False) -> Telemetry:
    telemetry = new()
    calls: list[Any] = [
        lambda: telemetry.count(table.CLOSE_COUNT, code=1000, initiator="client"),
        lambda: telemetry.count(table.CLOSE_COUNT, code=9999, initiator="server"),
        lambda: telemetry.count(table.SESSION_COUNT, 4),
        lambda: telemetry.record(table.REFRESH_DURATION, 0.25, outcome="ok"),
        lambda: telemetry.record(
            table.REFRESH_DURATION, 0.5, outcome="failed", error_type="NetworkError"
        ),
        lambda: telemetry.observe(table.TIME_TO_EXPIRY, lambda: 299.5),
    ]
    for call in reversed(calls) if backwards else calls:
        call()
    telemetry.event(table.TICKET_INVALIDATED, reason="expired")
    return telemetry


def test_a_snapshot_is_a_value() -> None:
    snapshot = filled().snapshot()
    assert snapshot == filled(backwards=True).snapshot()
    assert hash(snapshot) == hash(filled().snapshot())
    assert [metric.name for metric in snapshot.metrics] == [i.name for i in INSTRUMENTS]
    assert snapshot.metric("websocket.client.close.count").points == (
        NumberPoint((("code", 1000), ("initiator", "client")), 1),
        NumberPoint((("code", OTHER), ("initiator", "server")), 1),
    )
    with pytest.raises(KeyError):
        snapshot.metric("no.such")
    with pytest.raises(AttributeError):
        snapshot.at = 1  # type: ignore[misc]


def test_json_is_stable_sorted_and_as_documented() -> None:
    text = filled().snapshot().to_json()
    assert text == filled(backwards=True).snapshot().to_json()
    document = json.loads(text, parse_constant=pytest.fail)
    assert text == json.dumps(document, sort_keys=True)
    assert set(document) == {"schema", "at", "started_at", "metrics", "events"}
    assert document["schema"] == 1
    kinds = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
    for instrument in INSTRUMENTS:
        metric = document["metrics"][instrument.name]
        assert set(metric) == {"kind", "unit", "description", "points"}
        assert metric["kind"] == kinds[type(instrument)]
    assert document["metrics"]["ticket.client.time_to_expiry"]["points"] == [
        {"attributes": {}, "value": 299.5}
    ]
    assert document["metrics"]["ticket.client.refresh.duration"]["points"] == [
        {
            "attributes": {"outcome": "failed", "error.type": "NetworkError"},
            "count": 1,
            "sum": 0.5,
            "min": 0.5,
            "max": 0.5,
            "p50": 0.5,
            "p95": 0.5,
            "buckets": [[0.5, 1]],
        },
        {
            "attributes": {"outcome": "ok"},
            "count": 1,
            "sum": 0.25,
            "min": 0.25,
            "max": 0.25,
            "p50": 0.25,
            "p95": 0.25,
            "buckets": [[0.25, 1]],
        },
    ]
    assert document["events"] == [
        {
            "at": 1_700_000_000.0,
            "kind": "ticket.invalidated",
            "text": "expired",
            "attributes": {"reason": "expired"},
        }
    ]


def test_a_clock_without_a_time_does_not_break_json() -> None:
    clock = Moment()
    clock.now = math.inf
    telemetry = Telemetry(clock)
    telemetry.note("clock", "what time is it?")
    assert json.loads(telemetry.snapshot().to_json())["at"] == 0.0


# -- secrets --------------------------------------------------------------------------------------

SECRETS = [
    Canary("the ticket", "TICKET-CANARY-9f8e7d6c5b4a"),
    Canary("the token", "TOKEN-CANARY-1a2b3c4d5e6f"),
    Canary("the key", "KEY-CANARY-0011223344556677"),
]


class Disguised(str):
    """Equal to a declared word, and something else when it is printed."""

    __slots__ = ()

    def __str__(self) -> str:
        return SECRETS[0].value

    __repr__ = __format__ = __str__  # type: ignore[assignment]


secret = st.sampled_from([canary.value for canary in SECRETS])
anything = st.one_of(
    secret,
    secret.map(lambda text: f"Bearer {text}"),
    secret.map(lambda text: [text]),
    secret.map(str.encode),
    secret.map(Exception),
    st.sampled_from(["ok", "failed", "rejected", "receive", "ready"]).map(Disguised),
    st.none(),
    st.integers(),
    st.floats(),
)


@given(
    st.lists(st.tuples(st.sampled_from([*INSTRUMENTS, *EVENTS]), st.lists(anything)), max_size=9)
)
def test_whatever_is_recorded_no_secret_is_seen(calls: list[tuple[Any, list[Any]]]) -> None:
    telemetry, sink = new(), Listening()
    telemetry.add_sink(sink)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        for declared, values in calls:
            names = [attribute.argument for attribute in declared.attributes]
            given_now = dict(zip(names, values, strict=False))
            if isinstance(declared, Counter):
                telemetry.count(declared, **given_now)
            elif isinstance(declared, Histogram):
                telemetry.record(declared, 1.0, **given_now)
            elif isinstance(declared, EventKind):
                telemetry.event(declared, **given_now)
    seen = {
        "the JSON": telemetry.snapshot().to_json(),
        "the snapshot": repr(telemetry.snapshot()),
        "the counters": repr(telemetry.counters),
        "the ring": repr(telemetry.recent),
        "the sink": repr((sink.values, sink.events)),
        "the warnings": repr([str(warning.message) for warning in shown]),
    }
    assert find(seen, SECRETS) == []


def test_a_real_clock_will_do() -> None:
    telemetry = Telemetry(SystemClock())
    telemetry.note("clock", "now")
    snapshot = telemetry.snapshot()
    assert snapshot.started_at <= snapshot.events[0].at <= snapshot.at


def longest_word(attribute: Words) -> str:
    return max(map(str, attribute.words), key=len)


def test_every_counter_fits_on_the_debug_screen() -> None:
    longest = [
        f"{i.name}{{{','.join(f'{a.key}={longest_word(a)}' for a in i.attributes)}}}"
        for i in INSTRUMENTS
        if isinstance(i, Counter)
    ]
    assert max(len(_short(name)) for name in longest) <= 60, "it cuts names there"
    assert _short("websocket.client.close.count{code=1011}") == "websocket close{code=1011}"
    assert _short("ticket.client.request.count") == "ticket request"
    assert _short("websocket.client.frame.io") == "websocket frame.io"
