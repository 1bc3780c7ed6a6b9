"""``tui-chat queue``: the messages that wait to be sent, of all conversations."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import click

from tui_chat.app.wording import plural
from tui_chat.cli.credentials import ask_for_missing, take_credentials
from tui_chat.cli.exits import Exit, say
from tui_chat.cli.guard import ExitGuard
from tui_chat.cli.listing import print_json, print_text
from tui_chat.cli.numbers import Number
from tui_chat.cli.storage import confirmed, json_option, opened_store, yes_option
from tui_chat.cli.waiting import (
    Waiting,
    as_document,
    by_conversation,
    claimed,
    find,
    lines,
    read_waiting,
    refuse_open_elsewhere,
    short_ids,
)
from tui_chat.errors import ConversationBusy, NoSuchMessage, TuiChatError
from tui_chat.protocol.urls import ServerUrl

if TYPE_CHECKING:
    from tui_chat.delivery.delivery import Delivery

__all__ = ["queue"]

MAX_INPUT: Final = 64 * 1024 * 1024
"""Characters read from stdin; no message is as large as that."""
LAST_WORDS: Final = 3.0
"""Seconds that ending may take when everything is said."""


@click.group(invoke_without_command=True, short_help="List, edit, drop or send what waits.")
@json_option
@click.pass_context
def queue(ctx: click.Context, /, as_json: bool) -> int:
    """List the messages that wait to be sent, of all conversations; edit, drop or send them.

    A message is named by the beginning of its id, as the list shows it. Messages of a conversation
    that is open in a running tui-chat can be changed there only.
    """
    if ctx.invoked_subcommand is None:
        return _list(as_json=as_json)
    if as_json:
        raise click.UsageError(f"--json belongs after '{ctx.invoked_subcommand}'.", ctx)
    return Exit.OK  # the subcommand's own result counts


@queue.command("list")
@json_option
def list_waiting(as_json: bool) -> int:
    """List them, in the order they were typed in each conversation."""
    return _list(as_json=as_json)


def _list(*, as_json: bool) -> int:
    found = _read()
    if as_json:
        print_json(as_document(found))
    else:
        print_text("\n".join(lines(found)) if found else "Nothing waits.")
    return Exit.OK


@queue.command()
@click.argument("message", metavar="ID")
@json_option
def show(message: str, as_json: bool) -> int:
    """Show the whole text of a message."""
    found = _one(message)
    if as_json:
        print_json(as_document([found])[0])
    else:
        print_text(found.item.text)
    return Exit.OK


@queue.command()
@click.argument("message", metavar="ID")
@click.option("--text", metavar="TEXT", help="The new text, instead of opening an editor.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the new text from standard input.")
def edit(message: str, text: str | None, from_stdin: bool) -> int:
    """Change the text of a message that has not been sent yet.

    Opens the editor that VISUAL or EDITOR names.
    """
    take_credentials()  # no business of the editor's
    if text is not None and from_stdin:
        raise click.UsageError("--text and --stdin exclude each other.")
    waiting = _one(message)
    refuse_open_elsewhere(waiting.conversation)
    if from_stdin:
        text = _read_stdin()
    if text is None:
        return _edit_in_editor(waiting)
    return _change(waiting, text)


def _edit_in_editor(waiting: Waiting) -> int:
    from tui_chat.cli.editor import EditedFile, editor_command  # noqa: PLC0415 - only here

    command = editor_command()
    file = EditedFile(waiting.item.text)
    kept = False
    try:
        file.edit(command)
        return _change(waiting, file.text())
    except BaseException as error:
        kept = file.worth_keeping
        if kept and isinstance(error, TuiChatError):
            raise TuiChatError(f"{error} What you wrote is in {file.path}.") from error
        if kept:
            say(f"what you wrote is in {file.path}.")
        raise
    finally:
        if not kept:
            file.remove()


def _change(waiting: Waiting, text: str) -> int:
    if not text.strip() or text == waiting.item.text:
        say("nothing was changed." if text.strip() else "the text is empty: nothing was changed.")
        return Exit.OK

    async def change() -> None:
        async with opened_store() as store:
            now = find(await read_waiting(store), [waiting.item.id])[0]
            if now.item.text != waiting.item.text:
                raise NoSuchMessage("The message was changed meanwhile by somebody else.")
            async with claimed(store, now.conversation) as client:
                await client.delivery.edit(now.item.id, text)

    asyncio.run(change())
    say("changed.")
    return Exit.OK


@queue.command()
@click.argument("messages", metavar="ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them, of all conversations.")
@yes_option
def drop(messages: tuple[str, ...], everything: bool, yes: bool) -> int:
    """Take messages out of the queue for good. Their texts are printed."""
    chosen = _chosen(messages, everything=everything)
    if not chosen:
        print_text("Nothing waits.")
        return Exit.OK
    if not confirmed(f"Drop {plural(len(chosen), 'message')} for good?", yes=yes):
        say("nothing was dropped.")
        return Exit.FAILURE
    short = short_ids(chosen)

    async def give_up(delivery: Delivery, waiting: Waiting) -> None:
        # Before it is gone: whoever cannot be shown the text keeps it.
        print_text(f"{short[waiting.item.id]}:\n{waiting.item.text}\n")
        await delivery.drop(waiting.item.id)

    return _each(chosen, give_up, "dropped")


@queue.command()
@click.argument("messages", metavar="ID...", nargs=-1, required=True)
def resend(messages: tuple[str, ...]) -> int:
    """Put messages back into the queue that were refused, or may have arrived.

    One that may have arrived can arrive twice by that.
    """
    chosen = find(_read(), messages)

    async def put_back(delivery: Delivery, waiting: Waiting) -> None:
        await delivery.resend(waiting.item.id)

    return _each(chosen, put_back, "put back into the queue")


@queue.command()
@click.argument("messages", metavar="[ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that wait, for one server.")
@click.option(
    "--server-url",
    metavar="URL",
    envvar="TUI_CHAT_SERVER_URL",
    show_envvar=True,
    help="The server that the credentials are for.",
)
@click.option(
    "--allow-plaintext",
    is_flag=True,
    help="Send token and tickets unencrypted (http, ws) to another machine too.",
)
@click.option(
    "--timeout",
    "seconds",
    type=Number("seconds", least=1, most=86_400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a connection, and for what becomes of each message.",
)
def send(
    messages: tuple[str, ...],
    everything: bool,
    server_url: str | None,
    allow_plaintext: bool,
    seconds: float,
) -> int:
    """Send messages now, in their order, and wait until each has arrived.

    The credentials come from TUI_CHAT_TOKEN and TUI_CHAT_SERVER_KEY, or are asked for. The exit
    code is 0 only if all were delivered.
    """
    credentials = take_credentials()
    server = str(ServerUrl.parse(server_url)) if server_url else ""
    chosen = _of_one_server(_chosen(messages, everything=everything), server, everything=everything)
    if not chosen:
        print_text("Nothing waits.")
        return Exit.OK
    token, key = ask_for_missing(credentials)
    from tui_chat.cli.sending import Login, send_waiting  # noqa: PLC0415 - the network libraries

    login = Login(token, key, allow_plaintext)
    # Whoever looks up a host name in a thread cannot be interrupted, and Python waits for threads.
    guard = ExitGuard(lambda: None)

    async def work() -> int:
        code: int = Exit.INTERRUPTED
        try:
            code = await send_waiting(chosen, login, seconds=seconds)
        except TuiChatError as error:
            say(str(error))
            code = Exit.FAILURE
        finally:
            guard.arm(code, LAST_WORDS)
        return code

    try:
        return asyncio.run(work())
    finally:
        guard.disarm()


# -- inside ---------------------------------------------------------------------------------------


def _read() -> list[Waiting]:
    async def read() -> list[Waiting]:
        async with opened_store() as store:
            return await read_waiting(store)

    return asyncio.run(read())


def _one(message: str) -> Waiting:
    return find(_read(), [message])[0]


def _chosen(messages: Sequence[str], *, everything: bool) -> list[Waiting]:
    """Return what the arguments name.

    Raises:
        click.UsageError: if they name nothing, or everything and something.
        NoSuchMessage: if there is no such message.
    """
    if everything == bool(messages):
        raise click.UsageError("Give the ids of messages, or --all.")
    found = _read()
    return found if everything else find(found, messages)


def _of_one_server(found: list[Waiting], server: str, *, everything: bool) -> list[Waiting]:
    """Return what the credentials may be used for: they belong to one server.

    Raises:
        click.UsageError: if it is not clear which, or a message is for another one.
    """
    servers = list(dict.fromkeys(waiting.conversation.scope.server for waiting in found))
    if server and everything:
        return [waiting for waiting in found if waiting.conversation.scope.server == server]
    others = [each for each in servers if each != server]
    if server and others:
        raise click.UsageError(
            f"The credentials are for {server}, and a message is for {others[0]}. Give that with "
            "--server-url, and the credentials for it."
        )
    if len(servers) > 1:
        raise click.UsageError(
            f"The messages are for {len(servers)} servers ({', '.join(servers[:5])}), and the "
            "credentials for one: say with --server-url for which."
        )
    return found


def _each(
    chosen: Sequence[Waiting],
    action: Callable[[Delivery, Waiting], Awaitable[None]],
    done: str,
) -> int:
    """Do something with each message; where that is not possible it is said, and the next comes."""
    short = short_ids(chosen)

    async def work() -> int:
        count = 0
        async with opened_store() as store:
            for conversation, group in by_conversation(chosen):
                try:
                    async with claimed(store, conversation) as client:
                        for waiting in group:
                            try:
                                await action(client.delivery, waiting)
                                count += 1
                            except TuiChatError as error:
                                say(f"{short[waiting.item.id]}: {error}")
                except ConversationBusy as error:
                    say(f"{plural(len(group), 'message')} left alone: {error}")
        return count

    count = asyncio.run(work())
    if count:
        say(f"{plural(count, 'message')} {done}.")
    return Exit.OK if count == len(chosen) else Exit.FAILURE


def _read_stdin() -> str:
    """Return what standard input holds.

    Raises:
        click.UsageError: if it is too much, or not text.
    """
    try:
        text = sys.stdin.read(MAX_INPUT + 1)
    except UnicodeDecodeError as error:
        raise click.UsageError("Standard input is not text in the terminal's encoding.") from error
    if len(text) > MAX_INPUT:
        raise click.UsageError("Standard input holds more than any message may.")
    return text.removesuffix("\n")
