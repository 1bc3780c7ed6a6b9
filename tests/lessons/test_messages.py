"""Lessons 13 and 17: nothing is silent, and nothing is handed over twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from tests.integration.client_support import SESSION, Script, Tickets, texts
from tests.integration.test_connection_time import Line, state, until
from tests.lessons.support import Events, Talker, delta, options
from tests.virtual import VirtualClock, virtual
from tui_chat import (
    ConnectionClosed,
    TuiChatError,
    WebSocketChatClient,
)
from tui_chat.connection.status import ConnectionState
from tui_chat.conversation.model import MessageAdded, MessageFinished, MessageState, TextAppended
from tui_chat.events import ConnectionChanged, ConversationChanged


def changes(events: Events) -> Iterator[Any]:
    """Every change of the conversation that a reader was told of."""
    for event in events:
        if isinstance(event, ConversationChanged):
            yield from event.changes


def losses(events: Events) -> list[ConnectionClosed]:
    """Why the connection was not ready, each time it was told."""
    return [
        event.status.cause
        for event in events
        if isinstance(event, ConnectionChanged)
        and not event.status.connected
        and isinstance(event.status.cause, ConnectionClosed)
    ]


# -- 13: silence -----------------------------------------------------------------------------------


@virtual
async def test_lesson_13_a_half_open_connection_is_noticed_and_its_message_marked(
    clock: VirtualClock,
) -> None:
    """Three messages were "sent", none arrived, and it was still "open" after nine seconds.

    Red when `Socket.watch` in `tui_chat/connection/socket.py` returns at once; for the mark, when
    `Dialogue.session_lost` in `tui_chat/dialogue.py` does not call `self.delivery.session_over()`.
    """
    talker = Talker()
    line = Line(clock, talker)
    async with line.running():
        await line.client.on_init(**options())
        await asyncio.sleep(100)
        line.script.connections[0].protocol.receive_data = lambda data: None  # type: ignore[method-assign]
        since = clock.boot()
        for text in ("one", "two", "three"):
            await line.client.on_trigger_message(text)
        await until(lambda: state(line.client) is not ConnectionState.READY, seconds=60)
        assert clock.boot() - since <= 25.1
        # What may or may not have arrived says so; what was not sent waits.
        assert texts(line.client) == [("user", "one", "interrupted")]
        waiting = [(item.text, item.state.value) for item in line.client.delivery.items()]
        assert waiting == [("one", "unknown"), ("two", "queued"), ("three", "queued")]
        await until(lambda: state(line.client) is ConnectionState.READY, seconds=5)
        await until(lambda: talker.all("chat_message"), seconds=1)
        assert [frame["content"] for frame in talker.all("chat_message")] == ["two"]
        await line.client.disconnect()


@pytest.mark.parametrize("how", ["close", "abort"])
@virtual
async def test_lesson_13_a_reply_that_is_cut_off_says_so(clock: VirtualClock, how: str) -> None:
    """There was no sign, ever.

    Red when `Dialogue.session_lost` in `tui_chat/dialogue.py` does not call `self._interrupt()`.
    """
    line = Line(clock, Talker())
    events = Events(line.client)
    async with line.running():
        await line.client.on_init(**options())
        await line.client.on_trigger_message("tell me")
        connection = line.script.connections[0]
        await connection.send(delta("Once upon a"))
        await until(lambda: len(line.client.snapshot()) == 2, seconds=1)
        if how == "close":
            await connection.close(1000)
        else:
            connection.transport.abort()
        await until(lambda: not line.client.running, seconds=1)
        assert texts(line.client) == [
            ("user", "tell me", "complete"),
            ("assistant", "Once upon a", "interrupted"),
        ]
        await line.client.disconnect()
    await events.done()
    reply = line.client.snapshot()[1].id
    told = [
        c.state for c in changes(events) if isinstance(c, MessageFinished) if c.message_id == reply
    ]
    assert told == [MessageState.INTERRUPTED]


@virtual
async def test_lesson_13_a_message_typed_while_disconnected_waits_and_connects_at_once(
    clock: VirtualClock,
) -> None:
    """It was an exception, or nothing.

    Red when `WebSocketChatClient.on_trigger_message` in `tui_chat/chat_client.py` does not look at
    `connection.ready`: nobody begins to connect, and the user's wish to talk changes nothing; and
    when `Courier.session_ready` in `tui_chat/delivery/courier.py` does not wake the courier.
    """
    talker = Talker()
    line = Line(clock, talker)
    line.client.start(**options())  # and nobody listens
    await asyncio.sleep(600)
    assert state(line.client) is ConnectionState.BACKOFF
    async with line.running():
        await line.client.on_trigger_message("hello?")
        assert line.client.snapshot() == ()
        assert [item.text for item in line.client.delivery.items()] == ["hello?"]
        # It is a reason to connect at once, not when the wait of up to 30 s is over.
        await until(lambda: state(line.client) is ConnectionState.READY, seconds=1)
        await until(lambda: talker.all("chat_message"), seconds=1)
        assert [frame["content"] for frame in talker.all("chat_message")] == ["hello?"]
        await line.client.disconnect()


@pytest.mark.parametrize("moment", ["empty", "closed"])
@virtual
async def test_lesson_13_whatever_is_not_accepted_is_refused_by_name(
    clock: VirtualClock, moment: str
) -> None:
    """Accepted or refused; there is no third way.

    Red when `WebSocketChatClient.on_trigger_message` in `tui_chat/chat_client.py` returns where it
    raises: for an empty message; and when `WebSocketChatClient._started` there lets a call pass on
    a client that is not.
    """
    expected = {"empty": "EMPTY", "closed": "CLIENT_CLOSED"}[moment]
    talker = Talker()
    line = Line(clock, talker)
    async with line.running():
        if moment != "closed":
            await line.client.on_init(**options())
        with pytest.raises(TuiChatError) as caught:
            await line.client.on_trigger_message(" \n" if moment == "empty" else "refused")
        assert caught.value.code == expected
        await asyncio.sleep(60)
        assert talker.all("chat_message") == []
        assert "refused" not in [text for _, text, _ in texts(line.client)]
        await line.client.disconnect()


@virtual
async def test_lesson_13_a_normal_close_by_the_server_is_an_event(clock: VirtualClock) -> None:
    """There was none.

    Red when `Dialogue.status_changed` in `tui_chat/dialogue.py` does not publish a status whose
    cause is a close with code 1000.
    """
    line = Line(clock)
    async with line.running():
        await line.client.on_init(**options())
        events = Events(line.client)
        await line.script.connections[0].close(1000, "bye")
        await until(lambda: state(line.client) is ConnectionState.READY and losses(events))
        told = losses(events)[0]
        assert (told.close_code, told.reason, told.initiator) == (1000, "bye", "server")
        await line.client.disconnect()
        await events.done()


# -- 17: quadratic reasoning -----------------------------------------------------------------------

DELTAS = 20_000
PIECE = "six ch"


def characters(change: Any) -> int:
    """How many characters of text a change hands over."""
    match change:
        case MessageAdded(message):
            return sum(len(chunk) for chunk in message.chunks)
        case TextAppended(_, text):
            return len(text)
        case _:
            return 0


@pytest.mark.parametrize("kind", ["text", "reasoning"])
async def test_lesson_17_twenty_thousand_deltas_hand_over_what_arrived(kind: str) -> None:
    """Every delta handed over the whole text so far: 1.2 GB of characters.

    Red when `Dialogue.apply` in `tui_chat/dialogue.py` publishes, for each piece of text, the
    message as it is: `MessageAdded(self.conversation[change.message_id].copy())`.
    """
    frame = (
        delta(PIECE)
        if kind == "text"
        else '{"type":"chat_event","event":"provider-event",'
        f'"data":{{"type":"reasoning-delta","id":"r","text":"{PIECE}"}}}}'
    )

    async def pour(connection: ServerConnection) -> None:
        await connection.send(SESSION)
        for _ in range(DELTAS):
            await connection.send(frame)
        await connection.send('{"type":"chat_finished","uuid":"u"}')
        await connection.wait_closed()

    arrived = DELTAS * len(PIECE)
    handed_over = 0
    async with Script(pour).running() as script:
        client = WebSocketChatClient(source=Tickets())
        events = client.events()
        client.start(**options(script.url))
        try:
            async with asyncio.timeout(30):
                async for event in events:
                    if isinstance(event, ConversationChanged):
                        handed_over += sum(map(characters, event.changes))
                        if any(isinstance(change, MessageFinished) for change in event.changes):
                            break
                    assert handed_over <= arrived
            assert handed_over == arrived
            assert [message.text for message in client.snapshot()] == [PIECE * DELTAS]
        finally:
            await client.disconnect()
