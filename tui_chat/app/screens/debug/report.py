"""The debug info for a bug report: as text, as JSON, in a file. Without any secret."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tui_chat.app.screens.debug.log_lines import LogItem
from tui_chat.app.widgets.sections import Section
from tui_chat.connection.mask import Mask
from tui_chat.errors import TuiChatError
from tui_chat.secret import Secret
from tui_chat.text import clean, one_line

if TYPE_CHECKING:
    from tui_chat.debug_info import ClientDebugInfo

__all__ = ["Report", "save"]

SCHEMA: Final = 1
"""Of the JSON; grows when a key changes its meaning or goes away."""
TRIES: Final = 100


@dataclass(frozen=True)
class Report:
    """What is known at one moment.

    Attributes:
        at: epoch seconds.
        sections: what the overlay says, cleaned.
        log: the latest events and frames.
        info: the client's own account, None where there is no client.
        secrets: looked for once more in the finished report, though nothing should hold them.
    """

    at: float
    sections: Sequence[Section]
    log: Sequence[LogItem]
    info: ClientDebugInfo | None
    secrets: Iterable[Secret] = ()

    def text(self, zone: tzinfo | None = None) -> str:
        """Return it for people."""
        lines = [f"tui-chat debug info, {_iso(self.at)}"]
        for title, rows in self.sections:
            width = max((len(name) for name, _ in rows), default=0)
            lines += ["", title, *(f"  {name:{width}}  {value}".rstrip() for name, value in rows)]
        lines += ["", "Log", *(f"  {item.line(zone)}" for item in self.log)]
        return self._masked("\n".join(lines) + "\n")

    def json(self) -> str:
        """Return it for programs: one object, its keys sorted."""
        whole: dict[str, Any] = {
            "schema": SCHEMA,
            "at": self.at,
            "facts": {
                title: [[name, str(value)] for name, value in rows] for title, rows in self.sections
            },
            "log": [
                {
                    "at": item.at,
                    "direction": item.direction,
                    "kind": item.kind,
                    "size": item.size,
                    **({"text": item.text} if item.direction == "event" else {}),
                    **({} if item.content is None else {"content": json.loads(item.content)}),
                }
                for item in self.log
            ],
        }
        if self.info is not None:
            flight = self.info.flight
            whole["attempts"] = [asdict(attempt) for attempt in flight.attempts]
            whole["renewals"] = [asdict(renewal) for renewal in flight.renewals]
            whole["round_trips"] = list(flight.round_trips)
            whole["first_tokens"] = list(flight.first_tokens)
            if self.info.telemetry is not None:
                whole["telemetry"] = json.loads(self.info.telemetry.to_json())
        return self._masked(json.dumps(whole, indent=2, sort_keys=True) + "\n")

    def _masked(self, text: str) -> str:
        return clean(Mask(Secret(""), self.secrets).text(text))


def save(text: str, folder: Path, at: float, suffix: str) -> Path:
    """Write a report to a new file that only its owner can read; return where it is.

    Args:
        text: what to write.
        folder: where to; not made.
        at: epoch seconds, for the name.
        suffix: ``txt`` or ``json``.

    Raises:
        TuiChatError: if it cannot be written.
    """
    stamp = _iso(at).replace(":", "").replace("-", "")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        for number in range(1, TRIES):
            more = "" if number == 1 else f"-{number}"
            path = folder / f"tui-chat-debug-{stamp}{more}.{suffix}"
            try:
                descriptor = os.open(path, flags, 0o600)
            except FileExistsError:
                continue
            with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - a descriptor
                file.write(text)
            return path
    except OSError as error:
        why = one_line(error.strerror or type(error).__name__)
        where = one_line(str(folder), 120)
        raise TuiChatError(
            f"The debug info could not be saved in {where}: {why}. Copy it instead (c)."
        ) from error
    raise TuiChatError(f"There are {TRIES} files of that name in {one_line(str(folder), 120)}.")


def _iso(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return "unknown-time"
