"""What the snapshot plugin needs, and what it must not write."""

from __future__ import annotations

import os
from typing import Any

import pytest
import pytest_textual_snapshot as plugin  # type: ignore[import-untyped] # has no types

_FOLDER = "TEXTUAL_SNAPSHOT_TEMPDIR"
_save = plugin.save_svg_diffs


def _save_without_environment(diffs: list[Any], *arguments: Any) -> None:
    # The report of a failure would list every environment variable of whoever ran the tests.
    for diff in diffs:
        diff.environment = {}
    _save(diffs, *arguments)


plugin.save_svg_diffs = _save_without_environment


@pytest.fixture(scope="session")
def given_folder() -> str:
    """What the plugin put into the environment, read before a test pins that."""
    return os.environ[_FOLDER]


@pytest.fixture(autouse=True)
def plugin_folder(
    given_folder: str, pinned_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give the plugin its variable back, which the pinned environment has taken away."""
    monkeypatch.setenv(_FOLDER, given_folder)
