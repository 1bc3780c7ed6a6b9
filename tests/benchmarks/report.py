"""The results: a table for people, JSON for programs.

The JSON file is one object::

    {
      "schema": 1,
      "date": "2026-01-31T12:00:00Z",        when the run ended, UTC
      "quick": false,                        true: the figures mean nothing
      "machine": {                           nothing that names a machine, a person or a folder
        "python": "CPython 3.11.9", "platform": "linux", "architecture": "x86_64", "cpus": 2,
        "load": [0.4, 0.3, 0.2]              run queue over 1, 5, 15 minutes; null where unknown
      },
      "libraries": {"tui-chat": "0.2.0", "websockets": "17.0", ...},
      "benchmarks": [
        {
          "name": "cached_ticket",           what --only takes
          "about": "...",
          "seconds": 3.2,                    how long it took
          "error": null,                     or why it broke, and then "rows" is empty
          "rows": [
            {
              "name": "...", "unit": "ns",
              "ours": SAMPLE, "peer": SAMPLE or null, "peer_name": "...",
              "ratio": SAMPLE or null,       ours / peer, round by round
              "target": null or {"of": "ratio", "direction": "at_most", "limit": 5.0},
              "met": true, false, or null without a target,
              "note": "..."
            }
          ]
        }
      ]
    }

``SAMPLE`` is ``{"median", "spread", "low", "high", "values"}``: the middle value, the distance
between the quartiles as a share of it, the extremes, and the value of every round.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from tests.benchmarks.measure import Row, Sample, Target

__all__ = ["SCHEMA", "Result", "as_json", "as_table"]

SCHEMA: Final = 1
"""Changes when a reader of the JSON would have to."""

_LIBRARIES: Final = (
    "tui-chat",
    "textual",
    "websockets",
    "httpx",
    "msgspec",
    "uvicorn",
    "starlette",
)


@dataclass(frozen=True)
class Result:
    """How one benchmark went.

    Attributes:
        name: of the benchmark.
        about: what it is about.
        seconds: how long it took.
        rows: what it measured.
        error: why it broke, None if it did not.
    """

    name: str
    about: str
    seconds: float
    rows: Sequence[Row] = ()
    error: str | None = None


def as_json(results: Iterable[Result], *, quick: bool) -> dict[str, Any]:
    """Return the document that the module describes."""
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "quick": quick,
        "machine": {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "platform": sys.platform,
            "architecture": platform.machine(),
            "cpus": os.cpu_count(),
            "load": [round(value, 2) for value in os.getloadavg()]
            if hasattr(os, "getloadavg")
            else None,
        },
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "benchmarks": [
            {
                "name": result.name,
                "about": result.about,
                "seconds": round(result.seconds, 3),
                "error": result.error,
                "rows": [_row(row) for row in result.rows],
            }
            for result in results
        ],
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a checkout that was never installed
        return None


def _row(row: Row) -> dict[str, Any]:
    target = row.target
    return {
        "name": row.name,
        "unit": row.unit,
        "ours": _sample(row.ours),
        "peer": _sample(row.peer),
        "peer_name": row.peer_name,
        "ratio": _sample(row.ratio),
        "target": None
        if target is None
        else {"of": target.of, "direction": target.direction, "limit": target.limit},
        "met": row.met,
        "note": row.note,
    }


def _sample(sample: Sample | None) -> dict[str, Any] | None:
    if sample is None:
        return None
    return {
        "median": sample.median,
        "spread": sample.spread,
        "low": sample.low,
        "high": sample.high,
        "values": list(sample.values),
    }


# -- the table ------------------------------------------------------------------------------------

_HEADINGS: Final = ("measured", "ours", "peer", "ratio", "spread", "target", "met")
_SIGNS: Final = {"at_most": "<=", "at_least": ">=", "exactly": "="}
_RIGHT: Final = frozenset({1, 2, 3, 4})


def as_table(results: Iterable[Result]) -> str:
    """Return the table, a line for each row and notes below."""
    lines: list[tuple[str, ...]] = [_HEADINGS]
    notes: list[str] = []
    for result in results:
        if result.error is not None:
            notes.append(f"{result.name} BROKE: {result.error}")
        for row in result.rows:
            lines.append(_cells(row))
            peer = f"peer: {row.peer_name}" if row.peer is not None else ""
            if text := "; ".join(part for part in (peer, row.note) if part):
                notes.append(f"{row.name}: {text}")
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    lines.insert(1, tuple("-" * width for width in widths))
    table = [
        "  ".join(
            cell.rjust(width) if column in _RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*table, "", *notes])


def _cells(row: Row) -> tuple[str, ...]:
    ratio = row.ratio
    met = {None: "noted", True: "yes", False: "NO"}[row.met]
    return (
        row.name,
        f"{_number(row.ours.median)} {row.unit}",
        "" if row.peer is None else f"{_number(row.peer.median)} {row.unit}",
        "" if ratio is None else f"{_number(ratio.median)}x",
        f"{(ratio or row.ours).spread:.0%}",
        "" if row.target is None else _words(row.target, row.unit),
        met,
    )


def _words(target: Target, unit: str) -> str:
    limit = f"{target.limit:g}x" if target.of == "ratio" else f"{target.limit:g} {unit}"
    which = " (worst)" if target.of == "high" else ""
    return f"{_SIGNS[target.direction]} {limit}{which}"


def _number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
