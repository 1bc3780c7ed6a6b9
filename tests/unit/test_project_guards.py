"""The guards in ``conftest.py`` must bite: each is shown a test that deserves it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.checkout import run_python

SUITE = """
import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
import keyring
import pytest

kept = []

def test_clean():
    assert True

async def test_clean_async():
    task = asyncio.create_task(asyncio.sleep(0))
    await asyncio.to_thread(int)
    reader = socket.socket()
    reader.close()
    await task

def test_thread():
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="left-over", daemon=True)
    thread.start()
    kept.append(release)

def test_descriptor():
    kept.append(os.open(os.devnull, os.O_RDONLY))

def test_socket():
    kept.append(socket.socket())

def test_child():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

async def test_task():
    kept.append(asyncio.create_task(asyncio.sleep(3600), name="left-over-task"))

def left_over_timer():
    pass

async def test_timer():
    asyncio.get_running_loop().call_later(3600, left_over_timer)

async def never():
    pass

def test_coroutine_never_awaited():
    never()

def test_environment():
    assert "NO_COLOR" not in os.environ
    assert "TUI_CHAT_TOKEN" not in os.environ
    assert "TEXTUAL_THEME" not in os.environ
    assert os.environ["TZ"] == "UTC"
    assert time.timezone == 0
    assert "pytest-" in os.environ["HOME"]
    assert os.environ["HOME"] == os.path.expanduser("~")

def test_keyring():
    with pytest.raises(keyring.errors.NoKeyringError):
        keyring.get_password("service", "user")

@pytest.mark.needs("sh")
def test_has_program():
    assert True

@pytest.mark.needs("no-such-program")
def test_lacks_program():
    assert False

def test_skips():
    pytest.skip("for another reason")

def test_the_end():
    for release in kept:
        if isinstance(release, threading.Event):
            release.set()
        if isinstance(release, subprocess.Popen):
            release.communicate(b"\\n")
"""

CONFIGURATION = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
markers = needs(program): as in the project
"""


def run_suite(folder: Path, ci: str, select: str = "") -> dict[str, str]:
    """Run the suite above under the project's conftest; return everything said, by test."""
    (folder / "test_guards.py").write_text(SUITE, encoding="utf-8")
    (folder / "pytest.ini").write_text(CONFIGURATION, encoding="utf-8")
    arguments = (
        *("-X", "dev", "-W", "error"),
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-rA",
        "-q",
        "-k",
        select,
    )
    hostile = {
        "CI": ci,
        "NO_COLOR": "1",
        "TUI_CHAT_TOKEN": "from-outside",
        "TEXTUAL_THEME": "x",
        "TZ": "Asia/Tokyo",
    }
    done = run_python(*arguments, cwd=folder, check=False, environment=hostile)
    assert done.returncode == 1, done.stdout + done.stderr
    results: dict[str, str] = {}
    for line in done.stdout.splitlines():
        if match := re.match(r"(PASSED|FAILED|ERROR) \S+::(\w+)(.*)", line):
            results[match[2]] = f"{results.get(match[2], '')}{match[1]}{match[3]}\n"
    for match in re.finditer(r"SKIPPED \[1\] (.*)", done.stdout):
        results["skipped"] = f"{results.get('skipped', '')}{match[1]}\n"
    results["everything"] = done.stdout
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return run_suite(tmp_path_factory.mktemp("local"), ci="")


@pytest.mark.parametrize(
    "name",
    ["test_clean", "test_clean_async", "test_environment", "test_keyring", "test_has_program"],
)
def test_what_is_clean_passes(results: dict[str, str], name: str) -> None:
    assert results[name] == "PASSED\n", results["everything"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("test_thread", "thread 'left-over'"),
        ("test_descriptor", "/dev/null"),
        ("test_socket", "socket:["),
        ("test_child", "child process"),
        ("test_task", "left-over-task"),
        ("test_timer", "left_over_timer"),
        ("test_coroutine_never_awaited", "never awaited"),
    ],
)
def test_what_is_left_behind_is_found(results: dict[str, str], name: str, found: str) -> None:
    assert "ERROR" in results[name] or "FAILED" in results[name], results["everything"]
    assert found in results["everything"]


def test_a_missing_program_skips_with_a_reason(results: dict[str, str]) -> None:
    assert "no-such-program is not installed" in results["skipped"]
    assert "for another reason" in results["skipped"]


def test_a_skip_is_a_failure_in_ci(tmp_path: Path) -> None:
    results = run_suite(tmp_path, ci="true", select="clean or skips or lacks")
    assert "ERROR" in results["test_lacks_program"], results["everything"]
    assert "FAILED" in results["test_skips"], results["everything"]
    assert "no-such-program is not installed" in results["everything"]
    assert "skipped" not in results
