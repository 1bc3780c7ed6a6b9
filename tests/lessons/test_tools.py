"""Lessons 14 and 15: tool calls, and the order of configuration."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import Any

import pytest

from tests.integration.test_connection_time import Line, state, until
from tests.lessons.support import Talker, echo, options
from tests.virtual import VirtualClock, virtual
from tui_chat import (
    ClientTool,
)
from tui_chat.connection.status import ConnectionState

# -- 14: tool calls --------------------------------------------------------------------------------


def call(call_id: str, tool: str, **parameters: Any) -> str:
    return json.dumps(
        {
            "type": "tool_call_request",
            "callId": call_id,
            "toolName": tool,
            "parameters": parameters,
        }
    )


class Gate:
    """A tool that answers when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.runs = 0

    @property
    def tool(self) -> ClientTool:
        async def wait() -> str:
            self.runs += 1
            await self.open.wait()
            return "done"

        return ClientTool(wait, name="wait")


@pytest.mark.parametrize("asks_again", [False, True])
@virtual
async def test_lesson_14_a_result_that_was_ready_while_disconnected_is_sent_later(
    clock: VirtualClock, asks_again: bool
) -> None:
    """It was dropped, so the server waited for ever.

    Red when `ToolCalls._deliver` in `tui_chat/tools/calls.py` does not keep what could not be sent:
    its last branch does nothing; where the server asks again, when it does not remember in
    `_sent_here` that it has answered.
    """
    talker, gate = Talker(), Gate()
    line = Line(clock, talker)
    async with line.running():
        await line.client.on_init(**options(tools=[gate.tool]))
        await line.script.connections[0].send(call("c1", "wait"))
        await until(lambda: gate.runs, seconds=1)
    assert not line.client.get_connection_status().connected
    gate.open.set()
    await asyncio.sleep(5)
    async with line.running():
        await until(lambda: state(line.client) is ConnectionState.READY)
        if asks_again:
            await line.script.connections[-1].send(call("c1", "wait"))
        await asyncio.sleep(60)
        assert talker.all("tool_call_response") == [
            {"type": "tool_call_response", "callId": "c1", "result": "done"}
        ]
        # Configured first, then what had waited.
        assert [f["type"] for f in talker.heard[-1]] == ["configure_tools", "tool_call_response"]
        assert gate.runs == 1
        await line.client.disconnect()


@virtual
async def test_lesson_14_a_request_that_is_repeated_after_a_reconnect_is_answered_again(
    clock: VirtualClock,
) -> None:
    """It was ignored, and an answer that was lost on the way was lost for good.

    Red when `ToolCalls.request` in `tui_chat/tools/calls.py` ignores what was answered before:
    `if call_id in self._running or call_id in self._answers`.
    """
    talker = Talker()
    line = Line(clock, talker)
    async with line.running():
        await line.client.on_init(**options(tools=[echo()]))
        for session in (1, 2):
            await until(functools.partial(line.ready_for_the, session))
            await line.script.connections[-1].send(call("c1", "echo", word="ping"))
            await until(lambda: talker.heard[-1][1:], seconds=1)  # an answer, after the tools
            line.script.connections[-1].transport.abort()
            await until(lambda: state(line.client) is not ConnectionState.READY, seconds=1)
        assert [frame["result"] for frame in talker.all("tool_call_response")] == ["ping", "ping"]
        assert [len(frames) for frames in talker.heard[:2]] == [2, 2]
        await line.client.disconnect()


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize("failure", [ValueError("secret"), KeyError(), Unprintable()])
@virtual
async def test_lesson_14_a_callback_that_throws_gives_one_answer(
    clock: VirtualClock, failure: Exception
) -> None:
    """It produced no answer, or two.

    Red when `ToolCalls._run` in `tui_chat/tools/calls.py` lets the exception pass (`raise` at the
    end of its `except Exception`), which is no answer; and when it sends the error there with
    `self._finish` and goes on to the end without a `return`, which is two.
    """

    async def fail() -> None:
        raise failure

    talker = Talker()
    line = Line(clock, talker)
    async with line.running():
        await line.client.on_init(**options(tools=[ClientTool(fail)]))
        await line.script.connections[0].send(call("c1", "fail"))
        await until(lambda: talker.all("tool_call_response"), seconds=1)
        await asyncio.sleep(60)
        [answer] = talker.all("tool_call_response")
        assert answer["callId"] == "c1"
        assert "result" not in answer
        assert answer["error"]
        assert "secret" not in answer["error"]
        await line.client.disconnect()


# -- 15: the order of configuration ----------------------------------------------------------------


@virtual
async def test_lesson_15_no_message_leaves_before_the_tools_are_configured(
    clock: VirtualClock,
) -> None:
    """Chat messages could leave before.

    Red when `SessionSetup._configure` in `tui_chat/connection/session.py` calls the session ready
    without waiting for `tools_configured`.
    """
    talker = Talker(confirms=False)
    line = Line(clock, talker)
    async with line.running():
        line.client.start(**options(tools=[echo()]))
        await until(lambda: talker.all("configure_tools"))
        await line.client.on_trigger_message("early")
        await asyncio.sleep(2)
        assert not talker.all("chat_message")
        talker.confirms = True
        await line.script.connections[0].send('{"type":"tools_configured"}')
        await until(lambda: state(line.client) is ConnectionState.READY, seconds=1)
        await until(lambda: talker.all("chat_message"), seconds=1)
        line.script.connections[0].transport.abort()
        await until(lambda: line.ready_for_the(2))
        await line.client.on_trigger_message("and again")
        await until(lambda: len(talker.all("chat_message")) == 2, seconds=1)
        await line.client.disconnect()
    for frames in talker.heard:
        assert [frame["type"] for frame in frames] == ["configure_tools", "chat_message"]


@virtual
async def test_lesson_15_context_without_tools_is_sent(clock: VirtualClock) -> None:
    """It never was.

    Red when `Dialogue.configuration` in `tui_chat/dialogue.py` asks only whether there are tools.
    """
    talker = Talker()
    line = Line(clock, talker)
    async with line.running():
        await line.client.on_init(**options(context_helpers={"locale": "de"}))
        await line.client.disconnect()
    assert talker.heard == [
        [{"type": "configure_tools", "toolSchemas": [], "contextHelpers": {"locale": "de"}}]
    ]


@virtual
async def test_lesson_15_a_tool_registered_twice_is_sent_once(clock: VirtualClock) -> None:
    """It was sent twice.

    Red when `ToolRegistry.add` in `tui_chat/tools/registry.py` keeps tools by `id(tool)` instead
    of by name.
    """
    talker = Talker()
    line = Line(clock, talker)
    async with line.running():
        await line.client.on_init(**options(tools=[echo(), echo()]))
        await line.client.add_client_tools([echo()])
        await until(lambda: talker.all("update_tools"), seconds=1)
        await line.client.disconnect()
    [frames] = talker.heard
    assert [frame["type"] for frame in frames] == ["configure_tools", "update_tools"]
    for frame in frames:
        assert [schema["name"] for schema in frame["toolSchemas"]] == ["echo"]
