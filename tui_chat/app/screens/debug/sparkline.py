"""A row of bars, one for each of the latest values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["sparkline"]

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_PLAIN: Final = "_.-=*#"


def sparkline(values: Sequence[float], width: int, *, plain: bool = False) -> str:
    """Return the latest ``width`` values as bars between the smallest and the largest of them.

    Args:
        values: oldest first.
        width: columns; one for each value.
        plain: whether only ASCII can be shown.
    """
    steps = _PLAIN if plain else _BLOCKS
    shown = values[-width:] if width > 0 else ()
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    # A line that never moved is a low one, not noise blown up to full height.
    scale = (len(steps) - 1) / (high - low) if high > low else 0.0
    return "".join(steps[round((value - low) * scale)] for value in shown)
