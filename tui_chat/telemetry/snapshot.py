"""What telemetry holds at one moment, as frozen values and as JSON.

The JSON is one object:

* ``schema``: 1; grows when a key changes its meaning or goes away, not when one is added;
* ``at``, ``started_at``: epoch seconds by this machine's wall clock, now and at the beginning;
* ``metrics``: by name, each with ``kind`` (``counter``, ``gauge``, ``histogram``), ``unit``,
  ``description`` and ``points``, a list sorted by attributes. A point has ``attributes`` and

  * ``value`` (counter, gauge), or
  * ``count``, ``sum``, ``min``, ``max``, ``p50``, ``p95`` (the last two estimated, at most 10 %
    off) and ``buckets``, a list of ``[upper bound, count]``, empty ones left out (histogram);

  an instrument on which nothing was recorded has no points;
* ``events``: the latest, oldest first, each with ``at``, ``kind``, ``text`` and ``attributes``.

All keys are sorted, all numbers finite.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final, Literal

from tui_chat.telemetry.instruments import Attributes

__all__ = ["HistogramPoint", "LogEntry", "Metric", "NumberPoint", "TelemetrySnapshot"]

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One of the latest events.

    Attributes:
        at: epoch seconds by this machine's wall clock.
        kind: the name of a declared kind of event, or, for a note to people, a short fixed word:
            ``ticket``, ``socket``, ``session``, ``frame``, ``run``, ``tool``, ``clock``, ``error``.
        text: one clean line for people.
        attributes: what a declared event consists of; nothing for a note.
    """

    at: float
    kind: str
    text: str
    attributes: Attributes = ()


@dataclass(frozen=True, slots=True)
class NumberPoint:
    """The value of a counter, for one set of attributes, or of a gauge."""

    attributes: Attributes
    value: float


@dataclass(frozen=True, slots=True)
class HistogramPoint:
    """The values recorded on a histogram for one set of attributes; at least one.

    Attributes:
        attributes: what tells it from the instrument's other points.
        count: how many.
        sum: of all.
        min: the smallest.
        max: the largest.
        p50: half of all are no larger, estimated.
        p95: 95 % of all are no larger, estimated.
        buckets: upper bound (inclusive) and count of each bucket that holds anything, ascending.
    """

    attributes: Attributes
    count: int
    sum: float
    min: float
    max: float
    p50: float
    p95: float
    buckets: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One instrument and its points, sorted by their attributes."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    description: str
    points: tuple[NumberPoint | HistogramPoint, ...]


@dataclass(frozen=True, slots=True)
class TelemetrySnapshot:
    """What telemetry holds at one moment.

    Attributes:
        at: when it was taken, epoch seconds by this machine's wall clock.
        started_at: when recording began, by the same clock.
        metrics: all instruments, by name.
        events: the latest events, oldest first.
    """

    at: float
    started_at: float
    metrics: tuple[Metric, ...]
    events: tuple[LogEntry, ...]

    def metric(self, name: str) -> Metric:
        """Return one instrument.

        Raises:
            KeyError: if there is none of that name.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)

    def to_json(self, *, indent: int | None = None) -> str:
        """Return all of it as JSON; the module says how it is laid out."""
        return json.dumps(
            {
                "schema": SCHEMA,
                "at": _finite(self.at),
                "started_at": _finite(self.started_at),
                "metrics": {
                    metric.name: {
                        "kind": metric.kind,
                        "unit": metric.unit,
                        "description": metric.description,
                        "points": [_plain(point) for point in metric.points],
                    }
                    for metric in self.metrics
                },
                "events": [
                    {
                        "at": _finite(entry.at),
                        "kind": entry.kind,
                        "text": entry.text,
                        "attributes": dict(entry.attributes),
                    }
                    for entry in self.events
                ],
            },
            allow_nan=False,
            indent=indent,
            sort_keys=True,
        )


def _plain(point: NumberPoint | HistogramPoint) -> dict[str, Any]:
    if isinstance(point, NumberPoint):
        return {"attributes": dict(point.attributes), "value": _finite(point.value)}
    return {
        "attributes": dict(point.attributes),
        "count": point.count,
        "sum": point.sum,
        "min": point.min,
        "max": point.max,
        "p50": point.p50,
        "p95": point.p95,
        "buckets": [list(bucket) for bucket in point.buckets],
    }


def _finite(number: float) -> float:
    """Return a number that JSON can say; a wall clock can show anything."""
    return number if math.isfinite(number) else 0.0
