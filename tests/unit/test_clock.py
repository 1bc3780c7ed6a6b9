"""Three clocks, driven by hand."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.clock import ClockJump, ClockWatch, SystemClock


@dataclass
class FakeClock:
    walls: float = 1_700_000_000.0
    boots: float = 5_000.0
    monotonics: float = 100.0

    def wall(self) -> float:
        return self.walls

    def boot(self) -> float:
        return self.boots

    def monotonic(self) -> float:
        return self.monotonics

    def run(self, seconds: float) -> None:
        self.walls += seconds
        self.boots += seconds
        self.monotonics += seconds

    def sleep(self, seconds: float) -> None:
        """The machine is suspended: only the event loop's clock stands still."""
        self.walls += seconds
        self.boots += seconds

    def set_wall(self, by: float) -> None:
        self.walls += by


@given(st.lists(st.floats(0, 4.9), max_size=50))
def test_time_that_merely_passes_is_no_jump(steps: list[float]) -> None:
    clock = FakeClock()
    watch = ClockWatch(clock)
    for step in steps:
        clock.run(1.0 + step)
        assert watch.look(1.0) == []


@given(st.floats(2.1, 1e6))
def test_a_suspend_is_noticed_once(seconds: float) -> None:
    clock = FakeClock()
    watch = ClockWatch(clock)
    clock.run(1.0)
    clock.sleep(seconds)
    [jump] = watch.look(1.0)
    assert jump.kind == "suspend"
    assert jump.seconds == pytest.approx(seconds, abs=0.01)
    clock.run(1.0)
    assert watch.look(1.0) == []


@given(st.floats(2.1, 1e8), st.booleans())
def test_a_wall_clock_that_is_set_is_noticed_once(seconds: float, back: bool) -> None:
    by = -seconds if back else seconds
    clock = FakeClock()
    watch = ClockWatch(clock)
    clock.run(1.0)
    clock.set_wall(by)
    [jump] = watch.look(1.0)
    assert jump.kind == "wall"
    assert jump.seconds == pytest.approx(by, rel=1e-6, abs=0.01)
    clock.run(1.0)
    assert watch.look(1.0) == []


def test_suspend_and_set_at_once_are_told_apart() -> None:
    clock = FakeClock()
    watch = ClockWatch(clock)
    clock.run(1.0)
    clock.sleep(3600.0)
    clock.set_wall(-300.0)
    assert watch.look(1.0) == [ClockJump("suspend", 3600.0), ClockJump("wall", -300.0)]


def test_a_process_that_was_stopped_comes_late() -> None:
    clock = FakeClock()
    watch = ClockWatch(clock)
    clock.run(30.0)
    assert watch.look(1.0) == [ClockJump("suspend", 29.0)]
    clock.run(30.0)
    assert watch.look() == [], "without an expectation nothing is late"


def test_slewing_is_no_jump() -> None:
    clock = FakeClock()
    watch = ClockWatch(clock)
    for _ in range(100):
        clock.run(1.0)
        clock.set_wall(0.5)
        assert watch.look(1.0) == []


async def test_run_reports_jumps_before_the_tick() -> None:
    clock = FakeClock()
    watch = ClockWatch(clock, tick=0.001)
    seen: list[object] = []
    done = asyncio.Event()

    def on_tick() -> None:
        seen.append("tick")
        clock.run(0.001)
        if len(seen) == 2:
            clock.sleep(60.0)
        if len(seen) == 4:
            done.set()

    running = asyncio.create_task(watch.run(seen.append, on_tick))
    async with asyncio.timeout(10):
        await done.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert seen[:2] == ["tick", "tick"]
    assert isinstance(seen[2], ClockJump)
    assert seen[2].seconds == pytest.approx(60.0)
    assert seen[3] == "tick"


def test_system_clock_reads_the_machine() -> None:
    clock = SystemClock()
    assert clock.wall() == pytest.approx(time.time(), abs=5)
    assert clock.monotonic() == pytest.approx(time.monotonic(), abs=5)
    first = clock.boot()
    assert clock.boot() >= first


def test_without_a_boot_clock_the_monotonic_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    clock = SystemClock()
    assert clock.boot() == pytest.approx(time.monotonic(), abs=5)
