"""Putting pieces of text on one line of a given width."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

__all__ = ["cut", "spread"]


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """Return ``text`` in at most ``width`` columns, ending in ``ellipsis`` where it was cut."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1).rstrip() + ellipsis


def spread(left: int, right: int, width: int) -> int:
    """Return the blanks between two pieces so that the second ends at ``width``; at least one."""
    return max(width - left - right, 1)
