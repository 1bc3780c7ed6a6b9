"""What a client hears about a message beside its run: that the run has ended, or that none is."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from tui_chat.protocol.client_frames import ChatMessage, JsonObject
from tui_chat.protocol.server_frames import (
    ChatError,
    ChatFinished,
    ErrorDetails,
    ErrorFrame,
    FinishedData,
    MessagesPersisted,
    PersistedData,
)
from tui_chat.server.agent import Failure
from tui_chat.server.journal import JournalFailed
from tui_chat.server.receipts import Receipt
from tui_chat.server.state import Audience, ServerState

__all__ = [
    "MAX_MESSAGE_ID",
    "Acknowledgement",
    "acknowledge",
    "message_id_in",
    "named",
    "refuse",
    "run_failed",
]

MAX_MESSAGE_ID: Final = 200
"""Characters of a ``clientMessageId``."""


class Acknowledgement:
    """Stands in the queue behind a run that a client asked about again, and tells how it ended."""

    weight = 0

    def __init__(self, state: ServerState, audience: Audience, receipt: Receipt) -> None:
        self._state = state
        self._audience = audience
        self._receipt = receipt

    def is_for(self, audience: Audience, receipt: Receipt) -> bool:
        """Say whether it tells the same to the same."""
        return self._audience is audience and self._receipt is receipt

    def is_of(self, receipt: Receipt) -> bool:  # noqa: ARG002 - it answers nothing
        """Say whether it answers that message."""
        return False

    def stop(self) -> None:
        """There is nothing to stop."""

    async def complete(self) -> None:
        """Say that the run has ended and that everything is stored."""
        await acknowledge(self._state, self._audience, self._receipt)


async def acknowledge(state: ServerState, audience: Audience, receipt: Receipt) -> None:
    """Say that a run has ended and that question and answer are stored, once they are."""
    try:
        await state.journal.commit()
    except JournalFailed as error:
        await audience.send(run_failed(Failure(error.code, str(error)), receipt.message_id))
        return
    await audience.send(
        ChatFinished(
            uuid=receipt.provider_res_id,
            data=FinishedData(conversationId=receipt.thread_id, clientMessageId=receipt.message_id),
        )
    )
    await audience.send(
        MessagesPersisted(
            PersistedData(receipt.thread_id, receipt.provider_res_id, receipt.message_id)
        )
    )


async def refuse(audience: Audience, message: ChatMessage, code: str, sentence: str) -> None:
    """Say that a message is not taken in."""
    details = named(message.clientMessageId)
    await audience.send(ErrorFrame(sentence, ErrorDetails(code, details)))


def run_failed(failure: Failure, message_id: str | UnsetType) -> ChatError:
    """Return the frame that ends a run which came to nothing."""
    return ChatError(failure.message, ErrorDetails(failure.code, named(message_id)))


def named(message_id: str | UnsetType) -> JsonObject | UnsetType:
    """Return the details of an error that say which message it is about, if it has an id."""
    return UNSET if message_id is UNSET else {"clientMessageId": message_id[:MAX_MESSAGE_ID]}


class _Named(msgspec.Struct):
    type: str
    clientMessageId: str | UnsetType = UNSET  # noqa: N815 - the wire's name


def message_id_in(payload: str | bytes) -> str | UnsetType:
    """Return the id of the chat message in a frame that is refused unread, if it has one.

    The rest of the frame is skipped, whatever it holds.
    """
    try:
        frame = msgspec.json.decode(payload, type=_Named)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return UNSET
    return frame.clientMessageId if frame.type == "chat_message" else UNSET
