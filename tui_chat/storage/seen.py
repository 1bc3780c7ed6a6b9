"""The time that the store has seen, by which retention counts.

A wall clock can be set years ahead, by hand or by an empty battery; to delete by it would wipe
everything. The store's own time goes on with the boot clock while the program runs, and between
two runs by what the wall clock says, but never back, and by a week at most. Whoever is away for
longer keeps things for longer.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from tui_chat.clock import Clock
from tui_chat.storage.text import finite

__all__ = ["DAY", "MOST_BETWEEN_RUNS", "SeenTime"]

DAY: Final = 86_400.0
MOST_BETWEEN_RUNS: Final = 7 * DAY
"""Seconds that the time between two runs counts for at most."""


class SeenTime:
    """Seconds that the store has seen, over all runs.

    Args:
        clock: the machine's clocks.
        most: seconds that the time since the last run counts for at most.
    """

    def __init__(self, clock: Clock, most: float = MOST_BETWEEN_RUNS) -> None:
        self._clock = clock
        self._most = most
        self._seconds = 0.0
        self._boot = clock.boot()

    def now(self) -> float:
        """Return the store's time, in seconds."""
        return self._seconds + max(self._clock.boot() - self._boot, 0.0)

    def resume(self, connection: sqlite3.Connection) -> None:
        """Go on from where the store was left; call it inside a transaction."""
        wall = finite(self._clock.wall())
        row = connection.execute("SELECT seconds, wall FROM seen").fetchone()
        if row is not None:
            passed = min(max(wall - row[1], 0.0), self._most)
            self._seconds, self._boot = finite(row[0]) + passed, self._clock.boot()
        self.keep(connection)

    def keep(self, connection: sqlite3.Connection) -> None:
        """Write the time down; call it inside a transaction."""
        connection.execute(
            "INSERT INTO seen (one, seconds, wall) VALUES (1, ?1, ?2) ON CONFLICT (one) "
            "DO UPDATE SET seconds = max(seconds, ?1), wall = ?2",
            (self.now(), finite(self._clock.wall())),
        )
