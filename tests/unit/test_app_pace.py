"""Pictures of a reply come no faster than the terminal draws them."""

from __future__ import annotations

import io
from collections import deque

import pytest
from textual import events
from textual.drivers._writer_thread import WriterThread

from tests.app_support import FakeClient, make_stage, started, wait_until
from tui_chat.app import pace as module
from tui_chat.app.pace import QUESTION, Pace
from tui_chat.app.terminal_driver import TerminalDriver
from tui_chat.app.transcript import Transcript
from tui_chat.app.transcript.widget import BAND
from tui_chat.conversation.model import Message, MessageAdded, MessageKind

PICTURE = 12_000


class Link:
    """A terminal behind a link of so many characters a second; answers take ``way`` seconds."""

    def __init__(self, rate: float, way: float = 0.1) -> None:
        self.now = 0.0
        self.pace = Pace(lambda: self.now)
        self._rate = rate
        self._way = way
        self._free = 0.0  # when what was sent so far is drawn
        self._answers: deque[float] = deque()
        self.waited = 0.0  # the longest that a key's echo would have stood behind pictures

    def draw(self, size: int) -> None:
        self._free = max(self._free, self.now) + size / self._rate
        self.waited = max(self.waited, self._free - self.now)
        if self.pace.question(size):
            self._answers.append(self._free + self._way)

    def go_on(self, seconds: float) -> None:
        until = self.now + seconds
        while self._answers and self._answers[0] <= until:
            self.now = max(self.now, self._answers.popleft())
            self.pace.answered()
        self.now = until

    def stream(self, seconds: float, *, rows: int = 30) -> int:
        """Let a reply stream, as the transcript draws it; return how many pictures there were."""
        pictures, until = 0, self.now + seconds
        while self.now < until:
            self.draw(80)  # the countdown
            pieces = max(rows // BAND, 1) if self.pace.slow else 1
            for _ in range(pieces):
                while (wait := self.pace.wait()) > 0:
                    self.go_on(wait)
                self.draw(PICTURE // pieces)
                self.go_on(1 / 30)
            pictures += 1
        return pictures


def test_a_fast_terminal_gets_every_frame() -> None:
    link = Link(rate=5_000_000, way=0.001)
    assert link.stream(10) >= 280
    assert not link.pace.slow


def test_a_long_way_does_not_make_a_link_slow() -> None:
    link = Link(rate=5_000_000, way=0.3)
    assert link.stream(10) >= 280


def test_a_slow_link_is_noticed_and_its_buffers_stay_empty() -> None:
    link = Link(rate=64_000, way=0.2)
    link.stream(5)
    assert link.pace.slow
    link.waited = 0.0
    pictures = link.stream(20)
    assert pictures >= 20, "a picture a second at the least"
    assert link.waited < 0.1, "a key's echo is behind one piece at most"


def test_a_link_that_has_become_fast_is_used() -> None:
    link = Link(rate=64_000, way=0.01)
    link.stream(5)
    link._rate = 5_000_000
    link.stream(5)
    assert not link.pace.slow
    assert link.stream(10) >= 280


def test_a_terminal_that_never_answered_is_not_waited_for() -> None:
    pace = Pace(lambda: 1.0)
    for _ in range(2 * module.MANY):
        pace.question(PICTURE)
    assert pace.wait() == 0.0
    assert not pace.asking


def test_small_pictures_are_seldom_asked_about() -> None:
    pace = Pace(lambda: 0.0)
    assert pace.question(80) == QUESTION
    assert pace.answered()
    assert pace.question(80) == "", "not so soon"
    assert pace.question(module.LARGE) == QUESTION
    assert pace.answered()
    assert not pace.answered(), "nothing was asked"


def test_a_terminal_that_stops_reading_gets_a_picture_now_and_then() -> None:
    link = Link(rate=1_000_000, way=0.01)
    link.stream(2)
    link._rate = 1e-9  # it does not read any more
    drawn: list[float] = []
    until = link.now + 600
    while link.now < until:
        if (wait := link.pace.wait()) > 0:
            link.now += wait
            continue
        link.now += 1 / 30
        drawn.append(link.now)
        assert link.pace.question(PICTURE)
    assert len(drawn) < 30, "as many writes as Textual queues before it stands still"
    link._answers.clear()
    link._free = link.now
    link._rate = 5_000_000
    for _ in drawn:
        link.pace.answered()
    assert link.pace.wait() == 0
    assert link.stream(10) >= 250


def test_a_lost_answer_costs_no_more_than_a_moment() -> None:
    link = Link(rate=5_000_000, way=0.05)
    link.stream(2)
    link._answers.popleft()
    link.go_on(30)
    assert link.stream(10) >= 200


# -- in the driver and on the screen --------------------------------------------------------------


def test_the_driver_asks_and_keeps_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = object.__new__(TerminalDriver)
    written: list[str] = []
    passed: list[object] = []
    monkeypatch.setattr(
        "textual.drivers.linux_driver.LinuxDriver.write", lambda _, d: written.append(d)
    )
    monkeypatch.setattr("textual.driver.Driver.process_message", lambda _, m: passed.append(m))
    driver._asks = True
    driver._writer_thread = None
    driver.pace = Pace()
    driver.write("x" * PICTURE)
    driver.write("small")
    driver.write("small")
    assert written == ["x" * PICTURE + QUESTION, "small" + QUESTION, "small"]
    driver.process_message(events.CursorPosition(3, 4))
    driver.process_message(events.CursorPosition(3, 4))
    assert passed == []
    other = events.CursorPosition(3, 4)
    driver.process_message(other)
    assert passed == [other], "nobody had asked: somebody else did"


def test_nothing_is_written_when_nobody_passes_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that does has ended with the terminal; its queue takes 30 and then blocks."""
    driver = object.__new__(TerminalDriver)
    driver.pace = Pace()
    driver._writer_thread = WriterThread(io.StringIO())  # one that does not run
    for _ in range(3):
        driver.write("picture")
    driver.close()
    assert driver._writer_thread._queue.empty()


class Slow:
    """A pace that holds everything up until it is let go."""

    def __init__(self) -> None:
        self.slow = True
        self.seconds = 0.01

    def wait(self) -> float:
        return self.seconds


async def test_a_reply_waits_and_is_then_painted_in_bands() -> None:
    stage = make_stage(FakeClient())
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        transcript = stage.chat.transcript
        assert isinstance(transcript, Transcript)
        pace = transcript._pace = Slow()
        text = "\n\n".join(f"paragraph {number}" for number in range(60))
        transcript.apply([MessageAdded(Message(1, MessageKind.ASSISTANT, 1.0, [text]))])
        await pilot.pause(0.05)
        assert transcript.virtual_size.height < 60, "nothing was taken in yet"
        pace.seconds = 0.0
        await wait_until(pilot, lambda: transcript.virtual_size.height > 60)
        await wait_until(pilot, lambda: not transcript._bands and not transcript._frame_due)
        shown = "\n".join(
            "".join(segment.text for segment in row)
            for row in stage.app.screen._compositor.render_strips()
        )
        assert "paragraph 59" in shown
