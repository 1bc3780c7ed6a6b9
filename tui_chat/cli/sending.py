"""Sends waiting messages without a screen, and tells what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_chat.app.wording import plural
from tui_chat.cli.exits import Exit, say
from tui_chat.cli.listing import print_text
from tui_chat.cli.storage import opened_store
from tui_chat.cli.waiting import Waiting, by_conversation, claimed, short_ids
from tui_chat.connection.status import ConnectionState
from tui_chat.conversation.model import DeliveryState
from tui_chat.errors import ConversationBusy, NoSuchMessage, RequestTimeout
from tui_chat.events import ChatEvent, ConnectionChanged, DeliveryTrouble
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.chat_client import WebSocketChatClient
    from tui_chat.delivery.delivery import Delivery
    from tui_chat.secret import Secret

__all__ = ["Login", "send_waiting"]


@dataclass(frozen=True, slots=True)
class Login:
    """What connecting takes besides what the conversation says.

    Attributes:
        token: the user's token.
        key: the server key.
        allow_plaintext: whether these may go unencrypted to another machine.
    """

    token: Secret
    key: Secret
    allow_plaintext: bool = False


async def send_waiting(chosen: Sequence[Waiting], login: Login, *, seconds: float) -> int:
    """Send messages, conversation by conversation, and print what becomes of each.

    Args:
        chosen: which; all of them for the server that the credentials are for.
        login: the credentials.
        seconds: how long to wait for a connection, and for what becomes of each message.

    Returns:
        The exit code: 0 only if all were delivered.

    Raises:
        TuiChatError: why there is no connection. What was not sent is in the queue still.
    """
    report = _Report(chosen)
    try:
        async with opened_store() as store:
            for conversation, group in by_conversation(chosen):
                try:
                    async with claimed(store, conversation) as client:
                        await _converse(client, group, login, seconds, report)
                except ConversationBusy as error:
                    for waiting in group:
                        report.tell(waiting, f"left alone: {error}")
    finally:
        report.close()
    return Exit.OK if report.delivered == len(chosen) else Exit.FAILURE


class _Report:
    """Prints a line for each message on stdout, and in the end on stderr what is left.

    Args:
        chosen: the messages.
    """

    def __init__(self, chosen: Sequence[Waiting]) -> None:
        self._count = len(chosen)
        self._short = short_ids(chosen)
        self.delivered = 0

    def tell(self, waiting: Waiting, words: str, *, delivered: bool = False) -> None:
        self.delivered += delivered
        print_text(f"{self._short[waiting.item.id]}  {one_line(words, 300)}")

    def close(self) -> None:
        """Say how many are left; also when it was interrupted, or there is no connection."""
        if left := self._count - self.delivered:
            say(
                f"{plural(left, 'message')} not delivered, and in the queue still; "
                "`tui-chat queue` lists what is there."
            )


async def _converse(
    client: WebSocketChatClient,
    group: Sequence[Waiting],
    login: Login,
    seconds: float,
    report: _Report,
) -> None:
    """Send the messages of one conversation."""
    sendable = []
    for waiting in group:
        if refusal := _unsendable(waiting):
            report.tell(waiting, refusal)
        else:
            sendable.append(waiting)
    if not sendable:
        return
    events = client.events()
    await _connect(client, sendable[0], login, seconds)
    broken = asyncio.create_task(_broken(events), name="tui-chat queue send")
    try:
        await _send(client.delivery, sendable, broken, seconds, report)
    finally:
        broken.cancel()
        await asyncio.wait({broken})


async def _connect(
    client: WebSocketChatClient, waiting: Waiting, login: Login, seconds: float
) -> None:
    scope = waiting.conversation.scope
    try:
        async with asyncio.timeout(seconds):
            await client.on_init(
                chat_server_url=scope.server,
                user_mp_auth_token=login.token,
                chat_server_key=login.key,
                user_id=scope.user_id,
                entity_id=scope.entity_id,
                entity_type=scope.entity_type,
                allow_plaintext=login.allow_plaintext,
            )
    except TimeoutError as error:
        raise RequestTimeout(
            f"There is no connection to {scope.server} after {seconds:g} s."
        ) from error


async def _broken(events: AsyncIterator[ChatEvent]) -> str:
    """Return why nothing more can be sent, as soon as that is so."""
    async for event in events:
        match event:
            case ConnectionChanged(status) if status.state is ConnectionState.FAILED:
                return "" if status.cause is None else str(status.cause)
            case DeliveryTrouble(text):
                return text
            case _:
                pass
    return ""


async def _send(
    delivery: Delivery,
    group: Sequence[Waiting],
    broken: asyncio.Task[str],
    seconds: float,
    report: _Report,
) -> None:
    await delivery.release([w.item.id for w in group if w.item.state is DeliveryState.QUEUED])
    hopeless = ""
    for waiting in group:
        if not hopeless:
            await _settled(delivery, waiting.item.id, broken, seconds)
        state, note = _standing(delivery, waiting.item.id)
        if state is DeliveryState.RECEIVED:
            report.tell(waiting, "delivered", delivered=True)
        elif state is DeliveryState.QUEUED:
            hopeless = hopeless or (
                (broken.result() or "the connection has ended")
                if broken.done()
                else f"nothing came of it in {seconds:g} s"
            )
            report.tell(waiting, f"waiting still: {hopeless}")
        else:
            report.tell(waiting, _in_words(state, note))


async def _settled(
    delivery: Delivery, item_id: str, broken: asyncio.Task[str], seconds: float
) -> None:
    """Return when the run that answers a message has ended, or nothing more will come."""
    answered = asyncio.create_task(delivery.answered(item_id), name="tui-chat queue answer")
    try:
        await asyncio.wait({answered, broken}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        answered.cancel()
        with suppress(asyncio.CancelledError, NoSuchMessage):
            await answered


def _standing(delivery: Delivery, item_id: str) -> tuple[DeliveryState, str]:
    """Return a message's state; what is not listed any more has arrived."""
    for item in delivery.items():
        if item.id == item_id:
            return item.state, item.note
    return DeliveryState.RECEIVED, ""


def _in_words(state: DeliveryState, note: str) -> str:
    match state:
        case DeliveryState.FAILED:
            return f"refused: {note}" if note else "refused"
        case DeliveryState.WRITTEN | DeliveryState.UNKNOWN:
            return "may have arrived; `tui-chat queue resend` sends it once more"
        case _:
            return state.value


def _unsendable(waiting: Waiting) -> str:
    """Return why a message cannot be sent from here, nothing if it can."""
    if waiting.item.state is DeliveryState.FAILED:
        return "was refused; `tui-chat queue resend` puts it back into the queue"
    if waiting.item.mcp_headers:
        return "needs secrets that only the program has that queued it"
    return ""
