"""How fast a terminal takes what is drawn, so that a flood of text does not delay what is typed.

Over a slow link, what is written waits in buffers that nobody can look into: the system takes 64
KiB, a connection more, and a key's echo stands behind all of that. So large pictures are followed
by a question that every terminal answers (where the cursor is). From the answers follows how fast
the link is, and a reply that streams is drawn no faster than that, in small pieces where it is
slow. Whatever is not a reply is drawn at once, as ever.

A terminal that has never answered is not waited for.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["QUESTION", "Pace"]

QUESTION: Final = "\x1b[6n"
"""Where is the cursor? ECMA-48's DSR; every terminal that can move its cursor answers with CPR."""
LARGE: Final = 1_000
"""Characters from which on a picture is large. A line of input and the status take fewer."""
MANY: Final = 32
"""Questions that are open at most."""
OFTEN: Final = 0.5
"""Seconds between two questions behind small pictures. They tell how long the way is: behind large
ones an answer never comes without the time that these take."""
REMEMBERED: Final = 64
"""Answers from which the shortest way is known; after as many, a longer way is believed."""
FAST: Final = 300_000.0
"""Characters a second from which on a link is as good as any: 20 full pictures."""
SHARE: Final = 2
"""Times as long as a picture takes, from its beginning to that of the next one."""
SLACK: Final = 0.05
"""Seconds that an answer may come late, by other programs and the interpreter's turns."""
LOOK_AGAIN: Final = 0.01
"""Seconds after which to ask again whether an answer has come."""
STALLED: Final = 2.0
"""Seconds without an answer after which one more picture is tried: the answer may be lost. Doubles
up to :data:`LONGEST` while nothing comes, because each try fills buffers further."""
LONGEST: Final = 60.0


class _Picture(NamedTuple):
    sent: float
    size: int


class Pace:
    """Decides when the next picture of a reply may be drawn. All times in seconds.

    Asked on the screen's event loop, told of answers by the thread that reads the terminal.

    Args:
        now: a monotonic clock.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: deque[_Picture] = deque()
        self._answers = False
        self._times: deque[float] = deque(maxlen=REMEMBERED)
        self._rate = FAST
        self._next = self._small = float("-inf")
        self._patience = STALLED

    @property
    def asking(self) -> bool:
        """Whether an answer may still come, from a terminal that answers."""
        return bool(self._open) and self._answers

    @property
    def slow(self) -> bool:
        """Whether the link is so slow that a picture should be drawn in pieces."""
        return self._rate < FAST

    def question(self, size: int) -> str:
        """Return what to write behind a picture of ``size`` characters; empty for nothing."""
        now = self._now()
        if len(self._open) >= MANY or (size < LARGE and now < self._small):
            return ""
        if size < LARGE:
            self._small = now + OFTEN
        self._open.append(_Picture(now, size))
        if self.slow:
            self._next = max(self._next, now + SHARE * size / self._rate)
        return QUESTION

    def answered(self) -> bool:
        """Note an answer; False if nothing was asked."""
        try:
            picture = self._open.popleft()
        except IndexError:
            return False
        self._answers = True
        self._patience = STALLED
        took = self._now() - picture.sent
        if took > STALLED:
            # It stood still, or an answer was lost: nobody can tell which question this is about.
            self._open.clear()
            return True
        self._times.append(took)
        if picture.size < LARGE:
            return True
        drawing = took - self._quickest
        rate = min(picture.size / drawing, FAST) if drawing > 0 else FAST
        # A link that is slower than was thought has to be believed at once: its buffers fill up.
        self._rate = rate if rate < self._rate else 0.7 * self._rate + 0.3 * rate
        if self._rate > 0.9 * FAST:
            self._rate = FAST
        return True

    @property
    def _quickest(self) -> float:
        """Seconds that an answer takes when there is nothing to draw."""
        return min(self._times, default=0.0)

    def wait(self) -> float:
        """Return how long the next picture has to wait before this is asked again; 0 for not."""
        now = self._now()
        if self._answers and self._open:
            oldest = self._open[0]
            waiting = now - oldest.sent
            # Over a slow link pictures leave one by one, so all that is open is still to be drawn.
            size = sum(p.size for p in tuple(self._open)) if self.slow else 2 * oldest.size
            expected = size / self._rate
            if waiting >= self._patience:
                self._patience = min(self._patience * 2, waiting + LONGEST)
                return 0.0
            if waiting > self._quickest + expected + SLACK:
                return LOOK_AGAIN
        return max(self._next - now, 0.0)
