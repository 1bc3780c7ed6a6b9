"""What has to end with the program: politely if there is time, and at once if there is not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress

__all__ = ["Resources"]


class Resources(ExitStack):
    """Closed at the end like any exit stack; what must not outlive the program can be forced.

    Closing takes its time, and may hang in another thread when time is up: what it has begun to
    close is no longer on the stack then. So the last resort is kept beside it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last_resorts: list[Callable[[], object]] = []

    def last_resort(self, end: Callable[[], object]) -> None:
        """Let ``end`` be called by :meth:`force`, from any thread; it must not wait."""
        self._last_resorts.append(end)

    def force(self) -> None:
        """End at once whatever is left, newest first. Errors are nobody's any more."""
        for end in reversed(self._last_resorts):
            with suppress(Exception):
                end()
