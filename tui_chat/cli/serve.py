"""``tui-chat serve``: the embedded server in the foreground."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import click

from tui_chat.server.config import RejectMode, ServerConfig, is_loopback
from tui_chat.server.users import (
    KEY_VARIABLE,
    TOKEN_VARIABLE,
    User,
    readable_by_others,
    take_from_environment,
)
from tui_chat.server.users_file import load_users

__all__ = ["serve"]

DEFAULT_PORT: Final = 8765


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="The port; 0 takes any free one.",
)
@click.option(
    "--ticket-ttl",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a ticket lives.",
)
@click.option("--single-use", is_flag=True, help="Each ticket opens one connection only.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    metavar="N",
    help="Ticket requests a minute and user; 0 switches the limit off.",
)
@click.option(
    "--message-rate",
    type=click.FloatRange(min=0),
    default=1200.0,
    show_default=True,
    metavar="N",
    help="Frames a minute and connection; 0 switches the limit off.",
)
@click.option(
    "--max-sessions",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    metavar="N",
    help="Connections of one user at the same time.",
)
@click.option(
    "--max-upload",
    type=click.FloatRange(min=0, min_open=True, max=1024),
    default=15.0,
    show_default=True,
    metavar="MB",
    help="Size of one uploaded file.",
)
@click.option(
    "--reject-mode",
    type=click.Choice(["handshake", "frame"]),
    default="handshake",
    show_default=True,
    help="Refuse a bad ticket with 401, or accept it, say why in a frame, and close.",
)
@click.option(
    "--heartbeat",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two heartbeats; 0 sends none.",
)
@click.option(
    "--users",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Several users, from a TOML or JSON file: a list named users, each with token, key, "
    "user_id and, if you like, name.",
)
@click.option(
    "--data",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep threads and applied messages in this file, also over restarts.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="A further name this server goes by. May be given more than once.",
)
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="A web page that may use this server. May be given more than once.",
)
@click.option("--quiet", is_flag=True, help="Log warnings and errors only.")
def serve(
    *,
    host: str,
    port: int,
    ticket_ttl: float,
    single_use: bool,
    rate: float,
    message_rate: float,
    max_sessions: int,
    max_upload: float,
    reject_mode: str,
    heartbeat: float,
    users: Path | None,
    data: Path | None,
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    quiet: bool,
) -> None:
    """Run the chat server in the foreground; Ctrl+C ends it.

    The user's token and the server key come from TUI_CHAT_TOKEN and TUI_CHAT_SERVER_KEY. Without
    them they are made at random and shown once. Start the server again on the same port, with the
    same two variables, and clients that were connected come back by themselves. Threads are kept
    in memory and gone at the end, unless --data names a file for them.
    """
    token, key = take_from_environment(os.environ)
    known = load_users(users) if users else (User.at_random(token=token, key=key),)
    config = ServerConfig(
        host=host,
        port=port,
        users=known,
        ticket_ttl=ticket_ttl,
        single_use=single_use,
        ticket_rate=rate,
        message_rate=message_rate,
        max_sessions_per_user=max_sessions,
        max_upload_bytes=max(1, round(max_upload * 1024 * 1024)),
        reject_mode=cast("RejectMode", reject_mode),
        heartbeat_interval=heartbeat,
        data=data,
        allowed_hosts=allow_host,
        allowed_origins=allow_origin,
    )
    if users is not None and readable_by_others(users):
        _say(f"Warning: other users of this machine can read {shlex.quote(str(users))}.")
    if not is_loopback(host):
        _say(
            f"Warning: on {host} other machines can reach this server, and everything, tokens "
            "included, crosses the network unencrypted. Put something that speaks TLS in front of "
            "it, or leave --host out."
        )
    # uvicorn and starlette cost more to import than everything else together: `serve --help` and
    # what is wrong with the options must not wait for them.
    from tui_chat.server.chat_server import ChatServer  # noqa: PLC0415
    from tui_chat.server.listening import run_server  # noqa: PLC0415
    from tui_chat.server.logs import logging_to_stderr  # noqa: PLC0415

    made = {
        name: secret.reveal()
        for name, given, secret in (
            (TOKEN_VARIABLE, token, known[0].token),
            (KEY_VARIABLE, key, known[0].key),
        )
        if given is None
    }

    def started(server: ChatServer) -> None:
        _say(f"The chat server listens on {server.url}. Ctrl+C ends it.")
        if users is None:
            _say(_how_to_connect(server.url, made))
        else:
            _say(f"It knows the {len(known)} users of the file.")

    with logging_to_stderr(quiet=quiet):
        run_server(config, on_started=started)
    _say("The chat server has ended.")


def _how_to_connect(url: str, made: Mapping[str, str]) -> str:
    """Return what to type in another terminal.

    Args:
        url: where the server listens.
        made: the credentials that were made at random, by the names of their variables. What the
            user brought along is not repeated.
    """
    if sys.platform == "win32":
        lines = [f'    $env:{name} = "{value}"' for name, value in made.items()]
    else:
        lines = [f"    export {name}={shlex.quote(value)}" for name, value in made.items()]
    lines.append(f"    tui-chat --server-url {url}")
    brought = [name for name in (TOKEN_VARIABLE, KEY_VARIABLE) if name not in made]
    sentence = "To connect, type this in another terminal"
    if brought:
        sentence += f", with the {' and '.join(brought)} this server was started with"
    if made:
        sentence += ". What was made at random is shown only now"
    return f"{sentence}:\n\n" + "\n".join(lines) + "\n"


def _say(text: str) -> None:
    # stderr: this command has no output of its own.
    click.echo(text, err=True)
