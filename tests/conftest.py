"""What holds for every test: a pinned environment, no leaks, no real keyring, no silent skips."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis.configuration
import pytest
from hypothesis import settings
from textual import _wait

from tests.support.leaks import GRACE, Resources, timers

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

# Textual's pilot calls a process idle that has computed for less than 1 ms out of 20. In Python's
# development mode, to wait is already more than that: every pause would take its limit, a second.
_wait.SLEEP_IDLE = _wait.SLEEP_GRANULARITY / 4

# Every keyring that is opened from here on, in children too, refuses: a test that wants one
# brings its own.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

settings.register_profile("dev", deadline=None, derandomize=True, database=None)
settings.register_profile("ci", settings.get_profile("dev"), max_examples=300, print_blob=True)
settings.register_profile(
    "explore", deadline=None, max_examples=5000, derandomize=False, database=None, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if IN_CI else "dev"))

BEFORE = pytest.StashKey[Resources]()

# Whatever changes how the program looks or where it connects. TZ and the home folders are set.
_REMOVED_PREFIXES = ("TUI_CHAT_", "TEXTUAL")
_REMOVED = (
    "ALL_PROXY",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORFGBG",
    "COLORTERM",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "EDITOR",
    "FORCE_COLOR",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LINES",
    "NO_COLOR",
    "NO_PROXY",
    "SSH_CONNECTION",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM_PROGRAM",
    "TMUX",
    "TMUX_PANE",
    "VISUAL",
)


@pytest.fixture(autouse=True)
def pinned_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every test the same surroundings, whoever runs it, and a home folder of its own."""
    for name in list(os.environ):
        if name.upper() in _REMOVED or name.startswith(_REMOVED_PREFIXES):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    for name, folder in (
        ("HOME", home),
        ("USERPROFILE", home),
        ("APPDATA", home / "AppData" / "Roaming"),
        ("LOCALAPPDATA", home / "AppData" / "Local"),
        ("XDG_CONFIG_HOME", home / ".config"),
        ("XDG_CACHE_HOME", home / ".cache"),
        ("XDG_DATA_HOME", home / ".local" / "share"),
        ("XDG_STATE_HOME", home / ".local" / "state"),
        ("XDG_RUNTIME_DIR", home / ".run"),
    ):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TERM", "xterm-256color")
    if hasattr(time, "tzset"):
        time.tzset()
    yield
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


# -- leaks ----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> None:
    """Remember what is open before the test; the hook below looks again when all is torn down.

    Fixtures of a wider scope are set up before this one, so what they hold is not blamed on the
    test that happened to come first.
    """
    if request.node.get_closest_marker("asyncio"):
        request.getfixturevalue("no_task_left")
    request.node.stash[BEFORE] = Resources.now()


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fail an async test that leaves a task or a timer on its loop."""
    loop = asyncio.get_running_loop()
    before, timers_before = asyncio.all_tasks(), set(timers(loop))
    yield
    end = loop.time() + GRACE
    while left := [
        *(asyncio.all_tasks() - before - {asyncio.current_task()}),
        *(set(timers(loop)) - timers_before),
    ]:
        if loop.time() > end:
            names = "\n".join(f"  {each!r}" for each in left)
            pytest.fail(f"the test left {len(left)} asyncio task(s) or timer(s):\n{names}")
        await asyncio.sleep(0.01)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    before = item.stash.get(BEFORE, None)
    if before is not None and (left := Resources.leaked_since(before)):
        pytest.fail("the test left behind:\n" + "\n".join(f"  {line}" for line in left))
    return result


# -- skips ----------------------------------------------------------------------------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed on this machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a skipped test is a failure in CI. {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: a skipped module is a failure in CI"
    return report


# -- nothing is written into the checkout ---------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    if IN_CI and not (sys.flags.dev_mode and "error" in sys.warnoptions):
        raise pytest.UsageError("in CI the tests run with python -X dev -W error -m pytest")
    folder = tempfile.mkdtemp(prefix="tui-chat-hypothesis-")
    hypothesis.configuration.set_hypothesis_home_dir(folder)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
