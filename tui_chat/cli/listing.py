"""How commands print what is kept: columns, JSON, and nothing that misleads a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from tui_chat.text import clean, one_line

__all__ = ["cut", "print_json", "print_text", "timestamp", "width"]

_WIDE: Final = 1_000
"""Columns where nobody looks: a pipe or a file."""


def timestamp(seconds: float) -> str:
    """Return a point in time, epoch seconds, as ISO 8601 in UTC; empty if it is out of range."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return ""


def width() -> int:
    """Return how many columns there are on stdout; very many where it is no terminal."""
    if not (sys.stdout and sys.stdout.isatty()):
        return _WIDE
    return max(shutil.get_terminal_size().columns, 20)


def cut(text: str, columns: int) -> str:
    """Return ``text`` cleaned, on one line, in at most ``columns`` columns."""
    from rich.cells import cell_len  # noqa: PLC0415 - not for --help

    line = one_line(text, max(columns, 1))
    if cell_len(line) <= columns:
        return line
    while line and cell_len(line) > columns - 1:
        line = line[:-1]
    return line + "…"


def print_text(text: str) -> None:
    """Print text on stdout, cleaned, in what the terminal can show."""
    _adapt()
    _write(clean(text))


def print_json(document: Any) -> None:
    """Print one JSON document in printable ASCII; escapes stand for everything else."""
    _write(json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False))


def _write(text: str) -> None:
    # Not click.echo: that writes UTF-8 to a stream of ASCII, whatever was made of its errors.
    if sys.stdout:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _adapt() -> None:
    """Let stdout replace what it cannot express instead of failing over it."""
    if not sys.stdout:
        return  # closed before the program started
    from tui_chat.app.glyphs import glyphs_for  # noqa: PLC0415 - not for --help
    from tui_chat.app.plain_output import write_plain  # noqa: PLC0415 - see above

    if sys.stdout.isatty() and glyphs_for(sys.stdout, os.environ).ascii:
        write_plain(sys.stdout)
    else:
        with suppress(AttributeError, OSError, ValueError):
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
