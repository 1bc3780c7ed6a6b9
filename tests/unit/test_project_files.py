"""The repository itself: what is in it, what is built from it, what the README says of it."""

from __future__ import annotations

import re
import shutil
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import tui_chat
from tests.support.checkout import ROOT, run_python, tracked_files
from tests.support.readme import blocks, command_for_tests, readme
from tui_chat.app.bindings import REGISTRY, Scope, display
from tui_chat.app.paths import styles_folder

LONGEST = 400
"""Lines; a file with one subject stays well below."""


def project() -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
        "project"
    ]
    return table


def test_the_version_stands_in_one_place() -> None:
    # What is built from it is looked at below.
    assert project()["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", tui_chat.__version__)


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    places = [f"/{name}/" for name in ("work", "root")]  # put together, or this file would match
    files = tracked_files()
    assert Path("pyproject.toml") in files
    assert len(files) > 50
    found = []
    for path in files:
        text = (ROOT / path).read_bytes()
        found += [f"{path}: {place}" for place in places if place.encode() in text]
    assert found == []


def test_no_file_is_too_long_for_one_subject() -> None:
    long = {
        str(path): lines
        for path in tracked_files()
        if path.parts[0] == "tui_chat" and path.suffix == ".py"
        and (lines := (ROOT / path).read_text("utf-8").count("\n")) > LONGEST
    }  # fmt: skip
    assert long == {}


def test_every_dependency_has_a_lower_bound_and_a_pin() -> None:
    table = project()
    extras = table["optional-dependencies"]
    assert isinstance(extras, dict)
    wanted = [*table["dependencies"], *extras["test"], *extras["dev"]]  # type: ignore[misc]
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = {}
    for line in lines:
        if line and not line.startswith("#"):
            pin = re.fullmatch(r"([\w.-]+)==([\w.]+)( ; .+)?", line)
            assert pin, f"not a plain pin: {line}"
            pins[pin[1].lower().replace("_", "-")] = pin[2]
    for requirement in wanted:
        if requirement.startswith("tui-chat["):
            continue
        match = re.match(r"([\w-]+)>=([\d.]+)", requirement)
        assert match, f"no lower bound: {requirement}"
        pinned = pins.get(match[1].lower())
        assert pinned, f"not pinned: {match[1]}"
        assert numbers(pinned) >= numbers(match[2]), f"pinned below its bound: {requirement}"
    for name in ("hatchling", "editables"):
        assert name in pins, f"the build needs {name}"


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


# -- what is built --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build wheel and sdist from a copy of the project's files."""
    folder = tmp_path_factory.mktemp("build")
    for path in tracked_files():
        target = folder / "source" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target)
    run_python("-m", "hatchling", "build", "-d", str(folder / "dist"), cwd=folder / "source")
    return folder


def wheel_files(folder: Path) -> dict[str, bytes]:
    [path] = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_program_its_styles_and_nothing_else(built: Path) -> None:
    files = wheel_files(built / "dist")
    expected = {str(path) for path in tracked_files() if path.parts[0] == "tui_chat"}
    expected |= {f"tui_chat/{path}" for path in tracked_files() if path.parts[0] == "styles"}
    info = f"tui_chat-{tui_chat.__version__}.dist-info"
    assert {name for name in files if not name.startswith(info)} == expected
    assert "tui_chat/py.typed" in files
    assert f"{info}/licenses/LICENSE" in files
    sheets = sorted(styles_folder().glob("*.tcss"))
    assert sheets
    for sheet in sheets:
        assert files[f"tui_chat/styles/{sheet.name}"] == sheet.read_bytes()
    metadata = files[f"{info}/METADATA"].decode()
    assert f"\nVersion: {tui_chat.__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert b"tui-chat = tui_chat.__main__:main" in files[f"{info}/entry_points.txt"]


def test_a_wheel_from_the_sdist_is_the_same(built: Path) -> None:
    [path] = (built / "dist").glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(built / "unpacked", filter="data")
    [source] = (built / "unpacked").iterdir()
    for name in ("tests/conftest.py", "constraints.txt", "CHANGELOG.md", ".ci/run"):
        assert (source / name).is_file(), "the tests can be run from an sdist"
    run_python("-m", "hatchling", "build", "-t", "wheel", "-d", str(built / "again"), cwd=source)
    assert wheel_files(built / "again") == wheel_files(built / "dist")


# -- what the README says -------------------------------------------------------------------------


def test_the_first_screenful_has_the_two_commands() -> None:
    screenful = "\n".join(readme().splitlines()[:24])
    assert "tui-chat demo\n```" in screenful
    assert command_for_tests() in screenful
    for command in (command_for_tests(), blocks("sh")[0]):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
        assert "-c constraints.txt" in command


def test_the_changelog_knows_this_version_or_what_is_coming() -> None:
    headings = re.findall(
        r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert headings
    assert headings[0] in ("Unreleased", tui_chat.__version__)


def test_every_option_and_subcommand_that_the_readme_names_exists() -> None:
    text = readme()
    options = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", text)) - {"--snapshot-update"}
    assert {"--server-url", "--ticket-ttl", "--single-use", "--port"} <= options
    helps = {
        name: run_python("-m", "tui_chat", *name.split(), "--help").stdout
        for name in ("", "demo", "serve", "queue", "history", "history purge")
    }
    for module in ("tui_chat.testing.faultproxy", "tests.benchmarks", "tests.chaos"):
        helps[module] = run_python("-m", module, "--help").stdout
    for option in options:
        assert any(re.search(rf"{option}\b", help_text) for help_text in helps.values()), option
    for line in blocks("sh"):
        for command in re.findall(r"tui-chat (\w+)((?: --?[\w-]+(?: \d+)?)*)$", line, re.MULTILINE):
            assert command[0] in helps
            for option in re.findall(r"--[\w-]+", command[1]):
                assert option in helps[command[0]]
    for variable in ("TUI_CHAT_SERVER_URL", "TUI_CHAT_TOKEN", "TUI_CHAT_SERVER_KEY"):
        assert variable in text
        assert variable in helps[""]


def test_the_readmes_keys_are_the_programs_keys() -> None:
    table = readme().split("## Keys", 1)[1].split("\n\n", 2)[1]
    documented = {
        key for row in table.splitlines()[2:] for key in re.findall(r"`(.+?)`", row.split("|")[1])
    }
    # Left out on purpose: terminals send Alt+Enter in a way that reads as plain Enter.
    known = {
        display(key)
        for command in REGISTRY
        if command.scope in (Scope.PROMPT, Scope.CHAT, Scope.APP)
        for key in command.keys
    } - {"Alt+Enter"}
    assert documented == known


def test_every_folder_that_the_readme_names_exists() -> None:
    folders = re.findall(r"`((?:tui_chat|tests|styles)(?:/\w+)?)`", readme())
    assert len(folders) > 10
    for folder in folders:
        assert (ROOT / folder).is_dir(), folder
