"""The checkout the tests run from, and interpreters started in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "run_python", "tracked_files"]

ROOT = Path(__file__).resolve().parents[2]

_MADE = frozenset(
    {"__pycache__", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", "build", "dist"}
)
"""Folders that tools make; git would ignore them."""


def run_python(
    *arguments: str,
    timeout: float = 60.0,
    cwd: Path = ROOT,
    check: bool = True,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run this interpreter afresh and return what it said.

    Raises:
        AssertionError: with everything it printed, if ``check`` is set and it failed.
        subprocess.TimeoutExpired: if it takes longer than ``timeout`` seconds.
    """
    done = subprocess.run(  # noqa: S603 - the interpreter itself, arguments from the tests
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def tracked_files() -> list[Path]:
    """Return every file that belongs to the project, relative to its root.

    As git knows them, new files that are not ignored included; in an unpacked sdist, which has no
    history, everything that is there.
    """
    if (ROOT / ".git").exists():
        done = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
        return sorted(Path(name) for name in names if (ROOT / name).is_file())
    return sorted(
        path.relative_to(ROOT)
        for path in ROOT.rglob("*")
        if path.is_file() and not _MADE.intersection(path.relative_to(ROOT).parts)
    )
