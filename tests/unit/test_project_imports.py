"""What is imported when, and by whom: the library needs no screen and no server."""

from __future__ import annotations

import ast
import json
import os
import sysconfig
from pathlib import Path

import pytest

import tui_chat
from tests.support.checkout import ROOT, run_python

PACKAGE = ROOT / "tui_chat"
SCREEN_AND_SERVER = ("textual", "rich", "starlette", "uvicorn")
NOT_LIBRARY = ("app", "cli", "server", "testing", "__main__")


def modules() -> list[str]:
    """Return the dotted names of all modules, the package itself included."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


LIBRARY = [name for name in modules() if not f"{name}.".split(".")[1].startswith(NOT_LIBRARY)]


def test_the_library_is_more_than_a_handful_of_modules() -> None:
    assert {"tui_chat", "tui_chat.chat_client", "tui_chat.protocol.codec"} <= set(LIBRARY)
    assert not {"tui_chat.app", "tui_chat.cli", "tui_chat.server", "tui_chat.__main__"} & set(
        LIBRARY
    )


# Forks for each module, so that each is the first one to be imported; starting an interpreter
# for each would take a second for every one of them.
FORKS = """
import importlib, json, os, sys
names, unwanted = json.loads(sys.argv[1]), json.loads(sys.argv[2])
for common in ("asyncio", "httpx", "logging", "msgspec", "websockets.asyncio.client"):
    importlib.import_module(common)  # once for all, because these are what takes the time
result = {}
for name in names:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            importlib.import_module(name)
            loaded = [each for each in unwanted if each in sys.modules]
            os.write(writer, json.dumps(loaded).encode())
        except BaseException as error:
            os.write(writer, json.dumps([repr(error)]).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        result[name] = json.loads(file.read())
    os.waitpid(pid, 0)
print(json.dumps(result))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_each_library_module_alone_loads_neither_screen_nor_server() -> None:
    done = run_python("-c", FORKS, json.dumps(LIBRARY), json.dumps(SCREEN_AND_SERVER))
    loaded = json.loads(done.stdout)
    # httpx brings a command line that uses rich where rich is installed; that is its own affair.
    unwanted = {name: sorted(set(found) - {"rich"}) for name, found in loaded.items()}
    assert unwanted == {name: [] for name in LIBRARY}


def test_the_probe_would_notice() -> None:
    names = ["textual.app", "tui_chat.app.app"]
    done = run_python("-c", FORKS, json.dumps(names), json.dumps(SCREEN_AND_SERVER))
    for found in json.loads(done.stdout).values():
        assert "textual" in found


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ["httpx", "websockets", "msgspec", "asyncio", "keyring", "click", "ssl", "logging"]
    code = (
        "import sys, tui_chat; "
        f"print([name for name in {heavy!r} if name in sys.modules], "
        "sorted(name for name in sys.modules if name.startswith('tui_chat.')))"
    )
    assert run_python("-c", code).stdout == "[] []\n"


def test_version_is_answered_before_anything_is_imported() -> None:
    done = run_python("-X", "importtime", "-m", "tui_chat", "--version")
    assert done.stdout == f"tui-chat {tui_chat.__version__}\n"
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "tui_chat" in imported, "the probe sees imports"
    assert not imported & {"click", "textual", "httpx", "asyncio", "importlib.metadata"}


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"textual", "rich", "starlette", "uvicorn"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
try:
    import textual
except ImportError:
    pass
else:
    raise SystemExit("the blocker does not block")
"""

USE = """
import asyncio, importlib, json
import tui_chat
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
for name in tui_chat.__all__:
    getattr(tui_chat, name)

async def main():
    client = tui_chat.WebSocketChatClient()
    try:
        await client.on_init(
            chat_server_url="http://127.0.0.1:9",  # nothing listens on the discard port
            user_mp_auth_token="token",
            chat_server_key="key",
            ticket_config=tui_chat.TicketManagerConfig(max_attempts=1),
        )
    except tui_chat.TuiChatError as error:
        print(type(error).__name__)
    await client.disconnect()

asyncio.run(main())
"""


def test_the_library_works_where_screen_and_server_cannot_be_imported() -> None:
    done = run_python("-W", "error", "-c", BLOCKED + USE, json.dumps(LIBRARY))
    assert done.stdout == "NetworkError\n", done.stderr
    assert done.stderr == ""


def test_the_import_contract_holds() -> None:
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = run_python(str(program), "--no-cache", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_public_names_resolve() -> None:
    for name in tui_chat.__all__:
        assert getattr(tui_chat, name) is not None
        assert name in dir(tui_chat)
    assert sorted(tui_chat.__all__) == sorted({*tui_chat._HOME_OF, "__version__"})
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = tui_chat.Nonsense


POSIX_ONLY = {
    "crypt",
    "fcntl",
    "grp",
    "posix",
    "pty",
    "pwd",
    "resource",
    "syslog",
    "termios",
    "tty",
}


def test_nothing_posix_only_is_imported_unguarded() -> None:
    unguarded = []
    for path in sorted(PACKAGE.rglob("*.py")):
        # Only what stands at the top level itself runs on import without a condition around it.
        for node in ast.parse(path.read_bytes()).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            unguarded += [f"{path.name}: {name}" for name in names if name in POSIX_ONLY]
    assert unguarded == []
