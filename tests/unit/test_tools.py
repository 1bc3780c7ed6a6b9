"""Client tools: schema, arguments, and exactly one answer per call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

import pytest

from tui_chat.errors import ConfigurationError
from tui_chat.protocol.client_frames import ToolCallResponse
from tui_chat.protocol.codec import encode
from tui_chat.protocol.server_frames import ToolCallRequest
from tui_chat.tools import ClientTool, ToolCalls, ToolError, ToolRegistry
from tui_chat.tools import registry as registry_module


def greet(name: str, *, loud: bool = False, tone: Literal["warm", "cool"] = "warm") -> str:
    """Greet somebody.

    More that the model need not know.
    """
    return f"{'HELLO' if loud else 'hello'} {name}, {tone}"


def test_the_schema_comes_from_the_annotations() -> None:
    schema = ClientTool(greet, descriptions={"name": "whom"}).schema
    assert schema["name"] == "greet"
    assert schema["description"] == "Greet somebody."
    assert schema["parameters"] == [
        {
            "name": "name",
            "type": "string",
            "description": "whom",
            "isRequired": True,
            "schema": {"type": "string"},
        },
        {
            "name": "loud",
            "type": "boolean",
            "description": "",
            "isRequired": False,
            "schema": {"type": "boolean"},
        },
        {
            "name": "tone",
            "type": "object",
            "description": "",
            "isRequired": False,
            "schema": {"enum": ["cool", "warm"]},
        },
    ]


def takes_anything(*names: str) -> None: ...


@pytest.mark.parametrize(
    "make",
    [
        lambda: ClientTool(takes_anything),
        lambda: ClientTool(greet, name="no blanks"),
        lambda: ClientTool(greet, name="x" * 65),
        lambda: ClientTool(lambda: None),
    ],
)
def test_what_cannot_be_offered_is_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "'name' is missing"),
        ({"name": 3}, "'name' is wrong"),
        ({"name": "x", "other": 1}, "Unknown argument 'other'"),
        ([1], "must be a JSON object"),
        ({"name": "x", "tone": "rude"}, "'tone' is wrong"),
    ],
)
async def test_bad_arguments_are_an_answer_not_a_crash(arguments: Any, sentence: str) -> None:
    with pytest.raises(ToolError, match=sentence):
        await ClientTool(greet).call(arguments)


async def test_sync_tools_do_not_block_the_loop() -> None:
    released = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow() -> str:
        loop.call_soon_threadsafe(released.set)
        time.sleep(0.02)
        return "done"

    task = asyncio.create_task(ClientTool(slow).call({}))
    await asyncio.wait_for(released.wait(), 5)
    assert not task.done()
    assert await task == "done"


async def test_a_tool_that_takes_too_long_gets_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "TOOL_TIMEOUT", 0.01)

    async def endless() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ToolError, match="did not finish"):
        await ClientTool(endless).call({})


async def test_a_result_json_cannot_say() -> None:
    with pytest.raises(ToolError, match="JSON"):
        await ClientTool(object, name="odd").call({})


class Line:
    """Records what leaves, and can be down."""

    def __init__(self, *tools: ClientTool) -> None:
        self.up = True
        self.sent: list[ToolCallResponse] = []
        self.ended: list[tuple[str, Any, str | None]] = []
        self.calls = ToolCalls(ToolRegistry(tools), send=self._send, finished=self._finished)

    def _send(self, answer: ToolCallResponse, lost: Callable[[], None]) -> bool:
        if self.up:
            self.sent.append(answer)
            self.lost = lost
        return self.up

    def _finished(self, call_id: str, result: Any, error: str | None) -> None:
        self.ended.append((call_id, result, error))

    async def settled(self) -> None:
        async with asyncio.timeout(5):
            while self.calls.running:
                await asyncio.sleep(0)

    @property
    def answers(self) -> list[bytes]:
        return [encode(answer) for answer in self.sent]


async def test_a_call_is_answered_once_however_often_it_is_asked() -> None:
    line = Line(ClientTool(greet))
    request = ToolCallRequest("1", "greet", {"name": "Ada"})
    line.calls.request(request)
    line.calls.request(request)
    await line.settled()
    line.calls.request(request)
    assert line.answers == [
        b'{"type":"tool_call_response","callId":"1","result":"hello Ada, warm"}'
    ]


async def test_nothing_as_a_result_is_null() -> None:
    line = Line(ClientTool(lambda: None, name="quiet"))
    line.calls.request(ToolCallRequest("1", "quiet"))
    await line.settled()
    assert line.answers == [b'{"type":"tool_call_response","callId":"1","result":null}']


async def test_a_tool_that_raises_is_answered_with_an_error_that_leaks_nothing() -> None:
    def leaky() -> None:
        raise RuntimeError("token=canary")

    line = Line(ClientTool(leaky))
    line.calls.request(ToolCallRequest("1", "leaky"))
    line.calls.request(ToolCallRequest("2", "unknown"))
    await line.settled()
    assert sorted(line.answers) == [
        b'{"type":"tool_call_response","callId":"1","error":"The tool failed: RuntimeError."}',
        b'{"type":"tool_call_response","callId":"2","error":"This client has no such tool."}',
    ]


async def test_a_timeout_of_the_tools_own_is_not_called_ours() -> None:
    def impatient() -> None:
        raise TimeoutError

    line = Line(ClientTool(impatient))
    line.calls.request(ToolCallRequest("1", "impatient"))
    await line.settled()
    assert b"The tool failed: TimeoutError." in line.answers[0]


async def test_an_answer_that_is_ready_while_disconnected_leaves_on_the_next_session() -> None:
    line = Line(ClientTool(greet))
    line.up = False
    line.calls.request(ToolCallRequest("1", "greet", {"name": "Ada"}))
    await line.settled()
    assert line.answers == []
    line.up = True
    line.calls.session_ready()
    line.calls.session_ready()
    assert len(line.answers) == 1


async def test_a_request_repeated_on_a_later_session_is_answered_without_a_second_run() -> None:
    runs = 0

    def count() -> int:
        nonlocal runs
        runs += 1
        return runs

    line = Line(ClientTool(count))
    line.calls.request(ToolCallRequest("1", "count"))
    await line.settled()
    line.calls.session_ready()
    line.calls.request(ToolCallRequest("1", "count"))
    line.calls.request(ToolCallRequest("1", "count"))
    await line.settled()
    assert runs == 1
    assert line.answers == [b'{"type":"tool_call_response","callId":"1","result":1}'] * 2


async def test_render_ui_is_answered_and_not_run() -> None:
    line = Line()
    line.calls.request(ToolCallRequest("1", "render_ui", {"anything": True}))
    assert line.answers == [
        b'{"type":"tool_call_response","callId":"1","result":{"rendered":true}}'
    ]


async def test_a_flood_of_calls_is_bounded_and_every_one_is_answered() -> None:
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    line = Line(ClientTool(wait))
    for number in range(100):
        line.calls.request(ToolCallRequest(str(number), "wait"))
    assert line.calls.running == 32
    gate.set()
    await line.settled()
    assert sorted(int(answer.callId) for answer in line.sent) == list(range(100))


async def test_closing_stops_what_runs_and_answers_nothing() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    line = Line(ClientTool(wait))
    line.calls.request(ToolCallRequest("1", "wait"))
    await asyncio.sleep(0)
    await line.calls.aclose()
    assert (line.calls.running, line.answers) == (0, [])


async def test_an_answer_that_was_lost_on_the_way_is_sent_on_the_next_session() -> None:
    line = Line(ClientTool(greet))
    line.calls.request(ToolCallRequest("1", "greet", {"name": "Ada"}))
    await line.settled()
    line.lost()
    line.calls.session_ready()
    assert len(line.answers) == 2
    line.calls.session_ready()
    assert len(line.answers) == 2


async def test_an_id_that_is_used_again_for_another_call_is_another_call() -> None:
    line = Line(ClientTool(greet), ClientTool(lambda: "other", name="other"))
    line.calls.request(ToolCallRequest("1", "greet", {"name": "Ada"}))
    await line.settled()
    line.calls.session_ready()
    line.calls.request(ToolCallRequest("1", "other"))
    await line.settled()
    assert [answer.result for answer in line.sent] == ["hello Ada, warm", "other"]


async def test_a_result_that_cannot_be_encoded_is_answered_with_an_error() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    line = Line(ClientTool(lambda: nested, name="deep"), ClientTool(lambda: 10**5000, name="big"))
    line.calls.request(ToolCallRequest("1", "deep"))
    line.calls.request(ToolCallRequest("2", "big"))
    await line.settled()
    assert [bool(answer.error) for answer in line.sent] == [True, True]
