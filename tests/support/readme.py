"""The README's code blocks, so that what it shows is what is run."""

from __future__ import annotations

import re

from tests.support.checkout import ROOT

__all__ = ["blocks", "command_for_tests", "readme"]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks in one language, in order."""
    return [body for name, body in _BLOCK.findall(readme()) if name == language]


def command_for_tests() -> str:
    """Return the command that sets everything up and runs the tests."""
    [command] = [body.strip() for body in blocks("sh") if body.rstrip().endswith("pytest -q")]
    return command


if __name__ == "__main__":
    # .ci/run executes what this prints.
    print(command_for_tests())  # noqa: T201
