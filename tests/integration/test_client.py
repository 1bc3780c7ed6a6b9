"""The client against the embedded server, over real sockets."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.client_support import Script, Tickets, establish, texts, until
from tests.serving import RunningServer, running_server
from tui_chat import (
    ClientClosed,
    ClientTool,
    ConfigurationError,
    ConnectionClosed,
    CredentialsRejected,
    MessageRefused,
    NetworkError,
    RequestRejected,
    Secret,
    ServerError,
    TicketManagerConfig,
    TicketRejected,
    TuiChatError,
    WebSocketChatClient,
)
from tui_chat import dialogue as dialogue_module
from tui_chat.connection import attempt as attempt_module
from tui_chat.connection.socket import Socket
from tui_chat.connection.status import ConnectionState, WebSocketState
from tui_chat.conversation.conversation import Conversation
from tui_chat.events import (
    ChatEvent,
    ConnectionChanged,
    ConversationChanged,
    FrameIgnored,
    TicketChanged,
)
from tui_chat.server.config import ServerConfig
from tui_chat.ticket.events import TicketRenewed

QUICK = TicketManagerConfig(retry_base_delay=0.01)


def connected(client: WebSocketChatClient) -> bool:
    return client.get_connection_status().connected


def options(server: RunningServer, **changes: Any) -> Any:
    return {
        "chat_server_url": server.url,
        "user_mp_auth_token": server.token,
        "chat_server_key": server.key,
        "ticket_config": QUICK,
        **changes,
    }


def at(script: Script) -> Any:
    return {"chat_server_url": script.url, "user_mp_auth_token": "t", "chat_server_key": "k"}


async def answered(client: WebSocketChatClient, text: str) -> str:
    """Send a message and return the reply once its run has ended."""
    before = len(client.snapshot())
    async with asyncio.timeout(10):
        await client.delivery.answered(await client.on_trigger_message(text))
    replies = [m for m in client.snapshot()[before:] if m.kind.value == "assistant"]
    return "".join(reply.text for reply in replies)


class Listener:
    """Collects a client's events."""

    def __init__(self, client: WebSocketChatClient) -> None:
        self.seen: list[ChatEvent] = []
        self._events = client.events()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self._events:
            self.seen.append(event)

    async def done(self) -> list[ChatEvent]:
        """Return everything, after the client was disconnected."""
        await asyncio.wait_for(self._task, 5)
        return self.seen


async def test_a_session_from_nothing_to_an_answer() -> None:
    async with running_server() as server:
        client = WebSocketChatClient()
        assert client.get_connection_status().websocket_state is None
        listener = Listener(client)
        await client.on_init(**options(server, user_id="u"))
        status = client.get_connection_status()
        assert status.connected
        assert status.websocket_state is WebSocketState.OPEN
        assert status.has_valid_ticket
        # Milliseconds: the embedded server's tickets live for five minutes.
        assert status.ticket_expires_in is not None
        assert 290_000 < status.ticket_expires_in <= 300_000
        assert client.is_ticket_valid()
        assert await answered(client, "hello")
        assert texts(client)[0] == ("user", "hello", "complete")
        assert texts(client)[1][2] == "complete"
        assert client.thread_id
        await until(lambda: client.snapshot()[0].persisted)
        await client.disconnect()
        status = client.get_connection_status()
        assert (status.state, status.connected) == (ConnectionState.CLOSED, False)
        assert (status.has_valid_ticket, status.ticket_expires_in) == (False, None)
        states = [e.status.state for e in await listener.done() if isinstance(e, ConnectionChanged)]
        assert [s for i, s in enumerate(states) if i == 0 or s != states[i - 1]] == [
            ConnectionState.TICKET,
            ConnectionState.CONNECTING,
            ConnectionState.READY,
            ConnectionState.CLOSED,
        ]


async def test_who_applies_the_events_sees_the_conversation() -> None:
    async with running_server() as server:
        client = WebSocketChatClient()
        listener = Listener(client)
        await client.on_init(**options(server, tools=[ClientTool(lambda: 1, name="one")]))
        for text in ("hello", "reasoning", "server tool", "client tool", "error"):
            await answered(client, text)
        shown = client.snapshot()
        await client.disconnect()
        mirror = Conversation()
        for event in await listener.done():
            for change in event.changes if isinstance(event, ConversationChanged) else ():
                mirror.apply(change)
        assert [m.text for m in mirror] == [m.text for m in shown]
        assert [(m.kind, m.tool) for m in mirror] == [(m.kind, m.tool) for m in shown]


async def test_as_a_context_manager() -> None:
    async with running_server() as server:
        async with WebSocketChatClient(**options(server)) as client:
            assert client.get_connection_status().connected
        await until(lambda: not server.sessions)


# -- on_init raises for every failure, and nothing goes on behind it -------------------------------


async def no_session(connection: Any) -> None:
    await connection.wait_closed()


async def close_at_once(connection: Any) -> None:
    await connection.close(1000)


async def refuse_in_a_frame(connection: Any) -> None:
    await connection.send('{"type":"authentication_error","error":"no","code":"AUTH_INVALID"}')
    await connection.close(1008)


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (no_session, "SESSION_TIMEOUT"),
        (close_at_once, "CONNECTION_CLOSED"),
        (refuse_in_a_frame, "AUTH_INVALID"),
    ],
)
async def test_on_init_raises_when_no_session_comes(
    handler: Any, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_module, "SESSION_TIMEOUT", 0.05)
    tickets = Tickets()
    async with Script(handler).running() as script:
        client = WebSocketChatClient(source=tickets)
        with pytest.raises(TuiChatError) as caught:
            await client.on_init(**at(script))
        assert caught.value.code == expected
        assert len(script.connections) == 1
        assert client.get_connection_status().state is ConnectionState.CLOSED
        assert client.get_connection_status().cause is caught.value


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        (
            lambda s: s.refuse(status=401, body=b'{"success":false,"code":"AUTH_INVALID"}'),
            CredentialsRejected,
        ),
        (lambda s: s.refuse(status=404, body=b"<html>nothing here"), RequestRejected),
        (lambda s: s.refuse(3, status=503), ServerError),
        (lambda s: s.refuse(status=503, at="handshake"), ServerError),
        (lambda s: s.refuse(status=403, at="handshake"), CredentialsRejected),
    ],
)
async def test_on_init_raises_what_the_server_said(
    arrange: Callable[[RunningServer], None], expected: type[TuiChatError]
) -> None:
    async with running_server() as server:
        arrange(server)
        client = WebSocketChatClient()
        with pytest.raises(expected):
            await client.on_init(**options(server))
        asked = server.ticket_requests, server.handshakes
        # The same client can be started again, by hand and only then.
        await client.on_init(**options(server))
        assert server.ticket_requests == asked[0] + 1
        assert server.handshakes == asked[1] + 1
        await client.disconnect()


async def test_on_init_raises_when_nobody_answers(unused_tcp_port: int) -> None:
    client = WebSocketChatClient()
    with pytest.raises(NetworkError):
        await client.on_init(
            chat_server_url=f"http://127.0.0.1:{unused_tcp_port}",
            user_mp_auth_token="t",
            chat_server_key="k",
            ticket_config=QUICK,
        )


@pytest.mark.parametrize("url", ["", "ftp://h", "http://chat.example.com", "https://u:p@h"])
async def test_on_init_refuses_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigurationError):
        await WebSocketChatClient().on_init(
            chat_server_url=url, user_mp_auth_token="t", chat_server_key="k"
        )


async def test_a_first_ticket_that_is_refused_gets_one_more_chance() -> None:
    async with running_server() as server:
        server.refuse(status=401, at="handshake", body=b'{"code":"TICKET_EXPIRED"}')
        async with WebSocketChatClient(**options(server)):
            assert server.ticket_requests == 2


async def test_starting_twice_is_an_error_and_makes_one_connection() -> None:
    async with running_server() as server:
        async with WebSocketChatClient(**options(server)) as client:
            with pytest.raises(ConfigurationError, match="started already"):
                client.start(**options(server))
            with pytest.raises(ConfigurationError, match="started already"):
                await client.on_init(**options(server))
            assert len(server.sessions) == 1


# -- disconnect is final ---------------------------------------------------------------------------


async def test_disconnect_during_the_ticket_request_sticks() -> None:
    async with running_server() as server:
        server.faults.ticket_delay = 0.2
        client = WebSocketChatClient()
        init = asyncio.create_task(client.on_init(**options(server)))
        await until(lambda: server.ticket_requests)
        await client.disconnect()
        with pytest.raises(ClientClosed):
            await init
        await client.disconnect()
        assert (server.ticket_requests, server.handshakes) == (1, 0)


async def test_cancelling_on_init_leaves_nothing_behind() -> None:
    async with running_server() as server:
        server.faults.ticket_delay = 0.2
        client = WebSocketChatClient()
        init = asyncio.create_task(client.on_init(**options(server)))
        await until(lambda: server.ticket_requests)
        init.cancel()
        with pytest.raises(asyncio.CancelledError):
            await init
        assert client.get_connection_status().state is ConnectionState.CLOSED


async def test_after_disconnect_every_call_says_so() -> None:
    async with running_server() as server:
        client = WebSocketChatClient()
        await client.on_init(**options(server))
        await client.disconnect()
        for call in (
            client.reconnect(),
            client.refresh_ticket_and_reconnect(),
            client.on_trigger_message("x"),
            client.update_entity_id("e"),
        ):
            with pytest.raises(ClientClosed):
                await call
        assert not client.reconnect_now()
        assert server.ticket_requests == 1


# -- coming back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 4999])
async def test_it_comes_back_after_a_close(code: int) -> None:
    async with running_server() as server, asyncio.timeout(10):
        async with WebSocketChatClient(**options(server)) as client:
            await answered(client, "hello")
            before = texts(client)
            await server.drop_all(code=code)
            await session_number(client, 2)
            assert client.get_connection_status().last_close_code == code
            assert texts(client) == before
            assert await answered(client, "hello again")
            assert len(server.sessions) == 1
            assert server.ticket_requests == 1  # the ticket at hand was still good


async def session_number(client: WebSocketChatClient, generation: int) -> None:
    """Wait until the attempt with this generation, or a later one, is ready."""
    await until(
        lambda: connected(client) and client.get_connection_status().generation >= generation
    )


async def test_it_comes_back_when_the_server_has_forgotten_the_ticket() -> None:
    async with running_server() as server:
        async with WebSocketChatClient(**options(server)) as client:
            server.forget_tickets()
            await server.drop_all(code=1006)
            await session_number(client, 3)  # the second is refused
            assert server.ticket_requests == 2
            assert server.handshakes == 3


@pytest.mark.parametrize("mode", ["handshake", "frame"])
async def test_one_time_tickets_are_found_out_and_then_leased(mode: Any) -> None:
    config = ServerConfig(single_use=True, reject_mode=mode)
    async with running_server(config) as server:
        async with WebSocketChatClient(**options(server)) as client:
            await server.drop_all(code=1006)
            await session_number(client, 3)  # the second finds out that the ticket is spent
            await server.drop_all(code=1006)
            await session_number(client, 4)
            assert server.handshakes == 4


async def test_reconnect_replaces_the_socket_and_keeps_the_ticket() -> None:
    async with running_server() as server:
        async with WebSocketChatClient(**options(server)) as client:
            await asyncio.gather(*(client.reconnect() for _ in range(5)))
            assert client.get_connection_status().connected
            assert (server.handshakes, server.ticket_requests) == (2, 1)
            await until(lambda: len(server.sessions) == 1)
            await client.refresh_ticket_and_reconnect()
            assert (server.handshakes, server.ticket_requests) == (3, 2)


async def test_a_reply_that_is_cut_off_is_marked() -> None:
    async with running_server() as server:
        async with WebSocketChatClient(**options(server)) as client:
            await client.on_trigger_message("slow")
            await until(lambda: any(kind == "assistant" for kind, _, _ in texts(client)))
            await server.drop_all(code=1006)
            await until(lambda: not client.running)
            assert texts(client)[-1][2] == "interrupted"


async def test_credentials_refused_on_a_live_session_stop_it_until_the_user_acts() -> None:
    async with running_server() as server:
        async with WebSocketChatClient(**options(server)) as client:
            await server.send_all('{"type":"authentication_error","code":"AUTH_INVALID"}')
            await until(lambda: client.get_connection_status().state is ConnectionState.FAILED)
            assert isinstance(client.get_connection_status().cause, CredentialsRejected)
            assert not client.get_connection_status().is_reconnecting
            assert server.handshakes == 1
            await client.reconnect()
            assert client.get_connection_status().connected


# -- talking ---------------------------------------------------------------------------------------


async def test_what_is_typed_too_early_waits_and_what_is_empty_is_refused() -> None:
    async with running_server() as server:
        client = WebSocketChatClient()
        server.faults.ticket_delay = 0.1
        client.start(**options(server))
        early = await client.on_trigger_message("too early")
        assert [item.id for item in client.delivery.items()] == [early]
        await client.delivery.answered(early)
        with pytest.raises(MessageRefused):
            await client.on_trigger_message("  \n")
        await client.on_trigger_message("slow")
        second = await client.on_trigger_message("at the same time")
        await until(lambda: client.delivery.items()[0].id == second)
        await client.delivery.drop(second)
        await until(lambda: client.thread_id)
        await client.stop_run()
        await until(lambda: not client.running)
        assert [text for kind, text, _ in texts(client) if kind == "user"][1:] == ["slow"]
        marked = [kind for kind, _, state in texts(client) if state == "stopped"]
        assert marked or texts(client)[-1][0] == "system", "it says that it was stopped"
        await client.disconnect()


async def test_tools_and_context_are_configured_before_anything_else() -> None:
    def ping_me(word: str = "pong") -> str:
        """Answer."""
        return word

    tool = ClientTool(ping_me)
    async with running_server(ServerConfig(record=True)) as server:
        chosen = options(server, tools=[tool, tool], context_helpers={"locale": "en"})
        async with WebSocketChatClient(**chosen) as client:
            await client.on_trigger_message("client tool")
            await until(lambda: not client.running)
            await client.add_client_tools([tool])
            await client.update_context_helpers({"zone": "UTC"})
            await until(lambda: len(server.received) >= 5)
        frames = [json.loads(frame.payload) for frame in server.received]
        kinds = [frame["type"] for frame in frames]
        assert kinds == [
            "configure_tools",
            "chat_message",
            "tool_call_response",
            "update_tools",
            "update_context_helpers",
        ]
        assert [schema["name"] for schema in frames[0]["toolSchemas"]] == ["ping_me"]
        assert frames[0]["contextHelpers"] == {"locale": "en"}
        assert frames[2]["result"] == "pong"
        assert len(frames[3]["toolSchemas"]) == 1
        assert frames[4]["contextHelpers"] == {"locale": "en", "zone": "UTC"}


async def test_context_without_tools_is_sent_too() -> None:
    async with running_server(ServerConfig(record=True)) as server:
        async with WebSocketChatClient(**options(server, context_helpers={"locale": "de"})):
            pass
        assert json.loads(server.received[0].payload) == {
            "type": "configure_tools",
            "toolSchemas": [],
            "contextHelpers": {"locale": "de"},
        }


async def test_a_renewal_sends_nothing_on_the_open_socket() -> None:
    async with running_server(ServerConfig(record=True, ticket_ttl=8)) as server:
        client = WebSocketChatClient()
        listener = Listener(client)
        await client.on_init(**options(server))
        session = server.sessions[0]
        await until(lambda: server.ticket_requests >= 2, seconds=12)
        await until(
            lambda: (
                sum(
                    isinstance(e, TicketChanged) and isinstance(e.event, TicketRenewed)
                    for e in listener.seen
                )
                >= 2
            )
        )
        assert server.sessions == [session]
        assert client.get_connection_status().generation == 1
        await client.disconnect()
        assert server.received == []


HOSTILE = [
    "{",
    "[]",
    '"text"',
    '{"type":"unheard-of","x":1}',
    '{"type":"chat_event"}',
    '{"type":"chat_event","event":5,"data":{}}',
    '{"type":"tool_call_request"}',
    '{"type":7}',
    "[" * 100_000,
    '{"type":"unheard-of","x":' + "[" * 100_000,
    '{"type":"chat_event","event":"content-delta","data":{"delta":"' + "x" * 5_000_000 + '","a":',
]


async def test_hostile_frames_cost_themselves_and_nothing_else() -> None:
    async with running_server() as server:
        client = WebSocketChatClient()
        listener = Listener(client)
        await client.on_init(**options(server))
        for text in HOSTILE:
            await server.send_all(text)
            await server.send_all(
                '{"type":"chat_event","event":"content-delta","data":{"delta":"."}}'
            )
        await until(lambda: len(client.snapshot()) and texts(client)[0][1] == "." * len(HOSTILE))
        assert client.get_connection_status().generation == 1
        await client.disconnect()
        ignored = [e for e in await listener.done() if isinstance(e, FrameIgnored)]
        assert len(ignored) == len(HOSTILE)
        counters = client.get_debug_info().counters
        assert sum(n for name, n in counters.items() if "frame.ignored.count" in name) == len(
            HOSTILE
        )


async def test_binary_and_invalid_utf8_frames_are_counted() -> None:
    async def odd(connection: Any) -> None:
        await connection.send('{"type":"session_established"}')
        await connection.send(b'{"type":"error","error":"in a binary frame"}')
        await connection.send(b'{"type":"error","error":"\xff"}', text=True)
        await connection.send('{"type":"error","error":"fine"}')
        await connection.wait_closed()

    async with Script(odd).running() as script:
        async with WebSocketChatClient(
            source=Tickets(),
            chat_server_url=script.url,
            user_mp_auth_token="t",
            chat_server_key="k",
        ) as client:
            await until(client.snapshot)
            assert texts(client) == [("error", "fine", "complete")]
            counters = client.get_debug_info().counters
            assert counters["websocket.client.frame.ignored.count{reason=binary}"] == 1
            assert counters["websocket.client.frame.ignored.count{reason=invalid_utf8}"] == 1


async def test_the_server_accepting_and_closing_is_not_hammered() -> None:
    async def accept_and_close(connection: Any) -> None:
        await connection.send('{"type":"session_established"}')
        await connection.close(1000)

    async with Script(accept_and_close).running() as script:
        client = WebSocketChatClient(source=Tickets())
        client.start(**at(script))
        await until(lambda: len(script.connections) >= 3)
        await asyncio.sleep(0.5)
        # Five at once, then one every three seconds, whatever the delays drawn.
        assert len(script.connections) <= 6
        assert script.most_open == 1
        assert client.get_connection_status().is_reconnecting
        await client.disconnect()


async def test_an_establishing_script() -> None:
    async with Script(establish).running() as script:
        async with WebSocketChatClient(
            source=Tickets(),
            chat_server_url=script.url,
            user_mp_auth_token="t",
            chat_server_key="k",
        ):
            assert script.tickets == ["t1"]


async def test_the_cause_says_why_it_is_not_connected() -> None:
    async with running_server() as server:
        client = WebSocketChatClient()
        await client.on_init(**options(server))
        await server.drop_all(code=1011, reason="out\x1b[31mch")
        await until(lambda: client.get_connection_status().cause is not None)
        cause = client.get_connection_status().cause
        assert isinstance(cause, ConnectionClosed)
        assert cause.close_code == 1011
        assert "\x1b" not in str(cause)
        await client.disconnect()


async def test_metadata_waits_for_the_thread_and_is_set_on_it() -> None:
    async with running_server() as server:
        async with WebSocketChatClient(**options(server)) as client:
            await client.update_metadata({"topic": "tea"})
            await answered(client, "hello")
            thread = client.thread_id
            assert thread is not None
            stored = server._state.threads.find(server.user.identity, thread)
            assert stored is not None
            await until(lambda: stored.metadata == {"topic": "tea"})
            await client.update_metadata(None)
            assert not stored.metadata


async def test_metadata_the_server_does_not_take_is_said() -> None:
    async with running_server() as server:
        chosen = options(server, provider_res_id="nobody's/thread")
        async with WebSocketChatClient(**chosen) as client:
            with pytest.raises(RequestRejected) as caught:
                await client.update_metadata({"topic": "tea"})
            assert caught.value.status == 404


# -- found by breaking it -------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_disconnect_right_after_reconnect_closes_the_socket(turns: int) -> None:
    async with running_server() as server:
        client = WebSocketChatClient()
        await client.on_init(**options(server))
        client.reconnect_now()
        for _ in range(turns):
            await asyncio.sleep(0)
        await client.disconnect()
        await until(lambda: not server.sessions)


async def test_disconnect_may_be_cancelled_and_called_by_several() -> None:
    async with running_server() as server:
        client = WebSocketChatClient()
        listener = Listener(client)
        await client.on_init(**options(server))
        first = asyncio.create_task(client.disconnect())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(client.disconnect(), client.disconnect())
        assert client.get_connection_status().state is ConnectionState.CLOSED
        await listener.done()
        await until(lambda: not server.sessions)


async def test_starting_anew_waits_for_the_end_of_what_was() -> None:
    async with running_server() as server:
        client = WebSocketChatClient()
        await client.on_init(**options(server))
        ending = asyncio.create_task(client.disconnect())
        await asyncio.sleep(0)
        await client.on_init(**options(server))
        listener = Listener(client)
        await ending
        assert connected(client)
        assert await answered(client, "hello")
        await client.disconnect()
        assert await listener.done()


async def test_a_message_whose_writing_is_stuck_is_released_by_the_end() -> None:
    async def deaf(connection: Any) -> None:
        await connection.send('{"type":"session_established"}')
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with Script(deaf).running() as script:
        client = WebSocketChatClient(source=Tickets())
        await client.on_init(**at(script))
        # More than the system's buffers take, also after compression.
        incompressible = random.Random(1).randbytes(8_000_000).hex()
        await client.on_trigger_message(incompressible)
        await until(client.snapshot)
        async with asyncio.timeout(5):
            await client.disconnect()
        assert [item.state.value for item in client.delivery.items()] == ["unknown"]
        assert client.snapshot()[0].state.value == "interrupted"
        for connection in script.connections:
            connection.transport.abort()


async def test_a_port_that_accepts_and_closes_is_tried_for_ever() -> None:
    """A forwarded port whose server is down behaves like this; it is no reason to give up."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = WebSocketChatClient(source=Tickets())
        client.start(chat_server_url=url, user_mp_auth_token="t", chat_server_key="k")
        await until(lambda: client.get_connection_status().reconnect_attempts >= 4)
        assert client.get_connection_status().is_reconnecting
        assert isinstance(client.get_connection_status().cause, ServerError)
        await client.disconnect()


async def test_a_server_that_repeats_the_ticket_does_not_get_it_shown() -> None:
    tickets = Tickets()
    ticket = "CANARY-TICKET-+&1"

    async def fetch(auth: Any) -> Any:
        return replace(await Tickets().fetch(auth), value=Secret(ticket))

    tickets.fetch = fetch  # type: ignore[method-assign]

    async def echo(connection: Any) -> None:
        await connection.send('{"type":"session_established"}')
        await connection.send(f'{{"type":"error","error":"Ticket {ticket} is odd"}}')
        await connection.close(1011, f"bye {ticket}")

    def refuse(connection: Any, request: Any) -> Any:
        if len(script.connections):
            return connection.respond(
                401, f'{{"error":"Ticket {ticket} unknown","code":"{ticket}"}}'
            )
        return None

    script = Script(echo)
    async with script.running(process_request=refuse):
        client = WebSocketChatClient(source=tickets)
        listener = Listener(client)
        client.start(**at(script))
        await until(lambda: isinstance(client.get_connection_status().cause, TicketRejected))
        shown = repr(client.get_debug_info()) + str(client.get_connection_status().cause)
        shown += repr(client.snapshot())
        await client.disconnect()
        shown += repr(await listener.done())
        assert "********" in shown
        assert ticket not in shown


async def test_context_json_cannot_express_is_refused_and_changes_nothing() -> None:
    async with running_server() as server:
        async with WebSocketChatClient(**options(server, context_helpers={"a": 1})) as client:
            with pytest.raises(ConfigurationError):
                await client.update_context_helpers({"b": object()})
            await client.reconnect()
            assert connected(client)


async def test_a_frame_that_meets_a_defect_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_server() as server:
        async with WebSocketChatClient(**options(server)) as client:
            with monkeypatch.context() as patch:
                patch.setattr(dialogue_module, "reduce", None)
                await server.send_all('{"type":"error","error":"lost"}')
                failed = "websocket.client.frame.failed.count"
                await until(lambda: client.get_debug_info().counters.get(failed))
            await server.send_all('{"type":"error","error":"kept"}')
            await until(client.snapshot)
            assert texts(client) == [("error", "kept", "complete")]
            assert client.get_connection_status().generation == 1


async def test_credentials_given_to_the_constructor_do_not_lie_open() -> None:
    client = WebSocketChatClient(user_mp_auth_token="canary-token", chat_server_key="canary-key")
    assert "canary" not in repr(vars(client))


async def test_a_flood_of_heartbeats_does_not_pile_up_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that asks faster than it reads gets a few answers queued, not one for each."""
    pongs: list[asyncio.Future[None]] = []

    def never_written(_: Socket, __: bytes) -> asyncio.Future[None]:
        pongs.append(asyncio.get_running_loop().create_future())
        return pongs[-1]

    async with Script(establish).running() as server:
        async with WebSocketChatClient(**at(server), source=Tickets()) as client:
            monkeypatch.setattr(Socket, "send", never_written)
            for _ in range(100):
                await server.connections[0].send('{"type":"heartbeat_ping","timestamp":"t"}')
            await server.connections[0].send('{"type":"error","error":"last"}')
            await until(client.snapshot)
            assert len(pongs) == attempt_module.MAX_UNSENT_PONGS
            pongs[0].set_result(None)
            await server.connections[0].send('{"type":"heartbeat_ping","timestamp":"t"}')
            await until(lambda: len(pongs) == attempt_module.MAX_UNSENT_PONGS + 1)
