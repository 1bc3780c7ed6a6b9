"""Floods of focus reports, and what the screen gets of them."""

from __future__ import annotations

from textual import events
from textual.message import Message

from tui_chat.app.focus_reports import EVERY, FocusReports


def kinds(*found: Message) -> list[str]:
    return [type(message).__name__ for message in found]


def test_a_report_is_passed_on_at_once() -> None:
    reports = FocusReports()
    assert kinds(*reports.sift([events.AppBlur()], 5.0)) == ["AppBlur"]
    assert not list(reports.sift([], 5.0 + 2 * EVERY))


def test_of_a_flood_the_latest_one_counts() -> None:
    reports = FocusReports()
    flood: list[Message] = [events.AppBlur(), events.AppFocus()] * 1_000
    assert kinds(*reports.sift([*flood, events.AppBlur()], 0.0)) == ["AppBlur"]
    passed_on: list[Message] = []
    for step in range(1_000):
        passed_on += reports.sift([events.AppBlur(), events.AppFocus()], step * EVERY / 100)
    assert len(passed_on) <= 10
    assert not list(reports.sift([events.AppBlur()], 10 * EVERY - 0.01))
    assert kinds(*reports.sift([], 11 * EVERY)) == ["AppBlur"], "the last one is never lost"


def test_a_key_comes_after_the_report_before_it() -> None:
    reports = FocusReports()
    assert kinds(*reports.sift([events.AppBlur()], 0.0)) == ["AppBlur"]
    found: list[Message] = [events.AppFocus(), events.Key("x", "x"), events.AppBlur()]
    assert kinds(*reports.sift(found, 0.01)) == ["AppFocus", "Key"]
    assert kinds(*reports.sift([], 0.01 + EVERY)) == ["AppBlur"]


def test_everything_else_passes_as_it_comes() -> None:
    found: list[Message] = [events.Key("a", "a"), events.Paste("text"), events.Key("b", "b")]
    assert list(FocusReports().sift(found, 0.0)) == found
