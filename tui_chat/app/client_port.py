"""The part of the client that the application uses, so that tests can stand in for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tui_chat.secret import Secret

if TYPE_CHECKING:
    from tui_chat.connection.status import ConnectionStatus
    from tui_chat.conversation.model import Message
    from tui_chat.debug_info import ClientDebugInfo
    from tui_chat.delivery.item import OutboxItem
    from tui_chat.delivery.record import ConversationRecord
    from tui_chat.events import ChatEvent

__all__ = ["ChatClient", "ClientFactory", "Outbox", "default_client"]


class Outbox(Protocol):
    """See :class:`tui_chat.delivery.delivery.Delivery` for what each of these promises."""

    @property
    def unsent(self) -> int:
        """Messages of which it is not certain that they arrived."""
        ...

    def items(self) -> tuple[OutboxItem, ...]:
        """Return what is not certain to have arrived, and what failed."""
        ...

    async def edit(self, item_id: str, text: str) -> None:
        """Change what was not written yet."""
        ...

    async def drop(self, item_id: str) -> None:
        """Take it out of the queue, or give it up."""
        ...

    async def resend(self, item_id: str) -> None:
        """Send it once more."""
        ...

    async def send_now(self, item_id: str) -> None:
        """Send it before all others."""
        ...

    async def release(self, item_ids: Iterable[str] | None = None) -> None:
        """Send what an earlier run of the program left over."""
        ...


class ChatClient(Protocol):
    """See :class:`tui_chat.chat_client.WebSocketChatClient` for what each of these promises."""

    def start(
        self,
        *,
        chat_server_url: str,
        user_mp_auth_token: str | Secret,
        chat_server_key: str | Secret,
        user_id: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        tools: Sequence[Any] = (),
        context_helpers: Any = None,
        allow_plaintext: bool = False,
    ) -> None:
        """Connect and keep trying."""
        ...

    @property
    def delivery(self) -> Outbox:
        """The outbox."""
        ...

    async def on_trigger_message(self, message: str) -> Any:
        """Return when the message is safely accepted."""
        ...

    async def stop_run(self) -> Any:
        """Stop the reply."""
        ...

    def reconnect_now(self) -> bool:
        """Connect at once; False if not started."""
        ...

    async def disconnect(self) -> None:
        """End for good."""
        ...

    def get_connection_status(self) -> ConnectionStatus:
        """Return the state."""
        ...

    def get_debug_info(self) -> ClientDebugInfo:
        """Return a snapshot without secrets."""
        ...

    def keep_frames(self, *, on: bool) -> None:
        """Keep what frames hold for the debug info, masked, or forget it."""
        ...

    def events(self) -> AsyncIterator[ChatEvent]:
        """Return what happens from this call on."""
        ...

    def snapshot(self) -> tuple[Message, ...]:
        """Return copies of all messages."""
        ...


ClientFactory = Callable[["ConversationRecord"], ChatClient]


def default_client(record: ConversationRecord) -> ChatClient:
    """Make the real client. Called in the client's thread: its imports are the slow ones."""
    from tui_chat.chat_client import WebSocketChatClient  # noqa: PLC0415 - see above

    return WebSocketChatClient(record=record)
