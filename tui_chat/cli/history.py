"""``tui-chat history``: the conversations that are kept on this machine."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import click

from tui_chat.app.wording import age, open_in, plural
from tui_chat.cli.exits import Exit, say
from tui_chat.cli.listing import cut, print_json, print_text, timestamp, width
from tui_chat.cli.numbers import Number
from tui_chat.cli.storage import (
    DAY,
    RETENTION_VARIABLE,
    confirmed,
    json_option,
    opened_store,
    yes_option,
)

if TYPE_CHECKING:
    from tui_chat.storage import ConversationSummary, PurgeReport

__all__ = ["history"]

SHORT: Final = 8
"""Characters of an id that are shown; as many as tell any two apart that a person will have."""


@click.group(
    short_help="List or remove what is kept.",
    epilog=(
        f"Conversations are kept for ever unless {RETENTION_VARIABLE} says for how many days; the "
        "chat removes older ones when it starts. What has not been sent is never removed by that."
    ),
)
def history() -> None:
    """List the conversations that are kept on this machine, or remove them."""


@history.command("list")
@json_option
def list_conversations(as_json: bool) -> int:
    """List them, the latest first. `tui-chat --conversation ID` opens one."""
    found = sorted(_read(), key=lambda each: each.touched, reverse=True)
    if as_json:
        print_json([_as_document(each) for each in found])
    else:
        print_text("\n".join(_lines(found)) if found else "Nothing is kept.")
    return Exit.OK


@history.command()
@click.option(
    "--older-than",
    "days",
    type=Number("days", least=0, most=1_000_000),
    metavar="DAYS",
    help="Those that nothing was added to for so many days.",
)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option(
    "--unsent", is_flag=True, help="Remove messages too that have not been sent, and drafts."
)
@yes_option
def purge(days: float | None, everything: bool, unsent: bool, yes: bool) -> int:
    """Remove conversations for good.

    Conversations with messages that have not been sent, or with a draft, survive, unless --unsent
    is given. Those that are open in a running tui-chat are left alone. What the prompt remembers of
    that time for recalling it with the Up key goes as well.
    """
    if everything == (days is not None):
        raise click.UsageError("Give --older-than DAYS, or --all.")
    before = time.time() - (days or 0) * DAY
    found = [each for each in _read() if everything or each.updated <= before]
    loses = " with their unsent messages and drafts" if unsent else ""
    what = (
        f"{plural(len(found), 'conversation')}{loses}, and what the prompt remembers of that time,"
    )
    if not confirmed(f"Remove {what} for good?", yes=yes):
        say("nothing was removed.")
        return Exit.FAILURE

    async def remove() -> PurgeReport:
        async with opened_store() as store:
            return await store.purge(
                older_than=None if days is None else days * DAY,
                everything=everything,
                unsent=unsent,
            )

    report = asyncio.run(remove())
    _tell(report, [each for each in found if each.open_in is not None])
    return Exit.OK


# -- inside ---------------------------------------------------------------------------------------


def _read() -> list[ConversationSummary]:
    async def read() -> list[ConversationSummary]:
        async with opened_store() as store:
            return await store.conversations()

    return asyncio.run(read())


def _lines(found: list[ConversationSummary]) -> list[str]:
    """Return the list as people read it: server and title, and below them the numbers."""
    now, columns = time.time(), width()
    shown: list[str] = []
    for each in found:
        shown.append(cut(each.scope.server, columns))
        if each.title:
            shown.append("  " + cut(each.title, columns - 2))
        used = age(now - each.updated)
        facts = ["just now" if used == "now" else f"{used} ago", plural(each.messages, "message")]
        if each.draft:
            facts.append("a draft")
        if unsent := sum(each.unsent.values()):
            facts.append(f"{unsent:,} unsent")
        if each.open_in is not None:
            facts.append(open_in(each.open_in))
        shown.append(f"  {each.id[:SHORT]}  " + ", ".join(facts))
    return shown


def _as_document(each: ConversationSummary) -> dict[str, Any]:
    return {
        "id": each.id,
        "server": each.scope.server,
        "entityId": each.scope.entity_id,
        "entityType": each.scope.entity_type,
        "userId": each.scope.user_id,
        "title": each.title,
        "created": timestamp(each.created),
        "updated": timestamp(each.updated),
        "messages": each.messages,
        "unsent": {state.value: count for state, count in each.unsent.items()},
        "draft": each.draft,
        "openIn": each.open_in,
    }


def _tell(report: PurgeReport, open_elsewhere: list[ConversationSummary]) -> None:
    """Print what was removed, and say what was not."""
    unsent = f", {report.items:,} of them unsent" if report.items else ""
    print_text(
        f"Removed {plural(report.conversations, 'conversation')} with "
        f"{plural(report.messages, 'message')}{unsent}, and "
        f"{plural(report.prompts, 'remembered prompt')}."
    )
    if report.kept_unsent:
        say(
            f"{plural(report.kept_unsent, 'conversation')} kept because of unsent messages or a "
            "draft; `tui-chat history list` shows which, and --unsent removes them too."
        )
    for each in open_elsewhere:
        say(f"left alone: {each.title or each.scope.server}, {open_in(each.open_in)}.")
    if not report.erased:
        say("the file may hold traces of it until the other running tui-chat has ended.")
    for path in report.left:
        say(f"a damaged database that was set aside may hold old text: {path}")
