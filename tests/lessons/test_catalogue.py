"""Every lesson has a test, and every test names a change to code that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAME = re.compile(r"test_lesson_(\d\d)_[a-z0-9_]+")
QUOTED = re.compile(r"`([^`]+)`")
LESSONS = range(1, 18)


def lessons() -> dict[str, str]:
    """The tests by name, with their docstrings, as they stand in the files."""
    found: dict[str, str] = {}
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and NAME.match(node.name):
                assert node.name not in found
                found[node.name] = ast.get_docstring(node) or ""
    return found


TESTS = lessons()


def test_every_lesson_has_a_test() -> None:
    assert {int(NAME.fullmatch(name)[1]) for name in TESTS} == set(LESSONS)  # type: ignore[index]


@pytest.mark.parametrize("name", TESTS)
def test_every_docstring_names_a_change_to_code_that_exists(name: str) -> None:
    head, red, change = " ".join(TESTS[name].split()).partition("Red when ")
    assert head, "what went wrong in the original"
    assert red, "the change that turns it red"
    quoted = QUOTED.findall(change)
    paths = [text for text in quoted if text.endswith(".py")]
    assert paths, "the file of the change"
    code = "".join((ROOT / path).read_text(encoding="utf-8") for path in paths)
    names = [text for text in quoted if re.fullmatch(r"[A-Za-z_]+(\.[A-Za-z_]+)*", text)]
    assert names, "the function of the change"
    for text in names:
        for part in text.removeprefix("self.").split("."):
            assert re.search(rf"\b{part}\b", code), f"{text} is not in {', '.join(paths)}"
