"""Runs: messages, answers, tools, stopping, queues, repeats, lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.serving import (
    PLAIN,
    Peer,
    RunningServer,
    get_ticket,
    http_client,
    running_server,
    socket_url,
    spoken,
)
from tui_chat.server import runs as runs_module
from tui_chat.server.agent import (
    AgentEvent,
    ClientToolError,
    DropConnection,
    Failure,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    Text,
    Turn,
)
from tui_chat.server.config import ServerConfig


class Scripted:
    """An agent that says what it is told to, and waits where the test wants it to."""

    def __init__(self, *events: AgentEvent | BaseException | asyncio.Event) -> None:
        self.events = events
        self.turns: list[Turn] = []
        self.closed = 0

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        self.turns.append(turn)
        try:
            for event in self.events:
                if isinstance(event, asyncio.Event):
                    await event.wait()
                elif isinstance(event, BaseException):
                    raise event
                else:
                    yield event
            yield Text(f"[{turn.text}]")
        finally:
            self.closed += 1


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def history(server: RunningServer, thread: str) -> list[dict[str, Any]]:
    async with http_client(server) as http:
        response = await http.get("/api/v1/messages/query", params={"threadId": thread})
        assert response.status_code == 200
        messages = response.json()["messages"]
    assert isinstance(messages, list)
    return messages


async def test_a_run_has_an_order_and_runs_alternate_between_two_shapes() -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        first = await peer.ask("thanks")
        thread = first[0]["data"]["providerResId"]
        assert first[0] == {
            "type": "thread_created",
            "data": {
                "providerResId": thread,
                "threadId": first[0]["data"]["threadId"],
                "canUpdateMetadata": True,
                "updateEndpoint": f"/api/v1/threads/{thread}",
            },
        }
        ids = {"threadId": first[0]["data"]["threadId"], "providerResId": thread}
        assert first[-2:] == [
            {
                "type": "chat_finished",
                "uuid": thread,
                "data": {"conversationId": ids["threadId"], "messageCount": 2},
            },
            {"type": "messages_persisted", "data": ids},
        ]
        assert {frame["event"] for frame in first[1:-2]} == {"content-delta"}

        second = await peer.ask("thanks", providerResId=thread)
        assert second[0]["type"] == "chat_event"
        assert {frame["event"] for frame in second[:-2]} == {"provider-event"}
        assert spoken(first) == spoken(second)
        assert second[-2]["data"]["messageCount"] == 4


async def test_the_agent_sees_the_message_and_the_connection() -> None:
    agent = Scripted()
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        await peer.send(
            "configure_tools",
            toolSchemas=[{"name": "look", "description": "looks", "parameters": [{"name": "at"}]}],
            contextHelpers={"locale": "en"},
        )
        await peer.receive()
        await peer.send("chat_message", content="one", media=["https://h/a.png"])
        frames = await peer.receive_until("messages_persisted")
        thread = frames[-1]["data"]["providerResId"]
        await peer.ask("two", providerResId=thread)
    turn = agent.turns[1]
    assert turn.text == "two"
    assert agent.turns[0].media == ("https://h/a.png",)
    assert [(message.role, message.content) for message in turn.history] == [
        ("user", "one"),
        ("assistant", "[one]"),
    ]
    assert turn.context == {"locale": "en"}
    assert turn.tools[0].name == "look"
    assert turn.connection is not None
    assert turn.connection.handshakes == 1
    assert turn.connection.sessions == 1
    assert 299 < turn.connection.ticket_expires_in <= 300


async def test_a_thread_the_server_does_not_know_is_replaced() -> None:
    agent = Scripted()
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        frames = await peer.ask("hello", providerResId="from before the restart")
        assert frames[0]["type"] == "thread_created"
        assert frames[0]["data"]["providerResId"] != "from before the restart"
        assert frames[-2]["type"] == "chat_finished"


async def test_reasoning_is_told_by_block() -> None:
    agent = Scripted(ReasoningStart("a"), ReasoningDelta("hm", "a"), ReasoningEnd("a"))
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        frames = await peer.ask("hello")
        assert [frame["data"] for frame in frames[1:4]] == [
            {"type": "reasoning-start", "id": "a"},
            {"type": "reasoning-delta", "id": "a", "text": "hm"},
            {"type": "reasoning-end", "id": "a"},
        ]


# -- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Failure("TOO_HARD", "This is too hard."), "TOO_HARD"),
        (ValueError("canary-in-an-exception"), "AGENT_FAILED"),
        (Text("\ud800"), None),
        ("not an event", "AGENT_FAILED"),
    ],
)
async def test_an_agent_that_fails_ends_its_run_only(
    event: Any, code: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    agent = Scripted(Text("so far "), event)
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        frames = await peer.ask("hello")
        ends = [frame for frame in frames if frame["type"] in ("chat_error", "chat_finished")]
        assert len(ends) == 1
        if code is not None:
            assert ends[0]["data"]["errorCode"] == code
            assert "canary" not in str(frames)
        thread = frames[-1]["data"]["providerResId"]
        assert (await history(server, thread))[1]["content"].startswith("so far ")
        agent.events = ()
        assert spoken(await peer.ask("again", providerResId=thread)) == "[again]"
    assert agent.closed == 2
    assert ("the agent failed" in caplog.text) == (code == "AGENT_FAILED")


async def test_an_agent_that_takes_too_long_is_given_up() -> None:
    agent = Scripted(Text("wait"), asyncio.Event())
    config = ServerConfig(run_timeout=0.05)
    async with running_server(config, agent=agent) as server, Peer.ready(server) as peer:
        frames = await peer.ask("hello")
        assert frames[-2]["type"] == "chat_error"
        assert frames[-2]["data"]["errorCode"] == "RUN_TIMEOUT"
    assert agent.closed == 1


# -- stopping -------------------------------------------------------------------------------------


async def test_a_run_can_be_stopped_and_what_was_said_stays() -> None:
    agent = Scripted(Text("so far"), asyncio.Event())
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="hello", media=[])
        thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
        await peer.send("stop_run", conversationUuid=thread)
        frames = await peer.receive_until("messages_persisted")
        assert [frame["type"] for frame in frames] == ["chat_finished", "messages_persisted"]
        assert agent.closed == 1
        assert [message["content"] for message in await history(server, thread)] == [
            "hello",
            "so far",
        ]
        agent.events = ()
        assert spoken(await peer.ask("again", providerResId=thread)) == "[again]"


async def test_the_slow_answer_can_be_stopped() -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="slow", media=[])
        thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
        await peer.send("stop_run", conversationUuid=thread)
        assert (await peer.receive_until("messages_persisted"))[-2]["type"] == "chat_finished"


async def test_nobody_stops_somebody_elses_run() -> None:
    go = asyncio.Event()
    agent = Scripted(Text("x"), go)
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="hello", media=[])
        thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
        assert server.stop_run("somebody else", thread) is False
        go.set()
        assert spoken(await peer.receive_until("messages_persisted")) == "[hello]"


# -- one at a time --------------------------------------------------------------------------------


async def test_a_thread_has_one_run_at_a_time_in_order() -> None:
    go = asyncio.Event()
    agent = Scripted(go)
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        go.set()
        thread = (await peer.ask("zero"))[0]["data"]["providerResId"]
        go.clear()
        for content in ("one", "two", "three"):
            await peer.send("chat_message", content=content, media=[], providerResId=thread)
        await until(lambda: len(agent.turns) == 2)
        go.set()
        said = [spoken(await peer.receive_until("messages_persisted")) for _ in range(3)]
        assert said == ["[one]", "[two]", "[three]"]
        contents = [message["content"] for message in await history(server, thread)]
        assert contents[2:] == ["one", "[one]", "two", "[two]", "three", "[three]"]


async def test_threads_do_not_wait_for_each_other() -> None:
    go = asyncio.Event()
    agent = Scripted(go)
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        for content in ("one", "two"):
            await peer.send("chat_message", content=content, media=[])
        await until(lambda: len(agent.turns) == 2)
        go.set()
        assert len(await peer.receive_until("chat_finished")) >= 3


async def test_the_queue_of_a_thread_is_bounded() -> None:
    go = asyncio.Event()
    agent = Scripted(Text("x"), go)
    config = ServerConfig(max_queued_runs=2)
    async with running_server(config, agent=agent) as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="one", media=[])
        thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
        for content in ("two", "three"):
            await peer.send("chat_message", content=content, media=[], providerResId=thread)
        await peer.send(
            "chat_message", content="four", media=[], providerResId=thread, clientMessageId="m4"
        )
        error = await peer.receive()
        assert error["type"] == "error"
        assert error["data"] == {
            "errorCode": "RUN_QUEUE_FULL",
            "details": {"clientMessageId": "m4"},
        }
        go.set()
        for _ in range(3):
            await peer.receive_until("messages_persisted")
        # It was not taken in, so sending it again is not a repeat.
        assert spoken(await peer.ask("four", providerResId=thread, clientMessageId="m4")).endswith(
            "[four]"
        )


async def test_the_runs_of_a_user_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "MAX_RUNS", 2)
    go = asyncio.Event()
    agent = Scripted(Text("x"), go)
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        for content in ("one", "two"):
            await peer.send("chat_message", content=content, media=[])
        await until(lambda: len(agent.turns) == 2)
        await peer.send("chat_message", content="three", media=[])
        error = (await peer.receive_until("error"))[-1]
        assert error["data"]["errorCode"] == "TOO_MANY_RUNS"
        async with http_client(server) as http:
            assert len((await http.get("/api/v1/threads")).json()["data"]) == 2
        go.set()
        for _ in range(2):
            await peer.receive_until("messages_persisted")
        assert (await peer.ask("three"))[-2]["type"] == "chat_finished"


# -- repeats --------------------------------------------------------------------------------------


async def test_a_message_is_applied_once_per_id() -> None:
    agent = Scripted()
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        first = await peer.ask("hello", clientMessageId="m1")
        thread = first[0]["data"]["providerResId"]
        assert {
            frame["data"].get("clientMessageId") for frame in first if frame["type"] != "chat_event"
        } == {"m1"}
        async with Peer.ready(server) as other:
            again = await other.ask("hello", clientMessageId="m1")
        assert [frame["type"] for frame in again] == [
            "thread_created",
            "chat_finished",
            "messages_persisted",
        ]
        assert {frame["data"]["clientMessageId"] for frame in again} == {"m1"}
        assert again[0]["data"]["providerResId"] == thread
        # A client that knows the thread need not be told.
        once_more = await peer.ask("hello", providerResId=thread, clientMessageId="m1")
        assert once_more[0]["type"] == "chat_finished"
        assert len(agent.turns) == 1
        await peer.ask("hello", providerResId=thread, clientMessageId="m2")
        assert len(agent.turns) == 2


async def test_a_repeat_during_the_run_is_acknowledged_at_its_end() -> None:
    go = asyncio.Event()
    agent = Scripted(Text("x"), go)
    async with running_server(agent=agent) as server:
        async with Peer.ready(server) as peer:
            await peer.send("chat_message", content="hello", media=[], clientMessageId="m1")
            await peer.receive_until("chat_event")
        await until(lambda: not server.sessions)
        async with Peer.ready(server) as peer:
            await peer.send("chat_message", content="hello", media=[], clientMessageId="m1")
            created = await peer.receive()
            assert created["type"] == "thread_created"
            go.set()
            frames = await peer.receive_until("messages_persisted")
            assert [frame["type"] for frame in frames] == ["chat_finished", "messages_persisted"]
            contents = [
                message["content"]
                for message in await history(server, created["data"]["providerResId"])
            ]
    assert contents == ["hello", "x[hello]"]
    assert len(agent.turns) == 1


async def test_ids_that_are_none_are_refused() -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        for message_id in ("", "x" * 201):
            await peer.send("chat_message", content="x", media=[], clientMessageId=message_id)
            error = await peer.receive()
            assert error["data"]["errorCode"] == "INVALID_MESSAGE_ID"


# -- lost connections -----------------------------------------------------------------------------


async def test_an_answer_nobody_hears_is_in_the_history() -> None:
    async with running_server() as server:
        async with Peer.ready(server) as peer:
            await peer.send("chat_message", content="cut", media=[])
            thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
            assert await peer.closed() == 1006
        async with asyncio.timeout(5):
            while len(messages := await history(server, thread)) < 2:
                pass
    assert messages[1]["content"].endswith("although nobody was listening.\n")


async def test_a_drop_on_request_comes_after_the_answer() -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        frames = await peer.ask("drop")
        assert frames[-2]["type"] == "chat_finished"
        # A network that went away says nothing.
        assert await peer.closed() == 1006


async def test_expired_on_request_means_a_new_ticket_is_needed() -> None:
    async with running_server() as server:
        ticket = await get_ticket(server)
        async with Peer.ready(server, ticket=ticket) as peer:
            assert (await peer.ask("expire"))[-2]["type"] == "chat_finished"
            refusal = await peer.receive()
            assert (refusal["type"], refusal["code"]) == ("authentication_error", "TICKET_EXPIRED")
            assert await peer.closed() == 4401
        async with http_client(server) as http:
            response = await http.post("/api/v1/tickets/validate", json={"ticket": ticket})
            assert response.json()["code"] == "TICKET_EXPIRED"
        async with Peer.ready(server) as peer:
            assert "connected twice" in spoken(await peer.ask("ticket"))


async def test_a_run_ends_with_the_server() -> None:
    agent = Scripted(Text("x"), asyncio.Event())
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="hello", media=[])
        await peer.receive_until("chat_event")
    assert agent.closed == 1


async def test_dropping_at_once_with_a_code() -> None:
    agent = Scripted(Text("x"), DropConnection(1011, "so there", at_once=True))
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="hello", media=[])
        assert await peer.closed() == 1011
        assert peer.socket.close_reason == "so there"


async def test_what_waits_to_be_answered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "MAX_WAITING_CHARS", 1000)
    go_on = asyncio.Event()
    agent = Scripted(Text("x"), go_on)
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="a" * 600, media=[])
        thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
        await peer.send("chat_message", content="b" * 600, media=[])
        error = await peer.receive()
        assert (error["type"], error["data"]["errorCode"]) == ("error", "TOO_MANY_RUNS")
        await peer.send("stop_run", conversationUuid=thread)
        await peer.receive_until("messages_persisted")
        # Once that is answered there is room again.
        await peer.send("chat_message", content="b" * 600, media=[])
        assert (await peer.receive())["type"] == "thread_created"


async def test_a_repeat_that_is_repeated_is_acknowledged_once() -> None:
    agent = Scripted(Text("x"), asyncio.Event())
    async with running_server(agent=agent) as server, Peer.ready(server) as peer:
        await peer.send("chat_message", content="hello", media=[], clientMessageId="m")
        thread = (await peer.receive_until("chat_event"))[0]["data"]["providerResId"]
        for _ in range(20):
            await peer.send(
                "chat_message",
                content="hello",
                media=[],
                clientMessageId="m",
                providerResId=thread,
            )
        await peer.send("stop_run", conversationUuid=thread)
        await peer.send("heartbeat_ping", timestamp="t", pingTime=1)
        frames = [frame["type"] for frame in await peer.receive_until("messages_persisted")]
        frames += [(await peer.receive())["type"] for _ in range(2)]
        assert frames.count("chat_finished") == 2  # the run's, and the acknowledgement
        await peer.send("heartbeat_ping", timestamp="t", pingTime=1)
        assert (await peer.receive())["type"] == "heartbeat_ack"


# -- client tools ---------------------------------------------------------------------------------


class Caller:
    """An agent that calls a client tool and reports what came of it."""

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        try:
            yield Text(f"got {await turn.call_client_tool('look', {'at': 1})!r}")
        except ClientToolError as error:
            yield Text(f"{error.code}: {error}")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"result": {"seen": [1]}}, "got {'seen': [1]}"),
        ({"result": None}, "got None"),
        ({}, "got None"),
        ({"error": "no luck"}, "FAILED: no luck"),
        ({"result": 1, "error": ""}, "FAILED: The tool failed without saying why."),
    ],
)
async def test_a_client_tool_is_asked_and_answers(answer: dict[str, Any], expected: str) -> None:
    async with running_server(agent=Caller()) as server, Peer.ready(server) as peer:
        await peer.send("configure_tools", toolSchemas=[{"name": "look"}], contextHelpers={})
        await peer.receive()
        await peer.send("chat_message", content="hello", media=[])
        call = (await peer.receive_until("tool_call_request"))[-1]
        assert call == {
            "type": "tool_call_request",
            "callId": call["callId"],
            "toolName": "look",
            "parameters": {"at": 1},
        }
        await peer.send("tool_call_response", callId="something else", result="wrong")
        await peer.send("tool_call_response", callId=call["callId"], **answer)
        await peer.send("tool_call_response", callId=call["callId"], result="too late")
        frames = await peer.receive_until("messages_persisted")
        assert spoken(frames) == expected
        messages = await history(server, frames[-1]["data"]["providerResId"])
        assert messages[1]["toolData"]["toolName"] == "look"
        status = "error" if "error" in answer else "completed"
        assert messages[1]["toolData"]["status"] == status


async def test_a_tool_call_is_answered_over_the_next_connection() -> None:
    async with running_server(agent=Caller()) as server:
        async with Peer.ready(server) as peer:
            await peer.send("configure_tools", toolSchemas=[{"name": "look"}], contextHelpers={})
            await peer.send("chat_message", content="hello", media=[])
            frames = await peer.receive_until("tool_call_request")
        thread = frames[1]["data"]["providerResId"]
        async with Peer.ready(server) as peer:
            await peer.send("tool_call_response", callId=frames[-1]["callId"], result=5)
            async with asyncio.timeout(5):
                while not (messages := await history(server, thread)):
                    pass
    assert messages[-1]["content"] == "got 5"


async def test_a_tool_call_that_nobody_answers_times_out() -> None:
    config = ServerConfig(tool_timeout=0.05)
    async with running_server(config, agent=Caller()) as server, Peer.ready(server) as peer:
        await peer.send("configure_tools", toolSchemas=[{"name": "look"}], contextHelpers={})
        await peer.receive()
        assert spoken(await peer.ask("hello")).startswith("TIMEOUT: ")


async def test_a_tool_that_is_not_offered_is_not_called() -> None:
    async with running_server(agent=Caller()) as server, Peer.ready(server) as peer:
        frames = await peer.ask("hello")
        assert spoken(frames).startswith("NOT_OFFERED: ")
        assert "tool_call_request" not in {frame["type"] for frame in frames}


async def test_a_client_that_does_not_read_holds_up_nobody() -> None:
    class Flood:
        async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
            for _ in range(400 if turn.text == "flood" else 1):
                yield Text("x" * 50_000)

    async with (
        running_server(agent=Flood()) as server,
        Peer.ready(server) as stuck,
        Peer.ready(server) as peer,
    ):
        stuck.socket.transport.pause_reading()
        await stuck.send("chat_message", content="flood", media=[])
        assert len(spoken(await peer.ask("hello"))) == 50_000
        stuck.socket.transport.resume_reading()
        frames = await stuck.receive_until("messages_persisted")
        assert len(spoken(frames)) == 400 * 50_000


async def test_a_client_that_does_not_read_does_not_hold_up_the_end() -> None:
    class Flood:
        async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
            while turn.text:
                yield Text("x" * 50_000)

    loop = asyncio.get_running_loop()
    async with running_server(agent=Flood()) as server:
        peer = Peer(await connect(socket_url(server, await get_ticket(server)), **PLAIN))
        peer.socket.transport.pause_reading()
        await peer.send("chat_message", content="flood", media=[])
        writable = server.sessions[0]
        sent = -1
        # Until nothing more goes out, because every buffer is full.
        async with asyncio.timeout(5):
            while sent != (sent := writable.frames_sent):
                await asyncio.sleep(0.05)
        begun = loop.time()
    assert loop.time() - begun < 2
    assert server.sessions == []
    peer.socket.transport.abort()
    await peer.socket.wait_closed()
