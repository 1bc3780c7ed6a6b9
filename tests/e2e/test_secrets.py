"""Token, key and every ticket are nowhere in what the program writes or shows.

They are planted where they have to be (the environment the user sets, the wire), the search is
shown to find them there, and then everything the program let out is searched: standard output and
error with all loggers at DEBUG, ``repr`` of every public object, tracebacks, the screen, files,
arguments, the environment of child processes, the server's own log.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import websockets

from tests.serving import running_server
from tests.support.canaries import Canary, find, find_below, process_texts
from tests.support.checkout import ROOT, run_python
from tests.support.tmux import Terminal, programs
from tui_chat.secret import Secret
from tui_chat.server.config import ServerConfig
from tui_chat.server.tickets import IssuedTicket, TicketStore
from tui_chat.server.users import User

# Runs a whole life of a client and prints everything a program could print of it.
SESSION = """
import asyncio, dataclasses, logging, os, pprint, sys, traceback

logging.basicConfig(level=logging.NOTSET, stream=sys.stderr)

import tui_chat
from tui_chat import AuthData, TicketManager, TicketManagerConfig, WebSocketChatClient

def show(*things):
    for thing in things:
        print(repr(thing), str(thing), f"{thing}", pprint.pformat(thing))
        if dataclasses.is_dataclass(thing):
            for field in dataclasses.fields(thing):
                print(field.name, repr(getattr(thing, field.name)))
        logging.getLogger("program").debug("%s %r", thing, thing)

def fail(error):
    print("FAILED", type(error).__name__, error.code)
    traceback.print_exception(error)
    seen = error
    while seen is not None:
        show(seen, seen.args, getattr(seen, "__notes__", ()))
        seen = seen.__cause__ or seen.__context__

options = {
    "chat_server_url": os.environ["TUI_CHAT_SERVER_URL"],
    "user_mp_auth_token": os.environ["TUI_CHAT_TOKEN"],
    "chat_server_key": os.environ["TUI_CHAT_SERVER_KEY"],
    "user_id": "user-1",
}
once = TicketManagerConfig(max_attempts=1, on_error=show)

async def until_answered(client, events, text):
    await client.on_trigger_message(text)
    async for event in events:
        show(event)
        for change in getattr(event, "changes", ()):
            if type(change).__name__ == "RunChanged" and not change.running:
                return

async def session():
    client = WebSocketChatClient()
    show(client)
    await client.on_init(**options, ticket_config=once)
    events = client.events()
    show(client, client.get_connection_status(), client.get_debug_info(), client.snapshot())
    show(client.get_debug_info().ticket, client.get_debug_info().recent)
    await until_answered(client, events, "hello")
    await until_answered(client, events, "what do you see of the connection?")
    await client.reconnect()
    await client.refresh_ticket_and_reconnect()
    generation = client.get_connection_status().generation
    await client.on_trigger_message("show me an expired ticket")
    async for event in events:
        show(event)
        status = getattr(event, "status", None)
        if status is not None and status.connected and status.generation > generation:
            break
    await until_answered(client, events, "are you still there?")
    show(*client.snapshot(), client.get_debug_info())
    await client.disconnect()
    show(client, client.get_connection_status(), client.get_debug_info())
    print("DONE session")

async def refused():
    for changes in (
        {"user_mp_auth_token": options["chat_server_key"]},
        {"chat_server_key": options["user_mp_auth_token"]},
        {"chat_server_url": "http://127.0.0.1:9"},
        {"chat_server_url": "https" + options["chat_server_url"][4:]},
        {"chat_server_url": options["chat_server_url"] + "/nothing-here"},
        {"user_mp_auth_token": options["user_mp_auth_token"] + "\\n"},
    ):
        client = WebSocketChatClient()
        try:
            await client.on_init(**{**options, **changes}, ticket_config=once)
        except tui_chat.TuiChatError as error:
            fail(error)
        else:
            raise SystemExit(f"{sorted(changes)} did not fail")
        await client.disconnect()
        show(client.get_debug_info())

async def bad_tickets():
    # Tickets that the server does not know, from a source of our own.
    class Source:
        async def fetch(self, auth):
            show(auth)
            return tui_chat.TicketGrant(tui_chat.Secret(os.environ["BAD_TICKET"]), 4e9)
    client = WebSocketChatClient(source=Source())
    try:
        async with asyncio.timeout(30):
            await client.on_init(**options, ticket_config=once)
    except (tui_chat.TuiChatError, TimeoutError) as error:
        error.code = getattr(error, "code", "")
        fail(error)
    await client.disconnect()

async def tickets_alone():
    auth = AuthData(options["user_mp_auth_token"], options["chat_server_key"])
    show(auth)
    manager = TicketManager(auth, options["chat_server_url"], once)
    await manager.get_valid_ticket()
    show(manager, manager.get_debug_info(), await manager.validate_with_server())
    manager.start_proactive_renewal(show)
    await manager.refresh_ticket()
    manager.update_auth_data(user_mp_auth_token=options["chat_server_key"])
    try:
        await manager.get_valid_ticket()
    except tui_chat.TuiChatError as error:
        fail(error)
    manager.clear()
    await manager.aclose()
    show(manager, manager.get_debug_info())

asyncio.run(session(), debug=True)
asyncio.run(refused(), debug=True)
asyncio.run(bad_tickets(), debug=True)
asyncio.run(tickets_alone(), debug=True)
print("DONE everything")
"""


@pytest.fixture
def token() -> Canary:
    return Canary("token", f"tok-{secrets.token_urlsafe(32)}")


@pytest.fixture
def key() -> Canary:
    return Canary("server key", f"key-{secrets.token_urlsafe(32)}")


@pytest.fixture
def tickets(monkeypatch: pytest.MonkeyPatch) -> list[Canary]:
    """Every ticket that a server in this process hands out, as it does so."""
    issued: list[Canary] = []
    issue = TicketStore.issue

    def recording(
        self: TicketStore,
        owner: str,
        *,
        entity_id: str | None = None,
        entity_type: str | None = None,
    ) -> IssuedTicket:
        ticket = issue(self, owner, entity_id=entity_id, entity_type=entity_type)
        issued.append(Canary(f"ticket {len(issued) + 1}", ticket.value.reveal()))
        return ticket

    monkeypatch.setattr(TicketStore, "issue", recording)
    return issued


@pytest.fixture
def server_log() -> Iterator[Callable[[], str]]:
    """Log everything of this process, at the lowest level, to a file; return what reads it."""
    root = logging.getLogger()
    handler = logging.FileHandler(Path.home() / "server.log", encoding="utf-8")
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    yield Path(handler.baseFilename).read_text
    root.setLevel(level)
    root.removeHandler(handler)
    handler.close()


def config_for(token: Canary, key: Canary, **options: float) -> ServerConfig:
    return ServerConfig(users=(User(Secret(token.value), Secret(key.value)),), **options)  # type: ignore[arg-type]


async def test_nothing_a_client_says_of_itself_holds_a_secret(
    token: Canary, key: Canary, tickets: list[Canary], server_log: Callable[[], str], tmp_path: Path
) -> None:
    bad = Canary("unknown ticket", f"bad-{secrets.token_urlsafe(32)}")
    async with running_server(config_for(token, key)) as server:
        done = await asyncio.to_thread(
            run_python,
            "-c",
            SESSION,
            cwd=tmp_path,
            timeout=120.0,
            environment={
                "TUI_CHAT_SERVER_URL": server.url,
                "TUI_CHAT_TOKEN": token.value,
                "TUI_CHAT_SERVER_KEY": key.value,
                "BAD_TICKET": bad.value,
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )
    # It was a full life, and the loggers were on.
    assert done.stdout.endswith("DONE everything\n")
    assert done.stdout.count("FAILED") >= 8
    assert len(tickets) >= 4
    assert "DEBUG:asyncio" in done.stderr
    everything = {
        "stdout": done.stdout,
        "stderr": done.stderr,
        "server log": server_log(),
    }
    assert find(everything, [token, key, bad, *tickets]) == []
    assert find_below(tmp_path, [token, key, bad, *tickets]) == []


async def test_the_search_finds_what_the_libraries_log_by_themselves(
    token: Canary, key: Canary, tickets: list[Canary], server_log: Callable[[], str], tmp_path: Path
) -> None:
    """What the client has to prevent: a plain client's log is full of secrets."""
    canary = Canary("query", secrets.token_urlsafe(32))
    async with running_server(config_for(token, key)) as server:
        url = f"{server.url.replace('http', 'ws', 1)}/ws?ticket={canary.value}"
        with pytest.raises(websockets.InvalidStatus):
            async with websockets.connect(url, proxy=None):
                pass
    assert find({"log": server_log()}, [canary]) == ["query in log, as it is"]
    assert find_below(tmp_path, [canary])


@pytest.mark.needs("tmux")
async def test_nothing_the_program_shows_or_leaves_holds_a_secret(
    token: Canary, key: Canary, tickets: list[Canary], server_log: Callable[[], str], tmp_path: Path
) -> None:
    home = tmp_path / "users-home"
    home.mkdir()
    screens: dict[str, str | bytes] = {}

    def use(url: str) -> list[str]:
        with Terminal(
            [sys.executable, "-m", "tui_chat", "--server-url", url],
            environment={
                "PYTHONPATH": str(ROOT),
                "HOME": str(home),
                "XDG_CONFIG_HOME": str(home / ".config"),
                "XDG_CACHE_HOME": str(home / ".cache"),
                "XDG_DATA_HOME": str(home / ".data"),
                "XDG_STATE_HOME": str(home / ".state"),
                "TUI_CHAT_TOKEN": token.value,
                "TUI_CHAT_SERVER_KEY": key.value,
                "PYTHONDONTWRITEBYTECODE": "1",
                "TUI_CHAT_DEBUG": "1",
            },
            cwd=home,
            columns=120,
            rows=40,
        ) as terminal:
            screens["connected"] = terminal.wait_for("● connected")
            terminal.type("what do you see of my connection?")
            terminal.wait_for("see of my connection")
            terminal.press("Enter")
            screens["answered"] = terminal.wait_for("What the server sees")
            terminal.press("F12")
            screens["debug info"] = terminal.wait_for("(?i)ticket")
            screens["debug info, styled"] = terminal.styled()
            terminal.press("F12")
            terminal.press("C-r")
            terminal.wait_for("● connected")
            terminal.type("expired")
            terminal.wait_for("expired")
            terminal.press("Enter")
            terminal.wait_for("● connected")
            running = programs(terminal)
            found = find(process_texts(running[0], environment=True), [token, key])
            for pid in running:
                screens.update(process_texts(pid, environment=pid != running[0]))
            terminal.press("C-q")
            assert terminal.exit_code() == 0
            screens["what is left on the terminal"] = terminal.everything()
            return found

    async with running_server(config_for(token, key)) as server:
        found = await asyncio.to_thread(use, server.url)
    assert len(found) == 2, "they are where the user put them, and are found there"
    assert tickets
    screens["server log"] = server_log()
    assert find(screens, [token, key, *tickets]) == []
    assert find_below(home, [token, key, *tickets]) == []


@pytest.mark.needs("tmux")
def test_the_demos_child_inherits_nothing(token: Canary, key: Canary, tmp_path: Path) -> None:
    with Terminal(
        [sys.executable, "-m", "tui_chat", "demo"],
        environment={
            "PYTHONPATH": str(ROOT),
            "TUI_CHAT_TOKEN": token.value,
            "TUI_CHAT_SERVER_KEY": key.value,
        },
        cwd=tmp_path,
    ) as terminal:
        terminal.wait_for("● connected")
        [program, *children] = programs(terminal)
        assert len(find(process_texts(program, environment=True), [token, key])) == 2
        assert children, "the demo has a server of its own"
        for pid in children:
            assert find(process_texts(pid, environment=True), [token, key]) == []
        terminal.press("C-q")
        assert terminal.exit_code() == 0
