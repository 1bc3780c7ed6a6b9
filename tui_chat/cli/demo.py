"""``tui-chat demo``: a server of its own, and a chat with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import click

from tui_chat.app.settings import ChatSettings
from tui_chat.cli.credentials import take_credentials
from tui_chat.cli.numbers import Number
from tui_chat.cli.resources import Resources
from tui_chat.cli.storage import archive_opener
from tui_chat.cli.terminal import require_terminal, run_chat
from tui_chat.cli.theme import look_options

__all__ = ["demo", "start_demo_server"]

DEFAULT_TTL = 120.0


def start_demo_server(
    resources: Resources, *, port: int = 0, ticket_ttl: float = DEFAULT_TTL
) -> ChatSettings:
    """Start the server as a child process and return how to reach it.

    Args:
        resources: the child ends when this is closed.
        port: 0 takes a free one.
        ticket_ttl: lifetime of its tickets in seconds.

    Raises:
        TuiChatError: if the server does not start.
    """
    from tui_chat.server.child import DemoServer  # noqa: PLC0415 - seldom needed

    server = DemoServer(port=port, ticket_ttl=ticket_ttl)
    resources.callback(server.close)
    resources.last_resort(server.kill)
    server.start()
    return ChatSettings(server.url, server.token, server.key, demo=True)


@click.command(short_help="Start a server on this machine and chat with it.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="a free one",
    help="Port of the demo server.",
)
@click.option(
    "--ticket-ttl",
    type=Number("seconds", least=1, most=86_400),
    default=DEFAULT_TTL,
    show_default=True,
    metavar="SECONDS",
    help="How long each ticket lasts. Short ones show the renewal at work.",
)
@look_options
def demo(port: int, ticket_ttl: float, theme: str, plain: bool) -> int:
    """Start a chat server on this machine and chat with it.

    Needs no configuration. The server listens on this machine only, uses random credentials made
    for this run, and ends with the chat. Its built-in agent works offline; ask it for help.
    Nothing of it is kept: the server forgets everything at the end, and so does the chat.
    """
    take_credentials()  # not needed here, and no business of the child's
    require_terminal()
    resources = Resources()
    with resources:

        def start() -> ChatSettings:
            return start_demo_server(resources, port=port, ticket_ttl=ticket_ttl)

        # Textual is imported while the server starts; either takes half a second.
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(start)
            import_module("tui_chat.app.screens.chat")
            settings = starting.result()
        return run_chat(
            settings,
            theme=theme,
            plain=plain,
            start_demo=start,
            resources=resources,
            open_archive=archive_opener(ephemeral=True),
        )
