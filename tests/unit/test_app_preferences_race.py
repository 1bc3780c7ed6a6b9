"""Settings that somebody else writes while they are being saved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui_chat.app.preferences_file import TRIES, NotSaved, load, save


def changing(monkeypatch: pytest.MonkeyPatch, path: Path, times: int) -> list[int]:
    """Let an editor write the file between our reading and our writing, so many times."""
    seen: list[int] = []
    fsync = os.fsync

    def edit(descriptor: int) -> None:
        fsync(descriptor)
        if len(seen) < times:
            path.write_text(f'# edited {len(seen)}\nnotify = "bell"\n')
        seen.append(1)

    monkeypatch.setattr(os, "fsync", edit)
    return seen


def test_what_an_editor_wrote_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('theme = "dark"\n')
    seen = changing(monkeypatch, path, times=1)
    save(path, {"theme": "light"})
    assert path.read_text() == '# edited 0\nnotify = "bell"\ntheme = "light"\n'
    assert load(tmp_path).preferences.notify == "bell"
    assert len(seen) == 2


def test_one_who_never_ends_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("")
    changing(monkeypatch, path, times=100)
    with pytest.raises(NotSaved, match="another program"):
        save(path, {"theme": "light"})
    assert path.read_text().startswith(f"# edited {TRIES - 1}")
    assert [each.name for each in tmp_path.glob("*settings*")] == ["settings.toml"]
