"""Applications with a real store, and clients behind them that stand in for the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from textual.pilot import Pilot

from tests.app_support import KEY, NOW, SERVER, TOKEN, FakeClient, FakeClock, wait_until
from tui_chat.app.app import ChatApp
from tui_chat.app.settings import ChatSettings
from tui_chat.cli.storage import archive_opener
from tui_chat.conversation.model import DeliveryState, Message, MessageKind
from tui_chat.delivery.record import ConversationRecord
from tui_chat.secret import Secret
from tui_chat.storage import Scope, Store

__all__ = ["SETTINGS", "Kept", "keep", "said_by"]

SETTINGS = ChatSettings(SERVER, Secret(TOKEN), Secret(KEY))


def said_by(kind: MessageKind, number: int, text: str, at: float = NOW) -> Message:
    """Return a message of some time ago."""
    delivery = DeliveryState.PERSISTED if kind is MessageKind.USER else None
    return Message(number, kind, at, [text], finished=at, delivery=delivery)


async def keep(*conversations: Sequence[Message], draft: str = "", now: float = NOW) -> list[str]:
    """Keep conversations with the server, the latest last; return their ids.

    Args:
        conversations: what was said in each.
        draft: what stood in the prompt of the first.
        now: the wall clock then.
    """
    clock = FakeClock()
    clock.now = now - NOW
    store = await Store.open(clock=clock)
    ids: list[str] = []
    for messages in conversations:
        conversation = await store.resume(Scope(SERVER), fresh=True)
        conversation.record_messages(messages)
        if draft and not ids:
            conversation.record_draft(draft)
        await conversation.release()
        ids.append(conversation.id)
    await store.aclose()
    return ids


class Kept:
    """An application that keeps its conversations.

    Attributes:
        app: the application.
        clients: every client that it has made.
        records: what each of them was given.
    """

    def __init__(self, *, ephemeral: bool = False, **options: Any) -> None:
        self.clients: list[FakeClient] = []
        self.records: list[ConversationRecord] = []
        options.setdefault("versions", "tui-chat 0.0.0")
        self.app = ChatApp(
            SETTINGS,
            client_factory=self._client,
            clock=FakeClock(),
            zone=UTC,
            open_archive=archive_opener(ephemeral=ephemeral),
            **options,
        )

    def _client(self, record: ConversationRecord) -> FakeClient:
        client = FakeClient(messages=tuple(record.messages))
        self.clients.append(client)
        self.records.append(record)
        return client

    @property
    def conversation(self) -> str:
        """The id of the conversation that is open."""
        return str(getattr(self.records[-1], "id", ""))

    async def begun(self, pilot: Pilot[Any], count: int = 1) -> None:
        """Wait until so many clients have been started, and the last one is on the screen."""
        await wait_until(
            pilot,
            lambda: len(self.clients) == count and self.clients[-1].started is not None,
            what=f"{count} clients",
        )
        await wait_until(
            pilot, lambda: self.app.chat is not None and self.app.chat.transcript is not None
        )
