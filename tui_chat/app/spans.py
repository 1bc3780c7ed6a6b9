"""Spans of time as the screen words them."""

from __future__ import annotations

import math

__all__ = ["clock_face", "milliseconds", "rough", "seconds_left"]

_DAY = 86_400


def seconds_left(seconds: float) -> int:
    """Return the whole seconds to show for what is left: rounded up, so that 0 means over.

    Hostile and broken numbers (NaN, infinities, negative ones) become something showable.
    """
    if math.isnan(seconds) or seconds <= 0:
        return 0
    return math.ceil(min(seconds, 1_000 * _DAY))


def clock_face(seconds: float) -> str:
    """Return ``04:12``, ``1:04:12`` or ``3d 04h`` for a time that runs down."""
    left = seconds_left(seconds)
    if left >= _DAY:
        return f"{left // _DAY}d {left % _DAY // 3600:02}h"
    minutes, rest = divmod(left, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def rough(seconds: float) -> str:
    """Return ``4 s``, ``2 min``, ``3 h`` for a wait in a sentence."""
    left = seconds_left(seconds)
    if left < 90:
        return f"{left} s"
    return f"{round(left / 60)} min" if left < 5400 else f"{round(left / 3600)} h"


def milliseconds(seconds: float) -> str:
    """Return ``12 ms``, ``0.4 ms`` or ``1.2 s`` for something that was measured."""
    if seconds >= 1:
        return f"{min(seconds, 9_999):.1f} s"
    value = max(seconds, 0.0) * 1000
    return f"{value:.0f} ms" if value >= 1 else f"{value:.1f} ms"
