"""``tui-chat``: the chat itself, and the way to the subcommands."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final

import click
from click.core import ParameterSource

from tui_chat import __version__
from tui_chat.app.settings import ChatSettings
from tui_chat.cli.credentials import ask_for_missing, take_credentials
from tui_chat.cli.exits import Exit, explain_bug, say
from tui_chat.cli.resources import Resources
from tui_chat.cli.storage import (
    RETENTION_VARIABLE,
    archive_opener,
    conversation_option,
    ephemeral_option,
    new_option,
)
from tui_chat.cli.terminal import forbid_core_dumps, require_terminal, run_chat
from tui_chat.cli.theme import look_options
from tui_chat.errors import ConfigurationError, TuiChatError

__all__ = ["cli", "run"]

# Imported when they are asked for: each brings what only it needs.
_COMMANDS: Final = {name: f"tui_chat.cli.{name}" for name in ("demo", "history", "queue", "serve")}

_SECRET_OPTIONS: Final = frozenset(
    {"--token", "--key", "--server-key", "--chat-server-key", "--auth-token", "--password"}
)
_ARGUMENTS_HINT: Final = (
    "Secrets are never arguments, because everybody on this machine can read those: set "
    "TUI_CHAT_TOKEN and TUI_CHAT_SERVER_KEY, or start without them to be asked."
)


class _Commands(click.Group):
    """Loads subcommands when they are used, and helps with names that are nearly right."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names for ``--help``."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command."""
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, _COMMANDS, n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"There is no command '{name}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Token and server key come from TUI_CHAT_TOKEN and TUI_CHAT_SERVER_KEY, or are asked for "
        "without being shown. They are never arguments.\n\n"
        "Conversations, drafts and what waits to be sent are kept on this machine, in the folder "
        f"that TUI_CHAT_DATA names or the usual one, for ever or for as many days as "
        f"{RETENTION_VARIABLE} says. What has not been sent is kept in any case."
    ),
)
@click.version_option(__version__, prog_name="tui-chat", message="%(prog)s %(version)s")
@click.option(
    "--server-url",
    metavar="URL",
    envvar="TUI_CHAT_SERVER_URL",
    show_envvar=True,
    help="The chat server, such as https://chat.example.com.",
)
@click.option("--user-id", metavar="ID", help="Your user id, for older servers.")
@click.option("--entity-id", metavar="ID", help="Whom you act for.")
@click.option(
    "--entity-type",
    type=click.Choice(["BRAND", "ACCOUNT", "USER"], case_sensitive=False),
    help="What --entity-id names.",
)
@click.option(
    "--allow-plaintext",
    is_flag=True,
    help="Send token and tickets unencrypted (http, ws) to another machine too.",
)
@new_option
@conversation_option
@ephemeral_option
@look_options
@click.pass_context
def cli(
    ctx: click.Context,
    /,
    *,
    server_url: str | None,
    user_id: str | None,
    entity_id: str | None,
    entity_type: str | None,
    allow_plaintext: bool,
    fresh: bool,
    conversation: str | None,
    ephemeral: bool,
    theme: str,
    plain: bool,
) -> int:
    """Chat in your terminal with a server that authenticates WebSockets by short-lived tickets.

    Without a server URL it shows how to go on; `tui-chat demo` needs no server at all.
    """
    forbid_core_dumps()
    if ctx.invoked_subcommand is not None:
        _refuse_misplaced_options(ctx)
        return Exit.OK  # the subcommand's own result counts
    credentials = take_credentials()
    open_archive = archive_opener(ephemeral=ephemeral, fresh=fresh, conversation=conversation)
    settings = None
    if server_url:
        _check_url(server_url)
        token, key = ask_for_missing(credentials)
        settings = ChatSettings(
            server_url, token, key, user_id, entity_id, entity_type, allow_plaintext=allow_plaintext
        )
    require_terminal()
    resources = Resources()

    def start_demo() -> ChatSettings:
        from tui_chat.cli.demo import start_demo_server  # noqa: PLC0415 - seldom needed

        return start_demo_server(resources)

    return run_chat(
        settings,
        theme=theme,
        plain=plain,
        start_demo=start_demo,
        resources=resources,
        open_archive=open_archive,
    )


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; every error is one line on stderr."""
    try:
        result: Any = cli.main(
            args=list(sys.argv[1:] if arguments is None else arguments),
            prog_name="tui-chat",
            standalone_mode=False,
        )
    except click.ClickException as error:
        say(_usage_sentence(error))
        return Exit.USAGE if isinstance(error, click.UsageError) else Exit.FAILURE
    except (click.Abort, KeyboardInterrupt):
        say("stopped.")
        return Exit.INTERRUPTED
    except ConfigurationError as error:
        say(str(error))
        return Exit.USAGE
    except TuiChatError as error:
        say(str(error))
        return Exit.FAILURE
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback for anybody
        explain_bug(error)
        return Exit.FAILURE
    return result if isinstance(result, int) else Exit.OK


def _check_url(url: str) -> None:
    from tui_chat.protocol.urls import ServerUrl  # noqa: PLC0415 - only with a URL

    ServerUrl.parse(url)


def _refuse_misplaced_options(ctx: click.Context) -> None:
    for option in ctx.command.params:
        name = option.name or ""
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{option.opts[0]} does not go with '{ctx.invoked_subcommand}' (or belongs after "
                "it).",
                ctx,
            )


def _usage_sentence(error: click.ClickException) -> str:
    sentence = error.format_message().rstrip()
    if isinstance(error, click.NoSuchOption) and error.option_name in _SECRET_OPTIONS:
        return f"No such option: {error.option_name}. {_ARGUMENTS_HINT}"
    if not sentence.endswith((".", "?", "!")):
        sentence += "."
    if not isinstance(error, click.UsageError):
        return sentence
    path = error.ctx.command_path if error.ctx is not None else "tui-chat"
    return f"{sentence} Try '{path} --help'."
